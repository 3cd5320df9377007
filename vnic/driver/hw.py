"""The controller below the rings: reset, EEPROM, PHY, link and address filter, in the order of the manual.

Section numbers are those of the 8254x Software Developer's Manual (317453); what is not the same on every
controller is in `part.py`. Nothing here takes effect at
once: a write is pushed out by reading STATUS (posted PCI writes, 2.6.18 E1000_WRITE_FLUSH), and what takes
time is polled with a limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vnic.driver.options import NicTimeout, ProbeError
from vnic.driver.part import ALL_ONES, Part
from vnic.nic.port import Nic
from vnic.nic.registers import (
    CTRL,
    EECD,
    EERD,
    MDIC,
    MTA_COUNT,
    MTA_STRIDE,
    RAH,
    RAH_COUNT,
    RAH_STRIDE,
    RAL_STRIDE,
    RCTL,
    STATUS,
    TCTL,
    VFTA_COUNT,
    VFTA_STRIDE,
    Reg,
)

EEPROM_WORDS: Final = 64
EEPROM_SUM: Final = 0xBABA  # SDM 5.6.35: words 0x00 to 0x3F add up to this
MANC_ARP_EN: Final = 0x2000  # 13.6.7
PHY_ADDRESS: Final = 1
PHY_CONTROL, PHY_STATUS, PHY_ID1, PHY_ID2 = 0, 1, 2, 3
PHY_AUTONEG: Final = 0x1200  # BMCR: enable (12) and restart (9) auto-negotiation
PHY_LINK: Final = 0x0004  # BMSR: link (2), latched low
POLL_NS: Final = 1000
POLLS: Final = 1000


class Hardware:
    """Registers of one controller, and what must be done with them apart from moving frames.

    Attributes:
        nic: the controller.
        part: which one it is.
        mac_address: its address, six bytes, from the EEPROM after `probe()`.
        eeprom: the EEPROM's words, as far as they were read.
        max_frame: bytes of the largest frame with FCS, by which a reset divides the packet buffer.
    """

    def __init__(self, nic: Nic, part: Part, eeprom_access: str) -> None:
        self.nic = nic
        self.part = part
        self.mac_address = bytes(6)
        self.eeprom: tuple[int, ...] = ()
        self.max_frame = 0
        self._eeprom_access = eeprom_access

    async def flush(self) -> None:
        """Pushes posted writes out to the controller by a read."""
        await self.nic.read32(Reg.STATUS)

    async def probe(self) -> None:
        """Reset, EEPROM, PHY: 14.3 to 14.5. Raises ProbeError, NicTimeout."""
        if await self.nic.read32(Reg.STATUS) == ALL_ONES:
            raise ProbeError("STATUS reads all ones: nothing answers at BAR0; check the register bus")
        await self.reset()
        await self.read_eeprom()
        await self.identify_phy()

    async def reset(self) -> None:
        """Brings the controller to its reset state with interrupts and DMA off: 14.3, 13.4.1."""
        nic = self.nic
        await nic.write32(Reg.IMC, ALL_ONES)
        await nic.write32(Reg.RCTL, 0)
        await nic.write32(Reg.TCTL, TCTL.PSP)
        await self.flush()
        await self.delay(POLL_NS)  # let the DMA under way reach memory before the reset cuts it off
        # 13.4.16: takes effect with the reset
        await nic.write32(Reg.PBA, self.part.packet_buffer(self.max_frame))
        ctrl = await nic.read32(Reg.CTRL)
        await nic.write32(Reg.CTRL, ctrl | CTRL.RST)
        await self.delay(POLL_NS)  # 13.4.1: do not touch the controller for 1 us
        await self.poll(Reg.CTRL, CTRL.RST, 0, "CTRL.RST to clear after the reset")
        manc = await nic.read32(Reg.MANC)  # the manageability unit must not answer ARP in the driver's place
        await nic.write32(Reg.MANC, manc & ~MANC_ARP_EN)
        await nic.write32(Reg.IMC, ALL_ONES)
        await nic.read32(Reg.ICR)

    async def apply_settings(self) -> None:
        """Sets what this controller wants set before it is started."""
        for offset, clear, bits in self.part.settings:
            await self.nic.write32(offset, await self.nic.read32(offset) & ~clear | bits)

    async def delay(self, ns: int) -> None:
        """Lets `ns` pass; interrupts are masked when this is used, so the line stays down."""
        await self.nic.interrupt(ns)

    async def poll(self, offset: Reg, mask: int, want: int, what: str) -> int:
        """Reads the register until its `mask` bits are `want`. Raises NicTimeout, naming `what` was waited
        for.
        """
        for _ in range(POLLS):
            value = await self.nic.read32(offset)
            if value & mask == want:
                return value
            await self.delay(POLL_NS)
        raise NicTimeout(
            f"waited {POLLS * POLL_NS // 1000} us for {what}: {offset.name} at {offset:#x} holds {value:#x}"
        )

    # EEPROM: 5.6, 13.4.3, 13.4.4

    async def read_eeprom(self) -> None:
        """Reads and verifies the EEPROM and takes the address from words 0 to 2. Raises ProbeError,
        NicTimeout.
        """
        if not await self.nic.read32(Reg.EECD) & EECD.EE_PRES:
            raise ProbeError("EECD.EE_PRES is 0: the controller has no EEPROM to take its address from")
        read = self._microwire if self._eeprom_access == "microwire" else self._eerd
        words = await read(0, EEPROM_WORDS)
        total = sum(words) & 0xFFFF
        if total != EEPROM_SUM:
            raise ProbeError(
                f"EEPROM words 0x00-0x3F add up to {total:#06x}, not {EEPROM_SUM:#06x}: it is corrupt"
            )
        if self._eeprom_access == "auto" and self.part.microwire:
            bits = await self._microwire(0, 3)
            if bits != words[:3]:
                raise ProbeError(
                    f"EEPROM words 0-2 read {_hex(words[:3])} by EERD and {_hex(bits)} by EECD: "
                    "one of the two ways is broken"
                )
        address = b"".join(word.to_bytes(2, "little") for word in words[:3])
        if address[0] & 1 or not any(address):
            raise ProbeError(f"EEPROM holds {address.hex(':')}, which is no station address")
        self.eeprom, self.mac_address = words, address

    async def _eerd(self, first: int, count: int) -> tuple[int, ...]:
        """Words by the EERD register, one command each."""
        shift, done = self.part.eerd_address, self.part.eerd_done
        words = []
        for word in range(first, first + count):
            await self.nic.write32(Reg.EERD, word << shift | EERD.START)
            value = await self.poll(Reg.EERD, done, done, f"EEPROM word {word:#x}")
            words.append(value >> EERD.DATA_SHIFT)
        return tuple(words)

    async def _microwire(self, first: int, count: int) -> tuple[int, ...]:
        """Words bit by bit through EECD: opcode 110b, address, 16 bits out; as Linux does on this part."""
        nic = self.nic
        eecd = await nic.read32(Reg.EECD) | EECD.EE_REQ
        await nic.write32(Reg.EECD, eecd)
        await self.poll(Reg.EECD, EECD.EE_GNT, EECD.EE_GNT, "EECD.EE_GNT")
        address_bits = 8 if eecd & EECD.EE_SIZE else 6
        low = eecd & ~(EECD.SK | EECD.DI | EECD.CS)
        words = []
        for word in range(first, first + count):
            await self._lines(low)  # a falling CS ends one command and its rise begins the next
            await self._lines(low | EECD.CS)
            for bit in f"{0b110:03b}{word:0{address_bits}b}":
                data = low | EECD.CS | (EECD.DI if bit == "1" else 0)
                await self._lines(data)
                await self._lines(data | EECD.SK)
                await self._lines(data)
            value = 0
            for _ in range(16):
                await self._lines(low | EECD.CS | EECD.SK)
                value = value << 1 | bool(await nic.read32(Reg.EECD) & EECD.DO)
                await self._lines(low | EECD.CS)
            words.append(value)
        await self._lines(low)
        await nic.write32(Reg.EECD, low & ~EECD.EE_REQ)
        return tuple(words)

    async def _lines(self, eecd: int) -> None:
        """Sets the EEPROM's lines; the read back takes a PCI cycle of its own, which keeps SK below 1 MHz."""
        await self.nic.write32(Reg.EECD, eecd)
        await self.flush()

    # PHY and link: 8.5, 13.4.7

    async def phy_read(self, register: int) -> int:
        """A PHY register by MDIC. Raises ProbeError when the PHY does not answer, NicTimeout."""
        return await self._mdic(MDIC.OP_READ | register << MDIC.REGADD_SHIFT) & MDIC.DATA_MASK

    async def phy_write(self, register: int, value: int) -> None:
        """Writes a PHY register by MDIC. Raises ProbeError, NicTimeout."""
        await self._mdic(MDIC.OP_WRITE | register << MDIC.REGADD_SHIFT | value)

    async def _mdic(self, command: int) -> int:
        await self.nic.write32(Reg.MDIC, command | PHY_ADDRESS << MDIC.PHYADD_SHIFT)
        value = await self.poll(Reg.MDIC, MDIC.READY, MDIC.READY, "MDIC.READY")
        if value & MDIC.ERROR:
            raise ProbeError(f"MDIC {value:#010x}: no PHY answers at address {PHY_ADDRESS}")
        return value

    async def identify_phy(self) -> None:
        """Makes sure that the PHY is the one of this controller. Raises ProbeError, NicTimeout."""
        part = self.part
        found = await self.phy_read(PHY_ID1), await self.phy_read(PHY_ID2) & 0xFFF0
        if found != part.phy:
            raise ProbeError(f"PHY id {_hex(found)}: the {part.name} has a {part.phy_name}, {_hex(part.phy)}")

    async def setup_link(self) -> None:
        """Lets the MAC follow the PHY, and the PHY negotiate: 13.4.1 SLU, 8.5.2."""
        ctrl = await self.nic.read32(Reg.CTRL)
        await self.nic.write32(Reg.CTRL, (ctrl | CTRL.SLU) & ~(CTRL.FRCSPD | CTRL.FRCDPLX | CTRL.ILOS))
        await self.phy_write(PHY_CONTROL, await self.phy_read(PHY_CONTROL) | PHY_AUTONEG)

    async def link_is_up(self) -> bool:
        """Whether PHY and MAC both have link. The PHY's bit is latched low, so the second read counts."""
        await self.phy_read(PHY_STATUS)
        if not await self.phy_read(PHY_STATUS) & PHY_LINK:
            return False
        return bool(await self.nic.read32(Reg.STATUS) & STATUS.LU)

    # Address filter: 13.5

    async def init_filters(self) -> None:
        """Own address into RA[0], every other entry invalid, both tables cleared: 14.4, 13.5.1 to 13.5.4."""
        nic, mac = self.nic, self.mac_address
        await nic.write32(Reg.RAL, int.from_bytes(mac[:4], "little"))
        await self.flush()
        await nic.write32(Reg.RAH, int.from_bytes(mac[4:], "little") | RAH.AV)
        for entry in range(1, RAH_COUNT):
            await nic.write32(Reg.RAL + entry * RAL_STRIDE, 0)
            await nic.write32(Reg.RAH + entry * RAH_STRIDE, 0)
        for entry in range(VFTA_COUNT):
            await nic.write32(Reg.VFTA + entry * VFTA_STRIDE, 0)
        await self.set_multicast(())

    async def set_multicast(self, addresses: Iterable[bytes]) -> None:
        """Hashes the group addresses into MTA with bits 47:36 (RCTL.MO = 0), and clears the rest: 13.5.1."""
        table = [0] * MTA_COUNT
        for address in addresses:
            index = (address[4] >> 4 | address[5] << 4) & 0xFFF
            table[index >> 5] |= 1 << (index & 31)
        for entry, bits in enumerate(table):
            await self.nic.write32(Reg.MTA + entry * MTA_STRIDE, bits)
        await self.flush()


def rctl_filter(*, promiscuous: bool, loopback: bool) -> int:
    """The bits of RCTL that say which frames are taken, and from where."""
    bits = RCTL.BAM
    if promiscuous:
        bits |= RCTL.UPE | RCTL.MPE
    if loopback:
        bits |= RCTL.LBM_MAC
    return bits


def _hex(words: Iterable[int]) -> str:
    return "/".join(f"{word:#06x}" for word in words)
