"""DMA events of a NIC that cannot be watched, made up from what it left in the descriptor rings.

QEMU's DMA has no bus. But a descriptor that came back says which buffer was filled and how far, and that is
what the checks need to know. What a descriptor does not say, a stray write, is for guard bytes to find
(vnic.checks.guards).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vnic.errors import BadAddress
from vnic.memory import HostMemory
from vnic.nic.descriptors import RxDescriptor, RxStatus, TxCommand, TxDescriptor, TxStatus
from vnic.nic.events import DmaEvent, Master
from vnic.nic.registers import RCTL, Reg

DESCRIPTOR: Final = 16
FCS: Final = 4


class RingWatch:
    """Follows the receive and the transmit ring of one NIC.

    Args:
        memory: where the rings are.
        emit: gets the events, in the order of the ring: data before its write-back.
        fcs_in_length: the descriptors count an FCS that was not written (QEMU, unless RCTL.SECRC).
    """

    def __init__(self, memory: HostMemory, emit: Callable[[DmaEvent], None], *, fcs_in_length: bool) -> None:
        self._memory = memory
        self._emit = emit
        self._fcs_in_length = fcs_in_length
        self._registers: dict[int, int] = {}
        self._rx = self._tx = 0
        self._held: list[tuple[int, RxDescriptor]] = []

    def written(self, offset: int, value: int) -> None:
        """The driver has written a register."""
        self._registers[offset] = value
        if offset == Reg.RDH:
            self._rx = value
        elif offset == Reg.TDH:
            self._tx = value

    def observe(self, now_ns: int, rdh: int, tdh: int) -> None:
        """The NIC's heads are at `rdh` and `tdh` now: tell what happened since the last look."""
        count = self._registers.get(Reg.RDLEN, 0) // DESCRIPTOR
        while self._rx != rdh and rdh < count:
            self._received(now_ns, self._address(Reg.RDBAL, Reg.RDBAH, self._rx))
            self._rx = (self._rx + 1) % count
        count = self._registers.get(Reg.TDLEN, 0) // DESCRIPTOR
        while self._tx != tdh and tdh < count:
            self._sent(now_ns, self._address(Reg.TDBAL, Reg.TDBAH, self._tx))
            self._tx = (self._tx + 1) % count

    def _address(self, low: Reg, high: Reg, index: int) -> int:
        base = self._registers.get(high, 0) << 32 | self._registers.get(low, 0)
        return base + index * DESCRIPTOR

    def _received(self, now_ns: int, address: int) -> None:
        """One receive descriptor came back; a frame is told of when its last one has."""
        word = self._read(address)
        if word is None:
            return
        self._held.append((address, RxDescriptor.unpack(word)))
        if not self._held[-1][1].status & RxStatus.EOP:
            return
        left = sum(descriptor.length for _, descriptor in self._held)
        if self._fcs_in_length and not self._registers.get(Reg.RCTL, 0) & RCTL.SECRC:
            left -= FCS
        for place, descriptor in self._held:
            length = min(descriptor.length, left)
            left -= length
            if length:
                self._event(now_ns, Master.RX_DATA, descriptor.address, length)
            self._event(now_ns, Master.RX_WRITEBACK, place, DESCRIPTOR)
        self._held.clear()

    def _sent(self, now_ns: int, address: int) -> None:
        """One transmit descriptor was worked off."""
        word = self._read(address)
        if word is None:
            return
        descriptor = TxDescriptor.unpack(word)
        if descriptor.length:
            self._event(now_ns, Master.TX_DATA, descriptor.address, descriptor.length)
        if descriptor.command & TxCommand.RS and descriptor.status & TxStatus.DD:
            self._event(now_ns, Master.TX_WRITEBACK, address, DESCRIPTOR)

    def _read(self, address: int) -> bytes | None:
        """A descriptor; None where the ring is beyond memory, which the NIC read as nothing, too."""
        try:
            return self._memory.read(address, DESCRIPTOR)
        except BadAddress:
            return None

    def _event(self, now_ns: int, master: Master, address: int, length: int) -> None:
        self._emit(
            DmaEvent(
                time_ns=now_ns, master=master, write=master < Master.RX_DESC, address=address, length=length,
                strobes=length, burst_address=address, beats=0, beat_bytes=0,
                ok=self._memory.contains(address, length),
            )
        )  # fmt: skip
