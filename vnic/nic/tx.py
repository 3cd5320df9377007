"""The transmitter: from descriptors in host memory to a frame at the MAC.

8254x SDM 3.3 (transmit), 13.4.33 (TCTL), 13.7 (statistics). Legacy descriptors; one with DEXT set is
consumed without data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vnic.nic.bus import DmaBus
from vnic.nic.descriptors import TX_STRUCT, TxCommand, TxStatus
from vnic.nic.events import Master
from vnic.nic.filter import BROADCAST
from vnic.nic.interrupts import DelayedCause, Interrupts
from vnic.nic.registers import ICR, TCTL, Reg
from vnic.nic.ring import Ring
from vnic.nic.rx import FCS_BYTES, MIN_FRAME
from vnic.nic.stats import TX_SIZES, Statistics, size_class

MAX_DATA: Final = 16288
"""Longest frame, before padding and without FCS: the SDM's limit on a packet from memory (3.3)."""
MIN_DATA: Final = MIN_FRAME - FCS_BYTES

_EOP: Final = int(TxCommand.EOP)
_RS: Final = int(TxCommand.RS)
_IFCS: Final = int(TxCommand.IFCS)
_DEXT: Final = int(TxCommand.DEXT)
_IDE: Final = int(TxCommand.IDE)
_DD: Final = int(TxStatus.DD)
_TPT, _TOT, _GPTC, _GOTC, _BPTC, _MPTC = map(
    int, (Reg.TPT, Reg.TOTL, Reg.GPTC, Reg.GOTCL, Reg.BPTC, Reg.MPTC)
)

_pack = TX_STRUCT.pack

SendFrame = Callable[[bytes], None]
"""Takes a whole frame, without the FCS that the controller appends."""


class Transmitter:
    """Descriptor ring and counters of the transmit side.

    ``send`` gets each frame that goes out; with ``online`` False frames are lost and not counted.
    ``loopback`` says that frames come back with an FCS. ``delay`` is TIDV/TADV with the TXDW cause.
    """

    __slots__ = (
        "_bus", "_counts", "_ide_only", "_interrupts", "_parts", "_send", "_size", "delay", "enabled",
        "loopback", "online", "pad", "ring",
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
        self._ide_only = True  # whether all descriptors that wait for their write-back have IDE
        self.ring.reset()
        self.delay.reset()
        self.drop_partial()

    def drop_partial(self) -> None:
        """Forget what has been gathered of a frame whose last descriptor is still to come."""
        self._parts: list[bytes] = []
        self._size = 0

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
            address, length, cso, command, status, css, special = ready.pop()
            if not command & _DEXT:
                self._gather(address, length)
                if command & _EOP:
                    self._finish(bool(command & _IFCS))
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

    def _finish(self, insert_fcs: bool) -> None:
        """The frame is complete: send it, unless it is empty, too long or there is nowhere to send it."""
        parts, size = self._parts, self._size
        self.drop_partial()
        if not 0 < size <= MAX_DATA or not self.online:
            return
        frame = parts[0] if len(parts) == 1 else b"".join(parts)
        if insert_fcs and self.pad and size < MIN_DATA:
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
