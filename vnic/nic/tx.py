"""The transmitter: from descriptors in host memory to a frame at the MAC.

8254x SDM 3.3 (transmit), 13.4.33 (TCTL), 13.7 (statistics). What offloads do to a frame is in ``offload_tx``
and ``vlan``; here is which descriptor's word counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vnic.nic.bus import DmaBus
from vnic.nic.checksum import Insertion, insert
from vnic.nic.descriptors import TX_STRUCT, TxCommand, TxContextCommand, TxDataCommand, TxStatus, TxType
from vnic.nic.events import Master
from vnic.nic.filter import BROADCAST
from vnic.nic.interrupts import DelayedCause, Interrupts
from vnic.nic.offload_tx import MAX_DATA, Context, Segmentation
from vnic.nic.registers import ICR, TCTL, Reg
from vnic.nic.ring import Ring
from vnic.nic.rx import MIN_FRAME
from vnic.nic.stats import TX_SIZES, Statistics, size_class
from vnic.nic.vlan import FCS_BYTES, insert_tag

MIN_DATA: Final = MIN_FRAME - FCS_BYTES

_EOP: Final = int(TxCommand.EOP)
_RS: Final = int(TxCommand.RS)
_IFCS: Final = int(TxCommand.IFCS)
_IC: Final = int(TxCommand.IC)
_DEXT: Final = int(TxCommand.DEXT)
_VLE: Final = int(TxCommand.VLE)
_TSE: Final = int(TxDataCommand.TSE)
_IDE: Final = int(TxCommand.IDE)
_DD: Final = int(TxStatus.DD)
_TPT, _TOT, _GPTC, _GOTC, _BPTC, _MPTC = map(
    int, (Reg.TPT, Reg.TOTL, Reg.GPTC, Reg.GOTCL, Reg.BPTC, Reg.MPTC)
)
_TSCTC, _TSCTFC = int(Reg.TSCTC), int(Reg.TSCTFC)

_pack = TX_STRUCT.pack

SendFrame = Callable[[bytes], None]
"""Takes a whole frame, without the FCS that the controller appends."""

_Fetched = tuple[int, int, int, int, int, int, int]
"""A descriptor as ``TX_STRUCT`` unpacks it."""


class Transmitter:
    """Descriptor ring and counters of the transmit side.

    ``send`` gets each frame that goes out; with ``online`` False frames are lost and not counted.
    ``loopback`` says that frames come back with an FCS. ``delay`` is TIDV/TADV with the TXDW cause.
    ``tag_type`` is VET (2 bytes) while CTRL.VME is set, None otherwise.
    """

    __slots__ = (
        "_bus", "_context", "_counts", "_first", "_ide_only", "_insertions", "_interrupts", "_parts",
        "_segment_context", "_segmentation", "_send", "_size",
        "delay", "enabled", "loopback", "online", "pad", "ring", "tag_type",
    )  # fmt: skip

    def __init__(self, bus: DmaBus, interrupts: Interrupts, statistics: Statistics, send: SendFrame) -> None:
        self._bus = bus
        self._interrupts = interrupts
        self._counts = statistics.counts
        self._send = send
        self.ring = Ring(bus, TX_STRUCT, Master.TX_DESC, Master.TX_WRITEBACK)
        self.delay = DelayedCause(interrupts, ICR.TXDW)
        self.reset()

    def reset(self) -> None:
        """CTRL.RST: disabled, no partial frame, ring idle."""
        self.online = False
        self.loopback = False
        self.enabled = False
        self.pad = False
        self.tag_type: bytes | None = None
        self._context = self._segment_context = Context()
        self._ide_only = True  # whether all descriptors that wait for their write-back have IDE
        self.ring.reset()
        self.delay.reset()
        self.drop_partial()

    def drop_partial(self) -> None:
        """Forget what has been gathered of a frame whose last descriptor is still to come."""
        self._parts: list[bytes] = []
        self._size = 0
        self._first: _Fetched | None = None  # the packet's first descriptor
        self._insertions: tuple[Insertion, ...] = ()  # checksums, if that was a data descriptor
        self._segmentation: Segmentation | None = None  # if it had TSE

    def configure(self, tctl: int) -> None:
        """TCTL was written. Disabling keeps a partial frame."""
        self.enabled = bool(tctl & TCTL.EN)
        self.pad = bool(tctl & TCTL.PSP)

    def run(self) -> None:
        """Complete every descriptor that software has given."""
        if not self.enabled:
            return
        ring = self.ring
        ready = ring.ready
        worked = False
        while ready or ring.fetch():
            worked = True
            descriptor = ready.pop()
            address, length, cso, command, status, css, special = descriptor
            if command & _DEXT or self._segmentation:
                self._extended(descriptor)
            else:
                if self._first is None:
                    self._first = descriptor
                self._gather(address, length)
                if command & _EOP:
                    self._finish(command, special)
            if command & _RS:
                if not command & _IDE:
                    self._ide_only = False
                if ring.done(_pack(address, length, cso, command, status | _DD, css, special)):
                    self._flush()
            else:
                self._flush()
                ring.skip()
        self._flush()
        if worked:
            self._interrupts.raise_causes(ICR.TXQE)

    def _gather(self, address: int, length: int) -> None:
        """Add what a descriptor brings to the frame; what makes it too long is not even read."""
        self._size += length
        if length and self._size <= MAX_DATA:
            self._parts.append(self._bus.read(Master.TX_DATA, address, length))

    def _extended(self, descriptor: _Fetched) -> None:
        """A descriptor with DEXT set, or any one inside a segmentation."""
        address, length, cso, command, _status, css, special = descriptor
        if command & _DEXT:
            length |= (cso & 0xF) << 16  # DTALEN, PAYLEN
            if cso >> 4 == TxType.CONTEXT:
                context = Context.of(address, length, command, css, special)
                if command & TxContextCommand.TSE:
                    self._segment_context = context
                else:
                    self._context = context
                return
            if cso >> 4 != TxType.DATA:
                return
            if self._first is None:
                self._begin(descriptor)
        if self._segmentation:
            self._segment(self._segmentation, address, length, bool(command & _EOP))
            return
        self._gather(address, length)
        if command & _EOP:
            self._finish(command, special)

    def _begin(self, descriptor: _Fetched) -> None:
        """A packet begins with a data descriptor: its POPTS and the context of now hold to the end."""
        self._first = descriptor
        options = descriptor[5]
        if descriptor[3] & _TSE:
            self._segmentation = Segmentation(self._segment_context, options)
        else:
            self._insertions = self._context.insertions(options)

    def _segment(self, segmentation: Segmentation, address: int, length: int, end: bool) -> None:
        """A descriptor of a segmentation: send what segments are complete with it."""
        useful = segmentation.useful(length)
        segmentation.received += length
        if useful and self._first is not None:
            command, special = self._first[3], self._first[6]
            for frame in segmentation.feed(self._bus.read(Master.TX_DATA, address, useful)):
                if self.online:
                    self._transmit(frame, command, special)
        if end:
            self._counts[_TSCTC if segmentation.complete else _TSCTFC] += 1
            self.drop_partial()

    def _finish(self, command: int, special: int) -> None:
        """The frame is complete: send it, unless it is empty, too long or there is nowhere to send it.

        ``command`` and ``special`` are those of the descriptor with EOP.
        """
        parts, size, first, insertions = self._parts, self._size, self._first, self._insertions
        self.drop_partial()
        if not 0 < size <= MAX_DATA or not self.online:
            return
        frame = parts[0] if len(parts) == 1 else b"".join(parts)
        if insertions:
            frame = insert(frame, insertions)
        elif command & (_IC | _DEXT) == _IC and first is not None and not first[3] & _DEXT:
            frame = insert(frame, (Insertion(first[5], first[2], 0, False),))
        self._transmit(frame, command, special)

    def _transmit(self, frame: bytes, command: int, special: int) -> None:
        """Tag and pad a frame as ``command`` says, count it and send it."""
        insert_fcs = bool(command & _IFCS)
        if command & _VLE and self.tag_type:
            frame = insert_tag(frame, self.tag_type, special)
        if insert_fcs and self.pad and len(frame) < MIN_DATA:
            frame = frame.ljust(MIN_DATA, b"\0")
        # The FCS is the controller's or the last bytes of the driver's data; looped frames always get one.
        length = len(frame) + FCS_BYTES if insert_fcs or self.loopback else len(frame)
        counts = self._counts
        counts[_TPT] += 1
        counts[_TOT] += length
        counts[_GPTC] += 1
        counts[_GOTC] += length
        if length >= MIN_FRAME:
            counts[TX_SIZES[size_class(length)]] += 1
        if frame[0] & 1:
            counts[_BPTC if frame.startswith(BROADCAST) else _MPTC] += 1
        self._send(frame)

    def _flush(self) -> None:
        """Write completed descriptors back, then tell the driver."""
        if not self.ring.flush():
            return
        if self._ide_only:
            self.delay.event(self._bus.now_ns)
        else:
            self.delay.fire()
        self._ide_only = True
