"""The loop between QEMU and a NIC of ours: registers, interrupt line, wire and console under one poll().

It sleeps in the kernel while the NIC has nothing to do, also for a delay of microseconds, and only looks at
the sockets, never waits for them, while it has.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from vnic.errors import VnicError
from vnic.guests.console import Console
from vnic.guests.device import PciNic
from vnic.guests.line import InterruptLine
from vnic.guests.machine import Machine
from vnic.guests.nic import GuestNic
from vnic.guests.proxy import Proxy, ProxyClosed
from vnic.guests.timer import Timer

BURST: Final = 32
"""Frames taken from the wire at once; 1518 bytes each of them fill the NIC's FIFO of 48 KiB."""

DATAGRAM: Final = 65536
CONSOLE_BYTES: Final = 65536
TICK_S: Final = 1.0
UNANSWERED_S: Final = 5.0
"""An interrupt that nobody answers for this long goes to the wrong place."""

LAST_WORDS_S: Final = 5.0
"""What a QEMU that has hung up gets to print the rest."""

BACKLOG: Final = 1024
"""Frames that wait for QEMU to take them; a unix socket holds ten, one TCP segmentation makes 45."""

REPLAY_BURST: Final = 16
REPLAY_S: Final = 0.005
"""A capture is replayed in bursts with this much time between them: 3,200 frames a second."""


class GuestTimeout(VnicError):
    """The guest did not finish in the time it was given."""


class Card:
    """A NIC of ours with everything that joins it to a machine.

    Args:
        machine: has the sockets; must have been started for a NIC of ours.
        device: the PCI side of `nic`.
        gsi: where its interrupt goes.
        replay: frames that come in over the wire once `start_replay` was called.

    `on_frames` hears of all frames that come in, and of all that the NIC sends.
    """

    def __init__(
        self, machine: Machine, device: PciNic, nic: GuestNic, gsi: int, replay: Iterable[bytes] = ()
    ) -> None:
        if machine.proxy is None or machine.qtest is None or machine.wire is None:
            raise VnicError("this machine has QEMU's own NIC; start one for a NIC of ours")
        self._proxy = Proxy(machine.proxy)
        self._line = InterruptLine(machine.qtest, gsi)
        self._gsi = gsi
        self._wire: socket.socket = machine.wire
        self._wire.setblocking(False)
        self._device, self._nic = device, nic
        device.before_access, device.after_access = self._line.let_fall, self._drive_line
        self._waiting: deque[bytes] = deque()
        self._replay = deque(replay)
        self._replay_at: float | None = None
        self._answered = (0, 0.0)
        self.on_frames: Callable[[list[bytes]], object] = _nobody
        self.received = self.sent = self.lost = 0

    def filenos(self) -> dict[int, int]:
        """What to poll, and for what."""
        out = select.POLLOUT if self._waiting else 0
        return {
            self._proxy.fileno(): select.POLLIN,
            self._line.fileno(): select.POLLIN,
            self._wire.fileno(): select.POLLIN | out,
        }

    @property
    def accesses(self) -> int:
        """Register accesses of the guest."""
        return self._proxy.accesses

    @property
    def interrupts(self) -> int:
        """How often the line went up."""
        return (self._line.changes + 1) // 2

    async def work(self) -> float | None:
        """Let the NIC work; how many seconds the loop may sleep, None for as long as it likes."""
        wait = await self._nic.work()
        if self._replay_at is not None and self._replay:
            left = self._replay_at - time.monotonic()
            if left <= 0:
                self._replay_at = time.monotonic() + REPLAY_S
                await self._come_in(
                    [self._replay.popleft() for _ in range(min(REPLAY_BURST, len(self._replay)))]
                )
                left = REPLAY_S
            wait = left if wait is None else min(wait, left)
        await self._go_out()
        return wait

    async def answer(self, ready: set[int]) -> None:
        """Serve the sockets that have something. Raises ProxyClosed when QEMU hung up."""
        if self._line.fileno() in ready:
            self._line.drain()
        if self._proxy.fileno() in ready:
            await self._proxy.serve(self._device)
        if self._wire.fileno() in ready:
            await self._come_in(list(self._frames()))
        await self._go_out()

    def start_replay(self) -> None:
        """The guest listens now."""
        if self._replay_at is None:
            self._replay_at = time.monotonic()

    def play(self, frames: Iterable[bytes]) -> None:
        """More frames that come in over the wire."""
        self._replay.extend(frames)

    def complaint(self) -> str | None:
        """What is wrong with the interrupt, if something is; asked once a second."""
        reads, since = self._answered
        now = time.monotonic()
        if not self._line.level or self._device.icr_reads != reads:
            self._answered = (self._device.icr_reads, now)
        elif now > since + UNANSWERED_S:
            firmware = self._device.config.line
            return (
                f"the guest has not answered an interrupt for {UNANSWERED_S:.0f} s: it goes to GSI "
                f"{self._gsi}, the firmware routed it to {firmware}; give --gsi {firmware}"
            )
        return None

    async def _come_in(self, frames: list[bytes]) -> None:
        self.received += len(frames)
        self.on_frames(frames)
        await self._nic.offer(frames)

    async def _go_out(self) -> None:
        """What the NIC sends goes out, and its interrupt line is driven."""
        waiting = self._waiting
        frames = await self._nic.collect()
        self.on_frames(frames)
        waiting.extend(frames)
        while waiting:
            try:
                self._wire.send(waiting[0])
            except BlockingIOError:
                break
            except OSError as error:
                raise ProxyClosed(f"QEMU hung up ({error.strerror})") from error
            waiting.popleft()
            self.sent += 1
        while len(waiting) > BACKLOG:
            waiting.pop()
            self.lost += 1
        self._drive_line()

    def _drive_line(self) -> None:
        self._line.set(self._nic.irq)

    def _frames(self) -> Iterator[bytes]:
        for _ in range(BURST):
            try:
                yield self._wire.recv(DATAGRAM)
            except BlockingIOError:
                return
            except OSError as error:
                raise ProxyClosed(f"QEMU hung up ({error.strerror})") from error

    def close(self) -> None:
        """Drop descriptors of QEMU's that nobody took; the sockets are the machine's."""
        self._proxy.close()


