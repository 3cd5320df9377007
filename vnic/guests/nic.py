"""The two NICs of ours that a guest can have, behind one face: the behavioural one and the Verilog one."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, TypeVar

from vnic.guests.memory import GuestMemory
from vnic.nic.events import DmaEvent
from vnic.nic.model import Controller
from vnic.nic.port import WireFrame
from vnic.nic.registers import CTRL, Reg
from vnic.targets.icarus_target import IcarusTarget
from vnic.targets.model import on_the_wire

_Result = TypeVar("_Result")

CHUNK_CYCLES: Final = 512
"""Clock cycles between two looks at the sockets while the Verilog NIC is at work, at most: 2 us for it."""

SLOWER: Final = 8
"""How much slower than this machine's clock the behavioural NIC's runs.

Interrupt delays and ITR are chosen for hardware. Under TCG, with some 50 us for a register access, a driver
that is interrupted after each frame does nothing else, and TCP never gets to hand over large segments.
"""

ITR_UNIT_NS: Final = 256  # SDM 13.4.18

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

    def figures(self) -> dict[str, float]:
        """What the NIC has to tell of the run so far."""


class ModelNic:
    """The behavioural NIC on a guest's memory; delays and ITR run by this machine's clock, slowed down."""

    def __init__(self, memory: GuestMemory, *, mac: bytes) -> None:
        self._controller = Controller(memory, mac=mac)
        self._sent: list[bytes] = []
        self._controller.on_transmit = self._sent.append
        self._start = time.monotonic_ns()
        self._irq = False
        self._quiet_until = 0

    @property
    def on_dma(self) -> Callable[[DmaEvent], None]:
        """Listener for accesses to memory."""
        return self._controller.on_dma

    @on_dma.setter
    def on_dma(self, listener: Callable[[DmaEvent], None]) -> None:
        self._controller.on_dma = listener

    @property
    def now_ns(self) -> int:
        """Nanoseconds of the NIC's clock since it was made."""
        return (time.monotonic_ns() - self._start) // SLOWER

    @property
    def irq(self) -> bool:
        """Level of the interrupt line, to be looked at after each access. It rises once in an interval."""
        pending = self._controller.irq
        if pending != self._irq:
            if not pending:
                self._irq = False
            elif (now := self.now_ns) >= self._quiet_until:
                self._irq = True
                self._quiet_until = now + self._controller.read(Reg.ITR) * ITR_UNIT_NS
        return self._irq

    async def read32(self, offset: int) -> int:
        """Read the register at byte `offset` of BAR0."""
        return self._controller.read(offset)

    async def write32(self, offset: int, value: int) -> None:
        """Write the register at byte `offset` of BAR0."""
        self._controller.write(offset, value)
        if offset == Reg.ITR:
            self._quiet_until = 0

    async def offer(self, frames: Sequence[bytes]) -> None:
        """Frames without FCS come in over the wire."""
        self._controller.receive_burst(on_the_wire([WireFrame(frame) for frame in frames]))

    async def collect(self) -> list[bytes]:
        """The frames sent since the last call."""
        sent = self._sent.copy()
        self._sent.clear()
        return sent

    async def work(self) -> float | None:
        """Let delay timers run out; seconds until the next one does, or the line may rise."""
        now = self.now_ns
        self._controller.advance(now)
        due = self._controller.deadline_ns
        if self._controller.irq and not self.irq:
            due = self._quiet_until if due is None else min(due, self._quiet_until)
        return None if due is None else max(0, due - now) * SLOWER * 1e-9

    async def reset(self) -> None:
        """RST# resets what CTRL.RST and CTRL.PHY_RST do."""
        self._controller.write(Reg.CTRL, CTRL.RST | CTRL.PHY_RST)

    def figures(self) -> dict[str, float]:
        """Nothing: its work is not apart from the bridge's."""
        return {}


class IcarusNic:
    """The Verilog NIC, from inside the simulator. Simulated time stands still while it has nothing to do.

    It masters the simulator's host memory, which is the guest's RAM, and of that what `memory` says.
    """

    def __init__(self, target: IcarusTarget, memory: GuestMemory) -> None:
        self._target = target
        memory.on_change = lambda: target.permit(memory.windows)
        memory.on_change()
        self._at_rest = False
        self._chunk = REST_CYCLES
        self._listener: Callable[[DmaEvent], None] = target.on_dma
        self._listening_s = 0.0
        self._inside_s = 0.0
        self._began_s = time.thread_time()
        target.on_dma = self._hear

    @property
    def on_dma(self) -> Callable[[DmaEvent], None]:
        """Listener for bursts."""
        return self._listener

    @on_dma.setter
    def on_dma(self, listener: Callable[[DmaEvent], None]) -> None:
        self._listener = listener

    def _hear(self, event: DmaEvent) -> None:
        began = time.thread_time()
        self._listener(event)
        self._listening_s += time.thread_time() - began

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
        value = await self._simulate(self._target.read32(offset))
        self._at_rest &= offset != Reg.ICR
        await self._let_irq_follow(offset)
        return value

    async def write32(self, offset: int, value: int) -> None:
        """Write the register at byte `offset` of BAR0."""
        await self._simulate(self._target.write32(offset, value))
        self._at_rest = False
        self._chunk = REST_CYCLES  # most writes are over at once, and the next is on its way
        await self._let_irq_follow(offset)

    async def _let_irq_follow(self, offset: int) -> None:
        # The guest goes on when it has its answer: by then the line must be what the access made of it.
        if Reg.ICR <= offset <= Reg.IMC:
            await self._simulate(self._target.run_cycles(IRQ_CYCLES))

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
            await self._simulate(target.run_cycles(REST_CYCLES if was_quiet else self._chunk))
            self._at_rest = was_quiet and target.quiet
            self._chunk = min(CHUNK_CYCLES, 4 * self._chunk)
        if not self._at_rest:
            return 0.0
        if target.throttled:
            await self._simulate(target.interrupt(THROTTLE_NS))
            return 0.0
        return None

    async def reset(self) -> None:
        """RST# resets what CTRL.RST and CTRL.PHY_RST do."""
        self._at_rest = False
        await self._simulate(self._target.write32(Reg.CTRL, CTRL.RST | CTRL.PHY_RST))

    async def _simulate(self, command: Awaitable[_Result]) -> _Result:
        """Await a command of the bench, and count its processor time."""
        began = time.thread_time()
        result = await command
        self._inside_s += time.thread_time() - began
        return result

    def figures(self) -> dict[str, float]:
        """Clock cycles so far, and processor seconds: of the simulator, of rules and table, of the rest.

        The rest is our side of QEMU's sockets.
        """
        return {
            "nic_cycles": self._target.cycles,
            "cpu_s_simulator": self._inside_s - self._listening_s,
            "cpu_s_checks": self._listening_s,
            "cpu_s_bridge": time.thread_time() - self._began_s - self._inside_s,
        }
