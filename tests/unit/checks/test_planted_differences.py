"""Two runs that should be equal: a fault planted in the second one is named by the scoreboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.checks.real import judged
from tests.unit.checks.spoil import Spoil, plant
from vnic.checks.scoreboard import compare
from vnic.driver import E1000
from vnic.nic.rx import Receiver
from vnic.targets.record import RunRecord

DATA = "self._bus.write(Master.RX_DATA, address, part)"


def recorded(directory: Path, target: str) -> Path:
    with RunRecord(directory, target) as record:
        judged(record=record)
    return directory


def test_two_runs_of_the_same_nic_agree(tmp_path: Path) -> None:
    assert compare([recorded(tmp_path / name, name) for name in ("a", "b", "c")]) == []


@pytest.mark.parametrize(
    ("spoil", "rules"),
    [
        (
            Spoil(Receiver, "drain", DATA, DATA.replace("part)", "part[:40] + b'!' + part[41:])")),
            {"scoreboard-frame", "scoreboard-memory"},
        ),
        (
            Spoil(Receiver, "drain", "len(part), checksum, status", "len(part), 7, status"),
            {"scoreboard-descriptor", "scoreboard-memory"},
        ),
        (Spoil(Receiver, "receive", "counts[_GPRC] += 1", "counts[_GPRC] += 2"), {"scoreboard-stat"}),
        (Spoil(Receiver, "drain", DATA, DATA.replace("part)", "part + bytes(2))")), {"scoreboard-dma"}),
        (
            Spoil(E1000, "_configure_tx", "Reg.TIDV, 0", "Reg.TIDV, 5"),
            {"scoreboard-register"},
        ),
    ],
    ids=["frame", "descriptor", "stat", "dma", "register"],
)
def test_a_fault_in_one_of_two_runs(
    spoil: Spoil, rules: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = recorded(tmp_path / "good", "good")
    plant(monkeypatch, spoil)
    right = recorded(tmp_path / "bad", "bad")
    assert {verdict.rule for verdict in compare([left, right])} == rules
