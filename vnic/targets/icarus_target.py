"""The Verilog NIC as a target: lives inside the simulator, under cocotb.

Python is woken when a command of the bench (sim/reg_master.v) is done and at no other time: never by a
clock edge, never by a bus beat. A command is one signal set and one event awaited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cocotb.handle import Immediate
from cocotb.triggers import Timer

from vnic.errors import VnicError
from vnic.memory import HostMemory
from vnic.nic.eeprom import DEVICE_ID
from vnic.nic.events import DmaEvent, RegisterEvent
from vnic.nic.port import WireFrame
from vnic.targets.bench_settings import configure
from vnic.targets.hostmem import Hostmem, Traffic

# Operations of sim/reg_master.v
_READ, _WRITE, _SETTLE, _IRQ, _LINK, _RUN = range(6)
_FAILED = 1 << 33

# A NIC that is not at rest after 0.4 s (at 4 ns) will never be: the longest ITR and RADV are 17 and 67 ms.
SETTLE_CYCLES = 100_000_000
RESET_CYCLES = 16


class SimulationError(VnicError):
    """The Verilog NIC broke a rule of its buses, or does not come to rest."""


def ignore(_: object) -> None:
    """The default listener."""


class IcarusWire:
    """The line of the bench: frame queues in hostmem_line.c."""

    def __init__(self, hostmem: Hostmem) -> None:
        self._hostmem = hostmem

    async def offer(self, frames: Sequence[WireFrame]) -> None:
        """Queue frames towards the NIC; they flow from the next register access, interrupt or settle on."""
        if frames:
            self._hostmem.push(frames)

    async def collect(self) -> list[bytes]:
        """The frames transmitted since the last call, without FCS."""
        return self._hostmem.pop()


class IcarusTarget:
    """The NIC of `sim/vnic_bench.v`.

    Args:
        dut: cocotb's handle of the bench top.
        memory: host memory that the NIC shall see.
        module: path of hostmem.vpi as given to the simulator.
        parameters: what the bench was compiled with; checked against what took effect.

    Raises:
        SimulationError: a parameter did not take.
        VnicError: the memory cannot be mapped.
    """

    name = "icarus"
    device_id = DEVICE_ID

    def __init__(self, dut: Any, memory: HostMemory, module: Path, parameters: dict[str, int]) -> None:
        for name, wanted in parameters.items():
            actual = int(getattr(dut, name).value)
            if actual != wanted:
                raise SimulationError(
                    f"parameter {name} of the bench is {actual}, not {wanted}: it did not take"
                )
        self.on_dma: Callable[[DmaEvent], None] = ignore
        self.on_register: Callable[[RegisterEvent], None] = ignore
        self._dut = dut
        self._command = dut.command
        self._answer = dut.answer
        self._done = dut.answer.value_change
        self._irq = dut.irq
        self._quiet = dut.quiet
        self._nic = dut.dut
        self._clock_ns = int(dut.CLK_NS.value)
        self._hostmem = Hostmem(module, memory, int(dut.DATA_WIDTH.value) // 8)
        self._wire = IcarusWire(self._hostmem)
        self._toggle = 0

    @property
    def wire(self) -> IcarusWire:
        """The Ethernet side."""
        return self._wire

    @property
    def now_ns(self) -> int:
        """Simulated time in nanoseconds."""
        return self._hostmem.now_ns

    @property
    def cycles(self) -> int:
        """Clock cycles since the simulation began."""
        return self._hostmem.now_ns // self._clock_ns

    @property
    def clock_ns(self) -> int:
        """Clock period in nanoseconds."""
        return self._clock_ns

    async def read32(self, offset: int) -> int:
        """Read the register at byte `offset`. Raises SimulationError when the NIC answers with an error."""
        answer = await self._run(_READ, offset, 0)
        self._hand_over()
        value = answer >> 1 & 0xFFFFFFFF
        if answer & _FAILED:
            raise SimulationError(f"register read at {offset:#x} was answered with an AXI-Lite error")
        self.on_register(RegisterEvent(self._hostmem.now_ns, False, offset, value))
        return value

    async def write32(self, offset: int, value: int) -> None:
        """Write the register at byte `offset`. Raises SimulationError when the NIC answers with an error."""
        if await self._run(_WRITE, offset, value) & _FAILED:
            raise SimulationError(f"register write at {offset:#x} was answered with an AXI-Lite error")
        # The NIC may have acted on it already (a tail makes it fetch): cause first, effect after.
        self.on_register(RegisterEvent(self._hostmem.now_ns, True, offset, value))
        self._hand_over()

    async def interrupt(self, timeout_ns: int) -> bool:
        """Wait until the interrupt line is up, at most `timeout_ns`; True if it is up."""
        answer = await self._run(_IRQ, 0, max(1, timeout_ns // self._clock_ns))
        self._hand_over()
        return not answer & _FAILED

    @property
    def irq(self) -> bool:
        """Level of the interrupt line in this cycle."""
        return bool(self._irq.value)

    @property
    def quiet(self) -> bool:
        """Nothing moves in this cycle: NIC, memory and line are idle, and no timer runs."""
        return bool(self._quiet.value)

    @property
    def throttled(self) -> bool:
        """An interrupt waits for ITR: the line will go up with time alone, which `quiet` says nothing of."""
        return bool(self._nic.csr.interrupts.pending.value) and not self.irq

    async def settle(self, cycles: int = SETTLE_CYCLES) -> None:
        """Run until nothing moves any more. Raises SimulationError if that does not happen in about so many
        cycles: the bench looks every 65,536 of them.
        """
        answer = await self._run(_SETTLE, 0, cycles)
        self._hand_over()
        if answer & _FAILED:
            dut = self._dut
            raise SimulationError(
                f"the NIC is not at rest after {cycles} cycles: busy {dut.busy.value}, "
                f"memory idle {dut.memory_idle.value}, line idle {dut.source_idle.value}"
            )

    async def run_cycles(self, cycles: int) -> None:
        """Let the clock run for `cycles`, whatever happens."""
        await self._run(_RUN, 0, cycles)
        self._hand_over()

    async def set_link(self, up: bool) -> None:
        """Plug the cable in or pull it."""
        await self._run(_LINK, 0, int(up))
        self._hand_over()

    def permit(self, windows: Sequence[tuple[int, int]]) -> None:
        """Let the NIC reach no more of memory than `windows` (base, size); what is under way is finished."""
        self._hostmem.permit(windows)

    def traffic(self) -> Traffic:
        """Beats on the bus since the last reset_traffic."""
        return self._hostmem.traffic()

    def reset_traffic(self) -> None:
        """Count beats from zero."""
        self._hostmem.reset_traffic()

    async def restart(self, memory: HostMemory, settings: Mapping[str, int]) -> None:
        """Reset the NIC, give it another memory, and set the bench as if the simulation began here.

        A simulator takes longer to start than many a run takes; this is what makes one serve several.

        Args:
            memory: what the NIC shall see from now on.
            settings: plusargs of the bench by name, `seed` included; those not named get their defaults.
        """
        # Off the clock's edges, so that no block sees half of it
        await Timer(1, "ns")
        self._dut.rst.value = Immediate(1)
        configure(self._dut, settings, self._clock_ns)
        self._hostmem.events()
        self._hostmem.detach()
        self._hostmem.attach(memory)
        await Timer(RESET_CYCLES * self._clock_ns, "ns")
        self._dut.rst.value = Immediate(0)
        await self.set_link(True)
        await self.settle()
        self._hostmem.watch_arrivals()

    def arrivals(self) -> list[int]:
        """When the last beat of each frame went into the NIC since `restart`, in nanoseconds."""
        return self._hostmem.arrivals()

    def close(self) -> None:
        """Take the memory away from the simulator."""
        self._hostmem.detach()

    async def _run(self, operation: int, address: int, data: int) -> int:
        """One command of the bench; returns the answer vector."""
        self._toggle ^= 1
        # Immediate: a scheduled write would cost another wake-up; the bench samples at the next edge anyway.
        self._command.value = Immediate(operation << 50 | address << 33 | data << 1 | self._toggle)
        await self._done
        return int(self._answer.value)

    def _hand_over(self) -> None:
        """Tell of the bus events so far."""
        events = self._hostmem.events()
        if events:
            tell = self.on_dma
            for event in events:
                tell(event)
