"""The Verilog NIC on buses that we did not write: cocotbext-axi plays memory, register master and line.

Slower by an order of magnitude, because Python wakes in every clock cycle. It is here as the independent
witness: the same session on it has to end the same way.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

import cocotb
from cocotb.simtime import get_sim_time
from cocotb.triggers import First, RisingEdge, Timer
from cocotbext.axi import (
    AxiBus,
    AxiLiteBus,
    AxiLiteMaster,
    AxiRam,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)
from cocotbext.axi.axi_channels import AxiARMonitor, AxiAWMonitor, AxiBMonitor, AxiRMonitor, AxiWMonitor

from vnic.errors import UsageError
from vnic.memory import HostMemory
from vnic.nic.eeprom import DEVICE_ID
from vnic.nic.events import DmaEvent, Master, RegisterEvent
from vnic.nic.port import WireFrame
from vnic.targets.hostmem import line_bytes
from vnic.targets.icarus_target import SETTLE_CYCLES, SimulationError, ignore

_BLOCK = 64
# Blocks of the receive FIFO that frames still on their way to it may take
_MARGIN = 8


class WitnessWire:
    """The line, by AxiStreamSource and AxiStreamSink."""

    def __init__(self, dut: Any) -> None:
        self._dut = dut
        self._source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis_rx"), dut.clk, dut.rst)
        self._sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis_tx"), dut.clk, dut.rst)
        self._waiting: deque[WireFrame] = deque()

    async def offer(self, frames: Sequence[WireFrame]) -> None:
        """Queue frames towards the NIC; they flow during settle."""
        self._waiting.extend(frames)

    async def collect(self) -> list[bytes]:
        """The frames transmitted since the last call, without FCS."""
        frames = []
        while not self._sink.empty():
            frames.append(bytes(self._sink.recv_nowait().tdata))
        return frames

    async def flow(self) -> None:
        """Send what is queued; as in sim/axis_source.v a frame waits until it fits or the NIC rests."""
        dut = self._dut
        while self._waiting:
            frame = self._waiting.popleft()
            data = line_bytes(frame)
            needed = (len(data) + _BLOCK - 1) // _BLOCK + _MARGIN
            while int(dut.fifo_free.value) < needed and not int(dut.at_rest.value):
                await First(dut.at_rest.rising_edge, dut.fifo_free.value_change)
            await self._source.send(AxiStreamFrame(data, tuser=int(frame.bad_fcs)))
            await self._source.wait()


class WitnessTarget:
    """The NIC of `sim/vnic_witness_bench.v`.

    Args:
        dut: cocotb's handle of the bench top.
        memory: host memory; one region from address 0.
        parameters: what the bench was compiled with; checked against what took effect.
        watch: whether bus events are told; costs five more monitors.

    Raises:
        UsageError: a memory that AxiRam cannot play.
        SimulationError: a parameter did not take.
    """

    name = "icarus-cocotbext"
    device_id = DEVICE_ID

    def __init__(
        self, dut: Any, memory: HostMemory, parameters: dict[str, int], *, watch: bool = True
    ) -> None:
        for name, wanted in parameters.items():
            actual = int(getattr(dut, name).value)
            if actual != wanted:
                raise SimulationError(
                    f"parameter {name} of the bench is {actual}, not {wanted}: it did not take"
                )
        if len(memory.regions) != 1 or memory.regions[0].base:
            raise UsageError("bus cocotbext: AxiRam has one region from address 0; use bus native for holes")
        self.on_dma: Callable[[DmaEvent], None] = ignore
        self.on_register: Callable[[RegisterEvent], None] = ignore
        self._dut = dut
        self._clock_ns = int(dut.CLK_NS.value)
        self._beat_bytes = int(dut.DATA_WIDTH.value) // 8
        self._size = memory.size
        bus = AxiBus.from_prefix(dut, "m_axi")
        self._ram = AxiRam(bus, dut.clk, dut.rst, mem=memory.view(0, memory.size))
        self._registers = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        self._wire = WitnessWire(dut)
        self._events: list[DmaEvent] = []
        if watch:
            cocotb.start_soon(self._watch_write_data(bus.write))
            cocotb.start_soon(self._watch_reads(bus.read))

    @property
    def wire(self) -> WitnessWire:
        """The Ethernet side."""
        return self._wire

    @property
    def now_ns(self) -> int:
        """Simulated time in nanoseconds."""
        return int(get_sim_time("ns"))

    @property
    def cycles(self) -> int:
        """Clock cycles since the simulation began."""
        return self.now_ns // self._clock_ns

    async def read32(self, offset: int) -> int:
        """Read the register at byte `offset`."""
        value = int(await self._registers.read_dword(offset))
        self._hand_over()
        self.on_register(RegisterEvent(self.now_ns, False, offset, value))
        return value

    async def write32(self, offset: int, value: int) -> None:
        """Write the register at byte `offset`."""
        await self._registers.write_dword(offset, value)
        self.on_register(RegisterEvent(self.now_ns, True, offset, value))
        self._hand_over()

    async def interrupt(self, timeout_ns: int) -> bool:
        """Wait until the interrupt line is up, at most `timeout_ns`; True if it is up."""
        if not int(self._dut.irq.value):
            await First(RisingEdge(self._dut.irq), Timer(max(1, timeout_ns), "ns"))
        self._hand_over()
        return bool(int(self._dut.irq.value))

    async def settle(self) -> None:
        """Run until nothing moves any more. Raises SimulationError if that does not happen."""
        await self._wire.flow()
        # The last beat has left; what it sets off shows within a few cycles and makes at_rest fall.
        await Timer(16 * self._clock_ns, "ns")
        if not int(self._dut.at_rest.value):
            await First(RisingEdge(self._dut.at_rest), Timer(SETTLE_CYCLES * self._clock_ns, "ns"))
        self._hand_over()
        if not int(self._dut.at_rest.value):
            raise SimulationError(
                f"the NIC is not at rest after {SETTLE_CYCLES} cycles: busy {self._dut.busy.value}"
            )

    async def set_link(self, up: bool) -> None:
        """Plug the cable in or pull it."""
        self._dut.phy_link.value = int(up)
        await RisingEdge(self._dut.clk)

    def close(self) -> None:
        """Nothing to give back: the models end with the simulation."""

    def _hand_over(self) -> None:
        events, self._events = self._events, []
        for event in events:
            self.on_dma(event)

    async def _watch_write_data(self, bus: Any) -> None:
        """Put together write bursts; a burst is an event when its response is taken."""
        clock, reset = self._dut.clk, self._dut.rst
        addresses, beats = AxiAWMonitor(bus.aw, clock, reset), AxiWMonitor(bus.w, clock, reset)
        complete: defaultdict[int, deque[tuple[int, int, int, int, int]]] = defaultdict(deque)
        cocotb.start_soon(self._watch_responses(AxiBMonitor(bus.b, clock, reset), complete))
        while True:
            request = await addresses.recv()
            start = int(request.awaddr)
            count = int(request.awlen) + 1
            line = start - start % self._beat_bytes
            mask = 0
            for index in range(count):
                beat = await beats.recv()
                mask |= int(beat.wstrb) << index * self._beat_bytes
            first = (mask & -mask).bit_length() - 1 if mask else start - line
            span = mask.bit_length() - first if mask else 0
            complete[int(request.awid)].append((line + first, span, mask.bit_count(), start, count))

    async def _watch_responses(
        self, responses: Any, complete: defaultdict[int, deque[tuple[int, int, int, int, int]]]
    ) -> None:
        while True:
            response = await responses.recv()
            number = int(response.bid)
            address, span, strobes, start, count = complete[number].popleft()
            self._tell(number, True, address, span, strobes, start, count)

    async def _watch_reads(self, bus: Any) -> None:
        """A read is an event when its last beat is taken; AxiRam answers in order."""
        clock, reset = self._dut.clk, self._dut.rst
        requests, beats = AxiARMonitor(bus.ar, clock, reset), AxiRMonitor(bus.r, clock, reset)
        while True:
            request = await requests.recv()
            start, count = int(request.araddr), int(request.arlen) + 1
            for _ in range(count):
                await beats.recv()
            length = start - start % self._beat_bytes + count * self._beat_bytes - start
            self._tell(int(request.arid), False, start, length, length, start, count)

    def _tell(
        self, number: int, write: bool, address: int, length: int, strobes: int, start: int, count: int
    ) -> None:
        ok = address + length <= self._size
        self._events.append(
            DmaEvent(
                self.now_ns,
                Master(number),
                write,
                address,
                length,
                strobes,
                start,
                count,
                self._beat_bytes,
                ok,
            )
        )
