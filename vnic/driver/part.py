"""The controllers that the driver knows, and all that it must know of each.

    82540EM           QEMU's `e1000`, the behavioural and the Verilog NIC: 8254x SDM (317453)
    82545EM, 82546EB  the same to a driver, but for errata 23
    82574L            QEMU's `e1000e`, driven with the legacy descriptors that it has kept: 82574 datasheet

Which one it is, the device id in PCI configuration space says, as in Linux (e1000_pci_tbl). What differs is
data here and not a branch there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, NamedTuple

from vnic.driver.options import MTU_MAX, DriverOptions, ProbeError, check_mtu
from vnic.errors import UsageError
from vnic.nic.registers import EERD, RXCSUM, Reg

VENDOR: Final = 0x8086
ALL_ONES: Final = 0xFFFFFFFF

# What the 82574 has and the 8254x do not: 82574 datasheet, 10.2.
IAM: Final = 0x000E0
TARC0: Final = 0x03840
RFCTL: Final = 0x05008
GCR: Final = 0x05B00
GCR2: Final = 0x05B64
CTRL_EXT_IAME: Final = 1 << 27
RFCTL_EXSTEN: Final = 1 << 15


class Setting(NamedTuple):
    """Bits of the register at `offset` that the driver clears, and then those that it sets."""

    offset: int
    clear: int
    set: int


def _of_64_kib(max_frame: int) -> int:
    """A frame above 8192 bytes needs more of it on its way out (e1000_reset)."""
    return 48 if max_frame <= 8192 else 40


def _of_40_kib(max_frame: int) -> int:
    """Two jumbo frames and their descriptors must fit what is left for sending (e1000e_reset)."""
    if max_frame <= 1522:
        return 32
    two_out, one_in = -(-2 * (max_frame + 16 - 4) // 1024), -(-max_frame // 1024)
    return max(min(32, 40 - two_out), one_in)


@dataclass(frozen=True, slots=True)
class Part:
    """One controller.

    Attributes:
        name: Intel's.
        device: PCI device id.
        phy_name, phy: the PHY, and its identifier (registers 2 and 3) without the revision.
        eerd_address, eerd_done: EERD has the word's address from this bit on, and this mask says it is done.
        microwire: the EEPROM is reached bit by bit through EECD, too.
        packet_buffer: KiB of the packet buffer for reception (PBA), from the bytes of the largest frame.
        mtu_max: bytes of payload.
        strips_fcs: the driver lets it take the FCS off (RCTL.SECRC), unless it is told otherwise.
        errata_23: a receive buffer must not cross 64 KiB (e1000_check_64k_bound).
        settings: bits outside the rings, the filter and the link, between the reset and the start.
    """

    name: str
    device: int
    phy_name: str = "Marvell 88E1011"
    phy: tuple[int, int] = (0x0141, 0x0C20)
    eerd_address: int = EERD.ADDR_SHIFT
    eerd_done: int = EERD.DONE
    microwire: bool = True
    packet_buffer: Callable[[int], int] = _of_64_kib
    mtu_max: int = MTU_MAX
    strips_fcs: bool = False
    errata_23: bool = False
    settings: tuple[Setting, ...] = ()

    def check(self, options: DriverOptions, mtu: int) -> None:
        """Raises UsageError when the controller does not do what the options ask for."""
        check_mtu(mtu)
        if mtu > self.mtu_max:
            raise UsageError(f"mtu {mtu}: the {self.name} takes up to {self.mtu_max} bytes")
        if options.eeprom == "microwire" and not self.microwire:
            raise UsageError(f"eeprom microwire: the {self.name} has EERD only; give auto or eerd")

    def complete(self, options: DriverOptions) -> DriverOptions:
        """The options with what they leave to the controller."""
        if options.strip_fcs is not None:
            return options
        return replace(options, strip_fcs=self.strips_fcs)


PARTS: Final[Mapping[str, Part]] = MappingProxyType(
    {
        part.name: part
        for part in (
            Part("82540EM", 0x100E),
            Part("82545EM", 0x100F, errata_23=True),
            Part("82546EB", 0x1010, errata_23=True),
            Part(
                "82574L",
                0x10D3,
                phy_name="BME1000",
                phy=(0x0141, 0x0CB0),
                eerd_address=2,
                eerd_done=0x02,
                microwire=False,
                packet_buffer=_of_40_kib,
                mtu_max=9212,  # frames of 9234 bytes (DEFAULT_JUMBO), tagged
                strips_fcs=True,  # e1000e's CrcStripping, which is on
                settings=(
                    # Reserved bits that must not stay at their reset values, and errata
                    # (e1000_initialize_hw_bits_82571).
                    Setting(Reg.TXDCTL, 0, 1 << 22),
                    Setting(TARC0, 0xF << 27, 1 << 26),
                    Setting(Reg.CTRL, 1 << 29, 0),
                    Setting(Reg.CTRL_EXT, 1 << 23, 1 << 22),
                    Setting(GCR, 0, 1 << 22),
                    Setting(GCR2, 0, 1),
                    # Both checksums are on after a reset here, and the driver asks for none: 10.2.5.15.
                    Setting(Reg.RXCSUM, RXCSUM.IPOFLD | RXCSUM.TUOFLD, 0),
                    # Legacy descriptors: 82574 datasheet 7.1.4, 10.2.5.
                    Setting(RFCTL, RFCTL_EXSTEN, 0),
                    # A read of ICR masks all interrupts (e1000_configure_rx), as the driver then does by IMC.
                    Setting(IAM, 0, ALL_ONES),
                    Setting(Reg.CTRL_EXT, 0, CTRL_EXT_IAME),
                ),
            ),
        )
    }
)


def part_for(options: DriverOptions, device: int) -> Part:
    """The controller that the options name, or else the one with this PCI device id.

    Raises:
        ProbeError: the driver does not know the device.
        UsageError: the options do not go with it.
    """
    if options.mac is not None:
        part = PARTS[options.mac]
    else:
        found = next((part for part in PARTS.values() if part.device == device), None)
        if found is None:
            known = ", ".join(f"{part.device:04x} ({part.name})" for part in PARTS.values())
            raise ProbeError(f"PCI device {VENDOR:04x}:{device:04x}: the driver knows {known}")
        part = found
    part.check(options, options.mtu)
    return part
