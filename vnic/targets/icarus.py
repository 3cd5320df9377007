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
from types import TracebackType
from typing import Any, Self

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
    with Simulator(job) as simulator:
        while lines := simulator.listen():
            if on_progress is not None:
                done, total = lines[-1].split()
                on_progress(int(done), int(total))
        return simulator.result()


class Simulator:
    """A simulator that runs a job; used as a context manager it is never left behind.

    Raises:
        UsageError, BuildError: see `run_icarus`.
        VnicError: the log cannot be written.
    """

    def __init__(self, job: IcarusJob) -> None:
        if job.bus not in ("native", "cocotbext"):
            raise UsageError(f"unknown bus {job.bus!r}: use native or cocotbext")
        top = NATIVE_TOP if job.bus == "native" else WITNESS_TOP
        self._made = build(job.parameters, top=top, rtl_dir=job.rtl_dir)
        self._job = job
        self._log = job.out / LOG
        self._waves = job.out / WAVES if job.waves else None
        self._pending = b""
        (job.out / RESULT).unlink(missing_ok=True)
        self._before = os.times()
        self._start(_command(job, self._made, self._waves), _environment(job, self._made))

    def _start(self, command: list[str], environment: dict[str, str]) -> None:
        self._reader, writer = os.pipe()
        environment["VNIC_PROGRESS"] = str(writer)
        try:
            with self._log.open("wb") as output:
                self._child = subprocess.Popen(
                    command,
                    env=environment,
                    cwd=self._job.out,
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(writer,),
                    start_new_session=True,
                )
        except OSError as error:
            os.close(self._reader)
            raise VnicError(f"{self._log}: {error.strerror}; choose another output folder") from error
        finally:
            os.close(writer)

    def tell(self, line: bytes) -> None:
        """Give a line to the entry, which reads it from standard input. Nobody may be there to read it: that
        shows when the answer is waited for."""
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.write(line + b"\n")
            self._child.stdin.flush()

    def listen(self) -> list[bytes]:
        """Wait for lines from the entry; none when it has ended. Raises SimulatorFailed on silence."""
        silence_s = self._job.silence_s
        heard = time.monotonic()
        while True:
            left = max(0.0, heard + silence_s - time.monotonic())
            if not select.select([self._reader], [], [], left)[0]:
                said = f"the simulator has made no progress for {silence_s:.0f} s and was ended"
                raise SimulatorFailed(f"{said}; {_last_lines(self._log)}")
            chunk = os.read(self._reader, 65536)
            if not chunk:
                return []
            *lines, self._pending = (self._pending + chunk).split(b"\n")
            if lines:
                return lines

    def _hush(self) -> None:
        """There is nothing more to tell; what could not be told to one who has gone is lost."""
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._child.stdin.close()

    def result(self) -> IcarusResult:
        """Wait for the end and take the answer. Raises SimulatorFailed, or what the entry raised."""
        self._hush()
        code = self._child.wait()
        before, after = self._before, os.times()
        cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
        try:
            answer = json.loads((self._job.out / RESULT).read_text())
        except FileNotFoundError:
            raise SimulatorFailed(_obituary(code, self._log)) from None
        if "error" in answer:
            raised = UsageError if answer["exit_code"] == UsageError.exit_code else VnicError
            if not answer["expected"]:
                raise SimulatorFailed(
                    f"the run failed inside the simulator: {answer['error']}; see {self._log}"
                )
            raise raised(answer["error"])
        return IcarusResult(answer["value"], self._log, self._waves, self._made.compiled, cpu_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """End the child's whole process group and reap it. Harmless when it has ended."""
        if self._reader < 0:
            return
        # Gone already, or nothing but a zombie left of it: fine.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._hush()
        self._child.wait()
        os.close(self._reader)
        self._reader = -1


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
