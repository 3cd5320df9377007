"""The registers as the fuzz sees them."""

from __future__ import annotations

from typing import Final

from vnic.nic.registers import REGISTERS, Reg

EVERY: Final = [
    info.offset + index * info.stride for info in REGISTERS.values() for index in range(info.count)
]
STATISTICS: Final = [offset for offset in EVERY if 0x4000 <= offset < 0x4100]
QUIET: Final = [offset for offset in EVERY if offset not in {*STATISTICS, Reg.ICR}]
"""Registers that a read leaves as they are."""
# No part of these has to do with frames, so they are written and read alike while frames move.
ASIDE: Final = (Reg.FCAL, Reg.FCT, Reg.LEDCTL, Reg.PBA, Reg.EERD, Reg.WUFC, Reg.IMS)
NAMES: Final = {
    info.offset + index * info.stride: info.name if info.count == 1 else f"{info.name}[{index}]"
    for info in REGISTERS.values()
    for index in range(info.count)
}


def name_of(offset: int) -> str:
    """What a register is called; its offset where there is none."""
    return NAMES.get(offset & 0x1FFFC, f"{offset:#x}")
