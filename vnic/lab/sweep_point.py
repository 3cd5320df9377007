"""A point: its frames through driver and NIC, and the row of figures that come of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from vnic.checks.differences import unwatched
from vnic.checks.verdict import Verdict
from vnic.errors import VnicError
from vnic.lab.metrics import DmaMeter, Metrics
from vnic.lab.metrics_kernel import KernelCosts
from vnic.lab.sweep_params import (
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
from vnic.targets.run import KERNEL_BASE, checker_for
from vnic.targets.session import run_session

MEMORY_BYTES: Final = 64 << 20
# What can be told of a NIC whose DMA nobody watches
_WITHOUT_DMA: Final = ("frames_received", "frame_bytes_mean", "dma_offset")
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
        Kernel(profile, memory, base=KERNEL_BASE),
        meter.feed(frames),
        options(point),
        checker=checker_for(target, profile, memory),
        on_received=meter.on_frame,
        on_dma=meter.on_dma,
        progress=lambda offered: meter.end_batch(offered, arrivals()),
        registers=False,
    )
    moved = meter.metrics(result.cycles)
    if unwatched(target.name):
        moved = {name: moved[name] for name in _WITHOUT_DMA if name in moved}
    return {
        "frames_offered": result.offered,
        "frames_sent": result.transmitted,
        **costs,
        **moved,
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


def run_point(point: Point) -> Row:
    """Measure a point on a NIC that needs no simulator; one that fails has its reason."""
    began = time.perf_counter()
    try:
        with HostMemory(MEMORY_BYTES) as memory, _nic(str(point["target"]), memory) as target:
            metrics = run(measure_point(target, memory, point, 0))
    except Exception as error:  # noqa: BLE001  whatever it is, it belongs to this point and stops no other
        return {**failed(error), "wall_s": time.perf_counter() - began}
    return {"status": "ok", "reason": None, **metrics, "wall_s": time.perf_counter() - began}


@contextlib.contextmanager
def _nic(name: str, memory: HostMemory) -> Iterator[Target]:
    """The behavioural NIC, or QEMU's."""
    if name == "model":
        from vnic.targets.model import ModelTarget

        yield ModelTarget(memory)
        return
    from vnic.targets.qemu import QemuTarget

    with QemuTarget(memory, name) as target:
        yield target
