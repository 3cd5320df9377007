"""The PCI side of an 82540EM: configuration space, and where its two BARs are.

Sources: 8254x SDM 4.1 (PCI configuration), PCI Local Bus 3.0 chapter 6. There is no capability list: the
82540EM has power management and PCI-X entries there, and a driver that finds none does without them, as it
does on QEMU's e1000.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from vnic.errors import UsageError

CONFIG_BYTES: Final = 256
VENDOR_INTEL: Final = 0x8086
DEVICE_82540EM: Final = 0x100E
REVISION: Final = 3
CLASS_ETHERNET: Final = 0x020000
SUBSYSTEM: Final = (0x8086, 0x001E)  # PRO/1000 MT Desktop Adapter
MEMORY_BYTES: Final = 128 << 10  # BAR0: SDM 4.1, register base
IO_BYTES: Final = 64  # BAR1: QEMU, VirtualBox and the 82540EM put I/O there

COMMAND, BAR0, BAR1, LINE, PIN = 0x04, 0x10, 0x14, 0x3C, 0x3D
IO, MEMORY, MASTER = 1 << 0, 1 << 1, 1 << 2  # COMMAND: PCI 3.0, 6.2.2
# MWI, parity response, SERR# and INTx disable are held, no more
_WRITABLE: Final = IO | MEMORY | MASTER | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 10

FIRST_SLOT, LAST_SLOT = 2, 31  # slot 1 of QEMU's pc is the PIIX3
_PIRQ_LINES: Final = (10, 10, 11, 11)


def gsi_of_slot(slot: int) -> int:
    """The I/O APIC input of INTA# in `slot` of QEMU's `pc` machine, as its firmware routes PIRQA to PIRQD.

    Source: QEMU 7.2 hw/pci-host/i440fx.c (slot - 1 rotates the pins), SeaBIOS src/fw/pciinit.c.

    Raises:
        UsageError: the machine has no such slot, or it is taken.
    """
    if not FIRST_SLOT <= slot <= LAST_SLOT:
        raise UsageError(f"PCI slot {slot}: take one of {FIRST_SLOT} to {LAST_SLOT}")
    return _PIRQ_LINES[(slot - 1) % 4]


class Hit(NamedTuple):
    """An access that falls into a BAR: which one, and the byte offset in it."""

    bar: int
    offset: int


class ConfigSpace:
    """256 bytes with the bits that can be written."""

    def __init__(self) -> None:
        self._bytes = bytearray(CONFIG_BYTES)
        self._mask = bytearray(CONFIG_BYTES)
        put = self._bytes
        struct.pack_into("<HH", put, 0x00, VENDOR_INTEL, DEVICE_82540EM)
        struct.pack_into("<I", put, 0x08, CLASS_ETHERNET << 8 | REVISION)
        struct.pack_into("<HH", put, 0x2C, *SUBSYSTEM)
        put[PIN] = 1
        put[0x3E], put[0x3F] = 255, 0  # MIN_GNT, MAX_LAT: SDM 4.1
        struct.pack_into("<H", self._mask, COMMAND, _WRITABLE)
        self._mask[0x0C] = self._mask[0x0D] = self._mask[LINE] = 0xFF
        struct.pack_into(
            "<II", self._mask, BAR0, ~(MEMORY_BYTES - 1) & 0xFFFFFFFF, ~(IO_BYTES - 1) & 0xFFFFFFFF
        )
        put[BAR1] = 1  # I/O space
        self._power_on = bytes(put)

    def read(self, offset: int, length: int) -> int:
        """`length` bytes from `offset`, little endian; all ones beyond the end."""
        data = bytes(self._bytes[offset : offset + length]).ljust(length, b"\xff")
        return int.from_bytes(data, "little")

    def write(self, offset: int, length: int, value: int) -> None:
        """Write what can be written of `length` bytes from `offset`."""
        for at, byte in enumerate((value & (1 << 8 * length) - 1).to_bytes(length, "little"), start=offset):
            if at < CONFIG_BYTES:
                mask = self._mask[at]
                self._bytes[at] = self._bytes[at] & ~mask | byte & mask

    def reset(self) -> None:
        """RST#: everything as at power-on."""
        self._bytes[:] = self._power_on

    @property
    def command(self) -> int:
        """The command register."""
        return self.read(COMMAND, 2)

    @property
    def masters(self) -> bool:
        """Whether the guest lets the device master the bus."""
        return bool(self.command & MASTER)

    @property
    def line(self) -> int:
        """What the firmware wrote as the interrupt line; 0 before."""
        return self._bytes[LINE]

    def decode(self, address: int, memory: bool) -> Hit | None:
        """Which BAR `address` lies in; None if in neither."""
        bar, size = (BAR0, MEMORY_BYTES) if memory else (BAR1, IO_BYTES)
        offset = address - (self.read(bar, 4) & ~(size - 1) & 0xFFFFFFFF)
        return Hit(0 if memory else 1, offset) if 0 <= offset < size else None
