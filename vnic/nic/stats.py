"""Statistics registers: counted by their own offsets, read to clear.

8254x SDM 13.7. All are 32 bits and stop at all ones; four of them (octets) are pairs of 64 bits, whose high
half clears both when it is read.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from vnic.nic.registers import REGISTERS, Reg

WIDE: Final = {int(Reg.GORCL): int(Reg.GORCH), int(Reg.GOTCL): int(Reg.GOTCH),
               int(Reg.TORL): int(Reg.TORH), int(Reg.TOTL): int(Reg.TOTH)}  # fmt: skip
"""Low half to high half of the 64-bit counters; the count is kept under the low one."""

_HIGH: Final = {high: low for low, high in WIDE.items()}
_LIMITS: Final = (64, 127, 255, 511, 1023)
RX_SIZES: Final = tuple(map(int, (Reg.PRC64, Reg.PRC127, Reg.PRC255, Reg.PRC511, Reg.PRC1023, Reg.PRC1522)))
TX_SIZES: Final = tuple(map(int, (Reg.PTC64, Reg.PTC127, Reg.PTC255, Reg.PTC511, Reg.PTC1023, Reg.PTC1522)))


def size_class(length: int) -> int:
    """Index into ``RX_SIZES``/``TX_SIZES`` for a frame of ``length`` bytes (64 or more, FCS included)."""
    return bisect_left(_LIMITS, length)


class Statistics:
    """``counts`` maps a register's offset to events since it was last read. It may run past the register's
    width: what reads back stops at all ones all the same."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts = {
            offset: 0 for offset, info in REGISTERS.items() if info.access == "rc" and offset not in _HIGH
        }

    def reset(self) -> None:
        """All counters 0."""
        for offset in self.counts:
            self.counts[offset] = 0

    def offsets(self) -> list[int]:
        """The offsets that ``read`` answers."""
        return [*self.counts, *_HIGH]

    def read(self, offset: int) -> int:
        """The register's value, which clears it: the low half of a pair excepted."""
        if offset in _HIGH:
            low = _HIGH[offset]
            value = min(self.counts[low], 0xFFFF_FFFF_FFFF_FFFF)
            self.counts[low] = 0
            return value >> 32
        value = self.counts[offset]
        if offset in WIDE:
            return min(value, 0xFFFF_FFFF_FFFF_FFFF) & 0xFFFF_FFFF
        self.counts[offset] = 0
        return min(value, 0xFFFF_FFFF)
