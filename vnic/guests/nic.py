"""The two NICs of ours that a guest can have, behind one face: the behavioural one and the Verilog one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from vnic.guests.memory import GuestMemory
from vnic.nic.events import DmaEvent
from vnic.nic.model import Controller
from vnic.nic.port import WireFrame
from vnic.nic.registers import CTRL, Reg
from vnic.targets.icarus_target import IcarusTarget
from vnic.targets.model import on_the_wire

CHUNK_CYCLES: Final = 512
"""Clock cycles between two looks at the sockets while the Verilog NIC is at work: 2 us of its time."""

THROTTLE_NS: Final = 10_000
"""Simulated time between two looks at the sockets while nothing but ITR (20 to 250 us in Linux) runs."""

IRQ_CYCLES: Final = 4
"""Cycles from an access to ICR or its mask to the interrupt line, and to spare."""

REST_CYCLES: Final = 16
"""Cycles after which the Verilog NIC is looked at again before it counts as at rest."""


class GuestNic(Protocol):
    """A NIC as the bridge drives it."""

    on_dma: Callable[[DmaEvent], None]

    @property
    def now_ns(self) -> int:
        """The NIC's own time, which has nothing to do with the guest's."""

    @property
    def irq(self) -> bool:
        """Level of the interrupt line."""

    async def read32(self, offset: int) -> int:
        """Read the register at byte `offset` of BAR0."""

    async def write32(self, offset: int, value: int) -> None:
        """Write the register at byte `offset` of BAR0."""

    async def offer(self, frames: Sequence[bytes]) -> None:
        """Frames without FCS come in over the wire."""

    async def collect(self) -> list[bytes]:
        """The frames sent since the last call, without FCS."""

    async def work(self) -> float | None:
        """Do what can be done now. Seconds until there is more to do: 0 at once, None when idle."""

    async def reset(self) -> None:
        """The machine was reset."""


class ModelNic:
    """The behavioural NIC on a guest's memory; its delay timers run by this machine's clock."""

    def __init__(self, memory: GuestMemory, *, mac: bytes) -> None:
        self._controller = Controller(memory, mac=mac)
        self._sent: list[bytes] = []
        self._controller.on_transmit = self._sent.append
        self._start = time.monotonic_ns()

    @property
    def on_dma(self) -> Callable[[DmaEvent], None]:
        """Listener for accesses to memory."""
        return self._controller.on_dma

    @on_dma.setter
    def on_dma(self, listener: Callable[[DmaEvent], None]) -> None:
        self._controller.on_dma = listener

    @property
    def now_ns(self) -> int:
        """Nanoseconds since the NIC was made."""
        return time.monotonic_ns() - self._start

    @property
    def irq(self) -> bool:
        """Level of the interrupt line."""
        return self._controller.irq

    async def read32(self, offset: int) -> int:
        """Read the register at byte `offset` of BAR0."""
        return self._controller.read(offset)

    async def write32(self, offset: int, value: int) -> None:
        """Write the register at byte `offset` of BAR0."""
        self._controller.write(offset, value)

    async def offer(self, frames: Sequence[bytes]) -> None:
        """Frames without FCS come in over the wire."""
        self._controller.receive_burst(on_the_wire([WireFrame(frame) for frame in frames]))

    async def collect(self) -> list[bytes]:
        """The frames sent since the last call."""
        sent = self._sent.copy()
        self._sent.clear()
        return sent

    async def work(self) -> float | None:
        """Let delay timers run out; seconds until the next one does."""
        now = self.now_ns
        self._controller.advance(now)
        due = self._controller.deadline_ns
        return None if due is None else max(0, due - now) * 1e-9

    async def reset(self) -> None:
        """RST# resets what CTRL.RST and CTRL.PHY_RST do."""
        self._controller.write(Reg.CTRL, CTRL.RST | CTRL.PHY_RST)


class IcarusNic:
    """The Verilog NIC, from inside the simulator. Simulated time stands still while it has nothing to do."""

    def __init__(self, target: IcarusTarget) -> None:
        self._target = target
        self._at_rest = False

    @property
    def on_dma(self) -> Callable[[DmaEvent], None]:
        """Listener for bursts."""
        return self._target.on_dma

    @on_dma.setter
    def on_dma(self, listener: Callable[[DmaEvent], None]) -> None:
        self._target.on_dma = listener

    @property
    def now_ns(self) -> int:
        """Simulated time."""
        return self._target.now_ns

    @property
    def irq(self) -> bool:
        """Level of the interrupt line."""
        return self._target.irq

    async def read32(self, offset: int) -> int:
        """Read the register at byte `offset` of BAR0."""
        value = await self._target.read32(offset)
        self._at_rest &= offset != Reg.ICR
        await self._let_irq_follow(offset)
        return value

    async def write32(self, offset: int, value: int) -> None:
        """Write the register at byte `offset` of BAR0."""
        await self._target.write32(offset, value)
        self._at_rest = False
        await self._let_irq_follow(offset)

    async def _let_irq_follow(self, offset: int) -> None:
        # The guest goes on when it has its answer: by then the line must be what the access made of it.
        if Reg.ICR <= offset <= Reg.IMC:
            await self._target.run_cycles(IRQ_CYCLES)

    async def offer(self, frames: Sequence[bytes]) -> None:
        """Frames without FCS come in over the wire."""
        self._at_rest = False
        await self._target.wire.offer([WireFrame(frame) for frame in frames])

    async def collect(self) -> list[bytes]:
        """The frames sent since the last call."""
        return await self._target.wire.collect()

    async def work(self) -> float | None:
        """Simulate for a while; 0 if the NIC is still at work."""
        target = self._target
        if not self._at_rest:
            was_quiet = target.quiet
            await target.run_cycles(REST_CYCLES if was_quiet else CHUNK_CYCLES)
            self._at_rest = was_quiet and target.quiet
        if not self._at_rest:
            return 0.0
        if target.throttled:
            await target.interrupt(THROTTLE_NS)
            return 0.0
        return None

    async def reset(self) -> None:
        """RST# resets what CTRL.RST and CTRL.PHY_RST do."""
        self._at_rest = False
        await self._target.write32(Reg.CTRL, CTRL.RST | CTRL.PHY_RST)
