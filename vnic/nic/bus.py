"""The model's way to host memory: bus-master reads and writes, each reported as a ``DmaEvent``.

There is no bus here, so there is no beat and no burst limit; but an access that is not wholly inside memory
is judged in pieces of 4 KiB, because an AXI burst never crosses that boundary and the Verilog NIC gets one
answer per burst.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from vnic.errors import BadAddress
from vnic.nic.events import DmaEvent, Master

PAGE: Final = 4096
ADDRESS_MASK: Final = (1 << 64) - 1
LAST_PAGE: Final = (1 << 64) - PAGE

_event = tuple.__new__  # a third of the cost of calling DmaEvent with ten arguments


class PhysicalMemory(Protocol):
    """What the NIC can master: ``HostMemory``, or a guest's memory. Both methods raise BadAddress."""

    def read(self, address: int, length: int, /) -> bytes:
        """``length`` bytes from physical ``address``."""

    def write(self, address: int, data: bytes, /) -> None:
        """Store ``data`` at physical ``address``."""


def ignore_dma(event: DmaEvent) -> None:
    """The default listener: nobody watches the bus."""


def ignore_frame(frame: bytes) -> None:
    """The default listener: nobody is at the other end of the cable."""


class DmaBus:
    """Bus mastering with events. ``now_ns`` is the model's clock, which whoever owns the model advances."""

    __slots__ = ("memory", "now_ns", "on_dma")

    def __init__(self, memory: PhysicalMemory) -> None:
        self.memory = memory
        self.now_ns = 0
        self.on_dma: Callable[[DmaEvent], None] = ignore_dma

    def read(self, master: Master, address: int, length: int) -> bytes:
        """``length`` bytes (1 or more); all ones wherever there is no memory."""
        try:
            data = self.memory.read(address, length)
        except BadAddress:
            return self._read_pieces(master, address, length)
        self.on_dma(
            _event(DmaEvent, (self.now_ns, master, False, address, length, length, address, 0, 0, True))
        )
        return data

    def write(self, master: Master, address: int, data: bytes) -> None:
        """Store ``data`` (1 byte or more); what falls outside memory is lost."""
        try:
            self.memory.write(address, data)
        except BadAddress:
            self._write_pieces(master, address, data)
            return
        length = len(data)
        self.on_dma(
            _event(DmaEvent, (self.now_ns, master, True, address, length, length, address, 0, 0, True))
        )

    def _read_pieces(self, master: Master, address: int, length: int) -> bytes:
        parts = []
        for piece, start, end in _pieces(address, length):
            size = end - start
            try:
                data, ok = self.memory.read(piece, size), True
            except BadAddress:
                data, ok = b"\xff" * size, False
            parts.append(data)
            self.on_dma(DmaEvent(self.now_ns, master, False, piece, size, size, piece, 0, 0, ok))
        return b"".join(parts)

    def _write_pieces(self, master: Master, address: int, data: bytes) -> None:
        for piece, start, end in _pieces(address, len(data)):
            size = end - start
            try:
                self.memory.write(piece, data[start:end])
                ok = True
            except BadAddress:
                ok = False
            self.on_dma(DmaEvent(self.now_ns, master, True, piece, size, size, piece, 0, 0, ok))


def _pieces(address: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Cut a range at 4 KiB boundaries: (address, start, end), the last two relative to the range.

    It does not run on at address 0 behind the last byte there is: the buffer of a descriptor that could not
    be read begins at that byte, and at 0 there may be memory. It stays in the last page.
    """
    start = 0
    address &= ADDRESS_MASK
    while start < length:
        here = address + start
        if here > ADDRESS_MASK:
            here = LAST_PAGE
        end = min(length, start + PAGE - here % PAGE)
        yield here, start, end
        start = end
