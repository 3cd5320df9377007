"""The one's complement sum of the Internet protocols (RFC 1071), and its insertion into a frame.

8254x SDM 3.3.3 (legacy CSS, CSO), 3.3.6 and 3.6 (context descriptors), 13.4.47 (receive).
"""

from __future__ import annotations

from typing import Final, NamedTuple

ALL_ONES: Final = 0xFFFF


def ones_sum(data: bytes | bytearray | memoryview) -> int:
    """One's complement sum of 16-bit big-endian words, not complemented; an odd last byte is a high byte.

    As an adder with end-around carry has it: 0 only if all bytes are 0.
    """
    total = int.from_bytes(data, "big")
    if len(data) & 1:
        total <<= 8
    return total % ALL_ONES or (ALL_ONES if total else 0)


def add(*sums: int) -> int:
    """Sum of one's complement sums, or of numbers of 16 bits."""
    total = sum(sums)
    return total % ALL_ONES or (ALL_ONES if total else 0)


class Insertion(NamedTuple):
    """One checksum to insert: byte offsets from the start of the frame, before any tag is inserted."""

    start: int
    place: int
    end: int
    """Last byte of the range; 0 is the last byte of the frame."""
    transport: bool
    """Of TCP or UDP: a checksum of 0 is sent as 0xFFFF, because in UDP 0 stands for "no checksum"."""

    def value(self, frame: bytes | bytearray | memoryview, extra: int = 0) -> int | None:
        """The checksum's value, with ``extra`` added to the sum; None if the offsets do not fit the frame."""
        size = len(frame)
        if self.start >= size or self.place >= size - 1 or 0 < self.end < self.start:
            return None
        behind = self.end + 1 if 0 < self.end < size else size
        value = ALL_ONES ^ add(ones_sum(memoryview(frame)[self.start : behind]), extra)
        return ALL_ONES if self.transport and not value else value


def put16(frame: bytearray, offset: int, value: int) -> None:
    """Store ``value`` modulo 2^16 at ``offset``, high byte first."""
    frame[offset : offset + 2] = (value & 0xFFFF).to_bytes(2, "big")


def insert(frame: bytes, insertions: tuple[Insertion, ...]) -> bytes:
    """``frame`` with its checksums; all of them are taken before the first is inserted."""
    values = [(insertion.place, insertion.value(frame)) for insertion in insertions]
    changed = bytearray(frame)
    for place, value in values:
        if value is not None:
            put16(changed, place, value)
    return bytes(changed)
