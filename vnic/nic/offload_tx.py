"""Transmit offloads: contexts, checksum insertion, TCP segmentation.

8254x SDM 3.3.5 to 3.3.7 (descriptors), 3.5 (segmentation), 3.6 (checksums). Where the manual is silent or
speaks of unpredictable results, the Verilog NIC does the same as this.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from vnic.nic.checksum import Insertion, put16
from vnic.nic.descriptors import TxContextCommand, TxOptions

MAX_DATA: Final = 16288
"""Longest frame, before padding and tag and without FCS: the SDM's limit on a packet from memory (3.3.3)."""
MAX_HEADER: Final = 240
"""Bytes of the on-chip buffer for the prototype header (SDM 3.5.9)."""
MIN_MSS: Final = 16
"""Shortest segment; the 8254x manual has no limit, its successors' have this one."""
FIN_PSH: Final = 0x09
_IPV4: Final = int(TxContextCommand.IP)
_TCP: Final = int(TxContextCommand.TCP)


class Context(NamedTuple):
    """What a context descriptor says."""

    ip: Insertion = Insertion(0, 0, 0, False)
    transport: Insertion = Insertion(0, 0, 0, True)
    command: int = 0
    """TxContextCommand"""
    payload: int = 0
    header: int = 0
    mss: int = 0

    @classmethod
    def of(cls, offsets: int, payload: int, command: int, header: int, mss: int) -> Context:
        """From the first quadword and the fields of the second one."""
        return cls(
            Insertion(offsets & 0xFF, offsets >> 8 & 0xFF, offsets >> 16 & 0xFFFF, False),
            Insertion(offsets >> 32 & 0xFF, offsets >> 40 & 0xFF, offsets >> 48, True),
            command, payload, header, mss,
        )  # fmt: skip

    def insertions(self, options: int) -> tuple[Insertion, ...]:
        """The checksums that POPTS ``options`` ask for, in the order of their insertion."""
        chosen = []
        if options & TxOptions.IXSM:
            chosen.append(self.ip)
        if options & TxOptions.TXSM:
            chosen.append(self.transport)
        return tuple(chosen)

    @property
    def valid(self) -> bool:
        """Whether segments can be made by it."""
        if not (0 < self.header <= MAX_HEADER and self.mss >= MIN_MSS and self.payload):
            return False
        return self.header + min(self.mss, self.payload) <= MAX_DATA


class Segmentation:
    """One TCP segmentation under way: bytes in, frames out.

    ``received`` counts all bytes that the packet's descriptors brought, also those that were of no use.
    """

    __slots__ = ("_context", "_done", "_expected", "_insertions", "_pending", "_prototype", "received")

    def __init__(self, context: Context, options: int) -> None:
        self._context = context
        # The header buffer is all of a frame that can still be changed when its payload has been seen.
        self._insertions = tuple(
            insertion for insertion in context.insertions(options) if insertion.place + 2 <= context.header
        )
        self._expected = context.header + context.payload if context.valid else 0
        self._prototype = b""
        self._pending = bytearray()
        self._done = 0  # payload bytes sent
        self.received = 0

    def useful(self, length: int) -> int:
        """How many of the next ``length`` bytes are header or payload."""
        return max(0, min(length, self._expected - self.received))

    @property
    def complete(self) -> bool:
        """Whether the descriptors brought exactly what the context had announced."""
        return self._expected > 0 and self.received == self._expected

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take the useful bytes of a descriptor; yields the frames that are complete with them."""
        pending = self._pending
        pending += data
        context = self._context
        if not self._prototype:
            if len(pending) < context.header:
                return
            self._prototype = bytes(pending[: context.header])
            del pending[: context.header]
        start = 0
        while left := context.payload - self._done:
            size = min(context.mss, left)
            if len(pending) - start < size:
                break
            yield self._frame(bytes(pending[start : start + size]), size == left)
            start += size
            self._done += size
        del pending[:start]

    def _frame(self, payload: bytes, last: bool) -> bytes:
        """The next segment: the prototype header brought up to date, and ``payload``."""
        context = self._context
        header = bytearray(self._prototype)
        network, transport = context.ip.start, context.transport.start
        size = len(header) + len(payload)
        number = self._done // context.mss
        if context.command & _IPV4:
            _update(header, network + 2, 2, size - network)
            _update(header, network + 4, 2, _field(header, network + 4, 2) + number)
        if context.command & _TCP:
            _update(header, transport + 4, 4, _field(header, transport + 4, 4) + self._done)
            if not last and transport + 13 < len(header):
                header[transport + 13] &= ~FIN_PSH
        return self._with_checksums(header + payload, (size - transport) & 0xFFFF)

    def _with_checksums(self, frame: bytearray, transport_length: int) -> bytes:
        """The prototype's pseudo header has no length: each segment adds its own."""
        values = [
            (insertion.place, insertion.value(frame, transport_length if insertion.transport else 0))
            for insertion in self._insertions
        ]
        for place, value in values:
            if value is not None:
                put16(frame, place, value)
        return bytes(frame)


def _field(header: bytearray, offset: int, size: int) -> int:
    return int.from_bytes(header[offset : offset + size], "big")


def _update(header: bytearray, offset: int, size: int, value: int) -> None:
    """Store ``value`` modulo its ``size`` in bytes, unless the field is not wholly in the header."""
    if offset + size <= len(header):
        header[offset : offset + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "big")
