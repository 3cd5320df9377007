"""The target protocol: a NIC together with the bench around it, the same for every kind of NIC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from vnic.nic.events import DmaEvent, RegisterEvent
from vnic.nic.port import Nic


class Target(Nic, Protocol):
    """A NIC that a session can drive in lock-step with others.

    ``on_dma`` and ``on_register`` are set before use. Events arrive in order, before the awaited call
    that caused them returns.
    """

    name: str
    on_dma: Callable[[DmaEvent], None]
    on_register: Callable[[RegisterEvent], None]

    @property
    def cycles(self) -> int:
        """Clock cycles spent so far; 0 where there is no clock."""

    async def settle(self) -> None:
        """Run until the NIC has nothing left that it can do: every offered frame is in the FIFO, dropped
        or delivered, write-backs are visible, transmission is done or blocked."""

    async def set_link(self, up: bool) -> None:
        """Plug the cable in or pull it."""
