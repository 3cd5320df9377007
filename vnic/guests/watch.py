"""The rules of `vnic.checks` for a driver that does not tell us what it does: the one in a stock guest.

There are no events of its DMA API, so a mapping is what a descriptor says while the NIC owns it: as much as
RCTL lets in for a receive descriptor, its length for a transmit descriptor. What then can be judged is:
accesses outside guest memory, outside the ring or outside the buffers of owned descriptors; descriptors that
are used or written back without having been given, or before their data; ring base and length; tails that
pass what the NIC owns; the bus (4 KiB, strobes, beats); and where receive buffers start.
"""

from __future__ import annotations

import struct
from collections import Counter, abc
from typing import Any, Final, cast

from vnic.checks import alignment, bounds, bus, control, giving, writeback
from vnic.checks.bounds import BoundsRules
from vnic.checks.bus import BusRules
from vnic.checks.control import ControlRules
from vnic.checks.giving import GivingRules
from vnic.checks.state import CheckOptions, Mapping, Ring, State
from vnic.checks.verdict import Verdict
from vnic.checks.writeback import WritebackRules
from vnic.guests.memory import GuestMemory
from vnic.linux.profile import KernelProfile
from vnic.memory import HostMemory
from vnic.nic.events import DmaEvent, Master, RegisterEvent
from vnic.nic.registers import RCTL, Reg

RULES: Final = tuple(
    rule.id
    for rule in (
        bounds.DMA_BOUNDS, bounds.DESC_REUSE, giving.DESC_DOUBLE, giving.RING_OVERRUN,
        writeback.DESC_OWNERSHIP, writeback.WRITEBACK_ORDER,
        *control.RULES, alignment.ALIGN_CACHE_LINE, *bus.RULES,
    )
)  # fmt: skip
"""The ids of the rules that are looked at."""

_RX: Final = struct.Struct("<Q8x")  # SDM 3.2.3
_TX: Final = struct.Struct("<QI4x")  # address, length and command: SDM 3.3.3, 3.3.7
_RS: Final = 1 << 27
_DEXT: Final = 1 << 29
_DTYP: Final = 0xF << 20
_RESERVED_BSIZE: Final = 2048
_LONGEST: Final = 1522
_RING_BITS: Final[abc.Mapping[int, int]] = {
    Reg.RDBAL: ~0xF,
    Reg.TDBAL: ~0xF,
    Reg.RDLEN: 0xFFF80,
    Reg.TDLEN: 0xFFF80,
}


def buffer_bytes(rctl: int) -> int:
    """The most that the NIC may write into a receive buffer (SDM 13.4.22).

    That is RCTL.BSIZE, but no frame is above 1522 bytes unless RCTL.LPE or SBP lets it in: Linux counts on
    that and allocates less than BSIZE says.
    """
    size = rctl >> 16 & 3
    whole = 2048 >> size
    if rctl & RCTL.BSEX:
        whole = 32768 >> size if size else _RESERVED_BSIZE
    return whole if rctl & (RCTL.LPE | RCTL.SBP) else min(whole, _LONGEST)


class _Descriptors(GivingRules):
    """Takes what descriptors say for mappings, then judges how they were given."""

    def __init__(self, state: State, pad: int) -> None:
        super().__init__(state)
        self._line = state.profile.l1_cache_bytes
        self._pad = pad % self._line
        self._size = buffer_bytes(0)
        self._last = 0
        self._held: dict[tuple[str, int], int] = {}
        self._silent: set[int] = set()
        self._reading = Mapping(0, 0, "")
        self.offsets: Counter[int] = Counter()
        self.spacing: Counter[int] = Counter()

    def reception(self) -> None:
        """RCTL was written."""
        self._size = buffer_bytes(self._state.registers.get(Reg.RCTL, 0))

    def give(self, ring: Ring) -> None:
        """Map what comes into the NIC's hands, and judge."""
        if ring is self._state.tx:
            self._return_silent(ring)
        if ring.count and ring.tail < ring.count and ring.given < ring.count:
            learn = self._receive if ring is self._state.rx else self._transmit
            given = list(self._given(ring))
            for index, _ in given:
                self._forget(ring.name, index)
            for index, raw in given:
                learn(index, raw)
        super().give(ring)

    def fetched(self, event: DmaEvent) -> None:
        """The NIC has read data to send. With the last byte it is done with a descriptor that has no RS."""
        address = event.address
        mapping = self._state.sent_from(address, self._reading)
        if mapping.direction == "to_device" and mapping.address <= address < mapping.end:
            self._reading = mapping
            mapping.written = int(address + event.length >= mapping.end)

    def _return_silent(self, ring: Ring) -> None:
        """Descriptors without RS are never written back; they are the driver's once their data was read."""
        for index in list(self._silent):
            address = ring.slots[index] if index < ring.count else None
            mapping = self._mappings.get(address or 0)
            if mapping is not None and mapping.index == index:
                if not mapping.written:
                    continue
                mapping.index = -1
            if index < ring.count:
                ring.slots[index] = None
            self._silent.discard(index)

    def _receive(self, index: int, raw: bytes) -> None:
        (address,) = _RX.unpack(raw)
        self.offsets[address % self._line] += 1
        self.spacing[abs(address - self._last)] += 1
        self._last = address
        if address % self._line != self._pad:
            self._ledger.report(
                alignment.ALIGN_CACHE_LINE,
                f"buffer {address:#x}",
                f"starts {address % self._line} bytes into a line of {self._line}, not {self._pad}",
                address=address,
            )
        self._map("rx", index, address, self._size, "from_device")

    def _transmit(self, index: int, raw: bytes) -> None:
        address, word = _TX.unpack(raw)
        if not word & _RS:
            self._silent.add(index)
        if word & _DEXT and not word & _DTYP:
            return  # a context descriptor has no buffer
        length = word & (0xFFFFF if word & _DEXT else 0xFFFF)
        if length:
            self._map("tx", index, address, length, "to_device")

    def _forget(self, name: str, index: int) -> None:
        """A descriptor is given anew: the buffer that it had before is nobody's."""
        before = self._held.pop((name, index), None)
        mapping = None if before is None else self._mappings.get(before)
        if mapping is not None and mapping.index in (-1, index):
            del self._mappings[mapping.address]

    def _map(self, name: str, index: int, address: int, length: int, direction: str) -> None:
        self._held[name, index] = address
        current = self._mappings.get(address)
        # A receive buffer that is still in another descriptor stays there, for desc-double to see.
        if current is None or current.index < 0 or direction == "to_device":
            self._state.add_mapping(address, length, direction)


