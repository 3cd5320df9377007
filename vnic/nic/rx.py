"""The receiver: from a frame at the MAC to bytes in host memory.

8254x SDM 3.2 (receive), 13.4.22 (RCTL), 13.7 (statistics). Frames here include the 4-byte FCS, and "length"
counts it. What offloads do to a frame is in ``offload_rx``. Where the manual is silent (order of checks, FIFO
granularity, RNBC) the Verilog NIC does the same.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from vnic.nic.bus import DmaBus
from vnic.nic.descriptors import RX_ADDRESS_STRUCT, RX_STRUCT, RxErrors, RxStatus
from vnic.nic.events import Master
from vnic.nic.filter import AddressFilter
from vnic.nic.interrupts import DelayedCause, Interrupts
from vnic.nic.offload_rx import ReceiveOffload, Stored
from vnic.nic.registers import ICR, RCTL, Reg
from vnic.nic.ring import Ring
from vnic.nic.stats import RX_SIZES, Statistics, size_class
from vnic.nic.vlan import FCS_BYTES

FIFO_BYTES: Final = 49152
BLOCK_BYTES: Final = 64
"""The FIFO is handed out in blocks."""
MIN_FRAME: Final = 64
MAX_STANDARD: Final = 1522
"""Longest frame without RCTL.LPE: 1518 and a VLAN tag."""
MAX_FRAME: Final = 16384

_DD: Final = int(RxStatus.DD)
_CE: Final = int(RxErrors.CE)
_RXO: Final = int(ICR.RXO)
_RXDMT0: Final = int(ICR.RXDMT0)
_TPR, _TOR, _GPRC, _GORC, _MPC, _RNBC = map(int, (Reg.TPR, Reg.TORL, Reg.GPRC, Reg.GORCL, Reg.MPC, Reg.RNBC))
_BUFFER_BYTES: Final = (2048, 1024, 512, 256)
"""By RCTL.BSIZE."""

_pack = RX_STRUCT.pack


_InFifo = tuple[int, tuple[bytes, int, int, int, int] | Stored]
"""Blocks of a frame in the FIFO; the frame and its descriptors' fields, as in ``Stored``."""


def buffer_bytes(rctl: int) -> int:
    """Size of a receive buffer under ``rctl``, 256 to 16384 bytes. BSEX with BSIZE 0 is reserved: 2048."""
    size = (rctl & RCTL.BSIZE_MASK) >> RCTL.BSIZE_SHIFT
    return _BUFFER_BYTES[size] * (16 if rctl & RCTL.BSEX and size else 1)


