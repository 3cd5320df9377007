"""Guard bytes: how a NIC is judged whose bus nobody can watch.

Every byte of a receive buffer's object gets a known value when the NIC is given the buffer. When the CPU gets
it back, whatever is not the frame must still have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vnic.checks.rule import Rule
from vnic.checks.state import Mapping, State
from vnic.linux.dma import MapEvent
from vnic.linux.rx_buffer import RxBufferEvent
from vnic.nic.events import DescriptorWord

GUARD_BYTES: Final = Rule(
    "guard-bytes",
    "A NIC changes no byte of a buffer but those of the frame",
    "Headroom, skb_shared_info, slack and the part of the buffer behind the frame are filled with known "
    "bytes before the NIC is given the buffer; one that differs when the CPU gets it back was hit by a stray "
    "write. This stands in for the rules of the bus on a NIC whose DMA cannot be watched, QEMU's.",
    "ixy fills its rings with 0xFF for the same reason; 8254x SDM 3.2.2",
)
RULES: Final = (GUARD_BYTES,)

GUARD: Final = 0xA5
"""Not the poison of a slab (0x5A, 0x6B), and neither zero nor all ones."""


class GuardRules:
    """Fills and inspects. It writes to memory, so it works only where it is asked for."""

    def __init__(self, state: State) -> None:
        self._state = state

    def buffer(self, event: RxBufferEvent) -> None:
        """A buffer is about to be given to the NIC."""
        self._state.memory.fill(event.head, event.allocated, GUARD)

    def event(self, event: MapEvent) -> None:
        """The CPU takes a buffer back: judged before it touches a byte."""
        if event.direction == "from_device" and event.action in ("unmap", "sync_for_cpu"):
            mapping = self._state.mappings.get(event.address)
            if mapping is not None and mapping.buffer is not None:
                self._inspect(mapping, mapping.buffer)

    def frame(self, descriptors: Sequence[DescriptorWord]) -> None:
        """The driver has read a frame. A buffer that stays mapped was copied from, and goes back as it is."""
        for descriptor in descriptors:
            if descriptor.address in self._state.mappings:
                self._state.memory.fill(descriptor.address, descriptor.length, GUARD)

    def _inspect(self, mapping: Mapping, buffer: RxBufferEvent) -> None:
        end = buffer.address + mapping.written
        for start, stop in ((buffer.head, buffer.address), (end, buffer.head + buffer.allocated)):
            found = self._state.memory.read(start, stop - start)
            if found.count(GUARD) != len(found):
                at = next(i for i, byte in enumerate(found) if byte != GUARD)
                self._state.ledger.report(
                    GUARD_BYTES,
                    f"buffer {buffer.address:#x} byte {start + at - buffer.address}",
                    f"{len(found) - found.count(GUARD)} bytes changed beside a frame of {mapping.written}",
                    address=start + at,
                    written=mapping.written,
                )
