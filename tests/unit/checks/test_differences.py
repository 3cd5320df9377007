"""What is known of QEMU is told as a note, whatever else differs is an error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.checks.runs import Run, word
from vnic.checks.scoreboard import compare
from vnic.nic.events import FrameEvent
from vnic.nic.registers import RCTL


def with_qemu(tmp_path: Path, run: Run, plain: Run, target: str = "qemu") -> dict[str, str]:
    """Severity by rule when `run` was QEMU's and `plain` the model's."""
    left, right = plain.record(tmp_path / "left"), replace(run, target=target).record(tmp_path / "right")
    return {verdict.rule: verdict.severity for verdict in compare([left, right])}


def test_what_is_known_of_qemu_is_a_note(tmp_path: Path) -> None:
    plain = Run(
        registers={"CTRL": 0x241, "TIPG": 0x602008, "EECD": 0x118, "RDH": 4},
        statistics={"BPRC": 3, "GPRC": 9},
    )
    run = Run(
        registers={"CTRL": 0x140240, "TIPG": 0, "EECD": 0x180, "RDH": 4}, statistics={"BPRC": 0, "GPRC": 9}
    )
    run.byte = 1
    run.dma = []
    run.frames[0] = run.frames[0]._replace(data=b"a" * 60 + bytes(4))
    run.frames[1] = run.frames[1]._replace(descriptors=(word(1)._replace(status=0x87),))
    assert with_qemu(tmp_path, run, plain) == {
        "qemu-fcs": "note",
        "qemu-pif": "note",
        "qemu-bprc": "note",
        "qemu-reset-values": "note",
        "qemu-not-implemented": "note",
        "qemu-eeprom": "note",
        "qemu-memory": "note",
    }


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"registers": {"RCTL": 2, "RDH": 5}}, "scoreboard-register"),
        ({"registers": {"RCTL": 2, "RDH": 4, "CTRL": 0x800000}}, "scoreboard-register"),
        ({"statistics": {"GPRC": 4, "MPC": 0}}, "scoreboard-stat"),
        ({"frames": [FrameEvent(10, b"a" * 64, (word(0)._replace(errors=1),))]}, "scoreboard-descriptor"),
    ],
)
def test_what_is_not_known_of_qemu_is_an_error(tmp_path: Path, change: dict[str, Any], rule: str) -> None:
    assert with_qemu(tmp_path, Run(**change), Run())[rule] == "error"


STRIPPED = RCTL.EN | RCTL.SECRC


def test_what_is_known_of_qemus_e1000e_is_a_note(tmp_path: Path) -> None:
    plain = Run(
        registers={"RCTL": STRIPPED, "CTRL": 0x241, "PBA": 0x100030}, statistics={"PRC64": 3, "TOT": 64}
    )
    run = Run(
        registers={"RCTL": STRIPPED, "CTRL": 0x18140241, "PBA": 0x20}, statistics={"PRC64": 0, "TOT": 60}
    )
    run.frames[1] = run.frames[1]._replace(descriptors=(word(1)._replace(status=0x03),))
    assert with_qemu(tmp_path, run, plain, "qemu-e1000e") == {
        "qemu-e1000e-ixsm": "note",
        "qemu-buckets": "note",
        "qemu-e1000e-sent": "note",
        "qemu-e1000e-ctrl": "note",
        "part-82574": "note",
    }


def test_two_rules_may_excuse_one_value_together(tmp_path: Path) -> None:
    plain, run = Run(registers={"RCTL": STRIPPED}), Run(registers={"RCTL": STRIPPED})
    for frames, status in ((plain.frames, 0x87), (run.frames, 0x03)):
        frames[1] = frames[1]._replace(descriptors=(word(1)._replace(status=status),))
    assert with_qemu(tmp_path, run, plain, "qemu-e1000e").keys() == {"qemu-pif", "qemu-e1000e-ixsm"}


@pytest.mark.parametrize(
    ("target", "secrc", "change", "rule"),
    [
        ("qemu", 0, {"statistics": {"PRC64": 1}}, "scoreboard-stat"),
        ("qemu", RCTL.SECRC, {"statistics": {"TOT": 1}}, "scoreboard-stat"),
        ("qemu-e1000e", RCTL.SECRC, {"statistics": {"BPRC": 1}}, "scoreboard-stat"),
        ("qemu-e1000e", RCTL.SECRC, {"registers": {"TIPG": 1}}, "scoreboard-register"),
        ("qemu-e1000e", RCTL.SECRC, {"registers": {"IMS": 1}}, "scoreboard-register"),
        ("qemu", RCTL.SECRC, {"frames": "tail"}, "scoreboard-frame"),
        ("qemu-e1000e", RCTL.SECRC, {"frames": "tail"}, "scoreboard-frame"),
        ("qemu-e1000e", 0, {"frames": "tail"}, "scoreboard-frame"),
    ],
)
def test_an_excuse_holds_for_its_nic_and_its_fcs_only(
    tmp_path: Path, target: str, secrc: int, change: dict[str, Any], rule: str
) -> None:
    """What QEMU's one NIC does not excuse the other; without its FCS a frame's last bytes are data."""
    registers, statistics = {"RCTL": RCTL.EN | secrc}, dict.fromkeys(("PRC64", "TOT", "BPRC"), 0)
    plain = Run(registers={**registers, "TIPG": 0, "IMS": 0}, statistics=statistics)
    run = Run(
        registers={**plain.registers, **change.get("registers", {})},
        statistics={**statistics, **change.get("statistics", {})},
    )
    if "frames" in change:
        run.frames[0] = run.frames[0]._replace(data=b"a" * 60 + bytes(4))
    assert with_qemu(tmp_path, run, plain, target)[rule] == "error"