class Receiver:
    """FIFO, descriptor ring and counters of the receive side.

    Between two calls from outside nothing that could be done is left undone: whoever calls ``receive`` calls
    ``flush`` after the last frame of a burst. ``delay`` is RDTR/RADV with the RXT0 cause. ``offload`` is None
    while all offloads are off.
    """

    __slots__ = (
        "_bsize", "_bus", "_counted", "_counts", "_fifo", "_filter", "_free_blocks", "_interrupts", "_limit",
        "_rest", "_sbp", "_strip", "_threshold_shift", "_total_blocks", "_whole_frames",
        "delay", "offload", "on", "ring",
    )  # fmt: skip

    def __init__(
        self,
        bus: DmaBus,
        interrupts: Interrupts,
        statistics: Statistics,
        address_filter: AddressFilter,
        fifo_bytes: int = FIFO_BYTES,
    ) -> None:
        self._bus = bus
        self._interrupts = interrupts
        self._counts = statistics.counts
        self._filter = address_filter
        self._total_blocks = fifo_bytes // BLOCK_BYTES
        self._fifo: deque[_InFifo] = deque()
        self.ring = Ring(bus, RX_ADDRESS_STRUCT, Master.RX_DESC, Master.RX_WRITEBACK)
        self.delay = DelayedCause(interrupts, ICR.RXT0)
        self.reset()

    def reset(self) -> None:
        """CTRL.RST: disabled, FIFO empty, ring idle."""
        self.on = False
        self.offload: ReceiveOffload | None = None
        self.ring.reset()
        self.delay.reset()
        self._empty_fifo()
        self.configure(0)

    def _empty_fifo(self) -> None:
        self._fifo.clear()
        self._free_blocks = self._total_blocks
        self._rest = b""  # what the frame at the head has still to write, if a part is written
        self._counted = 0  # frames at the head of the FIFO that RNBC has counted
        self._whole_frames = 0  # last descriptors done and not yet written back

    def configure(self, rctl: int) -> None:
        """RCTL was written. Disabling empties the FIFO, uncounted, and discards descriptors fetched ahead."""
        self._sbp = bool(rctl & RCTL.SBP)
        self._limit = MAX_FRAME if rctl & RCTL.LPE else MAX_STANDARD
        self._strip = bool(rctl & RCTL.SECRC)
        self._bsize = buffer_bytes(rctl)
        self._threshold_shift = ((rctl & RCTL.RDMTS_MASK) >> RCTL.RDMTS_SHIFT) + 1
        if not rctl & RCTL.EN:
            self._empty_fifo()
            self.ring.discard()

    def receive(self, frame: bytes, bad_fcs: bool) -> None:
        """A frame, FCS included, has come in; ``bad_fcs`` is the MAC's judgement of it."""
        if not self.on:
            return
        length = len(frame)
        counts = self._counts
        counts[_TPR] += 1
        counts[_TOR] += length
        good = MIN_FRAME <= length <= self._limit and not bad_fcs
        if not good and not self._tolerate(length, bad_fcs):
            return
        accept, status, counter = self._filter.judge(frame[:6])
        offload = self.offload
        if not accept or (offload and not offload.passes(frame)):
            return
        blocks = (length + BLOCK_BYTES - 1) // BLOCK_BYTES
        if blocks > self._free_blocks:
            counts[_MPC] += 1
            self._interrupts.raise_causes(_RXO)
            return
        if good:
            counts[_GPRC] += 1
            counts[_GORC] += length
            counts[RX_SIZES[size_class(length)]] += 1
            if counter:
                counts[counter] += 1
        self._free_blocks -= blocks
        errors = _CE if bad_fcs else 0
        plain = (frame, status, errors, 0, 0)
        self._fifo.append((blocks, offload.apply(frame, status, errors, good) if offload else plain))
        self.drain()

    def _tolerate(self, length: int, bad_fcs: bool) -> bool:
        """Count a frame that is not good; True if RCTL.SBP lets it pass nevertheless."""
        counts = self._counts
        if length > MAX_FRAME:
            counts[Reg.RJC if bad_fcs else Reg.ROC] += 1
            return False
        if bad_fcs:
            counts[Reg.CRCERRS if length >= MIN_FRAME else Reg.RFC] += 1
            if length > self._limit:
                counts[Reg.RJC] += 1
        else:
            counts[Reg.RUC if length < MIN_FRAME else Reg.ROC] += 1
        return self._sbp

    def drain(self) -> None:
        """Move frames from the FIFO to memory while there are descriptors."""
        fifo = self._fifo
        ring = self.ring
        ready = ring.ready
        bsize = self._bsize
        while fifo:
            blocks, (frame, status, errors, checksum, special) = fifo[0]
            if not ready and not ring.fetch():
                self._starve()
                return
            (address,) = ready.pop()
            if self._rest:
                checksum = 0  # it stands in the first descriptor
            data = self._rest or (frame[:-FCS_BYTES] if self._strip else frame)
            last = len(data) <= bsize
            part = data if last else data[:bsize]
            if part:
                self._bus.write(Master.RX_DATA, address, part)
            if last:
                fifo.popleft()
                self._free_blocks += blocks
                self._rest = b""
                self._whole_frames += 1
                if self._counted:
                    self._counted -= 1
                written = _pack(address, len(part), checksum, status, errors, special)
            else:
                self._rest = data[bsize:]
                written = _pack(address, bsize, checksum, _DD, 0, 0)
            if ring.done(written):
                self.flush()

    def _starve(self) -> None:
        """The frame at the head wants a descriptor and there is none: count what waits, each frame once."""
        waiting = len(self._fifo)
        self._counts[_RNBC] += waiting - self._counted
        self._counted = waiting

    def flush(self) -> None:
        """Write finished descriptors back, then tell the driver."""
        ring = self.ring
        before = ring.visible_free if ring.count else 0
        if not ring.flush():
            return
        if self._whole_frames:
            self._whole_frames = 0
            self.delay.event(self._bus.now_ns)
        threshold = ring.count >> self._threshold_shift
        if before > threshold >= ring.visible_free:
            self._interrupts.raise_causes(_RXDMT0)
