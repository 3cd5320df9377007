"""What a NIC is told of receive buffers: each opening of the ring, its registers, the addresses given.

It listens to register accesses alone, so it looks at a guest's driver and at ours with the same eyes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from vnic.nic.events import RegisterEvent
from vnic.nic.registers import RCTL, Reg

DESCRIPTOR: Final = 16
_ADDRESS: Final = struct.Struct("<Q")


@dataclass(slots=True)
class Opening:
    """The ring from one write of RDBAL to the next.

    Attributes:
        rdlen, rctl: the registers when the first buffers were given.
        first: DMA addresses given when the interface came up. later: given since, for those that were filled.
    """

    rdlen: int = 0
    rctl: int = 0
    first: list[int] = field(default_factory=list)
    later: list[int] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """What `as_json` made."""
        return cls(**raw)


class RingLog:
    """Follows RDT.

    Args:
        read: the memory that the descriptors are in.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        self._registers: dict[int, int] = {}
        self._tail = 0
        self.openings: list[Opening] = []

    def on_register(self, event: RegisterEvent) -> None:
        """A register was read, or is about to be written."""
        if not event.write:
            return
        self._registers[event.offset] = event.value
        if event.offset == Reg.RDBAL:
            self.openings.append(Opening())
            self._tail = 0
        elif event.offset == Reg.RDT and self._registers.get(Reg.RCTL, 0) & RCTL.EN:
            # With reception off, a driver winds its ring back; nothing is given then.
            self._given(event.value)

    def _given(self, tail: int) -> None:
        """Descriptors up to `tail` are the NIC's now."""
        registers = self._registers
        count = registers.get(Reg.RDLEN, 0) // DESCRIPTOR
        if not self.openings or tail >= count or tail == self._tail:
            return
        opening = self.openings[-1]
        if not opening.first:
            opening.rdlen, opening.rctl = registers[Reg.RDLEN], registers.get(Reg.RCTL, 0)
        into = opening.later if opening.first else opening.first
        base = registers.get(Reg.RDBAH, 0) << 32 | registers[Reg.RDBAL]
        while self._tail != tail:
            into += _ADDRESS.unpack(self._read(base + self._tail * DESCRIPTOR, _ADDRESS.size))
            self._tail = (self._tail + 1) % count
