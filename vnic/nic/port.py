"""How a driver reaches a NIC, whatever the NIC is made of: 32-bit registers, an interrupt and a wire.

The protocol is async because under cocotb a register access waits for clock edges. Elsewhere nothing
ever suspends, and ``run`` drives the coroutine without an event loop.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class WireFrame(NamedTuple):
    """A frame on its way to the NIC: ``data`` is destination address to payload, without FCS.

    The wire pads it to 60 bytes unless ``raw``, then appends the CRC-32 FCS, inverted if ``bad_fcs``.
    """

    data: bytes
    bad_fcs: bool = False
    raw: bool = False


class Wire(Protocol):
    """The Ethernet side of a NIC."""

    async def offer(self, frames: Sequence[WireFrame]) -> None:
        """Queue frames towards the NIC; returns once they are queued, not once they are received."""

    async def collect(self) -> list[bytes]:
        """The frames transmitted since the last call, in order, each without its FCS."""


class Nic(Protocol):
    """What a driver may use of a NIC."""

    @property
    def device_id(self) -> int:
        """PCI device id, by which a driver knows what it has before it: PCI 2.3, 6.2.1."""

    @property
    def wire(self) -> Wire:
        """The Ethernet side."""

    @property
    def now_ns(self) -> int:
        """Time in nanoseconds: simulated in Icarus, a virtual clock in the behavioural model."""

    async def read32(self, offset: int) -> int:
        """Read the register at byte ``offset`` of BAR0."""

    async def write32(self, offset: int, value: int) -> None:
        """Write the register at byte ``offset`` of BAR0."""

    async def interrupt(self, timeout_ns: int) -> bool:
        """Wait until the interrupt line is up, at most ``timeout_ns``; True if it is up."""


def run(coro: Coroutine[Any, Any, T]) -> T:
    """Drive a coroutine that never suspends and return its result.

    Raises RuntimeError if it does suspend: that coroutine needs a simulator's scheduler.
    """
    try:
        coro.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coro.close()
    raise RuntimeError("run: the coroutine suspended; a NIC that waits for a simulator must be driven by it")
