"""One run of the driver against one NIC: probe, open, all frames in lock-step, close, and what it came to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from vnic.checks.checker import Checker
from vnic.checks.verdict import Verdict
from vnic.driver import E1000, DriverOptions, Hooks
from vnic.errors import UsageError
from vnic.linux.kernel import Kernel
from vnic.nic.events import DmaEvent, FrameEvent
from vnic.nic.port import WireFrame
from vnic.nic.registers import REGISTERS
from vnic.targets.base import Target
from vnic.targets.lockstep import LockStep, Lookahead, SessionStalled
from vnic.targets.record import RunRecord
from vnic.targets.stack import Stack

__all__ = ["MODES", "Mode", "SessionOptions", "SessionResult", "SessionStalled", "run_session", "snapshot"]

Mode = Literal["receive", "reflect", "loopback"]
MODES: Final = ("receive", "reflect", "loopback")
Event = TypeVar("Event")


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How a run goes.

    Attributes:
        driver: the driver's parameters. Promiscuous by default here, because the frames of a capture are
            addressed to whoever they were captured from.
        mode: `receive`: frames come over the wire. `reflect`: the same, and each frame received is sent back,
            so that transmission is compared too. `loopback`: the driver sends the frames, and the NIC's MAC
            returns them to it (needs `DriverOptions.loopback`).
        batch: frames in a batch at most.
        link_timeout_ns: how long to wait for link.

    Raises:
        UsageError: no such mode, a batch below 1, or a mode that the driver is not set for.
    """

    driver: DriverOptions = field(default_factory=lambda: DriverOptions(promiscuous=True))
    mode: Mode = "receive"
    batch: int = 256
    link_timeout_ns: int = 1_000_000

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UsageError(f"mode {self.mode}: give one of {', '.join(MODES)}")
        if self.batch < 1:
            raise UsageError(f"batch of {self.batch} frames: give at least 1")
        if (self.mode == "loopback") != self.driver.loopback:
            raise UsageError(
                "mode loopback and the driver's option loopback go together: set both or neither"
            )


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What a run came to.

    Attributes:
        target: name of the NIC.
        kernel: name of the profile.
        offered: frames put on the wire, or in `loopback` handed to the driver.
        received: frames the stack got.
        transmitted: frames that left the NIC on the wire.
        cycles: clock cycles between open and the last frame; 0 without a clock.
        beats: bus beats moved in that time; 0 without a bus.
        time_ns: the target's time in between.
        buffer, strategy: what the driver decided for the MTU.
        stats: the driver's counters by name.
        hardware: the NIC's statistics by register name.
        registers: all readable registers before close, `MTA[3]` for an array's element; empty if not read.
        verdicts: the checker's, errors first; empty without one.
        record: where the record is; None without a recorder.
    """

    target: str
    kernel: str
    offered: int
    received: int
    transmitted: int
    cycles: int
    beats: int
    time_ns: int
    buffer: int
    strategy: str
    stats: Mapping[str, int]
    hardware: Mapping[str, int]
    registers: Mapping[str, int]
    verdicts: tuple[Verdict, ...]
    record: Path | None = None


async def run_session(
    target: Target,
    kernel: Kernel,
    frames: Iterable[WireFrame],
    options: SessionOptions | None = None,
    *,
    checker: Checker | None = None,
    recorder: RunRecord | None = None,
    on_received: Callable[[FrameEvent], None] | None = None,
    on_dma: Callable[[DmaEvent], None] | None = None,
    progress: Callable[[int], None] | None = None,
    extra: Mapping[str, Any] | None = None,
    registers: bool = True,
) -> SessionResult:
    """Probes, opens, moves all `frames`, closes and removes.

    Args:
        target: the NIC, with link.
        kernel: whose memory it masters.
        frames: taken one batch at a time, so a stream of any length costs the same memory.
        options: how the run goes.
        checker: judges the run; its `finish()` is called here.
        recorder: writes it down; its `finish()` is called here.
        on_received: gets each frame the stack got (to write a capture).
        on_dma: gets each access to memory (to measure it).
        progress: gets the number of frames offered so far, after each batch.
        extra: what the record shall say besides.
        registers: read them all before close, which takes as long as some frames do.

    Raises:
        ProbeError, NicTimeout, RingMemoryError: the NIC or the kernel is not up to it.
        SessionStalled: no link, no interrupt, or a ring that does not move.
    """
    options = options or SessionOptions()
    stack = Stack(kernel, options.driver.needed_headroom, keep=options.mode == "reflect")
    beats = _BeatCounter()
    hooks = _connect(target, kernel, beats, checker, recorder, on_received, on_dma)
    driver = E1000(target, kernel, options.driver, hooks, stack.deliver)
    await driver.probe()
    await driver.open()
    if not await driver.wait_link(options.link_timeout_ns):
        raise SessionStalled(f"{target.name}: no link; plug the cable in (set_link) before the run")
    cycles, time_ns, beats.total = target.cycles, target.now_ns, 0
    steps = LockStep(target, driver, stack, checker, loopback=options.mode == "loopback")
    stream = Lookahead(frames)
    while not stream.empty:
        await steps.move(await steps.plan(stream, options.batch))
        if progress is not None:
            progress(steps.offered)
    await steps.drain()
    cycles, time_ns, moved = target.cycles - cycles, target.now_ns - time_ns, beats.total
    await driver.update_stats()
    final = await snapshot(target) if registers else {}
    await driver.remove()
    verdicts = () if checker is None else tuple(checker.finish())
    stats = asdict(driver.stats)
    record = None
    if recorder is not None:
        record = recorder.finish(
            kernel.memory,
            registers=final,
            statistics=driver.hw_stats,
            cycles=cycles,
            time_ns=time_ns,
            extra={"driver": stats, **(extra or {})},
        )
    return SessionResult(
        target=target.name,
        kernel=kernel.profile.name,
        offered=steps.offered,
        received=driver.stats.rx_packets,
        transmitted=steps.collected,
        cycles=cycles,
        beats=moved,
        time_ns=time_ns,
        buffer=driver.plan.buffer,
        strategy=driver.plan.strategy,
        stats=stats,
        hardware=dict(driver.hw_stats),
        registers=final,
        verdicts=verdicts,
        record=record,
    )


async def snapshot(target: Target) -> dict[str, int]:
    """All registers that can be read without an effect, by name (`MTA[3]` in an array)."""
    values = {}
    for info in REGISTERS.values():
        if info.access not in ("rw", "ro", "w1s"):
            continue
        for index in range(info.count):
            name = info.name if info.count == 1 else f"{info.name}[{index}]"
            values[name] = await target.read32(info.offset + index * info.stride)
    return values


class _BeatCounter:
    """Adds up bus beats."""

    def __init__(self) -> None:
        self.total = 0

    def on_dma(self, event: DmaEvent) -> None:
        self.total += event.beats


def _connect(
    target: Target,
    kernel: Kernel,
    beats: _BeatCounter,
    checker: Checker | None,
    recorder: RunRecord | None,
    on_received: Callable[[FrameEvent], None] | None,
    meter: Callable[[DmaEvent], None] | None,
) -> Hooks:
    """Lets everybody who watches hear of everything they want to hear of; the driver's part is returned."""
    on_dma: list[Callable[[DmaEvent], None]] = [beats.on_dma, *([meter] if meter else [])]
    on_frame: list[Callable[[FrameEvent], None]] = []
    if checker is not None:
        target.on_register = checker.on_register
        kernel.dma.on_map = checker.on_map
        on_dma.append(checker.on_dma)
        on_frame.append(checker.on_frame)
    if recorder is not None:
        on_dma.append(recorder.on_dma)
        on_frame.append(recorder.on_frame)
    if on_received is not None:
        on_frame.append(on_received)
    target.on_dma = _fan_out(on_dma)
    if checker is None:
        return Hooks(_fan_out(on_frame))
    return Hooks(_fan_out(on_frame), checker.on_buffer)


def _fan_out(listeners: Sequence[Callable[[Event], None]]) -> Callable[[Event], None]:
    """One listener that calls all of them; it is that one itself when there is only one."""
    if len(listeners) == 1:
        return listeners[0]

    def call(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return call
