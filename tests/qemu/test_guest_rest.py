"""The Verilog NIC as a guest's card: when the loop may sleep, and when it must not."""

from __future__ import annotations

from pathlib import Path

from tests.qemu.inside import ITR_NS
from vnic.targets.icarus import IcarusJob, run_icarus


def test_it_sleeps_when_nothing_moves_and_not_before(tmp_path: Path) -> None:
    value = run_icarus(IcarusJob(entry="tests.qemu.inside:at_rest", spec={}, out=tmp_path)).value
    assert value["idle_turns"] == 0
    assert value["aged_ns"] == 0
    # Up, down when ICR is read, down while ITR holds the second one back, up with time alone.
    assert value["levels"] == [True, True, True, True]
    assert value["turns"] > 1
    assert 0.9 * ITR_NS < value["waited_ns"] < 1.5 * ITR_NS
