"""What tests run inside the simulator, on the Verilog NIC as a guest's card."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from vnic.guests.memory import GuestMemory
from vnic.guests.nic import GuestNic, IcarusNic
from vnic.guests.proxy import RamRegion
from vnic.memory import HostMemory
from vnic.nic.events import DmaEvent
from vnic.nic.registers import CTRL, ICR, TCTL, Reg
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
    guest = GuestMemory()
    nic = IcarusNic(target, guest)
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


HIDDEN, HIDDEN_END = 0xA0000, 0x100000  # what a PC keeps for VGA and ROM
RING, FRAME = 0x10000, 0x20000
EOP_IFCS_RS = 0x0B


async def send(nic: GuestNic, ram: HostMemory, buffer: int) -> dict[str, Any]:
    """One frame of 100 bytes from `buffer`, after a reset: the bytes that left, the accesses that failed."""
    events: list[DmaEvent] = []
    nic.on_dma = events.append
    ram.write(RING, struct.pack("<QHBBBBH", buffer, 100, 0, EOP_IFCS_RS, 0, 0, 0) + bytes(112))
    await nic.write32(Reg.CTRL, CTRL.RST)
    await nic.write32(Reg.CTRL, CTRL.SLU)
    for register, value in ((Reg.TDBAL, RING), (Reg.TDLEN, 128), (Reg.TCTL, TCTL.EN), (Reg.TDT, 1)):
        await nic.write32(register, value)
    while await nic.work() is not None:
        pass
    sent = await nic.collect()
    return {
        "sent": [frame.hex() for frame in sent],
        "failed": sorted({event.address for event in events if not event.ok}),
        "done": ram.read(RING + 12, 1)[0] & 1,
    }


async def reach(nic: GuestNic, ram: HostMemory, guest: GuestMemory) -> dict[str, Any]:
    """What the NIC gets at without bus mastering, with it, in the hole of a PC, and without again."""
    for buffer in (FRAME, HIDDEN, HIDDEN_END):
        ram.write(buffer, bytes([buffer >> 16]) * 100)
    guest.replace(
        [RamRegion(0, HIDDEN, 0, ram.fileno()), RamRegion(HIDDEN_END, 1 << 20, HIDDEN_END, ram.fileno())]
    )
    guest.enabled = False
    seen = {"before": await send(nic, ram, FRAME)}
    guest.enabled = True
    seen["low"] = await send(nic, ram, FRAME)
    seen["high"] = await send(nic, ram, HIDDEN_END)
    seen["hidden"] = await send(nic, ram, HIDDEN)
    guest.enabled = False
    seen["after"] = await send(nic, ram, FRAME)
    return seen


async def reach_verilog(
    target: IcarusTarget, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """`reach` on the Verilog NIC."""
    guest = GuestMemory()
    try:
        return await reach(IcarusNic(target, guest), memory, guest)
    finally:
        guest.close()
