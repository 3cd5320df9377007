"""What a run cost on the bus, added up from its DMA accesses as they happen.

Nothing here is modelled: bursts, beats and times are those the Verilog NIC showed to memory. Where there is
no bus (the behavioural NIC) there are no beats and cycles, and those metrics are absent.

Terms. A *span* is what one engine moved without a gap: a frame's data over several bursts is one span, cut at
4 KiB or by the burst limit. A line is partial when a burst covers it in part; a DRAM read-modify-write is a
64-byte line that a whole span covers in part, that is after bursts that follow each other were merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from vnic.lab.metrics_pcie import PcieMeter
from vnic.lab.metrics_timing import BatchTiming
from vnic.nic.events import DmaEvent, FrameEvent, Master
from vnic.nic.port import WireFrame

DRAM_LINE: Final = 64
PAGE_4K: Final = 4096
_WRITES: Final = (Master.RX_DATA, Master.RX_WRITEBACK, Master.TX_WRITEBACK)
_DATA: Final = (Master.RX_DATA, Master.TX_DATA)
_DESCRIPTORS: Final = (Master.RX_WRITEBACK, Master.TX_WRITEBACK, Master.RX_DESC, Master.TX_DESC)

Metrics = dict[str, int | float | str | bool | None]
"""Figures by the names of `vnic.lab.results`; what cannot be told is None or absent."""


def partial_units(address: int, length: int, unit: int) -> int:
    """Units of `unit` bytes that `length` bytes from `address` cover in part."""
    if not length:
        return 0
    end = address + length
    head, tail = address % unit != 0, end % unit != 0
    if head and tail and address // unit == end // unit:
        return 1
    return head + tail


class DmaMeter:
    """Adds up the DMA accesses and frames of one run; memory does not grow with the accesses.

    Args:
        line: L1_CACHE_BYTES of the kernel.
        clock_ns: period of the bus clock; 0 where there is none.
        write_latency: of the memory, in cycles.
    """

    def __init__(self, line: int, clock_ns: int, write_latency: int = 0) -> None:
        self._line = line
        self._clock_ns = clock_ns
        self._pcie = PcieMeter()
        self._spans: dict[Master, tuple[int, int]] = {}
        self._bytes = dict.fromkeys(Master, 0)
        self._beats = dict.fromkeys(Master, 0)
        self._bursts = dict.fromkeys(Master, 0)
        self._partial_beats = self._partial_lines = self._splits = self._rmw = 0
        self._frames = self._frame_bytes = 0
        self._offsets: dict[int, int] = {}
        self._timing = BatchTiming(clock_ns, write_latency)

    def feed(self, frames: Iterable[WireFrame]) -> Iterator[WireFrame]:
        """The frames, and the start of the measurement when the first one is asked for: a session does that
        when the driver is open, and what opening moved belongs to no frame."""
        for name in (self._bytes, self._beats, self._bursts):
            name.update(dict.fromkeys(Master, 0))
        self._partial_beats = self._partial_lines = self._splits = 0
        self._flush()
        self._rmw = 0
        self._pcie = PcieMeter()
        yield from frames

    def on_dma(self, event: DmaEvent) -> None:
        """One access."""
        master, address, length = event.master, event.address, event.length
        self._bytes[master] += event.strobes
        self._beats[master] += event.beats
        self._bursts[master] += 1
        start, end = self._spans.get(master, (0, 0))
        # Two fetches or write-backs next to each other in the ring are still two requests.
        if end != address or master not in _DATA:
            self._close(master)
            start = address
        elif event.burst_address % PAGE_4K == 0:
            self._splits += 1
        self._spans[master] = (start, address + length)
        if not event.write:
            return
        if event.beats:
            self._partial_beats += partial_units(address, length, event.beat_bytes)
            self._timing.on_write(event)
        self._partial_lines += partial_units(address, length, self._line)

    def on_frame(self, event: FrameEvent) -> None:
        """One frame that the driver got; its DMA has been told before."""
        self._frames += 1
        self._frame_bytes += len(event.data)
        self._timing.on_frame(event)
        offset = event.descriptors[0].address % self._line
        self._offsets[offset] = self._offsets.get(offset, 0) + 1

    def end_batch(self, offered: int, arrivals: Sequence[int]) -> None:
        """A batch is over.

        Args:
            offered: frames offered since the run began.
            arrivals: when each of them was in the NIC, in nanoseconds; empty where nobody can tell.
        """
        self._timing.end_batch(offered, arrivals)

    def _close(self, master: Master) -> None:
        """A span of `master` is complete."""
        start, end = self._spans.pop(master, (0, 0))
        if end > start:
            write = master in _WRITES
            self._pcie.add(start, end - start, write=write)
            if write:
                self._rmw += partial_units(start, end - start, DRAM_LINE)

    def _flush(self) -> None:
        for master in tuple(self._spans):
            self._close(master)

    def metrics(self, cycles: int) -> Metrics:
        """All of it per frame received, under the names of `vnic.lab.results`; `cycles` of the session."""
        self._flush()
        frames = self._frames
        if not frames:
            return {"frames_received": 0}
        moved = sum(self._bytes.values())
        descriptor_bytes = sum(self._bytes[master] for master in _DESCRIPTORS)
        found: Metrics = {
            "frames_received": frames,
            "frame_bytes_mean": self._frame_bytes / frames,
            "dma_offset": max(self._offsets, key=lambda offset: self._offsets[offset]),
            "bursts_per_frame": sum(self._bursts.values()) / frames,
            "splits_4k_per_frame": self._splits / frames,
            "partial_lines_per_frame": self._partial_lines / frames,
            "descriptor_bytes_share": descriptor_bytes / moved if moved else None,
            "dram_rmw_per_frame": self._rmw / frames,
            **self._pcie.metrics(frames, self._frame_bytes),
        }
        if self._clock_ns and cycles:
            found |= self._clocked(cycles)
        return found

    def _clocked(self, cycles: int) -> Metrics:
        """What takes a bus and a clock."""
        frames, beats = self._frames, self._beats
        written = sum(beats[master] for master in _WRITES)
        descriptors = sum(beats[master] for master in _DESCRIPTORS)
        total = sum(beats.values())
        found: Metrics = {
            "cycles_per_frame": cycles / frames,
            "beats_per_frame": total / frames,
            "data_beats_per_frame": (beats[Master.RX_DATA] + beats[Master.TX_DATA]) / frames,
            "partial_beats_share": self._partial_beats / written if written else None,
            "descriptor_beats_share": descriptors / total if total else None,
            **self._timing.metrics(),
        }
        return found
