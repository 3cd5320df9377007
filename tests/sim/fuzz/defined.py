"""Which writes of ring registers have a defined outcome.

A ring may be anywhere and of any size, with any head and tail, as long as what the NIC then owns is
descriptors or lies where no memory is. Not defined is a tail that moves back while the receiver is on: how
many descriptors behind it the NIC has fetched already, only the NIC knows.
"""

from __future__ import annotations

from typing import Final

from tests.sim.fuzz import traffic
from tests.sim.fuzz.fence import RingView
from tests.sim.fuzz.pair import Pair
from vnic.memory import HostMemory
from vnic.nic.registers import RCTL, Reg

ZONES: Final = {Reg.RDBAL: traffic.RX_ZONES, Reg.TDBAL: traffic.TX_ZONES}
"""Memory that holds descriptors and nothing else, by the first register of the ring."""
FIRST: Final = {first + place: first for first in ZONES for place in (0, 4, 8, 16, 24)}
"""The ring that a register belongs to."""
_MAX_OWNED: Final = {Reg.RDBAL: 1000, Reg.TDBAL: 100}


def defined(pair: Pair, register: int, value: int) -> bool:
    """Whether `register` (of FIRST) may get `value` now."""
    first = FIRST[register]
    old = pair.ring(first)
    place = register - first
    if place == 0:
        new = old._replace(base=old.base >> 32 << 32 | value & 0xFFFF_FFF0)
    elif place == 4:
        new = old._replace(base=value << 32 | old.base & 0xFFFF_FFFF)
    elif place == 8:
        new = old._replace(slots=(value & 0xF_FF80) >> 4)
    elif place == 16:
        new = old._replace(head=value & 0xFFFF)
    else:
        new = old._replace(tail=value & 0xFFFF)
        if first == Reg.RDBAL and pair.value(Reg.RCTL) & RCTL.EN and new.owned < old.owned:
            return False
    return _harmless(pair.memory, first, new)


def _harmless(memory: HostMemory, first: Reg, ring: RingView) -> bool:
    if ring.owned > _MAX_OWNED[first]:
        return False
    for start, size in ring.parts():
        for region in memory.regions:
            part = range(max(start, region.base), min(start + size, region.base + region.size))
            if part and not any(zone.start <= part.start and part.stop <= zone.stop for zone in ZONES[first]):
                return False
    if first == Reg.TDBAL:
        return sum(map(traffic.tx_bytes, ring.descriptors(memory))) <= traffic.TX_BUDGET
    return True
