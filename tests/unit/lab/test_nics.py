"""The names of NICs that a run may be given."""

from __future__ import annotations

import pytest

from vnic.errors import UsageError
from vnic.lab.nics import nics


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("model", ["model"]),
        ("both", ["model", "icarus"]),
        ("all", ["model", "icarus", "qemu"]),
        ("qemu-e1000e, model", ["qemu-e1000e", "model"]),
        ("both,qemu-e1000e", ["model", "icarus", "qemu-e1000e"]),
    ],
)
def test_names_are_taken_in_the_order_given(names: str, found: list[str]) -> None:
    assert list(nics(names)) == found


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("", "no NIC ''"),
        ("model,", "no NIC ''"),
        ("Model", "no NIC 'Model'"),
        ("both,icarus", "icarus twice"),
    ],
)
def test_a_name_that_is_none_is_refused(names: str, says: str) -> None:
    with pytest.raises(UsageError, match=f"--target {names}: {says}"):
        nics(names)
