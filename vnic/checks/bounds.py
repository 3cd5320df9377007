"""Where the NIC may put data: inside a mapped buffer that it was given, and nowhere else."""

from __future__ import annotations

from typing import Final

from vnic.checks.rule import Rule
from vnic.checks.state import Mapping, State
from vnic.linux.rx_buffer import RxBufferEvent
from vnic.nic.events import DmaEvent

DMA_BOUNDS: Final = Rule(
    "dma-bounds",
    "The NIC stays inside the buffer that was mapped for it",
    "A write beyond the mapped length, into the headroom, or beside every buffer changes memory that "
    "belongs to the CPU; behind an IOMMU it faults. If it reaches skb_shared_info or another object, that "
    "rule speaks instead.",
    "Linux Documentation/core-api/dma-api-howto.rst; 8254x SDM 3.2.2 (Receive Data Storage)",
)
DMA_SHARED_INFO: Final = Rule(
    "dma-shared-info",
    "The NIC never writes over skb_shared_info",
    "It lies directly behind the data of an skb. Its frag count and destructor, overwritten by a frame, are "
    "a kernel crash at the best and remote code execution at the worst.",
    "Linux include/linux/skbuff.h (skb_end_pointer, struct skb_shared_info), every version",
)
DMA_NEIGHBOUR: Final = Rule(
    "dma-neighbour",
    "The NIC never writes past the object that holds its buffer",
    "Behind the object lies another one of the same slab, or the next page fragment: somebody else's data, "
    "silently replaced. Seen as a write that runs on past the end of the allocated object.",
    "Linux mm/slab.c, mm/slub.c, mm/page_frag_cache.c (objects are packed side by side), every version",
)
DESC_REUSE: Final = Rule(
    "desc-reuse",
    "The NIC uses a buffer once, until the driver gives it again",
    "After write-back the buffer belongs to the driver, which may have handed it to the stack. Data that "
    "the NIC moves through a buffer it no longer owns is corruption of a frame already delivered, or a "
    "frame sent twice.",
    "8254x SDM 3.2.6 (Receive Descriptor Queue Structure), 3.4 (Transmit Descriptor Ring Structure)",
)
MAP_USE_AFTER_UNMAP: Final = Rule(
    "map-use-after-unmap",
    "No buffer is unmapped while a descriptor still points the NIC to it",
    "The NIC reached a buffer through a descriptor it owns, and the buffer's mapping was gone: behind an "
    "IOMMU the access faults, without one it lands in memory that was freed.",
    "Linux Documentation/core-api/dma-api-howto.rst, dma_unmap_single",
)
RULES: Final = (DMA_BOUNDS, DMA_SHARED_INFO, DMA_NEIGHBOUR, DESC_REUSE, MAP_USE_AFTER_UNMAP)


