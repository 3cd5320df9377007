"""Runs a job with the Verilog NIC: compiles, starts the simulator as a child, follows it, cleans up after
it.

The child is vvp with cocotb inside (sim/vnic_cosim.py); it gets the job as JSON in its environment and
leaves its answer in `cosim.json`. It runs in a process group of its own: whatever happens to the parent's
wait (Ctrl-C, a silent simulator, an exception) the whole group is ended. Host memory is anonymous, so
nothing outlives the child.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vnic.errors import UsageError, VnicError
from vnic.targets.build import NATIVE_TOP, WITNESS_TOP, Build, BuildError, build, find_sources, tool

RESULT = "cosim.json"
LOG = "cosim.log"
WAVES = "waves.fst"

Progress = Callable[[int, int], None]


class SimulatorFailed(VnicError):
    """The simulator crashed, hung or ended without an answer; the message names its log."""


@dataclass(frozen=True)
class IcarusJob:
    """What to run inside the simulator.

    entry: "package.module:name" of `async def name(target, memory, spec, progress) -> JSON value`.
    spec: JSON object handed to it. out: an existing folder for log, waves and the answer.
    parameters: of the bench, e.g. DATA_WIDTH. plusargs: see sim/hostmem.v, axis_source.v, axis_sink.v.
    memory_size, memory_base, memory_holes: of the HostMemory. bus: "native", or "cocotbext" for the witness.
    stock_vvp: run vvp as it is, without sim/vvp_cast.c (to measure what that gains).
    watch: whether the witness tells of bus events (the native bench always does).
    silence_s: seconds without a progress report after which the simulator counts as hung.
    rtl_dir: read the NIC from here instead of rtl/ (tests plant faults). search: more folders for imports.
    """

    entry: str
    spec: Mapping[str, Any]
    out: Path
    parameters: Mapping[str, int] = field(default_factory=dict)
    plusargs: Mapping[str, int] = field(default_factory=dict)
    seed: int = 1
    memory_size: int = 64 << 20
    memory_base: int = 0
    memory_holes: tuple[tuple[int, int], ...] = ()
    bus: str = "native"
    watch: bool = True
    stock_vvp: bool = False
    waves: bool = False
    silence_s: float = 600.0
    rtl_dir: Path | None = None
    search: tuple[Path, ...] = ()


@dataclass(frozen=True)
class IcarusResult:
    """value: what the entry returned. cpu_s: processor time of the child, start-up included."""

    value: Any
    log: Path
    waves: Path | None
    compiled: bool
    cpu_s: float


def run_icarus(job: IcarusJob, on_progress: Progress | None = None) -> IcarusResult:
    """Run `job` to its end.

    Raises:
        UsageError: an unknown bus.
        BuildError: a tool is missing or a source does not compile.
        SimulatorFailed: crash, silence, or an exception in the entry that is not a VnicError.
        VnicError: what the entry raised, with its message and exit code.
    """
    if job.bus not in ("native", "cocotbext"):
        raise UsageError(f"unknown bus {job.bus!r}: use native or cocotbext")
    made = build(job.parameters, top=NATIVE_TOP if job.bus == "native" else WITNESS_TOP, rtl_dir=job.rtl_dir)
    result, log = job.out / RESULT, job.out / LOG
    waves = job.out / WAVES if job.waves else None
    result.unlink(missing_ok=True)
    before = os.times()
    code = _follow(_command(job, made, waves), _environment(job, made), job, log, on_progress)
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    try:
        answer = json.loads(result.read_text())
    except FileNotFoundError:
        raise SimulatorFailed(_obituary(code, log)) from None
    if "error" in answer:
        raised = UsageError if answer["exit_code"] == UsageError.exit_code else VnicError
        if not answer["expected"]:
            raise SimulatorFailed(f"the run failed inside the simulator: {answer['error']}; see {log}")
        raise raised(answer["error"])
    return IcarusResult(answer["value"], log, waves, made.compiled, cpu_s)


def _command(job: IcarusJob, made: Build, waves: Path | None) -> list[str]:
    """How cocotb's own runner starts vvp, plus our module."""
    # Imported late: it takes longer than everything else the parent does.
    from cocotb_tools import config

    command = [
        tool("vvp"),
        "-n",
        "-m",
        str(config.lib_entry("vpi", "icarus")),
        "-m",
        str(made.vpi),
        str(made.vvp),
    ]
    command += [f"+{name}={value}" for name, value in {"seed": job.seed, **job.plusargs}.items()]
    if waves:
        command += [f"+dumpfile_path={waves}", "-fst"]
    else:
        command.append("-none")
    return command


