"""One run of the driver against one NIC, in lock-step batches.

A batch is as many frames as the receive ring surely holds. The NIC gets them, works until it has nothing left
that it could do, and only then the driver looks. So every kind of NIC sees the same driver actions in the
same order, and every buffer has the same address everywhere, however fast the NIC is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from vnic.checks.verdict import Verdict
from vnic.driver import E1000, DriverOptions, Hooks
from vnic.errors import UsageError, VnicError
from vnic.linux.dma import MapEvent
from vnic.linux.eras import Era, Rule
from vnic.linux.kernel import Kernel
from vnic.linux.profile import KernelProfile
from vnic.linux.rx_buffer import RxBufferEvent
from vnic.linux.skbuff import SkBuff
from vnic.memory import HostMemory
from vnic.nic.events import DmaEvent, FrameEvent, RegisterEvent
from vnic.nic.port import WireFrame
from vnic.nic.registers import REGISTERS
from vnic.targets.base import Target

Mode = Literal["receive", "reflect", "loopback"]
MODES: Final = ("receive", "reflect", "loopback")
ETH_HLEN: Final = 14
STALL_TRIES: Final = 64
DRAIN_TRIES: Final = 1024


NEEDED_HEADROOM: Rule[bool] = Rule(
    "LL_RESERVED_SPACE counts netdev->needed_headroom",
    [
        Era((2, 4), False, "include/linux/netdevice.h 2.6.24"),
        Era((2, 6, 32), True, "include/linux/netdevice.h 2.6.32"),
    ],
)
"""Both trees were seen; which version between them began it was not."""


class SessionStalled(VnicError):
    """Neither driver nor NIC gets on; the message says what they wait for."""


class Watcher(Protocol):
    """Who judges a run: `vnic.checks.checker.Checker`. All events come in the order they happened."""

    on_map: Callable[[MapEvent], None]
    on_offer: Callable[[Sequence[WireFrame]], None]
    on_transmit: Callable[[bytes], None]
    on_collect: Callable[[Sequence[bytes]], None]

    def on_dma(self, event: DmaEvent) -> None: ...
    def on_buffer(self, event: RxBufferEvent) -> None: ...
    def on_frame(self, event: FrameEvent) -> None: ...
    def on_register(self, event: RegisterEvent) -> None: ...
    def finish(self) -> list[Verdict]: ...


class Recorder(Protocol):
    """Who writes a run down: `vnic.targets.record.RunRecord`."""

    def on_dma(self, event: DmaEvent) -> None: ...
    def on_frame(self, event: FrameEvent) -> None: ...
    def finish(
        self,
        memory: HostMemory,
        *,
        registers: Mapping[str, int],
        statistics: Mapping[str, int],
        cycles: int = 0,
        time_ns: int = 0,
        extra: Mapping[str, Any] | None = None,
    ) -> Path: ...


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How a run goes.

    Attributes:
        driver: the driver's parameters. Promiscuous by default here, because the frames of a capture are
            addressed to whoever they were captured from.
        mode: `receive`: frames come over the wire. `reflect`: the same, and each frame received is sent back,
            so that transmission is compared too. `loopback`: the driver sends the frames, and the NIC's MAC
            returns them to it.
        batch: frames in a batch at most.
        link_timeout_ns: how long to wait for link.

    Raises:
        UsageError: no such mode, or a batch below 1.
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
        transmitted: frames that left the NIC.
        cycles: clock cycles between open and the last frame; 0 without a clock.
        beats: bus beats moved in that time; 0 without a bus.
        time_ns: the target's time in between.
        buffer, strategy: what the driver decided for the MTU.
        stats: the driver's counters by name.
        hardware: the NIC's statistics by register name.
        registers: all readable registers before close, `MTA[3]` for an element of an array.
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
    checker: Watcher | None = None,
    recorder: Recorder | None = None,
    on_received: Callable[[FrameEvent], None] | None = None,
    progress: Callable[[int], None] | None = None,
    extra: Mapping[str, Any] | None = None,
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
        progress: gets the number of frames offered so far, after each batch.
        extra: what the record shall say besides.

    Raises:
        ProbeError, NicTimeout, RingMemoryError: the NIC or the kernel is not up to it.
        SessionStalled: no link, or the receive ring stays empty.
    """
    session = _Session(target, kernel, options or SessionOptions(), checker, recorder, on_received)
    return await session.run(frames, progress, extra)


