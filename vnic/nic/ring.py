"""A descriptor ring as the controller sees it: head, tail, and the descriptors fetched ahead.

8254x SDM 3.2.6 and 3.4: hardware owns the descriptors from head up to but not including tail.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from vnic.nic.bus import ADDRESS_MASK, DmaBus
from vnic.nic.descriptors import DESCRIPTOR_BYTES, LINE_BYTES
from vnic.nic.events import Master
from vnic.nic.regfile import RegisterFile
from vnic.nic.registers import Reg

PREFETCH: Final = 64
"""Descriptors fetched at once at most."""

_HIGH, _LENGTH, _HEAD, _TAIL = (register - Reg.RDBAL for register in (Reg.RDBAH, Reg.RDLEN, Reg.RDH, Reg.RDT))


class Ring:
    """Index arithmetic, bulk fetch and line-wise write-back of one ring.

    ``head`` is what RDH/TDH read: all descriptors before it are visible in memory. ``next`` runs ahead of it
    by the descriptors that are done and wait in ``_pending`` for their write-back. ``ready`` holds what was
    fetched ahead, unpacked with ``layout``, the next one last.
    """

    __slots__ = (
        "_bus", "_fetch_master", "_first", "_layout", "_pending", "_write_master",
        "base", "count", "head", "next", "ready", "tail",
    )  # fmt: skip

    def __init__(self, bus: DmaBus, layout: Struct, fetch_master: Master, write_master: Master) -> None:
        self._bus = bus
        self._layout = layout
        self._fetch_master = fetch_master
        self._write_master = write_master
        self._pending: list[bytes] = []
        self.ready: list[tuple[Any, ...]] = []
        self.reset()

    def reset(self) -> None:
        """Base, length, head and tail 0, nothing fetched."""
        self.base = self.count = self.tail = 0
        self.move_head(0)

    def place(self, base: int, length: int) -> None:
        """Take a new base address and length in bytes."""
        self.base = base
        self.count = length // DESCRIPTOR_BYTES
        self.discard()

    def move_head(self, head: int) -> None:
        """RDH/TDH was written."""
        self.head = self.next = head
        self.discard()
        self._pending.clear()
        self._first = head

    def discard(self) -> None:
        """Forget descriptors fetched ahead: software may change them now."""
        self.ready.clear()

    @property
    def free(self) -> int:
        """Descriptors that the controller may still use: (tail - next) modulo the ring, 0 if not runnable.

        A ring runs when it has descriptors and both its pointers lie inside.
        """
        count = self.count
        if self.next < count and self.tail < count:
            return (self.tail - self.next) % count
        return 0

    @property
    def visible_free(self) -> int:
        """(tail - head) modulo the ring, as software would compute it from the registers."""
        return (self.tail - self.head) % self.count

    def fetch(self) -> bool:
        """Fill ``ready`` with the next descriptors, at most ``PREFETCH`` and never beyond the ring's end.

        False if there are none.
        """
        number = min(self.free, self.count - self.next, PREFETCH)
        if number <= 0:
            return False
        start = self.base + self.next * DESCRIPTOR_BYTES & ADDRESS_MASK
        number = min(number, (ADDRESS_MASK - start) // DESCRIPTOR_BYTES + 1)
        block = self._bus.read(self._fetch_master, start, number * DESCRIPTOR_BYTES)
        self.ready.extend(self._layout.iter_unpack(block))
        self.ready.reverse()
        return True

    def done(self, descriptor: bytes) -> bool:
        """The descriptor at ``next`` is done and reads ``descriptor`` from now on.

        True if the line is complete, so that the caller writes it back.
        """
        self._pending.append(descriptor)
        index = self.next + 1
        if index == self.count:
            self.next = 0
            return True
        self.next = index
        return (self.base + index * DESCRIPTOR_BYTES) % LINE_BYTES == 0

    def skip(self) -> None:
        """The descriptor at ``next`` is done without a write-back. The caller has flushed before."""
        index = self.next + 1
        self.next = self.head = self._first = 0 if index == self.count else index

    def flush(self) -> bool:
        """Write the waiting descriptors back, then move ``head`` past them. False if there were none."""
        pending = self._pending
        if not pending:
            return False
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        self._bus.write(self._write_master, self.base + self._first * DESCRIPTOR_BYTES, data)
        pending.clear()
        self.head = self._first = self.next
        return True


class RingRegisters:
    """Base (low, high), length, head and tail of a ring: both rings have them in this order.

    ``first`` is RDBAL or TDBAL. After a write to any of them ``run`` is called, which does what can be done
    now; ``moved`` is called before that when the head was written.
    """

    __slots__ = ("_first", "_moved", "_ring", "_run", "_values")

    def __init__(
        self,
        registers: RegisterFile,
        first: int,
        ring: Ring,
        run: Callable[[], None],
        moved: Callable[[], None] | None = None,
    ) -> None:
        self._values = registers.values
        self._first = first
        self._ring = ring
        self._run = run
        self._moved = moved
        registers.on_write([first, first + _HIGH, first + _LENGTH], self._place)
        registers.on_write(first + _HEAD, self._move_head)
        registers.on_write(first + _TAIL, self._move_tail)
        registers.on_read(first + _HEAD, lambda: ring.head)

    def _place(self, _value: int) -> None:
        values, first = self._values, self._first
        self._ring.place(values[first + _HIGH] << 32 | values[first], values[first + _LENGTH])
        self._run()

    def _move_head(self, _value: int) -> None:
        self._ring.move_head(self._values[self._first + _HEAD])
        if self._moved:
            self._moved()
        self._run()

    def _move_tail(self, _value: int) -> None:
        self._ring.tail = self._values[self._first + _TAIL]
        self._run()