def _environment(job: IcarusJob, made: Build) -> dict[str, str]:
    import find_libpython
    from cocotb_tools import config

    libpython = os.environ.get("LIBPYTHON_LOC") or find_libpython.find_libpython()
    if libpython is None:
        raise BuildError(
            f"{sys.executable} comes without libpython, which cocotb loads into the simulator: "
            "use a Python built with --enable-shared (Debian: apt install libpython3-dev)"
        )
    paths = [str(find_sources(job.rtl_dir).sim), *map(str, job.search), *sys.path]
    handed_over = {
        "entry": job.entry,
        "spec": job.spec,
        "out": str(job.out),
        "result": RESULT,
        "parameters": job.parameters,
        "seed": job.seed,
        "memory_size": job.memory_size,
        "memory_base": job.memory_base,
        "memory_holes": job.memory_holes,
        "bus": job.bus,
        "watch": job.watch,
        "module": str(made.vpi),
    }
    preload = [] if job.stock_vvp else [str(made.preload)]
    return {
        **os.environ,
        "LD_PRELOAD": " ".join([*preload, *os.environ.get("LD_PRELOAD", "").split()]),
        "PATH": os.environ.get("PATH", "") + os.pathsep + str(config.libs_dir),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYGPI_PYTHON_BIN": sys.executable,
        "GPI_USERS": f"{libpython};{config.pygpi_entry_point()}",
        "COCOTB_TOPLEVEL": made.top,
        "TOPLEVEL_LANG": "verilog",
        "COCOTB_TEST_MODULES": "vnic_cosim",
        "COCOTB_RESULTS_FILE": os.devnull,
        "COCOTB_RANDOM_SEED": str(job.seed),
        "COCOTB_LOG_LEVEL": "WARNING",
        "VNIC_JOB": json.dumps(handed_over),
    }


def _follow(
    command: list[str], environment: dict[str, str], job: IcarusJob, log: Path, on_progress: Progress | None
) -> int:
    """Start the simulator, pass on its progress, and return its exit code; never leaves it behind."""
    reader, writer = os.pipe()
    try:
        output = log.open("wb")
    except OSError as error:
        os.close(reader)
        os.close(writer)
        raise VnicError(f"{log}: {error.strerror}; choose another output folder") from error
    environment["VNIC_PROGRESS"] = str(writer)
    with output, os.fdopen(reader, "rb", buffering=0) as progress:
        try:
            child = subprocess.Popen(
                command,
                env=environment,
                cwd=job.out,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=(writer,),
                start_new_session=True,
            )
        finally:
            os.close(writer)
        try:
            _relay(progress, job.silence_s, log, on_progress)
            return child.wait()
        finally:
            _end(child)


def _relay(progress: Any, silence_s: float, log: Path, on_progress: Progress | None) -> None:
    """Hand "done total" lines to `on_progress` until the child closes the pipe."""
    pending = b""
    heard = time.monotonic()
    while True:
        ready, _, _ = select.select([progress], [], [], max(0.0, heard + silence_s - time.monotonic()))
        if not ready:
            raise SimulatorFailed(
                f"the simulator has made no progress for {silence_s:.0f} s and was ended; {_last_lines(log)}"
            )
        chunk = progress.read(65536)
        if not chunk:
            return
        heard = time.monotonic()
        *lines, pending = (pending + chunk).split(b"\n")
        if lines and on_progress is not None:
            done, total = lines[-1].split()
            on_progress(int(done), int(total))


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child's whole process group and reap it."""
    # Gone already, or nothing but a zombie left of it: fine.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _obituary(code: int, log: Path) -> str:
    """One line for a simulator that ended without an answer."""
    cause = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    text = log.read_text(errors="replace")
    for line in text.splitlines():
        if line.startswith("hostmem: error: "):
            return f"the simulation stopped: {line.removeprefix('hostmem: error: ')}; see {log}"
    return f"the simulator {cause} before it had a result; {_last_lines(log)}"


def _last_lines(log: Path, count: int = 3) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"see {log}, which ends: {' | '.join(lines[-count:]) or '(empty)'}"