class GuestChecker:
    """Judges one guest on one NIC.

    Args:
        profile: the kernel whose alignment is expected.
        memory: the guest's, read when descriptors change hands.
    """

    def __init__(self, profile: KernelProfile, memory: GuestMemory) -> None:
        # The rules ask memory to read and whether it contains, which is what a guest's can do.
        self._state = state = State(profile, cast(HostMemory, memory), CheckOptions())
        self._descriptors = _Descriptors(state, profile.net_skb_pad + profile.net_ip_align)
        self._control = ControlRules(state, self._descriptors, self._descriptors.reception)
        self._bus = BusRules(state)
        bound, rings = BoundsRules(state), WritebackRules(state)
        self._masters = {
            Master.RX_DATA: bound.rx_data,
            Master.RX_WRITEBACK: rings.rx_writeback,
            Master.TX_WRITEBACK: rings.tx_writeback,
            Master.RX_DESC: self._fetch,
            Master.TX_DESC: self._fetch,
            Master.TX_DATA: self._tx_data,
        }
        self._judge_tx_data, self._judge_fetch = bound.tx_data, rings.fetch
        self._crooked: dict[int, int] = {}

    def on_register(self, event: RegisterEvent) -> None:
        """The guest has read a register, or is about to write one."""
        if event.write:
            mask = _RING_BITS.get(event.offset)
            if mask is not None:
                # A driver's self-test writes patterns; they matter when the ring is put to use.
                self._crooked[event.offset] = event.value & ~mask
                event = event._replace(value=event.value & mask)
        self._control.event(event)

    def _fetch(self, event: DmaEvent) -> None:
        """A ring is in use: now it matters how its registers were written."""
        rx = event.master == Master.RX_DESC
        pair = (Reg.RDBAL, Reg.RDLEN) if rx else (Reg.TDBAL, Reg.TDLEN)
        for register, rule in zip(pair, control.RULES, strict=True):
            lost = self._crooked.pop(register, 0)
            if lost:
                detail = f"in use, written with {lost:#x} in bits that are not there"
                self._state.ledger.report(rule, register.name, detail, value=lost)
        self._judge_fetch(event)

    def _tx_data(self, event: DmaEvent) -> None:
        self._judge_tx_data(event)
        self._descriptors.fetched(event)

    def on_dma(self, event: DmaEvent) -> None:
        """The NIC has accessed memory."""
        if not event.ok:
            self._bus.outside(event)
            # Lost, but not late: its write-back did not come too early.
            if event.master == Master.RX_DATA and self._state.mapping_at(event.address) is not None:
                self._masters[Master.RX_DATA](event)
            return
        if event.beats or event.strobes != event.length:
            self._bus.burst(event)
        self._masters[event.master](event)

    def finish(self) -> list[Verdict]:
        """The verdicts, errors first."""
        # The others that these classes know need a driver that tells, or a guest that waits: by the time a
        # written back descriptor is looked at, the guest may have cleared its status.
        return [verdict for verdict in self._state.ledger.verdicts() if verdict.rule in RULES]

    def receive_buffers(self) -> dict[str, Any]:
        """Where the guest put its receive buffers: address modulo the cache line, and the commonest distances
        between one and the next, each with how often."""
        return {
            "offsets": {str(offset): count for offset, count in sorted(self._descriptors.offsets.items())},
            "distances": {str(gap): count for gap, count in self._descriptors.spacing.most_common(4)},
        }
