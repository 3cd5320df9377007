"""The PHY behind MDIC: a copper PHY of the Marvell 88E1011 kind at address 1, always at 1000 Mb/s.

IEEE 802.3 clause 22 registers, SDM 13.4.7 (MDIC). Auto-negotiation
is complete as soon as there is a link.
"""

from __future__ import annotations

from typing import Final

from vnic.nic.registers import MDIC

ADDRESS: Final = 1

BMCR, BMSR, PHYID1, PHYID2, ANAR, ANLPAR, ANER = range(7)
GCON, GSTATUS, ESTATUS = 9, 10, 15
PSCR, PSSR, INTERRUPT_ENABLE = 16, 17, 18
EPSCR, PAGE_SELECT, GENERAL_CONTROL = 20, 29, 30

BMCR_RESET: Final = 0x8000
BMCR_LOOPBACK: Final = 0x4000
BMCR_AUTONEG: Final = 0x1000
BMCR_POWER_DOWN: Final = 0x0800
BMCR_ISOLATE: Final = 0x0400

_WRITABLE: Final = {
    BMCR: (0x1140, 0x7DC0),
    ANAR: (0x01E1, 0x2DFF),
    GCON: (0x0300, 0xFF00),
    PSCR: (0x0068, 0xFFFF),
    INTERRUPT_ENABLE: (0x0000, 0xFFFF),
    EPSCR: (0x0D60, 0xFFFF),
    PAGE_SELECT: (0x0000, 0xFFFF),
    GENERAL_CONTROL: (0x0000, 0xFFFF),
}
"""Register: (reset value, write mask). Bits 15 (reset) and 9 (restart auto-negotiation) clear themselves."""

_CONSTANT: Final = {PHYID1: 0x0141, PHYID2: 0x0C20, ANER: 0x0001, ESTATUS: 0x3000}
_BMSR_ABILITIES: Final = 0x7949
_BMSR_LINK: Final = 0x0004
_BMSR_AUTONEG_DONE: Final = 0x0020
_WITH_PARTNER: Final = {ANLPAR: 0x45E1, GSTATUS: 0x3C00}  # 0 until auto-negotiation has met a partner
_PSSR_LINK: Final = 0xAC00  # 1000 Mb/s, full duplex, resolved, link


class Phy:
    """The PHY's registers, and whether it has a link. A controller reset leaves it alone."""

    __slots__ = ("_values", "carrier")

    def __init__(self) -> None:
        self.carrier = True
        self.reset()

    def reset(self) -> None:
        """CTRL.PHY_RST, or BMCR's reset bit."""
        self._values = {register: reset for register, (reset, _) in _WRITABLE.items()}

    @property
    def link(self) -> bool:
        """There is a carrier, and the PHY is neither powered down nor isolated."""
        return self.carrier and not self._values[BMCR] & (BMCR_POWER_DOWN | BMCR_ISOLATE)

    @property
    def loopback(self) -> bool:
        """BMCR bit 14: what the MAC sends comes back to it."""
        return bool(self._values[BMCR] & BMCR_LOOPBACK)

    def read(self, register: int) -> int:
        """The 16 bits of ``register`` (0 to 31); 0 if it does not exist."""
        if register in self._values:
            return self._values[register]
        negotiated = self.link and bool(self._values[BMCR] & BMCR_AUTONEG)
        if register == BMSR:
            status = _BMSR_ABILITIES | (_BMSR_LINK if self.link else 0)
            return status | _BMSR_AUTONEG_DONE if negotiated else status
        if register == PSSR:
            return _PSSR_LINK if self.link else 0
        if register in _WITH_PARTNER:
            return _WITH_PARTNER[register] if negotiated else 0
        return _CONSTANT.get(register, 0)

    def write(self, register: int, value: int) -> None:
        """Store what is writable of ``register``."""
        if register == BMCR and value & BMCR_RESET:
            self.reset()
        elif register in _WRITABLE:
            mask = _WRITABLE[register][1]
            self._values[register] = self._values[register] & ~mask | value & mask

    def command(self, mdic: int) -> int:
        """Do what a write of ``mdic`` to MDIC asks for; returns what MDIC reads from then on."""
        mdic = mdic & ~MDIC.ERROR | MDIC.READY
        operation = mdic & MDIC.OP_MASK
        register = (mdic & MDIC.REGADD_MASK) >> MDIC.REGADD_SHIFT
        if (mdic & MDIC.PHYADD_MASK) >> MDIC.PHYADD_SHIFT != ADDRESS:
            return mdic | MDIC.ERROR
        if operation == MDIC.OP_WRITE:
            self.write(register, mdic & MDIC.DATA_MASK)
            return mdic
        if operation == MDIC.OP_READ:
            return mdic & ~MDIC.DATA_MASK | self.read(register)
        return mdic | MDIC.ERROR
