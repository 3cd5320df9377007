"""What tests run inside the simulator, on the Verilog NIC as a guest's card."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vnic.guests.nic import IcarusNic
from vnic.memory import HostMemory
from vnic.nic.registers import ICR, Reg
from vnic.targets.icarus_target import IcarusTarget

ITR_UNITS, ITR_NS = 195, 195 * 256  # 20,000 interrupts a second, as Linux sets it


async def _finish(nic: IcarusNic) -> int:
    """Work until the loop might sleep; how often that took a turn."""
    turns = 0
    while await nic.work() is not None:
        turns += 1
    return turns


async def at_rest(
    target: IcarusTarget, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """An idle NIC, then one whose second interrupt is throttled."""
    nic = IcarusNic(target)
    await _finish(nic)
    since = nic.now_ns
    idle_turns = sum([await _finish(nic) for _ in range(100)])
    aged_ns = nic.now_ns - since

    await nic.write32(Reg.ITR, ITR_UNITS)
    await nic.write32(Reg.IMS, ICR.LSC)
    await nic.write32(Reg.ICS, ICR.LSC)
    await _finish(nic)
    first, raised = nic.irq, nic.now_ns
    await nic.read32(Reg.ICR)
    lowered = not nic.irq
    await nic.write32(Reg.ICS, ICR.LSC)
    throttled = not nic.irq
    turns = await _finish(nic)
    return {
        "idle_turns": idle_turns,
        "aged_ns": aged_ns,
        "levels": [first, lowered, throttled, nic.irq],
        "turns": turns,
        "waited_ns": nic.now_ns - raised,
    }
