"""What the tests in here share: running an entry of this folder in Icarus, or on the model in process."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from vnic.memory import HostMemory
from vnic.nic.port import run
from vnic.targets.icarus import IcarusJob, IcarusResult, run_icarus
from vnic.targets.model import ModelTarget

REPO = Path(__file__).resolve().parents[2]
MIB = 1 << 20


def icarus(
    out: Path,
    entry: str,
    spec: Mapping[str, Any],
    width: int = 64,
    *,
    memory_size: int = 64 * MIB,
    **job: Any,
) -> IcarusResult:
    """Run `tests.sim.<entry>` on the RTL at `width` bits."""
    out.mkdir(parents=True, exist_ok=True)
    parameters = {"DATA_WIDTH": width, **job.pop("parameters", {})}
    job.setdefault("silence_s", 120.0)
    return run_icarus(
        IcarusJob(
            entry=f"tests.sim.{entry}",
            spec=spec,
            out=out,
            parameters=parameters,
            memory_size=memory_size,
            search=(REPO,),
            **job,
        )
    )


def unheard(_done: int, _total: int) -> None:
    """Progress that nobody wants to know."""


def model(
    entry: Callable[..., Coroutine[Any, Any, Any]], spec: Mapping[str, Any], *, memory_size: int = 64 * MIB
) -> Any:
    """Run the same coroutine function on the behavioural NIC; its value passes JSON as the other's does."""
    with HostMemory(memory_size) as memory:
        value = run(entry(ModelTarget(memory), memory, dict(spec), unheard))
    return json.loads(json.dumps(value))
