"""Times of frames on a bus with a clock: steady cycles per frame, efficiency, latency.

Frames come in batches, back to back, as fast as the NIC's input takes them. Steady cycles run from the first
frame's last data beat (its response, less the memory's write latency) to the response that makes the last
frame's descriptor visible, over all frames but the first: filling is not in them; the write-backs of all
frames are, and one wait for the last of them. Efficiency is ideal by steady cycles: the fewest data beats of
those frames and the beats of their descriptors, one beat a cycle. Latency runs from a frame's last beat into
the NIC to the response that makes its last descriptor visible; in a batch it contains the wait behind the
frames before it, with `batch = 1` it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from vnic.nic.events import DmaEvent, FrameEvent, Master

DESCRIPTOR_BYTES: Final = 16
PLACES: Final = {"min": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


class BatchTiming:
    """Adds up the times of a run, batch by batch. `clock_ns`: period of the clock, 0 where there is none;
    `write_latency`: cycles from a burst's last beat to its response."""

    def __init__(self, clock_ns: int, write_latency: int = 0) -> None:
        self._clock_ns = clock_ns
        self._write_ns = write_latency * clock_ns
        self._beat_bytes = 0
        # Of the batch under way: (time, bytes) of data bursts and write-backs; descriptor lengths by frame.
        self._data: list[tuple[int, int]] = []
        self._writebacks: list[tuple[int, int]] = []
        self._frames: list[list[int]] = []
        self._offered = 0
        self._latencies: list[int] = []
        self._latency_known = clock_ns > 0
        self._steady_ns = self._steady_frames = 0
        self._ideal = 0.0

    def on_write(self, event: DmaEvent) -> None:
        """One write on the bus."""
        self._beat_bytes = event.beat_bytes
        if event.master is Master.RX_DATA:
            self._data.append((event.time_ns, event.strobes))
        elif event.master is Master.RX_WRITEBACK:
            self._writebacks.append((event.time_ns, event.length))

    def on_frame(self, event: FrameEvent) -> None:
        """One frame that the driver got."""
        self._frames.append([word.length for word in event.descriptors])

    def end_batch(self, offered: int, arrivals: Sequence[int]) -> None:
        """A batch is over: `offered` frames since the run began, and when each of them was in the NIC."""
        mine = arrivals[self._offered : offered]
        count = offered - self._offered
        self._offered = offered
        visible = _ends(self._writebacks, [DESCRIPTOR_BYTES * len(frame) for frame in self._frames])
        # Of a frame that was dropped or is still on its way, no one can tell which arrival was its.
        if len(mine) == len(visible) == count:
            self._latencies += [after - before for before, after in zip(mine, visible, strict=True)]
        else:
            self._latency_known = False
        self._add_steady(_ends(self._data, [sum(frame) for frame in self._frames]), visible)
        self._data.clear()
        self._writebacks.clear()
        self._frames.clear()

    def _add_steady(self, written: Sequence[int], visible: Sequence[int]) -> None:
        """A batch, whose frames were written and became visible at these times."""
        if len(written) < 2 or len(visible) < len(written):
            return
        self._steady_ns += visible[-1] - (written[0] - self._write_ns)
        self._steady_frames += len(written) - 1
        for frame in self._frames[1 : len(written)]:
            self._ideal += sum(-(-part // self._beat_bytes) for part in frame)
            self._ideal += DESCRIPTOR_BYTES * len(frame) / self._beat_bytes

    def metrics(self) -> dict[str, int | float | str | bool | None]:
        """Under the names of `vnic.lab.results`; absent what could not be told."""
        found: dict[str, int | float | str | bool | None] = {}
        cycles = self._steady_ns / self._clock_ns if self._clock_ns else 0
        if cycles:
            found["steady_cycles_per_frame"] = cycles / self._steady_frames
            found["efficiency"] = self._ideal / cycles
        if self._latency_known and self._latencies:
            ordered = sorted(self._latencies)
            for name, place in PLACES.items():
                found[f"latency_{name}_cycles"] = ordered[round(place * (len(ordered) - 1))] / self._clock_ns
        return found


def _ends(bursts: Sequence[tuple[int, int]], lengths: Sequence[int]) -> list[int]:
    """When the last byte of each of several pieces was written; as many as the bursts cover whole."""
    ends: list[int] = []
    at = covered = 0
    for border in accumulate(lengths):
        while covered < border and at < len(bursts):
            covered += bursts[at][1]
            at += 1
        if covered < border:
            break
        ends.append(bursts[at - 1][0])
    return ends
