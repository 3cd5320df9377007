"""Entries that behave, or do not; run inside the simulator."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from vnic.errors import UsageError
from vnic.memory import HostMemory
from vnic.targets.icarus_target import IcarusTarget

Progress = Callable[[int, int], None]


async def start_burst(
    target: IcarusTarget, memory: HostMemory, spec: dict[str, Any], progress: Progress
) -> dict[str, Any]:
    """One burst of the master in tests/sim/rude, and what became of it."""
    events: list[Any] = []
    target.on_dma = events.append
    if spec.get("read"):
        return {"value": await target.read32(0)}
    for _ in range(spec.get("bursts", 1)):
        await target.write32(0, 0)
        await target.settle(200_000)
    frames = [frame.hex() for frame in await target.wire.collect()]
    return {
        "memory": memory.read(0x1000, 16).hex(),
        "frames": frames,
        "events": [list(event) for event in events],
        "traffic": target.traffic().partial_lines,
    }


async def misbehave(target: Any, memory: HostMemory, spec: dict[str, Any], progress: Progress) -> Any:
    """Raise, hang, crash or leave, as `spec` says."""
    progress(1, 2)
    match spec["how"]:
        case "usage":
            raise UsageError("mtu 7: the driver takes 46 to 16110 bytes")
        case "bug":
            raise KeyError("nothing here")
        case "hang":
            while True:
                pass
        case "crash":
            os.abort()
        case "exit":
            os._exit(3)
        case how:
            return {"how": how, "size": memory.size, "cycles": target.cycles}