class _Session:
    """The state of one run."""

    def __init__(
        self,
        target: Target,
        kernel: Kernel,
        options: SessionOptions,
        checker: Watcher | None,
        recorder: Recorder | None,
        on_received: Callable[[FrameEvent], None] | None,
    ) -> None:
        self._target = target
        self._kernel = kernel
        self._options = options
        self._checker = checker
        self._recorder = recorder
        self._offered = self._collected = self._beats = 0
        self._received: list[SkBuff] = []
        on_frame: list[Callable[[FrameEvent], None]] = []
        on_dma: list[Callable[[DmaEvent], None]] = []
        if checker is not None:
            on_frame.append(checker.on_frame)
            on_dma.append(checker.on_dma)
            target.on_register = checker.on_register
            kernel.dma.on_map = checker.on_map
        if recorder is not None:
            on_frame.append(recorder.on_frame)
            on_dma.append(recorder.on_dma)
        if on_received is not None:
            on_frame.append(on_received)
        target.on_dma = self._watch_dma(on_dma)
        hooks = (
            Hooks(on_frame=_to_all(on_frame))
            if checker is None
            else Hooks(_to_all(on_frame), checker.on_buffer)
        )
        self._driver = E1000(target, kernel, options.driver, hooks, self._stack)

    def _watch_dma(self, listeners: Sequence[Callable[[DmaEvent], None]]) -> Callable[[DmaEvent], None]:
        def count(event: DmaEvent) -> None:
            self._beats += event.beats
            for listener in listeners:
                listener(event)

        return count

    def _stack(self, skb: SkBuff, _event: FrameEvent) -> None:
        """The network stack: what it is given it frees, or sends back."""
        if self._options.mode == "reflect":
            self._received.append(skb)
        else:
            self._kernel.consume_skb(skb)

    async def run(
        self,
        frames: Iterable[WireFrame],
        progress: Callable[[int], None] | None,
        extra: Mapping[str, Any] | None,
    ) -> SessionResult:
        """See `run_session`."""
        target, driver = self._target, self._driver
        await driver.probe()
        await driver.open()
        if not await driver.wait_link(self._options.link_timeout_ns):
            raise SessionStalled(f"{target.name}: no link; plug the cable in (set_link) before the run")
        cycles, time_ns = target.cycles, target.now_ns
        self._beats = 0
        stream = _Lookahead(frames)
        while not stream.empty:
            await self._batch(await self._plan(stream))
            if progress is not None:
                progress(self._offered)
        await self._drain()
        cycles, time_ns, beats = target.cycles - cycles, target.now_ns - time_ns, self._beats
        await driver.update_stats()
        registers = await snapshot(target)
        await driver.remove()
        verdicts = () if self._checker is None else tuple(self._checker.finish())
        record = None
        if self._recorder is not None:
            record = self._recorder.finish(
                self._kernel.memory,
                registers=registers,
                statistics=driver.hw_stats,
                cycles=cycles,
                time_ns=time_ns,
                extra={"driver": asdict(driver.stats), **(extra or {})},
            )
        return SessionResult(
            target=target.name,
            kernel=self._kernel.profile.name,
            offered=self._offered,
            received=driver.stats.rx_packets,
            transmitted=self._collected,
            cycles=cycles,
            beats=beats,
            time_ns=time_ns,
            buffer=driver.plan.buffer,
            strategy=driver.plan.strategy,
            stats=asdict(driver.stats),
            hardware=dict(driver.hw_stats),
            registers=registers,
            verdicts=verdicts,
            record=record,
        )

    async def _plan(self, stream: _Lookahead) -> list[WireFrame]:
        """The next batch: frames whose descriptors are free. One frame always goes, however many it takes."""
        driver = self._driver
        for _ in range(STALL_TRIES):
            if driver.rx_free:
                break
            # The ring ran dry for want of memory; Linux's watchdog would come along within two seconds.
            await driver.watchdog()
            await self._settle()
        else:
            raise SessionStalled(
                f"{self._target.name}: the receive ring stays empty after {STALL_TRIES} tries to fill it "
                f"({driver.stats.alloc_rx_buff_failed} allocations failed); give the kernel more memory"
            )
        free = driver.rx_free
        batch: list[WireFrame] = []
        for frame in stream.take(self._options.batch):
            free -= driver.descriptors_for(len(frame.data))
            if free < 0 and batch:
                stream.put_back(frame)
                break
            batch.append(frame)
        return batch

    async def _batch(self, batch: list[WireFrame]) -> None:
        """Moves one batch through the NIC."""
        self._offered += len(batch)
        if self._options.mode == "loopback":
            for frame in batch:
                await self._send(self._skb_for(frame.data))
            await self._driver.ring_doorbell()
        else:
            if self._checker is not None:
                self._checker.on_offer(batch)
            await self._target.wire.offer(batch)
        room = self._driver.rx_free
        taken = await self._settle()
        # A frame larger than the ring, or one left behind for want of memory, needs another look.
        while taken >= room > 0 or (taken and self._driver.rx_waiting):
            room = self._driver.rx_free
            taken = await self._settle()
        if self._received:
            for skb in self._received:
                await self._send(skb)
            self._received.clear()
            await self._driver.ring_doorbell()

    async def _settle(self) -> int:
        """Lets the NIC finish, then the driver; returns the receive descriptors the driver took."""
        before = self._driver.stats.rx_descriptors
        await self._target.settle()
        await self._driver.service()
        sent = await self._target.wire.collect()
        if sent:
            self._collected += len(sent)
            if self._checker is not None:
                self._checker.on_collect(sent)
        return self._driver.stats.rx_descriptors - before

    async def _send(self, skb: SkBuff | None) -> None:
        """Hands an skb to the driver, waiting while the transmit ring is full; without memory for one it is
        lost.
        """
        driver = self._driver
        if skb is None:
            driver.stats.tx_dropped += 1
            return
        data = skb.bytes()
        for _ in range(STALL_TRIES):
            dropped = driver.stats.tx_dropped
            if await driver.xmit(skb, more=True):
                if self._checker is not None and driver.stats.tx_dropped == dropped:
                    self._checker.on_transmit(data)
                return
            await self._settle()
        raise SessionStalled(f"{self._target.name}: the transmit ring stays full; TDH does not move")

    def _skb_for(self, data: bytes) -> SkBuff | None:
        """An skb as the stack makes one: LL_RESERVED_SPACE of headroom, of which the header then takes its
        14.
        """
        kernel = self._kernel
        room = ll_reserved_space(kernel.profile, self._options.driver.needed_headroom)
        skb = kernel.alloc_skb(room + max(len(data) - ETH_HLEN, 0))
        if skb is not None:
            skb.reserve(room)
            skb.put_data(data[ETH_HLEN:])
            kernel.memory.write(skb.push(min(len(data), ETH_HLEN)), data[:ETH_HLEN])
        return skb

    async def _drain(self) -> None:
        """Settles until nothing moves any more."""
        driver = self._driver
        for _ in range(DRAIN_TRIES):
            pending = driver.tx_pending
            taken = await self._settle()
            if self._received:
                await self._batch([])
            elif driver.rx_waiting:
                await driver.watchdog()
            elif not taken and driver.tx_pending == pending:
                return