class BoundsRules:
    """Judges where frame data is written to and read from."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ledger = state.ledger
        self._mappings = state.mappings
        self._last = self._last_tx = Mapping(0, 0, "")

    def rx_data(self, event: DmaEvent) -> None:
        """Judge a write of received data: the hot path is the start of a buffer, or the next burst of it."""
        address = event.address
        length = event.length
        mapping = self._mappings.get(address, self._last)
        if mapping.address <= address and address + length <= mapping.limit and mapping.index >= 0:
            mapping.written += length
            mapping.unsynced = mapping.written
            self._last = mapping
        else:
            self._rx_rare(event)

    def _rx_rare(self, event: DmaEvent) -> None:
        address, length = event.address, event.length
        last = self._last
        mapping = self._state.mapping_at(address)
        if mapping is None:
            if last.length and last.address + last.written == address and last.index >= 0:
                last.written += length
                self._overrun(last, event)
            else:
                self._stray(event)
        elif mapping.index < 0:
            # Data that its write-back did not wait for was booked then (writeback-order): no second fault.
            if mapping.debt > 0:
                mapping.debt -= length
            else:
                self._not_owned(event)
        else:
            mapping.written += length
            mapping.unsynced = mapping.written
            self._last = mapping
            if address + length > mapping.limit:
                self._overrun(mapping, event)

    def _overrun(self, mapping: Mapping, event: DmaEvent) -> None:
        """A write that started in (or went on from) ``mapping`` and passes its limit."""
        end = event.address + event.length
        buffer = mapping.buffer
        mapping.overrun = True
        rule, over = DMA_BOUNDS, end - mapping.end
        if buffer is not None:
            seen = end - mapping.address + buffer.address  # as the CPU sees it
            if seen > buffer.head + buffer.allocated:
                rule, over = DMA_NEIGHBOUR, seen - buffer.head - buffer.allocated
            elif 0 < buffer.shinfo < seen:
                rule, over = DMA_SHARED_INFO, seen - buffer.shinfo
        what = {
            DMA_BOUNDS.id: f"the {mapping.length} bytes mapped at {mapping.address:#x}",
            DMA_NEIGHBOUR.id: "the end of the object" + (f" ({buffer.size_class})" if buffer else ""),
            DMA_SHARED_INFO.id: "the start of skb_shared_info",
        }[rule.id]
        self._ledger.report(
            rule,
            f"rx descriptor {mapping.index}",
            f"write of {event.length} bytes at {event.address:#x} runs {over} bytes past {what}",
            address=event.address,
            length=event.length,
            over=over,
        )

    def _stray(self, event: DmaEvent) -> None:
        """A write or read that lies in no mapping."""
        address = event.address
        ring = self._state.rx if event.write else self._state.tx
        if address in ring.slots:
            index = ring.slots.index(address)
            if index in ring.blamed:
                return  # map-missing has told of it
            self._ledger.report(
                MAP_USE_AFTER_UNMAP,
                f"{ring.name} descriptor {index}",
                f"{'write' if event.write else 'read'} of {event.length} bytes at {address:#x}, "
                "which is not mapped any more",
                address=address,
                length=event.length,
            )
            return
        buffer = self._state.object_at(address)
        self._ledger.report(
            DMA_SHARED_INFO if buffer and self._in_shared_info(buffer, event) else DMA_BOUNDS,
            f"{event.master.name} {address:#x}",
            f"{'write' if event.write else 'read'} of {event.length} bytes in no mapped buffer"
            + (f" ({address - buffer.address:+d} from the data of a {buffer.size_class})" if buffer else ""),
            address=address,
            length=event.length,
        )

    @staticmethod
    def _in_shared_info(buffer: RxBufferEvent, event: DmaEvent) -> bool:
        return event.write and 0 < buffer.shinfo < event.address + event.length

    def _not_owned(self, event: DmaEvent) -> None:
        self._ledger.report(
            DESC_REUSE,
            f"{event.master.name} {event.address:#x}",
            f"{'write' if event.write else 'read'} of {event.length} bytes through a buffer that was "
            "written back "
            "or never given",
            address=event.address,
            length=event.length,
        )

    def tx_data(self, event: DmaEvent) -> None:
        """Judge a read of data to transmit."""
        address = event.address
        end = address + event.length
        mapping = self._state.sent_from(address, self._last_tx)
        if not mapping.address <= address < mapping.end:
            found = self._state.mapping_at(address)
            if found is None:
                self._stray(event)
                return
            mapping = found
        # A bus reads whole beats: the one that holds the last byte brings its neighbours along. Where a
        # segment ends in a buffer's last beat, that is read again when the buffer counts as read.
        beat = event.beat_bytes or 1
        again = mapping is self._last_tx and mapping.end - address < beat
        self._last_tx = mapping
        if end > (mapping.end + beat - 1) // beat * beat:
            self._ledger.report(
                DMA_BOUNDS,
                f"tx descriptor {mapping.index}",
                f"read of {event.length} bytes at {address:#x} runs {end - mapping.end} bytes past the "
                f"{mapping.length} bytes mapped at {mapping.address:#x}",
                address=address,
                length=event.length,
                over=end - mapping.end,
            )
        elif mapping.index < 0 and not again:
            self._not_owned(event)
