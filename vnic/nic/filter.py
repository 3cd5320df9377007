"""The receive address filter: exact addresses, the multicast table, broadcast, promiscuous modes.

8254x SDM 3.2.1 (packet address filtering), 13.5.1 to 13.5.3 (MTA, RAL, RAH).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from vnic.nic.descriptors import RxStatus
from vnic.nic.registers import (
    MTA_COUNT,
    MTA_STRIDE,
    RAH,
    RAH_COUNT,
    RAH_STRIDE,
    RAL_COUNT,
    RAL_STRIDE,
    RCTL,
    Reg,
)

BROADCAST: Final = b"\xff" * 6
MEMO_ENTRIES: Final = 4096
"""Verdicts remembered at most: a flood of random addresses must not fill memory."""

FILTER_TABLES: Final = (
    *(Reg.MTA + index * MTA_STRIDE for index in range(MTA_COUNT)),
    *(Reg.RAL + index * RAL_STRIDE for index in range(RAL_COUNT)),
    *(Reg.RAH + index * RAH_STRIDE for index in range(RAH_COUNT)),
)
"""Offsets of the registers that hold addresses."""

_HASH_SHIFT: Final = (4, 3, 2, 0)
"""By RCTL.MO: bits 47:36, 46:35, 45:34 or 43:32 of the address (there is no step to 44:33)."""

_DONE: Final = int(RxStatus.DD | RxStatus.EOP | RxStatus.IXSM)
_INEXACT: Final = _DONE | int(RxStatus.PIF)


class Verdict(NamedTuple):
    """What the filter says of one destination address."""

    accept: bool
    status: int
    """Status of the frame's last descriptor: PIF if the match was not exact."""
    counter: int
    """Offset of the statistics register that counts this kind of address; 0 for unicast."""


def multicast_hash(address: bytes, offset: int) -> int:
    """The 12 bits of ``address`` (6 bytes) that index the 4096 bits of MTA under RCTL.MO ``offset``."""
    return (address[4] | address[5] << 8) >> _HASH_SHIFT[offset] & 0xFFF


class AddressFilter:
    """Judges destination addresses by the registers in ``values`` (offset to value), and remembers.

    Whoever changes RCTL, RA or MTA calls ``forget``.
    """

    __slots__ = ("_exact", "_memo", "_values")

    def __init__(self, values: Mapping[int, int]) -> None:
        self._values = values
        self._memo: dict[bytes, Verdict] = {}
        self._exact: frozenset[bytes] | None = None

    def forget(self) -> None:
        """A register of the filter has changed."""
        self._memo.clear()
        self._exact = None

    def judge(self, address: bytes) -> Verdict:
        """The verdict on a destination address of 6 bytes; a shorter one is never accepted."""
        verdict = self._memo.get(address)
        if verdict is None:
            if len(self._memo) >= MEMO_ENTRIES:
                self._memo.clear()
            verdict = self._memo[address] = self._decide(address)
        return verdict

    def _decide(self, address: bytes) -> Verdict:
        if len(address) < 6:
            return Verdict(False, 0, 0)
        if self._exact is None:
            self._exact = self._addresses()
        rctl = self._values[Reg.RCTL]
        exact = address in self._exact
        if address == BROADCAST:
            plain = exact or bool(rctl & RCTL.BAM)
            return _verdict(plain, bool(rctl & RCTL.MPE), Reg.BPRC)
        if address[0] & 1:
            return _verdict(exact, bool(rctl & RCTL.MPE) or self._hashed(address, rctl), Reg.MPRC)
        return _verdict(exact, bool(rctl & RCTL.UPE), 0)

    def _hashed(self, address: bytes, rctl: int) -> bool:
        index = multicast_hash(address, (rctl & RCTL.MO_MASK) >> RCTL.MO_SHIFT)
        return bool(self._values[Reg.MTA + (index >> 5) * MTA_STRIDE] >> (index & 31) & 1)

    def _addresses(self) -> frozenset[bytes]:
        """The valid entries of RA that compare with the destination."""
        found = []
        for index in range(RAH_COUNT):
            high = self._values[Reg.RAH + index * RAH_STRIDE]
            if high & (RAH.AV | RAH.ASEL_MASK) == RAH.AV:
                low = self._values[Reg.RAL + index * RAL_STRIDE]
                found.append(low.to_bytes(4, "little") + (high & RAH.RAH_MASK).to_bytes(2, "little"))
        return frozenset(found)


def _verdict(exact: bool, inexact: bool, counter: int) -> Verdict:
    return Verdict(exact or inexact, _DONE if exact else _INEXACT, int(counter))
