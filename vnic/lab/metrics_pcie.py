"""What the recorded DMA would be on PCI Express: packets and the share of the wire that frames get.

Derived, not measured: the bus of the bench is AXI. Rules of PCI Express Base Specification 3.0:

* a memory write carries at most MPS bytes and does not cross 4 KiB (2.2.7); a NIC cuts it at multiples of
  MPS, so that one unaligned start does not make every packet unaligned;
* a read asks for at most MRRS bytes (512 here) and does not cross 4 KiB; it is answered by completions of at
  most MPS bytes, which end at a multiple of RCB = 64 bytes except the last (2.3.1.1);
* each packet has a header of 12 bytes (16 for a write or read above 4 GiB), and 8 bytes of framing, sequence
  number and LCRC (gen 1 and 2, 3.5.2, 4.2.2.3); data travels in whole 32-bit words, byte enables mark the
  rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MPS: Final = (128, 256, 512)
MRRS: Final = 512
RCB: Final = 64
FRAMING: Final = 8
HEADER: Final = 12
LONG_HEADER: Final = 16
_PAGE: Final = 4096
_LONG: Final = 1 << 32


def packets(address: int, length: int, limit: int) -> Iterator[tuple[int, int]]:
    """(address, length) of the packets that cover the bytes, cut at multiples of `limit` (a divisor of
    4096)."""
    end = address + length
    while address < end:
        cut = min(end, address // limit * limit + limit)
        yield address, cut - address
        address = cut


def completions(address: int, length: int, mps: int) -> Iterator[tuple[int, int]]:
    """(address, length) of the fewest completions that answer a read of `length` bytes."""
    end = address + length
    while address < end:
        cut = end if end - address <= mps else (address + mps) // RCB * RCB
        yield address, cut - address
        address = cut


def words(address: int, length: int) -> int:
    """Bytes of payload on the wire: whole 32-bit words."""
    return -(-(address + length) // 4) * 4 - address // 4 * 4


@dataclass(slots=True)
class _Link:
    """One direction's sums at one MPS."""

    packets: int = 0
    bytes: int = 0


class PcieMeter:
    """Adds up packets at each MPS, towards memory (`up`) and from it (`down`)."""

    def __init__(self) -> None:
        self._up = {mps: _Link() for mps in MPS}
        self._down = {mps: _Link() for mps in MPS}
        # A run asks for the same few shapes over and over: page offset, length, long address, direction.
        self._shapes: dict[tuple[int, int, bool, bool], dict[int, tuple[int, int, int, int]]] = {}

    def add(self, address: int, length: int, *, write: bool) -> None:
        """One span of DMA."""
        key = (address % _PAGE, length, address >= _LONG, write)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = {mps: self._shape(*key, mps) for mps in MPS}
        for mps, (up, up_bytes, down, down_bytes) in shape.items():
            self._up[mps].packets += up
            self._up[mps].bytes += up_bytes
            self._down[mps].packets += down
            self._down[mps].bytes += down_bytes

    @staticmethod
    def _shape(address: int, length: int, long: bool, write: bool, mps: int) -> tuple[int, int, int, int]:
        overhead = FRAMING + (LONG_HEADER if long else HEADER)
        if write:
            cut = list(packets(address, length, mps))
            return len(cut), sum(overhead + words(*each) for each in cut), 0, 0
        asked = list(packets(address, length, MRRS))
        answers = [each for request in asked for each in completions(*request, mps)]
        down = sum(FRAMING + HEADER + words(*each) for each in answers)
        return len(asked), len(asked) * overhead, len(answers), down

    def metrics(self, frames: int, frame_bytes: int) -> dict[str, int | float | str | bool | None]:
        """Packets per frame and wire efficiency towards memory, for each MPS."""
        found: dict[str, int | float | str | bool | None] = {}
        for mps in MPS:
            up, down = self._up[mps], self._down[mps]
            found[f"pcie_tlps_per_frame_mps{mps}"] = (up.packets + down.packets) / frames
            found[f"pcie_efficiency_mps{mps}"] = frame_bytes / up.bytes if up.bytes else None
        return found
