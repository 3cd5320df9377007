"""QEMU's e1000 as the NIC of a sweep: what can be told of it, and nothing that cannot."""

from __future__ import annotations

import pytest

from vnic.errors import UsageError
from vnic.lab.sweep_params import PARAMETERS, check_point
from vnic.lab.sweep_point import run_point
from vnic.lab.sweep_store import point_key, source_version

POINT = {name: parameter.default for name, parameter in PARAMETERS.items()} | {
    "target": "qemu", "frames": 12, "mode": "reflect", "kernel": "2.6.9/i386-686",
}  # fmt: skip


def test_a_point_on_qemu_says_what_the_model_says_but_for_dma() -> None:
    row, model = run_point(POINT), run_point(POINT | {"target": "model"})
    assert (row["status"], row["reason"], row["errors"]) == ("ok", None, 0)
    assert (row["frames_received"], row["frames_sent"], row["dma_offset"]) == (12, 12, 18)
    assert {name: row[name] for name in row if name != "wall_s"} == {
        name: model[name] for name in row if name != "wall_s"
    }
    # Nobody watches its DMA: what is counted there would only be what is expected there
    assert {"dram_rmw_per_frame", "partial_lines_per_frame", "pcie_efficiency_mps128"} <= set(model) - set(
        row
    )


def test_its_key_and_its_limits() -> None:
    assert source_version("qemu") not in (source_version("model"), source_version("icarus"))
    assert point_key(POINT) != point_key(POINT | {"target": "model"})
    with pytest.raises(UsageError, match="target qemu and mode loopback"):
        check_point(POINT | {"mode": "loopback"})
