"""One session from a plain specification, on either NIC: in this process (model) or inside the simulator
(icarus).

The specification is made of JSON values and paths, because for Icarus it crosses into another process;
the frames go through a file for the same reason.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from vnic.checks.checker import Checker
from vnic.driver import DriverOptions
from vnic.errors import VnicError
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile
from vnic.memory import HostMemory
from vnic.nic.events import FrameEvent
from vnic.nic.port import WireFrame, run
from vnic.targets.base import Target
from vnic.targets.icarus import IcarusJob, IcarusResult, Progress, run_icarus
from vnic.targets.model import ModelTarget
from vnic.targets.record import RunRecord
from vnic.targets.session import SessionOptions, run_session

# length in bytes, bit 0 bad FCS, bit 1 raw
_FRAME = struct.Struct("<IB")


@dataclass(frozen=True)
class RunSpec:
    """What a run does.

    Attributes:
        profile: name of the kernel.
        frames: file written by `write_frames`.
        count: frames in it, for the progress report.
        driver: fields of DriverOptions. mode, batch: of SessionOptions.
        record: folder for the record, made by the run; None without.
        received: file for the frames that the stack got, readable by `read_frames`; None without.
        checks: whether the checker watches. extra: what the record shall say besides.
        memory_size: bytes of host memory.
    """

    profile: str
    frames: str
    count: int
    driver: Mapping[str, Any] = field(default_factory=dict)
    mode: str = "receive"
    batch: int = 256
    record: str | None = None
    received: str | None = None
    checks: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)
    memory_size: int = 64 << 20

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The specification that `asdict` turned into JSON."""
        return cls(**value)


def write_frames(path: Path, frames: Iterable[WireFrame]) -> int:
    """Write frames one after the other; returns how many. Raises VnicError when the disk is full."""
    count = 0
    try:
        with path.open("wb") as file:
            for frame in frames:
                file.write(_FRAME.pack(len(frame.data), frame.bad_fcs | frame.raw << 1))
                file.write(frame.data)
                count += 1
    except OSError as error:
        raise VnicError(f"{path}: {error.strerror}; make room or choose another folder") from error
    return count


def read_frames(path: Path) -> Iterator[WireFrame]:
    """The frames of a file, one at a time. Raises VnicError if it is cut short."""
    with path.open("rb") as file:
        while head := file.read(_FRAME.size):
            if len(head) == _FRAME.size:
                length, flags = _FRAME.unpack(head)
                data = file.read(length)
                if len(data) == length:
                    yield WireFrame(data, bool(flags & 1), bool(flags & 2))
                    continue
            raise VnicError(f"{path}: cut short; write it again")


def _unheard(_done: int, _total: int) -> None:
    """Progress that nobody wants to know."""


async def session(
    target: Target, memory: HostMemory, spec: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """Carry out `spec` (a RunSpec as JSON) on `target`; returns a SessionResult as JSON."""
    plan = RunSpec.from_json(spec)
    profile = load_profile(plan.profile)
    kernel = Kernel(profile, memory)
    options = SessionOptions(
        DriverOptions(**{"promiscuous": True, **plan.driver}),
        plan.mode,  # type: ignore[arg-type]  # SessionOptions checks it and says what there is
        plan.batch,
    )
    recorder = RunRecord(Path(plan.record), target.name) if plan.record else None
    received = Path(plan.received).open("wb") if plan.received else None  # noqa: SIM115  closed below

    def keep(event: FrameEvent) -> None:
        assert received is not None
        received.write(_FRAME.pack(len(event.data), 0))
        received.write(event.data)

    try:
        result = await run_session(
            target,
            kernel,
            read_frames(Path(plan.frames)),
            options,
            checker=Checker(profile, memory) if plan.checks else None,
            recorder=recorder,
            on_received=keep if received else None,
            progress=lambda done: progress(done, plan.count),
            extra=plan.extra,
        )
    finally:
        if received is not None:
            received.close()
        if recorder is not None:
            recorder.discard()
    answer = asdict(result)
    answer["verdicts"] = [verdict.as_json() for verdict in result.verdicts]
    answer["record"] = plan.record
    return answer


def run_on_model(spec: RunSpec, on_progress: Progress | None = None) -> dict[str, Any]:
    """Carry out `spec` on the behavioural NIC, in this process. Raises what the session raises."""
    with HostMemory(spec.memory_size) as memory:
        return run(session(ModelTarget(memory), memory, asdict(spec), on_progress or _unheard))


def run_on_icarus(
    spec: RunSpec,
    out: Path,
    on_progress: Progress | None = None,
    **job: Any,
) -> IcarusResult:
    """Carry out `spec` on the Verilog NIC.

    Args:
        spec: what to do. out: an existing folder for log and waves.
        on_progress: gets (frames done, frames in all).
        job: further fields of IcarusJob: parameters, plusargs, seed, waves, bus, rtl_dir.

    Raises:
        VnicError: see `run_icarus`.
    """
    return run_icarus(
        IcarusJob(
            entry="vnic.targets.run:session", spec=asdict(spec), out=out, memory_size=spec.memory_size, **job
        ),
        on_progress,
    )