class _Lookahead:
    """An iterator one can give an item back to."""

    def __init__(self, frames: Iterable[WireFrame]) -> None:
        self._frames = iter(frames)
        self._next = next(self._frames, None)

    @property
    def empty(self) -> bool:
        """Whether there is nothing left."""
        return self._next is None

    def take(self, limit: int) -> Iterator[WireFrame]:
        """Up to `limit` items."""
        for _ in range(limit):
            frame = self._next
            if frame is None:
                return
            self._next = next(self._frames, None)
            yield frame

    def put_back(self, frame: WireFrame) -> None:
        """Makes `frame` the next one again; only the one that `take` gave last, and once."""
        if self._next is not None:
            self._frames = chain((self._next,), self._frames)
        self._next = frame


def ll_reserved_space(profile: KernelProfile, needed_headroom: int) -> int:
    """LL_RESERVED_SPACE: headroom the stack leaves for an Ethernet header, in bytes."""
    needed = needed_headroom if NEEDED_HEADROOM.at(profile.version) else 0
    mod = profile.hh_data_mod
    return (ETH_HLEN + needed) // mod * mod + mod


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


def _to_all(listeners: Sequence[Callable[[FrameEvent], None]]) -> Callable[[FrameEvent], None]:
    """One listener that calls all; the only one itself when there is just one."""
    if len(listeners) == 1:
        return listeners[0]

    def call(event: FrameEvent) -> None:
        for listener in listeners:
            listener(event)

    return call
