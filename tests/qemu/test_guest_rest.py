"""NICs as a guest's card, without the guest: when the loop may sleep, and what memory they reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.qemu.inside import FRAME, HIDDEN, HIDDEN_END, ITR_NS, RING, reach
from vnic.guests.memory import GuestMemory
from vnic.guests.nic import ModelNic
from vnic.memory import HostMemory
from vnic.nic.port import run
from vnic.targets.icarus import IcarusJob, run_icarus


def test_it_sleeps_when_nothing_moves_and_not_before(tmp_path: Path) -> None:
    value = run_icarus(IcarusJob(entry="tests.qemu.inside:at_rest", spec={}, out=tmp_path)).value
    assert value["idle_turns"] == 0
    assert value["aged_ns"] == 0
    # Up, down when ICR is read, down while ITR holds the second one back, up with time alone.
    assert value["levels"] == [True, True, True, True]
    assert value["turns"] > 1
    assert 0.9 * ITR_NS < value["waited_ns"] < 1.5 * ITR_NS


@pytest.mark.parametrize("nic", ["model", "icarus"])
def test_no_memory_without_bus_mastering_nor_in_a_hole(tmp_path: Path, nic: str) -> None:
    if nic == "icarus":
        job = IcarusJob(entry="tests.qemu.inside:reach_verilog", spec={}, out=tmp_path)
        seen = run_icarus(job).value
    else:
        guest = GuestMemory()
        with HostMemory(4 << 20) as ram:
            seen = run(reach(ModelNic(guest, mac=bytes(6)), ram, guest))
            guest.close()
    for when in ("before", "after"):
        assert seen[when]["failed"][0] == RING
        assert (seen[when]["sent"], seen[when]["done"]) == ([], 0)
    for place, buffer in (("low", FRAME), ("high", HIDDEN_END)):
        sent = bytes([buffer >> 16]) * 100
        assert seen[place] == {"sent": [sent.hex()], "failed": [], "done": 1}
    assert seen["hidden"] == {"sent": ["ff" * 100], "failed": [HIDDEN], "done": 1}
