"""Two NICs that must not differ: what is done to one is done to the other, and then all that shows is
compared.

Both live in the simulator's process, each with a memory of its own. The behavioural NIC goes first: it does
in no time what the Verilog NIC then does in cycles.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.sim.fuzz.differences import sent, stored
from tests.sim.fuzz.fence import Fence, RingView
from tests.sim.fuzz.names import ASIDE, EVERY, QUIET, STATISTICS, name_of
from vnic.errors import VnicError
from vnic.memory import HostMemory
from vnic.nic.descriptors import RX_STRUCT, RxErrors, RxStatus
from vnic.nic.events import DmaEvent, Master
from vnic.nic.port import WireFrame
from vnic.nic.registers import CTRL, Reg
from vnic.nic.rx import buffer_bytes
from vnic.targets.model import ModelTarget

if TYPE_CHECKING:
    from vnic.targets.icarus_target import IcarusTarget

SETTLE_CYCLES: Final = 65_536
"""A step that takes longer hangs: the longest one here takes some 20,000 cycles."""
JOURNAL: Final = "last-operation.txt"
HISTORY: Final = 8

_RX: Final = range(Reg.RDBAL, Reg.RDT + 4)
_TX: Final = range(Reg.TDBAL, Reg.TDT + 4)
_STOPPED: Final[dict[tuple[int, int], tuple[Master, ...]]] = {
    (Reg.CTRL, CTRL.RST): tuple(Master),
    (Reg.RCTL, 0): (Master.RX_DATA, Master.RX_WRITEBACK),
    (Reg.TCTL, 0): (Master.TX_WRITEBACK,),
}


class Diverged(VnicError):
    """The two NICs differ, one of them hangs, or one left its memory."""


class Pair:
    """Behavioural NIC and Verilog NIC in lock-step.

    Attributes: `operations` done so far, by kind; `accesses` of the Verilog NIC, by master and outcome;
    `counted` by both, by statistics register; `received` descriptors, by bits of their status and errors.
    """

    def __init__(self, rtl: IcarusTarget, rtl_memory: HostMemory, memory: HostMemory, seed: int) -> None:
        self.rtl = rtl
        self.model = ModelTarget(memory)
        self.memory = memory
        self.operations: Counter[str] = Counter()
        self.accesses: Counter[str] = Counter()
        self.counted: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self._rtl_memory = rtl_memory
        self._random = random.Random(seed + 1)  # what is compared must not change what is done
        self._fence = Fence(rtl_memory)
        self._events: list[DmaEvent] = []
        self._model_events: list[DmaEvent] = []
        rtl.on_dma = self._events.append
        self.model.on_dma = self._model_events.append
        self._history: deque[str] = deque(maxlen=HISTORY)
        self._journal = Path(JOURNAL).open("wb", buffering=0)  # noqa: SIM115  until the simulator ends
        self._heads = {Reg.RDBAL: 0, Reg.TDBAL: 0}
        self._changed = self._moving = True

    # ---- operations

    def note(self, kind: str, what: str) -> None:
        """An operation begins."""
        self.operations[kind] += 1
        line = f"{self.operations.total()} {what}"
        self._history.append(line)
        self._journal.seek(0)
        self._journal.write(line.ljust(200).encode())

    def close(self) -> None:
        """The walk is over."""
        self._journal.close()

    async def write(self, offset: int, value: int) -> None:
        """Write a register of both: when they are at rest, unless it has nothing to do with frames."""
        if self._moving and offset not in ASIDE:
            await self.rest()
        await self._write(offset, value)
        self._moving = self._moving or offset not in ASIDE

    async def _write(self, offset: int, value: int) -> None:
        self.note("register write", f"write {name_of(offset)} = {value:#x}")
        await self.model.write32(offset, value)
        if offset in _RX or offset in (Reg.RCTL, Reg.CTRL):
            self._give(Reg.RDBAL, value if offset == Reg.RDH else None)
        if offset in _TX or offset in (Reg.TCTL, Reg.CTRL):
            self._give(Reg.TDBAL, value if offset == Reg.TDH else None)
        await self.rtl.write32(offset, value)

    async def read(self, offset: int) -> int:
        """Read a register of both: they agree."""
        if self._moving and offset not in ASIDE:
            await self.rest()
        self.note("register read", f"read {name_of(offset)}")
        return await self._same(offset)

    async def offer(self, frames: Sequence[WireFrame]) -> None:
        """Frames come on both lines."""
        for frame in frames:
            self.note("frame", f"frame {len(frame.data)}{' bad FCS' * frame.bad_fcs}{' raw' * frame.raw}")
        self._moving = True
        await self.model.wire.offer(frames)
        await self.rtl.wire.offer(frames)

    async def set_link(self, up: bool) -> None:
        """Both cables."""
        await self.rest()
        self.note("cable", f"cable {'in' if up else 'out'}")
        self._moving = True
        await self.model.set_link(up)
        await self.rtl.set_link(up)

    def store(self, address: int, data: bytes) -> None:
        """Software writes memory: no operation by itself."""
        self.memory.write(address, data)
        self._rtl_memory.write(address, data)

    def describe(self, address: int, descriptor: bytes) -> None:
        """Software writes a descriptor."""
        self.note("descriptor", f"descriptor {descriptor.hex()} at {address:#x}")
        self.store(address, descriptor)

    # ---- what the registers say now, by the behavioural NIC

    def value(self, offset: int) -> int:
        """A register that a read leaves as it is."""
        return self.model.controller.read(offset)

    def ring(self, first: int) -> RingView:
        """The receive (RDBAL) or transmit (TDBAL) ring."""
        read = self.model.controller.read
        return RingView(
            read(first + 4) << 32 | read(first), read(first + 8) >> 4, read(first + 16), read(first + 24)
        )

    def _give(self, first: int, head: int | None) -> None:
        """What the NIC owns after a write and before it moves."""
        if head is not None:
            self._heads[Reg(first)] = head & 0xFFFF
        ring = self.ring(first)._replace(head=self._heads[Reg(first)])
        if first == Reg.RDBAL:
            self._fence.give_rx(ring, buffer_bytes(self.value(Reg.RCTL)))
        else:
            self._fence.give_tx(ring)
        self._changed = True

    # ---- comparison

    async def disrupt(self, cycles: int, offset: int, value: int) -> None:
        """Write a register while the Verilog NIC is at work; the behavioural NIC never is.

        How far the Verilog NIC got is not compared. Once the write of a reset, or of 0 to RCTL or TCTL, is
        answered, it must be quiet.
        """
        await self.model.settle()
        await self.rtl.run_cycles(cycles)
        await self._write(offset, value)
        self._events_are_inside()
        await self._settle()
        for event in self._events:
            if event.master in _STOPPED.get((offset, value), ()):
                raise self.diverged(f"Verilog NIC: {event.master.name} at {event.address:#x} after that")
        self._events_are_inside()
        await self.model.wire.collect()
        await self.rtl.wire.collect()
        for region in self.memory.regions:
            self.memory.write(region.base, self._rtl_memory.read(region.base, region.size))
        self._forget()

    async def check(self) -> None:
        """Let both come to rest, and compare."""
        await self.rest()
        await self._compare_lines()
        chance = self._random.random()
        if chance < 0.015:
            offsets: list[int] = EVERY
        elif chance < 0.05:
            offsets = [Reg.ICR, *STATISTICS]
        else:
            offsets = [Reg.RDH, Reg.TDH, Reg.STATUS, *self._random.sample(QUIET, 2)]
            if chance < 0.4:
                offsets.append(Reg.ICR)
        for offset in offsets:
            await self._same(offset)
        if chance < 0.002:
            for region in self.memory.regions:
                if self.memory.read(region.base, region.size) != self._rtl_memory.read(
                    region.base, region.size
                ):
                    raise self.diverged("memory differs where neither NIC told of a write")

    async def rest(self) -> None:
        """Let both come to rest, and compare what they did to memory."""
        await self._settle()
        self._judge_dma()
        self._moving = False

    async def _settle(self) -> None:
        await self.model.settle()
        try:
            await self.rtl.settle(SETTLE_CYCLES)
        except VnicError as error:
            raise self.diverged(f"Verilog NIC: {error}") from error

    def _judge_dma(self) -> None:
        """Every access lies in its fence, and memory is the same wherever one of them wrote."""
        if not self._events and not self._model_events and not self._changed:
            return
        written = [event for event in (*self._events, *self._model_events) if event.write and event.ok]
        self._events_are_inside()
        for event in written:
            if not self._same_bytes(event.address, event.length):
                raise self.diverged(
                    f"{event.master.name} wrote {event.length} bytes at {event.address:#x}: "
                    f"{self._difference(event)}"
                )
            if event.master == Master.RX_WRITEBACK and event.beats:
                for *_, status, errors, _ in RX_STRUCT.iter_unpack(self.memory.read(*event[3:5])):
                    bits = [bit for bit in RxStatus if status & bit] + [
                        bit for bit in RxErrors if errors & bit
                    ]
                    self.received.update(str(bit.name) for bit in bits)
        self._forget()

    def _events_are_inside(self) -> None:
        for nic, events in (("Verilog", self._events), ("behavioural", self._model_events)):
            for event in events:
                fault = self._fence.fault(event)
                if fault:
                    raise self.diverged(f"{nic} NIC: {fault}")
        for event in self._events:
            self.accesses[event.master.name if event.ok else f"{event.master.name} outside"] += 1
        self._events.clear()
        self._model_events.clear()

    def _same_bytes(self, address: int, length: int) -> bool:
        return self.memory.read(address, length) == self._rtl_memory.read(address, length)

    def _difference(self, event: DmaEvent) -> str:
        want, got = (memory.read(event.address, event.length) for memory in (self.memory, self._rtl_memory))
        return stored(want, got)

    def _forget(self) -> None:
        """What is given from here on is what the NICs own at rest."""
        self._events.clear()
        self._model_events.clear()
        self._fence.reset()
        for first in self._heads:
            self._heads[first] = self.value(first + 16)
            self._give(first, None)
        self._changed = False

    async def _compare_lines(self) -> None:
        """Frames out, and the interrupt line; ITR may hold that of the Verilog NIC down."""
        want, got = await self.model.wire.collect(), await self.rtl.wire.collect()
        if want != got:
            raise self.diverged(f"frames sent: {sent(want, got)}")
        level = self.rtl.irq or (self.value(Reg.ITR) != 0 and self.rtl.throttled)
        if self.model.controller.irq != level:
            raise self.diverged(
                f"interrupt line: {self.model.controller.irq} on the behavioural NIC, "
                f"{level} on the Verilog NIC"
            )

    async def _same(self, offset: int) -> int:
        want, got = await self.model.read32(offset), await self.rtl.read32(offset)
        if want != got:
            raise self.diverged(
                f"{name_of(offset)} reads {want:#x} on the behavioural NIC, {got:#x} on the Verilog NIC"
            )
        if offset in STATISTICS:
            self.counted[name_of(offset)] += want
        return want

    def diverged(self, what: str) -> Diverged:
        """`what` with the operations that led there."""
        return Diverged(
            f"after operation {self.operations.total()}: {what}. Before: {'; '.join(self._history)}"
        )
