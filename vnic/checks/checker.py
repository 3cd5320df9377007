"""The engine: takes the events of one run in their order and hands them to the rules.

The order is the NIC's and the driver's own: a DMA write is told before the frame that the driver makes of it,
a mapping before the descriptor that points to it. Its memory does not grow with the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vnic.checks.alignment import AlignmentRules
from vnic.checks.bounds import BoundsRules
from vnic.checks.bsize import SizeRules
from vnic.checks.buffers import BufferRules
from vnic.checks.bus import BusRules
from vnic.checks.control import ControlRules
from vnic.checks.frames import FrameRules
from vnic.checks.giving import GivingRules
from vnic.checks.guards import GuardRules
from vnic.checks.mapping import MappingRules
from vnic.checks.reception import Reception
from vnic.checks.sending import SendingRules
from vnic.checks.state import CheckOptions, State
from vnic.checks.verdict import Verdict
from vnic.checks.writeback import WritebackRules
from vnic.linux.dma import MapEvent
from vnic.linux.profile import KernelProfile
from vnic.linux.rx_buffer import RxBufferEvent
from vnic.memory import HostMemory
from vnic.nic.events import DmaEvent, FrameEvent, Master, RegisterEvent
from vnic.nic.port import WireFrame


class Checker:
    """Judges one run of one driver against one NIC.

    Args:
        profile: the kernel whose memory rules hold.
        memory: the memory that driver and NIC share; descriptors are read from it as they change hands.
        options: what else must be known.
    """

    def __init__(
        self, profile: KernelProfile, memory: HostMemory, options: CheckOptions | None = None
    ) -> None:
        self._state = state = State(profile, memory, options or CheckOptions())
        self._bus = BusRules(state)
        bounds = BoundsRules(state)
        rings = WritebackRules(state)
        self._mapping = MappingRules(state)
        self._alignment = AlignmentRules(state)
        self._buffers = BufferRules(state)
        self._sizes = SizeRules(state)
        reception = Reception(state)
        self._frames = FrameRules(state, reception)
        self._sending = SendingRules(state, reception, self._frames)
        self._control = ControlRules(state, GivingRules(state), self._sizes.reception_changed)
        self._guards = GuardRules(state) if state.options.guards else None
        self._masters: dict[int, Callable[[DmaEvent], None]] = {
            Master.RX_DATA: bounds.rx_data,
            Master.RX_WRITEBACK: rings.rx_writeback,
            Master.TX_WRITEBACK: rings.tx_writeback,
            Master.RX_DESC: rings.fetch,
            Master.TX_DESC: rings.fetch,
            Master.TX_DATA: bounds.tx_data,
        }
        self.on_map: Callable[[MapEvent], None] = self._guarded_map if self._guards else self._mapping.event
        """One call of the DMA API."""
        self.on_offer: Callable[[Sequence[WireFrame]], None] = self._frames.offer
        """Frames put on the wire towards the NIC, just before they are."""
        self.on_transmit: Callable[[bytes], None] = self._sending.transmit
        """A frame (without FCS) that the driver was given to send and took."""
        self.on_collect: Callable[[Sequence[bytes]], None] = self._sending.collect
        """Frames (without FCS) that left the NIC."""

    def _guarded_map(self, event: MapEvent) -> None:
        if self._guards is not None:
            self._guards.event(event)
        self._mapping.event(event)

    def on_dma(self, event: DmaEvent) -> None:
        """One bus burst, after memory changed."""
        if not event.ok:
            self._bus.outside(event)
            return
        if event.beats or event.strobes != event.length:
            self._bus.burst(event)
        self._masters[event.master](event)

    def on_buffer(self, event: RxBufferEvent) -> None:
        """A receive buffer is put into a descriptor."""
        if self._guards is not None:
            self._guards.buffer(event)
        self._alignment.buffer(event, self._state.attach(event))
        self._buffers.buffer(event)
        self._sizes.buffer(event)

    def on_frame(self, event: FrameEvent) -> None:
        """The driver has read a frame out of its buffers."""
        self._mapping.frame(event.descriptors)
        if self._guards is not None:
            self._guards.frame(event.descriptors)
        self._frames.receive(event)

    def on_register(self, event: RegisterEvent) -> None:
        """The driver has read or written a register."""
        self._control.event(event)
        self._frames.register(event)

    def on_link(self, up: bool) -> None:
        """The cable was plugged in or pulled."""
        self._state.link = up

    def finish(self) -> list[Verdict]:
        """The verdicts of the run, errors first; asked once, after the driver was closed and removed."""
        self._frames.finish()
        self._sending.finish()
        self._mapping.finish()
        return self._state.ledger.verdicts()
