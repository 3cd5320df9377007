"""What the NICs may touch: the descriptors they own and the buffers these name, and nothing else.

Software gives a NIC memory by a tail, a base, a length or a head. At each such write the fence looks at the
ring as it is then, and remembers it until the NICs have come to rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Final, NamedTuple

from vnic.memory import BadAddress, HostMemory
from vnic.nic.events import DmaEvent, Master

DESCRIPTOR: Final = 16
LEGACY: Final = Struct("<QHBBBBH")
"""Of either ring: address, length, checksum or CSO, status or command, ..."""
_SPACE: Final = 1 << 64
_LAST_PAGE: Final = _SPACE - 4096
_ONES: Final = b"\xff" * DESCRIPTOR  # what a read outside memory returns
_DEXT: Final = 0x20
_DATA: Final = 1  # DTYP


class Window(NamedTuple):
    """`size` bytes from `start`. One that runs over the end of the address space stays in its last page."""

    start: int
    size: int

    def holds(self, address: int, length: int, beat: int) -> bool:
        """Whether an access lies inside; a read (`beat` not 0) brings whole beats of the bus."""
        end = self.start + self.size
        if end > _SPACE and address >= _LAST_PAGE:
            return True
        if beat:
            end = (end + beat - 1) // beat * beat
        return self.start <= address and address + length <= end


class RingView(NamedTuple):
    """A descriptor ring as its registers describe it."""

    base: int
    slots: int
    head: int
    tail: int

    @property
    def owned(self) -> int:
        """Descriptors that belong to the NIC."""
        if self.head < self.slots and self.tail < self.slots:
            return (self.tail - self.head) % self.slots
        return 0

    def parts(self) -> list[Window]:
        """Where these lie, in order: a ring runs round, and on at 0 behind the end of the address space."""
        owned = self.owned
        first = min(owned, self.slots - self.head) if owned else 0
        pieces = []
        for index, count in ((self.head, first), (0, owned - first)):
            start = (self.base + DESCRIPTOR * index) % _SPACE
            below = min(count, (_SPACE - start) // DESCRIPTOR)
            pieces += [Window(start, DESCRIPTOR * below), Window(0, DESCRIPTOR * (count - below))]
        return [piece for piece in pieces if piece.size]

    def descriptors(self, memory: HostMemory) -> Iterable[tuple[int, ...]]:
        """The NIC's descriptors as it will read them, unpacked."""
        for start, size in self.parts():
            try:
                yield from LEGACY.iter_unpack(memory.read(start, size))
            except BadAddress:
                for address in range(start, start + size, DESCRIPTOR):
                    inside = memory.contains(address, DESCRIPTOR)
                    yield LEGACY.unpack(memory.read(address, DESCRIPTOR) if inside else _ONES)


class Fence:
    """Collects windows by master and judges DMA events. Times and bus details do not matter here."""

    def __init__(self, memory: HostMemory) -> None:
        self._memory = memory
        self._windows: dict[Master, list[Window]] = {}
        self.reset()

    def reset(self) -> None:
        """Nothing is given."""
        self._windows = {master: [] for master in Master}

    def give_rx(self, ring: RingView, buffer: int) -> None:
        """The NIC owns `ring`'s descriptors from head to tail, each with a buffer of that many bytes."""
        parts = ring.parts()
        windows = self._windows
        windows[Master.RX_DESC] += parts
        windows[Master.RX_WRITEBACK] += parts
        windows[Master.RX_DATA] += [Window(word[0], buffer) for word in ring.descriptors(self._memory)]

    def give_tx(self, ring: RingView) -> None:
        """The NIC owns `ring`'s descriptors from head to tail, and what they name."""
        parts = ring.parts()
        windows = self._windows
        windows[Master.TX_DESC] += parts
        windows[Master.TX_WRITEBACK] += parts
        for address, length, cso, command, *_ in ring.descriptors(self._memory):
            if not command & _DEXT:
                windows[Master.TX_DATA].append(Window(address, length))
            elif cso >> 4 == _DATA:
                windows[Master.TX_DATA].append(Window(address, length | (cso & 0xF) << 16))

    def fault(self, event: DmaEvent) -> str:
        """What is wrong with `event`; empty if nothing."""
        kind = "write" if event.write else "read"
        what = f"{event.master.name} {kind} of {event.length} bytes at {event.address:#x}"
        beat = 0 if event.write else event.beat_bytes
        if not any(window.holds(event.address, event.length, beat) for window in self._windows[event.master]):
            return f"{what} is outside everything that was given to the NIC"
        if event.ok != self._memory.contains(event.address, event.length):
            return f"{what} was answered {'as good' if event.ok else 'with an error'}"
        return ""
