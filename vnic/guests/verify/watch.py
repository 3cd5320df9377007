"""Beside a running guest: hears what its NIC is told, and sends the frames it waits for."""

from __future__ import annotations

import socket
from typing import Any, Final

from vnic.errors import VnicError
from vnic.guests.bridge import Card
from vnic.guests.console import Console
from vnic.guests.device import PciNic
from vnic.guests.memory import GuestMemory
from vnic.guests.verify.plan import asked_for, frames
from vnic.guests.verify.ring import RingLog
from vnic.nic.events import RegisterEvent

PATIENCE_S: Final = 30.0


class Watch:
    """Joins device, wire and console of one guest that runs the script of `plan`.

    Whoever listens to the device's registers goes on to do so.
    """

    def __init__(self, device: PciNic, memory: GuestMemory, card: Card, console: Console) -> None:
        self._log = RingLog(memory.read)
        self._card = card
        self._others = device.on_register
        device.on_register = self._on_register
        console.on_mark = self._on_mark

    def _on_register(self, event: RegisterEvent) -> None:
        self._others(event)
        self._log.on_register(event)

    def _on_mark(self, text: str) -> None:
        mtu = asked_for(text)
        if mtu is not None:
            self._card.play(frames(mtu))

    def openings(self) -> list[dict[str, Any]]:
        """What the NIC was told, each time its ring was set up."""
        return [opening.as_json() for opening in self._log.openings]


class Sender:
    """Sends the frames to QEMU's own e1000, which nobody can listen to.

    Args:
        wire: one datagram a frame; QEMU takes no more of them than the card has room for.
    """

    def __init__(self, wire: socket.socket) -> None:
        self._wire = wire
        wire.settimeout(PATIENCE_S)

    def on_mark(self, text: str) -> None:
        """The guest has said something. Raises VnicError when QEMU takes no frames."""
        mtu = asked_for(text)
        for frame in () if mtu is None else frames(mtu):
            try:
                self._wire.send(frame)
            except OSError as error:
                raise VnicError(f"QEMU takes no frames at MTU {mtu}: {error}") from error
