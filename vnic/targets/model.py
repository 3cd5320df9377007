"""The behavioural NIC as a target: ``vnic.nic.model.Controller`` with a wire, a clock and an interrupt.

Nothing here suspends, so ``vnic.nic.port.run`` can drive a driver on it without an event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final
from zlib import crc32

from vnic.nic.bus import PhysicalMemory, ignore_dma
from vnic.nic.eeprom import DEFAULT_MAC, DEVICE_ID
from vnic.nic.events import DmaEvent, RegisterEvent
from vnic.nic.model import Controller
from vnic.nic.port import WireFrame
from vnic.nic.rx import FIFO_BYTES

SETTLE_NS: Final = 1000
"""What one ``settle`` costs on the virtual clock."""

MIN_DATA: Final = 60
"""A sender pads shorter frames to this (IEEE 802.3: 64 with FCS)."""


def on_the_wire(frames: Sequence[WireFrame]) -> Iterator[tuple[bytes, bool]]:
    """Each frame as it reaches the MAC, padded and with its FCS; and whether that FCS is wrong."""
    for data, bad_fcs, raw in frames:
        if len(data) < MIN_DATA and not raw:
            data = data.ljust(MIN_DATA, b"\0")
        check = crc32(data)
        yield data + (check ^ 0xFFFF_FFFF if bad_fcs else check).to_bytes(4, "little"), bad_fcs


class ModelWire:
    """The wire of the behavioural NIC: what is offered waits until the target settles."""

    def __init__(self) -> None:
        self._offered: list[WireFrame] = []
        self._sent: list[bytes] = []
        self.transmitted = self._sent.append

    async def offer(self, frames: Sequence[WireFrame]) -> None:
        """Queue frames towards the NIC."""
        self._offered.extend(frames)

    async def collect(self) -> list[bytes]:
        """The frames transmitted since the last call."""
        sent = self._sent.copy()
        self._sent.clear()
        return sent

    def take(self) -> list[WireFrame]:
        """What has been offered and not been taken yet."""
        offered = self._offered
        self._offered = []
        return offered


def ignore_register(event: RegisterEvent) -> None:
    """The default listener: nobody watches the registers."""


class ModelTarget:
    """The behavioural NIC on ``memory``; ``mac`` and ``rx_fifo_bytes`` as for ``Controller``."""

    name = "model"
    device_id = DEVICE_ID
    cycles = 0

    def __init__(
        self, memory: PhysicalMemory, *, mac: bytes = DEFAULT_MAC, rx_fifo_bytes: int = FIFO_BYTES
    ) -> None:
        self.controller = Controller(memory, mac=mac, rx_fifo_bytes=rx_fifo_bytes)
        self.wire = ModelWire()
        self.controller.on_transmit = self.wire.transmitted
        self.on_dma = ignore_dma
        self.on_register: Callable[[RegisterEvent], None] = ignore_register

    @property
    def on_dma(self) -> Callable[[DmaEvent], None]:
        """Listener for the NIC's accesses to memory."""
        return self.controller.on_dma

    @on_dma.setter
    def on_dma(self, listener: Callable[[DmaEvent], None]) -> None:
        self.controller.on_dma = listener

    @property
    def now_ns(self) -> int:
        """The virtual clock: 1 us per ``settle``, and whatever a timer or a waiting driver needs."""
        return self.controller.now_ns

    async def read32(self, offset: int) -> int:
        """Read the register at byte ``offset`` of BAR0."""
        value = self.controller.read(offset)
        self.on_register(RegisterEvent(self.controller.now_ns, False, offset, value))
        return value

    async def write32(self, offset: int, value: int) -> None:
        """Write the register at byte ``offset`` of BAR0."""
        self.on_register(RegisterEvent(self.controller.now_ns, True, offset, value))
        self.controller.write(offset, value)

    async def interrupt(self, timeout_ns: int) -> bool:
        """Wait for the interrupt line at most ``timeout_ns`` of virtual time; True if it is up."""
        controller = self.controller
        self._deliver()
        end = controller.now_ns + timeout_ns
        while not controller.irq:
            due = controller.deadline_ns
            if due is None or due > end:
                controller.advance(end)
                break
            controller.advance(due)
        return controller.irq

    async def settle(self) -> None:
        """Deliver what was offered and let interrupt delays run out."""
        controller = self.controller
        self._deliver()
        while (due := controller.deadline_ns) is not None:
            controller.advance(due)
        controller.advance(controller.now_ns + SETTLE_NS)

    async def set_link(self, up: bool) -> None:
        """Plug the cable in or pull it."""
        self.controller.set_carrier(up)

    def _deliver(self) -> None:
        offered = self.wire.take()
        if offered:
            self.controller.receive_burst(on_the_wire(offered))