class Bridge:
    """One guest until QEMU ends.

    Args:
        machine: the running QEMU.
        console: takes the serial port's bytes.
        on_tick: called about once a second.
        deadline_s: seconds the guest may take.
    """

    def __init__(
        self, machine: Machine, console: Console, on_tick: Callable[[], None], deadline_s: float
    ) -> None:
        self._machine = machine
        self._console = console
        self._on_tick = on_tick
        self._deadline_s = deadline_s
        self._deadline = time.monotonic() + deadline_s
        self._next_tick = 0.0
        self._poll = select.poll()
        self._timer = Timer()
        self._poll.register(self._timer.fileno(), select.POLLIN)
        machine.console.setblocking(False)
        self._poll.register(machine.console, select.POLLIN)

    async def run(self, card: Card | None) -> None:
        """Serve `card`, or the console only where the NIC is QEMU's own.

        Raises:
            GuestTimeout: the guest took too long.
            VnicError: QEMU failed or was ended.
        """
        try:
            alive = True
            while alive:
                seconds = None if card is None else await card.work()
                for fd, events in card.filenos().items() if card is not None else ():
                    self._poll.register(fd, events)
                ready = self._wait(seconds)
                alive = self._read_console(ready)
                if card is not None:
                    await card.answer(ready)
                    if self._console.marks:
                        card.start_replay()
        except ProxyClosed:
            # QEMU closes one socket after the other; what the guest printed before is still in the console's.
            self._machine.console.settimeout(LAST_WORDS_S)
            until = time.monotonic() + LAST_WORDS_S
            while time.monotonic() < until and self._read_console({self._machine.console.fileno()}):
                pass
        finally:
            self._timer.close()
        reason = self._machine.obituary()
        if reason is not None:
            raise VnicError(f"{reason}; what the guest printed is in its console.log")

    def _wait(self, timeout: float | None) -> set[int]:
        """Sleep until a socket has something, `timeout` is over or a second has passed."""
        now = time.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + TICK_S
            self._on_tick()
            if now > self._deadline:
                raise GuestTimeout(
                    f"the guest was not done after {self._deadline_s:.0f} s and was ended; give --timeout"
                )
        # poll() counts milliseconds, the delay timers of a driver microseconds.
        self._timer.set(timeout)
        return {fd for fd, _ in self._poll.poll(0 if timeout == 0 else 1000)}

    def _read_console(self, ready: set[int]) -> bool:
        """Pass on what the guest printed; False when QEMU has gone."""
        console = self._machine.console
        if console.fileno() not in ready:
            return True
        try:
            data = console.recv(CONSOLE_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False  # hung up, or silent although it has closed everything else
        self._console.take(data)
        return bool(data)


def _nobody(_: object) -> None:
    """The default listener."""
