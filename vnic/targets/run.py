"""One session from a plain specification, on any NIC: in this process (model, QEMU) or inside the simulator
(icarus). `vnic sim`, tests and benchmarks all come through here.

The specification is made of JSON values and paths, because for Icarus it crosses into another process; the
frames go through a file for the same reason, in and out. It is no pcap: reading one takes a package that
takes longer to import than the simulator takes to start.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from vnic.capture import CapturedFrame
from vnic.checks.checker import Checker
from vnic.checks.differences import unwatched
from vnic.checks.state import CheckOptions
from vnic.driver import DriverOptions
from vnic.driver.part import part_for
from vnic.errors import VnicError
from vnic.linux.kernel import Kernel
from vnic.linux.profile import KernelProfile, load_profile
from vnic.memory import HostMemory
from vnic.nic.events import FrameEvent
from vnic.nic.port import WireFrame, run
from vnic.targets.base import Target
from vnic.targets.icarus import IcarusJob, IcarusResult, Progress, run_icarus
from vnic.targets.model import ModelTarget
from vnic.targets.record import RunRecord
from vnic.targets.session import SessionOptions, run_session

KERNEL_BASE: Final = 1 << 20
"""Below 1 MiB a PC has VGA and ROM; every NIC gets the same addresses, so that records can be compared."""

LINK_TIMEOUT_NS: Final = 5_000_000_000
"""QEMU's PHY negotiates for half a second of real time; the others have link when it is asked for."""

FCS_BYTES: Final = 4

# Time in ns, length in bytes, bit 0 bad FCS, bit 1 raw
_FRAME = struct.Struct("<QIB")


@dataclass(frozen=True)
class RunSpec:
    """What a run does.

    Attributes:
        profile: name of the kernel.
        frames: file written by `write_frames`.
        count: frames in it, for the progress report.
        driver: fields of DriverOptions. mode, batch: of SessionOptions.
        record: folder for the record, made by the run; None without.
        received: file for the frames that the stack got, readable by `read_received`; None without.
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
                file.write(_FRAME.pack(0, len(frame.data), frame.bad_fcs | frame.raw << 1))
                file.write(frame.data)
                count += 1
    except OSError as error:
        raise _cannot_write(path, error) from error
    return count


def _cannot_write(path: Path, error: OSError) -> VnicError:
    return VnicError(f"{path}: {error.strerror}; make room or choose another folder")


def read_frames(path: Path) -> Iterator[WireFrame]:
    """The frames of a file, one at a time. Raises VnicError if it is cut short."""
    return (WireFrame(data, bool(flags & 1), bool(flags & 2)) for _, data, flags in _read(path))


def read_received(path: Path) -> Iterator[CapturedFrame]:
    """The frames that the stack got, without FCS, at the target's time. Raises VnicError if it is cut
    short."""
    return (CapturedFrame(time_ns, data) for time_ns, data, _ in _read(path))


def _read(path: Path) -> Iterator[tuple[int, bytes, int]]:
    with path.open("rb") as file:
        while head := file.read(_FRAME.size):
            if len(head) == _FRAME.size:
                time_ns, length, flags = _FRAME.unpack(head)
                data = file.read(length)
                if len(data) == length:
                    yield time_ns, data, flags
                    continue
            raise VnicError(f"{path}: cut short; write it again")


class _Received:
    """Keeps the frames that the stack got in a file, without the `fcs` bytes at their end; every error says
    which file and why, as VnicError.
    """

    def __init__(self, path: Path, fcs: int) -> None:
        self._path = path
        self._fcs = fcs
        try:
            self._file = path.open("wb")
        except OSError as error:
            raise _cannot_write(path, error) from error

    def keep(self, event: FrameEvent) -> None:
        """Write one frame."""
        data = event.data[: len(event.data) - self._fcs]
        try:
            self._file.write(_FRAME.pack(event.time_ns, len(data), 0))
            self._file.write(data)
        except OSError as error:
            raise _cannot_write(self._path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError as full:
            if error is None:
                raise _cannot_write(self._path, full) from full


def checker_for(target: Target, profile: KernelProfile, memory: HostMemory) -> Checker:
    """The checker of a run on `target`: where DMA cannot be watched, guard bytes stand in for its events."""
    unseen = unwatched(target.name)
    return Checker(profile, memory, CheckOptions(fcs_written=not unseen, guards=unseen))


def _unheard(_done: int, _total: int) -> None:
    """Progress that nobody wants to know."""


async def session(
    target: Target, memory: HostMemory, spec: Mapping[str, Any], progress: Progress
) -> dict[str, Any]:
    """Carry out `spec` (a RunSpec as JSON) on `target`; returns a SessionResult as JSON."""
    plan = RunSpec.from_json(spec)
    profile = load_profile(plan.profile)
    kernel = Kernel(profile, memory, base=KERNEL_BASE)
    options = SessionOptions(
        DriverOptions(**{"promiscuous": True, **plan.driver}),
        plan.mode,  # type: ignore[arg-type]  # SessionOptions checks it and says what there is
        plan.batch,
        LINK_TIMEOUT_NS,
    )
    with contextlib.ExitStack() as outputs:
        recorder = keep = None
        if plan.record:
            recorder = outputs.enter_context(RunRecord(Path(plan.record), target.name))
        if plan.received:
            part = part_for(options.driver, target.device_id)
            fcs = 0 if part.complete(options.driver).strip_fcs else FCS_BYTES
            keep = outputs.enter_context(_Received(Path(plan.received), fcs)).keep
        result = await run_session(
            target,
            kernel,
            read_frames(Path(plan.frames)),
            options,
            checker=checker_for(target, profile, memory) if plan.checks else None,
            recorder=recorder,
            on_received=keep,
            progress=lambda done: progress(done, plan.count),
            extra=plan.extra,
        )
    answer = asdict(result)
    answer["verdicts"] = [verdict.as_json() for verdict in result.verdicts]
    answer["record"] = plan.record
    return answer


def run_on_model(spec: RunSpec, on_progress: Progress | None = None) -> dict[str, Any]:
    """Carry out `spec` on the behavioural NIC, in this process. Raises what the session raises."""
    with HostMemory(spec.memory_size) as memory:
        return run(session(ModelTarget(memory), memory, asdict(spec), on_progress or _unheard))


def run_on_qemu(spec: RunSpec, on_progress: Progress | None = None, *, name: str = "qemu") -> dict[str, Any]:
    """Carry out `spec` on one of QEMU's NICs. Raises what the session and `QemuTarget` raise."""
    from vnic.targets.qemu import QemuTarget

    with HostMemory(spec.memory_size) as memory, QemuTarget(memory, name) as target:
        return run(session(target, memory, asdict(spec), on_progress or _unheard))


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
