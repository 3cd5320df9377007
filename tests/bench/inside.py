"""What the benchmarks run inside the simulator."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.sim.bare import BUFFERS, FCS, BareRing, frame_bytes
from vnic.memory import HostMemory
from vnic.nic.events import DmaEvent
from vnic.nic.port import WireFrame
from vnic.nic.registers import RCTL, Reg
from vnic.targets.base import Target
from vnic.targets.run import RunSpec, session, write_frames

Progress = Callable[[int, int], None]
SLOTS = 256


def broadcast(length: int, count: int) -> list[WireFrame]:
    """`count` times the same frame of `length` bytes with FCS, as sim/vnic_pure_bench.v sends it."""
    return [WireFrame(frame_bytes(length - FCS, 0))] * count


async def bare(
    target: Target, memory: HostMemory, spec: dict[str, Any], progress: Progress
) -> dict[str, float]:
    """The work of sim/vnic_pure_bench.v: a ring kept full, `frames` times `length` bytes, nothing checked.

    Bus events are collected, as for the checks. Returns processor seconds and frames.
    """
    events: list[DmaEvent] = []
    target.on_dma = events.append
    ring = BareRing(target, memory)
    await ring.start([BUFFERS + index * 2048 + 2 for index in range(SLOTS - 1)], RCTL.EN | RCTL.BAM)
    await target.settle()
    batch, done, tail = min(spec["batch"], spec["frames"]), 0, SLOTS - 1
    began = time.process_time()
    while done < spec["frames"]:
        await target.wire.offer(broadcast(spec["length"], batch))
        await target.settle()
        done += batch
        tail = (tail + batch) % ring.slots
        await target.write32(Reg.RDT, tail)
        events.clear()
        progress(done, spec["frames"])
    return {"cpu_s": time.process_time() - began, "frames": done}


async def timed_session(
    target: Target, memory: HostMemory, spec: dict[str, Any], progress: Progress
) -> dict[str, float]:
    """A whole session, timed from the first batch offered to the last."""
    marks: list[tuple[float, int]] = []

    def mark(done: int, total: int) -> None:
        marks.append((time.process_time(), done))
        progress(done, total)

    await session(target, memory, spec, mark)
    (began, first), (ended, last) = marks[0], marks[-1]
    return {"cpu_s": ended - began, "frames": last - first}


def session_spec(folder: Path, length: int, count: int, **fields: Any) -> RunSpec:
    """A session of `count` equal frames of `length` bytes without FCS, with all checks."""
    frames = folder / f"frames-{length}-{count}"
    write_frames(frames, (WireFrame(frame_bytes(length, index)) for index in range(count)))
    return RunSpec("6.1/x86_64", str(frames), count, **fields)
