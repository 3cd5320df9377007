"""Where an experiment's run takes place: in this process, or inside the simulator."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vnic.errors import VnicError
from vnic.lab import entry
from vnic.lab.result import WAVES, ResultDirectory
from vnic.memory import HostMemory
from vnic.nic.port import run
from vnic.targets.base import Target


def play_here(name: str, spec: Mapping[str, Any], progress: Callable[[int, int], None]) -> Mapping[str, Any]:
    """Play `spec` (vnic.lab.entry.play) on a NIC that needs no simulator: `model` or `qemu`.

    Raises:
        VnicError: what the session raises.
    """
    started = time.process_time()
    with HostMemory(entry.MEMORY_BYTES) as memory, _nic(name, memory) as target:
        figures = run(entry.play(target, memory, spec, progress))
    return {**figures, "cpu_s": round(time.process_time() - started, 3), "compiled": False}


@contextmanager
def _nic(name: str, memory: HostMemory) -> Iterator[Target]:
    """A NIC that needs no simulator."""
    if name == "model":
        from vnic.targets.model import ModelTarget

        yield ModelTarget(memory)
        return
    from vnic.targets.qemu import QemuTarget

    with QemuTarget(memory) as target:
        yield target


def play_in_icarus(
    spec: Mapping[str, Any],
    directory: ResultDirectory,
    data_width: int,
    *,
    seed: int,
    waves: bool,
    progress: Callable[[int, int], None],
) -> Mapping[str, Any]:
    """Play `spec` (vnic.lab.entry.play) on the Verilog NIC; log and waves go to the result directory.

    Raises:
        SimulatorFailed: its log is kept in the cache then. VnicError: what the session raises.
    """
    from vnic.targets.icarus import IcarusJob, SimulatorFailed, run_icarus

    work = directory.scratch / "icarus.work"
    work.mkdir()
    job = IcarusJob(
        entry=entry.ENTRY,
        spec=spec,
        out=work,
        parameters={"DATA_WIDTH": data_width},
        seed=seed,
        memory_size=entry.MEMORY_BYTES,
        waves=waves,
    )
    try:
        result = run_icarus(job, progress)
    except SimulatorFailed as error:
        raise _keep_log(error, work) from error
    if result.waves is not None:
        result.waves.rename(directory.scratch / WAVES)
    said = result.log.read_text(errors="replace").strip()
    for line in said.splitlines():
        directory.log(f"icarus: {line}")
    shutil.rmtree(work)
    return {**result.value, "cpu_s": round(result.cpu_s, 3), "compiled": result.compiled}


def _keep_log(error: VnicError, work: Path) -> VnicError:
    """The same error, with the simulator's log moved to where it outlives the run that failed."""
    from vnic.targets.build import cache_dir
    from vnic.targets.icarus import LOG, SimulatorFailed

    kept = cache_dir() / "failed-simulation.log"
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(work / LOG, kept)
    except OSError:
        # The disk that stopped the simulator may be the one the cache is on: the message stands for itself.
        return SimulatorFailed(str(error).replace(str(work / LOG), "its log (lost: the disk is full)"))
    return SimulatorFailed(str(error).replace(str(work / LOG), str(kept)))
