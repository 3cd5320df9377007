"""What is known of QEMU is told as a note, whatever else differs is an error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.checks.test_scoreboard import Run, word
from vnic.checks.scoreboard import compare
from vnic.nic.events import FrameEvent


def with_qemu(tmp_path: Path, run: Run, plain: Run) -> dict[str, str]:
    """Severity by rule when `run` was QEMU's and `plain` the model's."""
    left, right = plain.record(tmp_path / "left"), replace(run, target="qemu").record(tmp_path / "right")
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
