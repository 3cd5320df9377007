"""Rules that one bus burst must keep, whatever it is for."""

from __future__ import annotations

from typing import Final

from vnic.checks.rule import Rule
from vnic.checks.state import State
from vnic.nic.events import DmaEvent

AXI_PAGE: Final = 4096

AXI_4K: Final = Rule(
    "axi-4k",
    "No AXI burst crosses a 4 KiB boundary",
    "A burst that crosses would be routed by its first address only, so its tail can reach the wrong slave. "
    "The first and last byte lanes of every burst are compared, strobed or not.",
    "AMBA AXI and ACE specification (IHI 0022), A3.4.1 Address structure",
)
AXI_STROBES: Final = Rule(
    "axi-strobes",
    "The strobes of a write are contiguous",
    "A hole in the byte strobes leaves stale bytes inside a frame or a descriptor. The enabled lanes of a "
    "burst are counted and compared with the span from the first to the last of them.",
    "AMBA AXI and ACE specification (IHI 0022), A3.4.3 Data read and write structure; frames are contiguous "
    "in memory by 8254x SDM 3.2.2",
)
ALIGN_BUS: Final = Rule(
    "align-bus",
    "An unaligned buffer costs at most one extra bus beat",
    "With a start that is not a multiple of the bus width the first beat is partial. More beats than the "
    "bytes span, or a frame cut inside a bus word, is bandwidth lost on every frame.",
    "AMBA AXI and ACE specification (IHI 0022), A3.4.1; 8254x SDM 3.2.2 (no restriction on buffer alignment)",
    "warning",
)
DMA_MEMORY: Final = Rule(
    "dma-memory",
    "The NIC reads and writes only where there is memory",
    "A descriptor or a ring base pointed outside memory: on a PC a master abort, and the frame is gone. The "
    "bus answered with an error.",
    "8254x SDM 13.4.4 (STATUS) and PCI Local Bus 3.0, 3.3.3.1 Master-Abort",
)
RULES: Final = (AXI_4K, AXI_STROBES, ALIGN_BUS, DMA_MEMORY)


class BusRules:
    """Judges bursts one by one; ``burst`` is called only where there is a bus."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ledger = state.ledger
        self._end: dict[int, int] = {}

    def burst(self, event: DmaEvent) -> None:
        """Judge an access that reached memory over a bus."""
        width = event.beat_bytes
        if width:
            first = event.burst_address
            last = (first // width + event.beats) * width - 1
            if first // AXI_PAGE != last // AXI_PAGE:
                self._ledger.report(
                    AXI_4K,
                    f"{event.master.name} {first:#x}",
                    f"burst of {event.beats} beats of {width} bytes runs to {last:#x}, over the boundary at "
                    f"{last // AXI_PAGE * AXI_PAGE:#x}",
                    address=first,
                    beats=event.beats,
                )
        if event.write:
            if event.strobes != event.length:
                self._ledger.report(
                    AXI_STROBES,
                    f"{event.master.name} {event.address:#x}",
                    f"{event.strobes} of {event.length} bytes enabled: {event.length - event.strobes} stay "
                    "stale",
                    address=event.address,
                    length=event.length,
                    strobes=event.strobes,
                )
            elif width:
                self._beats(event, width)

    def _beats(self, event: DmaEvent, width: int) -> None:
        """Compare the beats of a write with what its alignment costs."""
        address, end = event.address, event.address + event.length
        needed = (end - 1) // width - address // width + 1
        cut = (
            address % width != 0
            and self._end.get(event.master) == address
            and address not in self._state.mappings
        )
        self._end[event.master] = end
        if event.beats > needed or cut:
            self._ledger.report(
                ALIGN_BUS,
                f"{event.master.name} {address:#x}",
                "starts inside the bus word that the burst before ended in"
                if cut
                else f"{event.beats} beats for {event.length} bytes that span {needed} words of {width}",
                address=address,
                offset=address % width,
                beats=event.beats,
                needed=needed,
            )

    def outside(self, event: DmaEvent) -> None:
        """Book an access that the bus answered with an error."""
        self._ledger.report(
            DMA_MEMORY,
            f"{event.master.name} {event.address:#x}",
            f"{'write' if event.write else 'read'} of {event.length} bytes where there is no memory",
            address=event.address,
            length=event.length,
        )
