"""What the NIC gives back: which descriptor, with what in it, and when."""

from __future__ import annotations

import struct
from typing import Final

from vnic.checks.bounds import DMA_BOUNDS
from vnic.checks.rule import Rule
from vnic.checks.state import DESCRIPTOR, Ring, State
from vnic.nic.events import DmaEvent, Master

DESC_OWNERSHIP: Final = Rule(
    "desc-ownership",
    "The NIC writes back only descriptors that it was given",
    "A write to a descriptor at or past the tail, or to one already written back, destroys what the driver "
    "has just put there.",
    "8254x SDM 3.2.6, 3.4",
)
DESC_CONTENT: Final = Rule(
    "desc-content",
    "A descriptor that comes back says what happened",
    "STA.DD is set, the buffer address is the one given, and no more bytes were written to the buffer than "
    "the length says.",
    "8254x SDM 3.2.3.1, 3.2.3.2, 3.3.3.2",
)
WRITEBACK_ORDER: Final = Rule(
    "writeback-order",
    "A descriptor is written back only after its data is visible in memory",
    "The driver that sees STA.DD reads the buffer at once. If the data is still on its way it hands the "
    "stack the bytes of an older frame: the fault that no test at low load finds. The bytes that have got "
    "their write response are counted for each buffer and compared with the length at the time of "
    "write-back.",
    "8254x SDM 3.2.3.2 (DD); AMBA AXI IHI 0022, A5.3 (writes are ordered by their response only)",
)
RULES: Final = (DESC_OWNERSHIP, DESC_CONTENT, WRITEBACK_ORDER)

_RX = struct.Struct("<QHHBBH")  # address, length, checksum, status, errors, special: SDM 3.2.3
_TX = struct.Struct("<QHBBBBH")  # address, length, cso, cmd, sta, css, special: SDM 3.3.3
_DD: Final = 0x01
_EOP: Final = 0x02
FCS_BYTES: Final = 4


class WritebackRules:
    """Follows both rings by what the NIC reads and writes of them."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ledger = state.ledger
        self._mappings = state.mappings
        self._read = state.memory.read

    def fetch(self, event: DmaEvent) -> None:
        """Judge a read of descriptors."""
        ring = self._state.rx if event.master == Master.RX_DESC else self._state.tx
        # A bus reads whole beats: the last one may bring bytes from beyond the ring's end.
        beat = event.beat_bytes or 1
        end = -(-(ring.base + ring.size) // beat) * beat
        if not ring.base <= event.address < ring.base + ring.size or event.address + event.length > end:
            self._outside(ring, event)

    def _outside(self, ring: Ring, event: DmaEvent) -> None:
        self._ledger.report(
            DMA_BOUNDS,
            f"{event.master.name} {event.address:#x}",
            f"{'write' if event.write else 'read'} of {event.length} bytes outside the {ring.name} ring "
            f"({ring.size} bytes at {ring.base:#x})",
            address=event.address,
            length=event.length,
        )

    def rx_writeback(self, event: DmaEvent) -> None:
        """Judge receive descriptors that come back, as the driver will find them in memory."""
        ring = self._state.rx
        address, length = event.address, event.length
        index = (address - ring.base) // DESCRIPTOR
        if index < 0 or address + length > ring.base + ring.size:
            self._outside(ring, event)
            return
        slots = ring.slots
        start = ring.base + index * DESCRIPTOR
        span = -(-(address + length - start) // DESCRIPTOR) * DESCRIPTOR
        for now, size, _, status, _, _ in _RX.iter_unpack(self._read(start, span)):
            given = slots[index]
            if given is None:
                self._not_given(ring, index, event)
            else:
                slots[index] = None
                if status & _EOP:
                    self._state.frames_written_back += 1
                if now != given or not status & _DD:
                    detail = f"comes back with address {now:#x}, status {status:#04x}; given {given:#x}"
                    self._content(ring, index, detail)
                mapping = self._mappings.get(given)
                if mapping is not None and mapping.index == index:
                    mapping.index = -1
                    if mapping.written != size and not mapping.overrun:
                        self._bytes(index, given, mapping.written, size)
                        mapping.debt = size - mapping.written
            index += 1

    def _bytes(self, index: int, address: int, written: int, size: int) -> None:
        if not self._state.options.fcs_written and 0 <= size - written <= FCS_BYTES:
            return
        if written > size:
            self._content(self._state.rx, index, f"says {size} bytes; {written} were written at {address:#x}")
            return
        self._ledger.report(
            WRITEBACK_ORDER,
            f"rx descriptor {index}",
            f"written back for {size} bytes when {written} of them were in memory at {address:#x}",
            address=address,
            length=size,
            visible=written,
        )

    def _content(self, ring: Ring, index: int, detail: str) -> None:
        self._ledger.report(DESC_CONTENT, f"{ring.name} descriptor {index}", detail, index=index)

    def _not_given(self, ring: Ring, index: int, event: DmaEvent) -> None:
        self._ledger.report(
            DESC_OWNERSHIP,
            f"{ring.name} descriptor {index}",
            f"written back at {event.address:#x}; the NIC was not given it (first not given: {ring.given})",
            address=event.address,
            index=index,
        )

    def tx_writeback(self, event: DmaEvent) -> None:
        """Judge transmit descriptors that come back; one with RS answers for those before it."""
        ring = self._state.tx
        address, length = event.address, event.length
        index = (address - ring.base) // DESCRIPTOR
        if index < 0 or address + length > ring.base + ring.size:
            self._outside(ring, event)
            return
        start = ring.base + index * DESCRIPTOR
        span = -(-(address + length - start) // DESCRIPTOR) * DESCRIPTOR
        for _, _, _, _, status, _, _ in _TX.iter_unpack(self._read(start, span)):
            if ring.slots[index] is None:
                self._not_given(ring, index, event)
            else:
                if not status & _DD:
                    self._content(ring, index, f"comes back with STA {status:#04x}: DD is not set")
                self._complete(ring, index)
            index += 1

    def _complete(self, ring: Ring, index: int) -> None:
        """Return descriptor ``index`` and those the NIC was given before it."""
        while True:
            given = ring.slots[index]
            if given is None:
                return
            ring.slots[index] = None
            mapping = self._mappings.get(given)
            if mapping is not None and mapping.index == index:
                mapping.index = -1
            index = (index or ring.count) - 1
