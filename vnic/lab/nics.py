"""Where an experiment's run takes place, and what of its answer the result directory keeps."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from vnic.errors import UsageError, VnicError
from vnic.lab.result import WAVES, ResultDirectory
from vnic.targets.run import RunSpec, run_on_icarus, run_on_model, run_on_qemu

NICS: Final = ("model", "icarus", "qemu", "qemu-e1000e")
GROUPS: Final = {"both": ("model", "icarus"), "all": ("model", "icarus", "qemu")}

_KEPT: Final = (
    "target", "offered", "received", "transmitted", "cycles", "beats", "time_ns", "buffer", "strategy",
    "hardware", "verdicts",
)  # fmt: skip


def nics(names: str) -> tuple[str, ...]:
    """The NICs of `--target`: names with commas between them, `both` or `all`.

    Raises:
        UsageError: there is no such NIC, or one is named twice.
    """
    found: list[str] = []
    for name in names.split(","):
        for nic in GROUPS.get(name.strip(), (name.strip(),)):
            if nic not in NICS:
                choices = ", ".join((*NICS, *GROUPS))
                raise UsageError(
                    f"--target {names}: no NIC {nic!r}; give one of {choices}, or several with commas"
                )
            if nic in found:
                raise UsageError(f"--target {names}: {nic} twice; name each NIC once")
            found.append(nic)
    return tuple(found)


def _figures(answer: Mapping[str, Any], cpu_s: float, *, compiled: bool) -> dict[str, Any]:
    """A session's answer under the documented keys of `result.json`."""
    return {
        **{name: answer[name] for name in _KEPT},
        "driver": answer["stats"],
        "cpu_s": round(cpu_s, 3),
        "compiled": compiled,
    }


def play_here(name: str, spec: RunSpec, progress: Callable[[int, int], None]) -> Mapping[str, Any]:
    """Carry out `spec` on a NIC that needs no simulator: `model` or one of QEMU's.

    Raises:
        VnicError: what the session raises.
    """
    started = time.process_time()
    answer = run_on_model(spec, progress) if name == "model" else run_on_qemu(spec, progress, name=name)
    return _figures(answer, time.process_time() - started, compiled=False)


def play_in_icarus(
    spec: RunSpec,
    directory: ResultDirectory,
    data_width: int,
    *,
    seed: int,
    waves: bool,
    progress: Callable[[int, int], None],
) -> Mapping[str, Any]:
    """Carry out `spec` on the Verilog NIC; log and waves go to the result directory.

    Raises:
        SimulatorFailed: its log is kept in the cache then. VnicError: what the session raises.
    """
    from vnic.targets.icarus import SimulatorFailed

    work = directory.scratch / "icarus.work"
    work.mkdir()
    try:
        result = run_on_icarus(
            spec, work, progress, parameters={"DATA_WIDTH": data_width}, seed=seed, waves=waves
        )
    except SimulatorFailed as error:
        raise _keep_log(error, work) from error
    if result.waves is not None:
        result.waves.rename(directory.scratch / WAVES)
    said = result.log.read_text(errors="replace").strip()
    for line in said.splitlines():
        directory.log(f"icarus: {line}")
    shutil.rmtree(work)
    return _figures(result.value, result.cpu_s, compiled=result.compiled)


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
