"""Register writes: what they say about the rings, and the rules for the values themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vnic.checks.alignment import DMA_64K, crosses_64k
from vnic.checks.giving import GivingRules
from vnic.checks.rule import Rule
from vnic.checks.state import Ring, State
from vnic.nic.events import RegisterEvent
from vnic.nic.registers import CTRL, RCTL, STATUS, TCTL, Reg

RING_BASE: Final = Rule(
    "ring-base",
    "RDBAL and TDBAL are multiples of 16",
    "The low four bits are not there: the NIC would use another address than the driver, and overwrite what "
    "lies below the ring.",
    "8254x SDM 13.4.25 (RDBAL), 13.4.36 (TDBAL): bits 3:0 read 0",
)
RING_LENGTH: Final = Rule(
    "ring-length",
    "RDLEN and TDLEN are multiples of 128",
    "A ring is made of whole groups of eight descriptors; the low seven bits are dropped, so that the NIC "
    "wraps earlier than the driver. A length below 128 makes a ring of none.",
    "8254x SDM 13.4.27 (RDLEN), 13.4.38 (TDLEN)",
)
RULES: Final = (RING_BASE, RING_LENGTH)

_LENGTH_MASK: Final = 0xFFF80


class ControlRules:
    """Follows the driver's register writes."""

    def __init__(self, state: State, giving: GivingRules, reception: Callable[[], None]) -> None:
        """``reception`` is called when RCTL changed, with the state already up to date."""
        self._state = state
        self._ledger = state.ledger
        self._giving = giving
        self._reception = reception
        self._writes: dict[int, Callable[[int], None]] = {
            Reg.CTRL: self._ctrl,
            Reg.RCTL: self._rctl,
            Reg.TCTL: self._tctl,
        }
        for ring, low in ((state.rx, Reg.RDBAL), (state.tx, Reg.TDBAL)):
            self._follow(ring, low)

    def _follow(self, ring: Ring, low: int) -> None:
        """Route the writes of one ring's registers: they lie in the same order for both."""
        name = "R" if ring is self._state.rx else "T"
        self._writes |= {
            low: lambda value: self._base(ring, value, f"{name}DBAL"),
            low + 4: lambda value: self._base_high(ring, value),
            low + 8: lambda value: self._length(ring, value, f"{name}DLEN"),
            low + 0x10: lambda value: self._head(ring, value),
            low + 0x18: lambda value: self._tail(ring, value),
        }

    def event(self, event: RegisterEvent) -> None:
        """Take one access into account."""
        if event.write:
            self._state.registers[event.offset] = event.value
            handler = self._writes.get(event.offset)
            if handler is not None:
                handler(event.value)
        elif event.offset == Reg.STATUS and self._state.registers.get(Reg.CTRL, 0) & CTRL.SLU:
            # Without SLU the bit says nothing of the cable.
            self._state.link = bool(event.value & STATUS.LU)

    def _ctrl(self, value: int) -> None:
        if value & CTRL.RST:
            state = self._state
            state.registers.clear()
            for ring in (state.rx, state.tx):
                self._release(ring)
                ring.reset()

    def _rctl(self, value: int) -> None:
        self._enable(self._state.rx, bool(value & RCTL.EN))
        self._reception()

    def _tctl(self, value: int) -> None:
        self._enable(self._state.tx, bool(value & TCTL.EN))

    def _enable(self, ring: Ring, on: bool) -> None:
        if on and not ring.enabled:
            ring.enabled = True
            self._giving.give(ring)
        ring.enabled = on

    def _release(self, ring: Ring) -> None:
        """The NIC forgets the descriptors it was given; the first of them is where the head stays."""
        owned = [index for index, address in enumerate(ring.slots) if address is not None]
        if owned:
            after = [index for index in owned if index >= ring.given]
            ring.given = (after or owned)[0]
        for address in ring.owned():
            mapping = self._state.mappings.get(address)
            if mapping is not None:
                mapping.index = -1
        ring.slots = [None] * ring.count

    def _base(self, ring: Ring, value: int, name: str) -> None:
        if value & 0xF:
            self._ledger.report(
                RING_BASE,
                name,
                f"{value:#x} written; the NIC uses {value & ~0xF:#x}",
                value=value,
                offset=value & 0xF,
            )
        ring.low = value & ~0xF
        self._place(ring)

    def _base_high(self, ring: Ring, value: int) -> None:
        ring.high = value
        self._place(ring)

    def _length(self, ring: Ring, value: int, name: str) -> None:
        if value & ~_LENGTH_MASK:
            self._ledger.report(
                RING_LENGTH,
                name,
                f"{value} bytes written; the NIC uses {value & _LENGTH_MASK}",
                value=value,
                used=value & _LENGTH_MASK,
            )
        self._release(ring)
        ring.size = value & _LENGTH_MASK
        ring.count = ring.size // 16
        self._place(ring)

    def _place(self, ring: Ring) -> None:
        self._release(ring)
        ring.base = ring.high << 32 | ring.low

    def _head(self, ring: Ring, value: int) -> None:
        self._release(ring)
        ring.given = value & 0xFFFF

    def _tail(self, ring: Ring, value: int) -> None:
        ring.tail = value & 0xFFFF
        if ring.enabled:
            if ring.size and ring.tail != ring.given and crosses_64k(ring.base, ring.size):
                self._ledger.report(
                    DMA_64K,
                    f"{ring.name} ring",
                    f"{ring.size} bytes at {ring.base:#x} cross a 64 KiB boundary",
                    severity="error" if self._state.options.part != "82540EM" else "note",
                    address=ring.base,
                    length=ring.size,
                )
            self._giving.give(ring)
