"""Reception of every size into buffers with guard bytes; runs inside the simulator."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.sim.bare import BUFFERS, FCS, GUARD, BareRing, frame_bytes
from vnic.memory import HostMemory
from vnic.nic.events import DmaEvent, Master
from vnic.nic.port import WireFrame
from vnic.nic.registers import RCTL
from vnic.targets.icarus_target import IcarusTarget

GAP = 192
BSIZE = {
    256: RCTL.BSIZE_256,
    512: RCTL.BSIZE_512,
    1024: RCTL.BSIZE_1024,
    2048: RCTL.BSIZE_2048,
    4096: RCTL.BSIZE_256 | RCTL.BSEX,
    8192: RCTL.BSIZE_512 | RCTL.BSEX,
    16384: RCTL.BSIZE_1024 | RCTL.BSEX,
}


async def sizes(
    target: IcarusTarget, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> dict[str, int]:
    """Frames of `lengths` (bytes without FCS), into buffers of `buffer` bytes at random alignment.

    Checked for each frame: every byte, the guard bytes round each buffer, every descriptor field, and on the
    bus that no burst leaves its buffer, has a hole, crosses 4 KiB or is longer than `max_beats`.
    """
    rng = random.Random(spec["seed"])
    size = spec["buffer"]
    events: list[DmaEvent] = []
    target.on_dma = events.append
    strip = RCTL.SECRC if spec["strip"] else 0
    ring = BareRing(target, memory)
    lengths: list[int] = spec["lengths"]
    bursts = frames_done = 0
    while frames_done < len(lengths):
        batch = lengths[frames_done : frames_done + spec["batch"]]
        frames = [WireFrame(frame_bytes(length, frames_done + index)) for index, length in enumerate(batch)]
        on_line = [length + (0 if strip else FCS) for length in batch]
        parts = [(line + size - 1) // size for line in on_line]
        addresses: list[int] = []
        here = BUFFERS
        for _ in range(sum(parts)):
            here += GAP + rng.randrange(64)
            addresses.append(here)
            here += size
        memory.fill(BUFFERS, here + GAP - BUFFERS, GUARD)
        await ring.start(addresses, RCTL.EN | RCTL.BAM | RCTL.LPE | strip | BSIZE[size])
        await target.settle()
        events.clear()
        await target.wire.offer(frames)
        await target.settle()
        check_memory(memory, ring, frames, parts, addresses, size, bool(strip))
        bursts += check_bursts(events, addresses, size, sum(on_line), spec["max_beats"])
        frames_done += len(batch)
        progress(frames_done, len(lengths))
    return {"frames": frames_done, "bursts": bursts}


def check_memory(
    memory: HostMemory,
    ring: BareRing,
    frames: list[WireFrame],
    parts: list[int],
    addresses: list[int],
    size: int,
    strip: bool,
) -> None:
    slot = 0
    for frame, count in zip(frames, parts, strict=True):
        got = b""
        for part in range(count):
            address, length, status, errors = ring.descriptor(slot)
            last = part == count - 1
            assert address == addresses[slot]
            assert (status, errors) == (0x7 if last else 0x1, 0), (len(frame.data), part, status, errors)
            assert length == size or last, (len(frame.data), part, length)
            got += memory.read(address, length)
            around = memory.read(address - GAP, GAP) + memory.read(address + length, size - length + GAP // 2)
            assert around == bytes([GUARD]) * len(around), f"byte outside frame of {len(frame.data)} changed"
            slot += 1
        data = got if strip else got[:-FCS]
        assert data == frame.data, f"frame of {len(frame.data)} bytes arrived changed"


def check_bursts(events: list[DmaEvent], addresses: list[int], size: int, total: int, max_beats: int) -> int:
    writes = [event for event in events if event.master == Master.RX_DATA]
    assert sum(event.length for event in writes) == total
    for event in events:
        assert event.ok
        assert event.strobes == event.length, event
        assert event.beats <= max_beats, event
        base = event.burst_address - event.burst_address % event.beat_bytes
        assert base // 4096 == (base + event.beats * event.beat_bytes - 1) // 4096, event
    starts = sorted(addresses)
    for event in writes:
        index = max(i for i, start in enumerate(starts) if start <= event.address)
        assert event.address + event.length <= starts[index] + size, event
    return len(writes)


async def outside(
    target: IcarusTarget, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> list[list[Any]]:
    """Three frames, the middle one into a buffer where there is no memory."""
    events: list[DmaEvent] = []
    target.on_dma = events.append
    ring = BareRing(target, memory)
    nowhere = spec["nowhere"]
    frames = [WireFrame(frame_bytes(200, index)) for index in range(3)]
    await ring.start([BUFFERS, nowhere, BUFFERS + 4096], RCTL.EN | RCTL.BAM)
    await target.wire.offer(frames)
    await target.settle()
    assert memory.read(BUFFERS, 200) == frames[0].data
    assert memory.read(BUFFERS + 4096, 200) == frames[2].data
    return [[event.address, event.ok] for event in events if event.master == Master.RX_DATA]
