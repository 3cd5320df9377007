"""Running points: one after the other on the behavioural NIC, or in one simulator on the Verilog NIC.

What goes to a worker and comes back is JSON, so that it may be another process or another machine.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vnic.checks.checker import Checker
from vnic.checks.verdict import Verdict
from vnic.errors import VnicError
from vnic.lab.metrics import DmaMeter, Metrics
from vnic.lab.metrics_kernel import KernelCosts
from vnic.lab.sweep_params import (
    BUILD,
    Value,
    bench_settings,
    encapsulations,
    frames_for,
    options,
    profile_for,
)
from vnic.linux.kernel import Kernel
from vnic.memory import HostMemory
from vnic.nic.port import run
from vnic.targets.base import Target
from vnic.targets.session import run_session

MEMORY_BYTES: Final = 64 << 20
ENTRY: Final = f"{__name__}:play_chunk"
ROWS: Final = "rows.jsonl"
_KERNEL_NAMES: Final = ("kernel", "net_skb_pad", "net_ip_align", "l1_cache_bytes")

Point = Mapping[str, Value]
Row = dict[str, Any]

_costs: dict[tuple[Value, ...], KernelCosts] = {}


def kernel_costs(point: Point) -> KernelCosts:
    """The costs of a point's kernel; one object for all points of that kernel in this process."""
    key = tuple(point[name] for name in _KERNEL_NAMES)
    if key not in _costs:
        _costs[key] = KernelCosts(profile_for(point))
    return _costs[key]


async def measure_point(target: Target, memory: HostMemory, point: Point, clock_ns: int) -> Metrics:
    """Play a point's frames and return its metrics.

    Args:
        target: a NIC as after reset. memory: fresh, what it masters. point: all parameters.
        clock_ns: of the bus; 0 for the behavioural NIC. With a clock, `target` tells arrivals.

    Raises:
        VnicError: what the session or the kernel raises.
    """
    profile = profile_for(point)
    frames = frames_for(point)
    mean = sum(len(frame.data) for frame in frames) // len(frames)
    tunnels = encapsulations(point)
    mtu, buffer, strategy = point["mtu"], point["buffer"], point["strategy"]
    assert isinstance(mtu, int)
    assert buffer is None or isinstance(buffer, int)
    assert strategy is None or isinstance(strategy, str)
    costs = kernel_costs(point).metrics(mtu, buffer, strategy, tunnels, mean)
    meter = DmaMeter(profile.l1_cache_bytes, clock_ns, bench_settings(point)["write_latency"])
    arrivals: Callable[[], list[int]] = getattr(target, "arrivals", list)
    result = await run_session(
        target,
        Kernel(profile, memory),
        meter.feed(frames),
        options(point),
        checker=Checker(profile, memory),
        on_received=meter.on_frame,
        on_dma=meter.on_dma,
        progress=lambda offered: meter.end_batch(offered, arrivals()),
    )
    return {
        "frames_offered": result.offered,
        "frames_sent": result.transmitted,
        **costs,
        **meter.metrics(result.cycles),
        **_verdicts(result.verdicts),
    }


def _verdicts(verdicts: Sequence[Verdict]) -> Metrics:
    """How many rules spoke up, and the weightiest of them in words; verdicts come errors first."""
    counts: Metrics = {
        f"{severity}s": sum(verdict.severity == severity for verdict in verdicts)
        for severity in ("error", "warning", "note")
    }
    worst = verdicts[0] if verdicts and verdicts[0].severity != "note" else None
    text = None if worst is None else f"{worst.severity} {worst.rule}: {worst.where}: {worst.detail}"
    return {**counts, "worst_verdict": text}


def failed(error: Exception) -> Row:
    """The row of a point that could not be measured."""
    text = str(error) if isinstance(error, VnicError) else f"{type(error).__name__}: {error}"
    return {"status": "failed", "reason": " ".join(text.split())}


def run_chunk(points: Sequence[Point], scratch: str | None = None) -> Iterator[Row]:
    """Measure points of one target and one build; a row each, in order. A point that fails has its reason.

    Args:
        points: all parameters of each.
        scratch: folder for the simulator's files, which are removed again; the system's if not given.

    Raises:
        BuildError: the Verilog NIC cannot be built, so that no point of any chunk could be run.
    """
    if points and points[0]["target"] == "icarus":
        yield from _in_simulator(points, scratch)
    else:
        for point in points:
            yield _on_model(point)


def _on_model(point: Point) -> Row:
    from vnic.targets.model import ModelTarget

    began = time.perf_counter()
    try:
        with HostMemory(MEMORY_BYTES) as memory:
            metrics = run(measure_point(ModelTarget(memory), memory, point, 0))
    except Exception as error:  # noqa: BLE001  whatever it is, it belongs to this point and stops no other
        return {**failed(error), "wall_s": time.perf_counter() - began}
    return {"status": "ok", "reason": None, **metrics, "wall_s": time.perf_counter() - began}


def _in_simulator(points: Sequence[Point], scratch: str | None) -> Iterator[Row]:
    """One simulator for all, and another one for those behind a point that spoilt it."""
    from vnic.targets.icarus import IcarusJob, SimulatorFailed, run_icarus

    done = 0
    while done < len(points):
        left = points[done:]
        with tempfile.TemporaryDirectory(prefix="vnic-sweep-", dir=scratch) as folder:
            out = Path(folder)
            began = time.perf_counter()
            job = IcarusJob(
                entry=ENTRY,
                spec={"points": left, "rows": str(out / ROWS)},
                out=out,
                parameters={name.upper(): value for name in BUILD if isinstance(value := left[0][name], int)},
                memory_size=1 << 20,
            )
            failure: Exception | None = None
            try:
                run_icarus(job)
            except SimulatorFailed as error:
                failure = error
            rows = _read_rows(out / ROWS)
            startup = time.perf_counter() - began - sum(row["wall_s"] for row in rows)
            for row in rows:
                yield {**row, "wall_s": row["wall_s"] + startup / len(left)}
            done += len(rows)
            if failure is not None and done < len(points):
                # The log goes with the folder; its last line is in the message already.
                text = str(failure).replace(f"see {out / 'cosim.log'}, which ends", "its log ends")
                yield {**failed(SimulatorFailed(text)), "wall_s": startup}
                done += 1


def _read_rows(path: Path) -> list[Row]:
    """The rows a simulator got to write; a last line cut short counts as not written."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines[:-1]]


async def play_chunk(
    target: Any, memory: HostMemory, spec: Mapping[str, Any], progress: Callable[[int, int], None]
) -> int:
    """Inside the simulator: measure `spec["points"]` one after the other, a line each to `spec["rows"]`.

    Ends early after a point that failed: the NIC may be in the middle of something.
    """
    del memory  # each point has its own
    points: Sequence[Point] = spec["points"]
    with Path(spec["rows"]).open("w", encoding="utf-8") as rows:
        for done, point in enumerate(points, start=1):
            began = time.perf_counter()
            row: Row = {"status": "ok", "reason": None}
            try:
                with HostMemory(MEMORY_BYTES) as fresh:
                    random.seed(point["seed"])
                    await target.restart(fresh, bench_settings(point))
                    row |= await measure_point(target, fresh, point, target.clock_ns)
            except Exception as error:  # noqa: BLE001  it belongs to this point and stops no other
                row = failed(error)
            row["wall_s"] = time.perf_counter() - began
            rows.write(json.dumps(row) + "\n")
            rows.flush()
            progress(done, len(points))
            if row["status"] != "ok":
                break
    return done
