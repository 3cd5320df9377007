"""Which frames a NIC must deliver: the decisions of the receive filter, from the register writes alone.

The rules use it to tell a frame that was lost from one that nobody wanted. It is written from the manual and
knows neither the behavioural NIC nor the Verilog one.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from vnic.checks.state import State
from vnic.nic.registers import CTRL, MDIC, RAH, RAL_COUNT, RCTL, Reg

MIN_FRAME: Final = 64  # bytes with FCS: SDM 13.7.35 (RUC)
MAX_FRAME: Final = 1522  # without LPE: SDM 13.4.22
MAX_LONG: Final = 16384  # with LPE: SDM 13.4.22

_BMCR: Final = 0
_BMCR_LOOPBACK: Final = 1 << 14
_MO_SHIFT: Final = (4, 3, 2, 0)  # which bits of the last 16 of the address index MTA: SDM 13.4.22, 13.5.1
_BROADCAST: Final = b"\xff" * 6


class Fate(Enum):
    """What must become of a frame."""

    RECEIVED = auto()
    DROPPED = auto()
    OPEN = auto()
    """It depends on an address register that the driver never wrote: the EEPROM decided."""


class Reception:
    """The receive path's settings, kept up to date from register writes."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._phy_loopback = False
        self._fates: dict[bytes, Fate] = {}

    def written(self, offset: int, value: int) -> None:
        """Take a register write into account."""
        if offset == Reg.MDIC:
            phy_register = (value & MDIC.REGADD_MASK) >> MDIC.REGADD_SHIFT
            if value & MDIC.OP_MASK == MDIC.OP_WRITE and phy_register == _BMCR:
                self._phy_loopback = bool(value & _BMCR_LOOPBACK)
        elif offset == Reg.RCTL or offset == Reg.CTRL or Reg.MTA <= offset < Reg.VFTA:
            self._fates.clear()

    @property
    def loopback(self) -> bool:
        """Whether transmitted frames come back and the wire is ignored."""
        rctl = self._state.registers.get(Reg.RCTL, 0)
        return self._phy_loopback or rctl & RCTL.LBM_MASK == RCTL.LBM_MAC

    @property
    def on(self) -> bool:
        """Whether frames from the wire are looked at, given a link."""
        return self._state.rx.enabled and not self.loopback

    @property
    def linked(self) -> bool:
        """Whether STATUS.LU is known to be set: SDM 13.4.2."""
        return self._state.link and bool(self._state.registers.get(Reg.CTRL, 0) & CTRL.SLU)

    def fate(self, frame: bytes, length: int, bad_fcs: bool) -> Fate:
        """What must become of ``frame`` (without FCS), ``length`` bytes with FCS on the wire."""
        rctl = self._state.registers.get(Reg.RCTL, 0)
        if length > MAX_LONG:
            return Fate.DROPPED
        bad = bad_fcs or length < MIN_FRAME or (length > MAX_FRAME and not rctl & RCTL.LPE)
        if bad and not rctl & RCTL.SBP:
            return Fate.DROPPED
        destination = frame[:6]
        if len(destination) < 6:
            return Fate.DROPPED
        fate = self._fates.get(destination)
        if fate is None:
            if len(self._fates) >= 4096:
                self._fates.clear()  # a scan of the whole address space must not fill memory
            fate = self._fates[destination] = self._filter(destination, rctl)
        return fate

    def _filter(self, destination: bytes, rctl: int) -> Fate:
        """SDM 3.2.1 Packet Address Filtering."""
        registers = self._state.registers
        known = True
        for index in range(RAL_COUNT):
            high = registers.get(Reg.RAH + 8 * index)
            low = registers.get(Reg.RAL + 8 * index)
            if index == 0 and (high is None or low is None):
                known = False  # RA[0] comes from the EEPROM
            elif high is None or low is None or not high & RAH.AV or high & RAH.ASEL_MASK:
                continue
            elif (low | (high & 0xFFFF) << 32).to_bytes(6, "little") == destination:
                return Fate.RECEIVED
        if destination == _BROADCAST:
            accepted = bool(rctl & (RCTL.BAM | RCTL.MPE))
        elif destination[0] & 1:
            accepted = bool(rctl & RCTL.MPE) or self._hashed(destination, rctl)
        else:
            accepted = bool(rctl & RCTL.UPE)
        if accepted:
            return Fate.RECEIVED
        return Fate.DROPPED if known else Fate.OPEN

    def _hashed(self, destination: bytes, rctl: int) -> bool:
        """SDM 13.5.1: twelve bits of the last two address bytes index the 4,096 bits of MTA."""
        shift = _MO_SHIFT[(rctl & RCTL.MO_MASK) >> RCTL.MO_SHIFT]
        index = int.from_bytes(destination[4:], "little") >> shift & 0xFFF
        return bool(self._state.registers.get(Reg.MTA + 4 * (index >> 5), 0) >> (index & 31) & 1)
