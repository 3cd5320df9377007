"""Driver and NIC in lock-step: a batch of frames goes in, the NIC works until it is at rest, the driver
looks.

So every kind of NIC sees the same driver actions in the same order, and every buffer has the same address
everywhere, however fast the NIC is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from vnic.checks.checker import Checker
from vnic.driver import E1000
from vnic.errors import VnicError
from vnic.linux.skbuff import SkBuff
from vnic.nic.port import WireFrame
from vnic.targets.base import Target
from vnic.targets.stack import Stack

STALL_TRIES: Final = 64
DRAIN_TRIES: Final = 1024
INTERRUPT_NS: Final = 1_000_000  # a NIC at rest that has written a frame back has long raised its interrupt


class SessionStalled(VnicError):
    """Neither driver nor NIC gets on; the message says what they wait for."""


class Lookahead:
    """A stream of frames that can be given one back."""

    def __init__(self, frames: Iterable[WireFrame]) -> None:
        self._frames = iter(frames)
        self._next = next(self._frames, None)

    @property
    def empty(self) -> bool:
        """Whether there is nothing left."""
        return self._next is None

    def take(self, limit: int) -> Iterator[WireFrame]:
        """Up to `limit` frames."""
        for _ in range(limit):
            frame = self._next
            if frame is None:
                return
            self._next = next(self._frames, None)
            yield frame

    def put_back(self, frame: WireFrame) -> None:
        """Makes `frame` the next one again."""
        if self._next is not None:
            self._frames = chain((self._next,), self._frames)
        self._next = frame


class LockStep:
    """Moves batches of frames through an open driver and its NIC.

    Args:
        target: the NIC.
        driver: the driver on it.
        stack: what is above the driver.
        checker: told of what goes in and comes out, or None.
        loopback: frames are handed to the driver and not to the wire.

    Attributes:
        offered: frames that went in so far.
        collected: frames that left the NIC on the wire.
    """

    def __init__(
        self, target: Target, driver: E1000, stack: Stack, checker: Checker | None, *, loopback: bool
    ) -> None:
        self.offered = self.collected = 0
        self._target = target
        self._driver = driver
        self._stack = stack
        self._checker = checker
        self._loopback = loopback

    async def plan(self, stream: Lookahead, limit: int) -> list[WireFrame]:
        """The next batch: up to `limit` frames whose descriptors are free. One frame always goes, however
        many descriptors it takes.

        Raises:
            SessionStalled: no descriptor is free, and the kernel has no memory for one.
        """
        driver = self._driver
        for _ in range(STALL_TRIES):
            if driver.rx_free:
                break
            # The ring ran dry for want of memory; Linux's watchdog comes along within two seconds.
            await driver.watchdog()
            await self.settle()
        else:
            raise SessionStalled(
                f"{self._target.name}: the receive ring stays empty after {STALL_TRIES} tries to fill it "
                f"({driver.stats.alloc_rx_buff_failed} allocations failed); give the kernel more memory"
            )
        free = driver.rx_free
        batch: list[WireFrame] = []
        for frame in stream.take(limit):
            free -= driver.descriptors_for(len(frame.data))
            if free < 0 and batch:
                stream.put_back(frame)
                break
            batch.append(frame)
        return batch

    async def move(self, batch: list[WireFrame]) -> None:
        """Moves one batch through the NIC. Raises SessionStalled."""
        self.offered += len(batch)
        if self._loopback:
            for frame in batch:
                await self._send(self._stack.skb_for(frame.data))
            await self._driver.ring_doorbell()
        else:
            if self._checker is not None:
                self._checker.on_offer(batch)
            await self._target.wire.offer(batch)
        room = self._driver.rx_free
        taken = await self.settle()
        # A frame larger than the ring, or one left behind for want of memory, needs another look.
        while taken >= room > 0 or (taken and self._driver.rx_waiting):
            room = self._driver.rx_free
            taken = await self.settle()
        await self._send_back()

    async def drain(self) -> None:
        """Settles until nothing moves any more. Raises SessionStalled."""
        driver = self._driver
        for _ in range(DRAIN_TRIES):
            pending = driver.tx_pending
            taken = await self.settle()
            if self._stack.received:
                await self._send_back()
            elif not taken and driver.tx_pending == pending:
                return

    async def settle(self) -> int:
        """Lets the NIC come to rest and then the driver work, if the NIC interrupts; returns the receive
        descriptors the driver took.

        Raises:
            SessionStalled: there is a frame in memory, and no interrupt tells of it.
        """
        target, driver = self._target, self._driver
        before = driver.stats.rx_descriptors
        await target.settle()
        if await target.interrupt(INTERRUPT_NS if driver.rx_overdue else 0):
            await driver.service()
        elif driver.rx_overdue:
            raise SessionStalled(f"{target.name}: a frame is in memory and the interrupt line stays down")
        elif driver.rx_waiting:
            # Parts of a frame that wants more descriptors, or one left for want of memory: as plan().
            await driver.watchdog()
            await driver.service()
        sent = await target.wire.collect()
        if sent:
            self.collected += len(sent)
            if self._checker is not None:
                self._checker.on_collect(sent)
        return driver.stats.rx_descriptors - before

    async def _send_back(self) -> None:
        """Sends what the stack has kept."""
        received = self._stack.take_received()
        if received:
            for skb in received:
                await self._send(skb)
            await self._driver.ring_doorbell()

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
            await self.settle()
        raise SessionStalled(f"{self._target.name}: the transmit ring stays full; TDH does not move")
