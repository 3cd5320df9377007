"""A NIC as a PCI device behind the proxy: configuration space, the two BARs, reset, memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vnic.guests.memory import GuestMemory
from vnic.guests.nic import GuestNic
from vnic.guests.pci import ConfigSpace
from vnic.guests.proxy import RamRegion
from vnic.nic.events import RegisterEvent
from vnic.nic.registers import Reg
from vnic.targets.model import ignore_register

IOADDR, IODATA = 0, 4  # 8254x SDM 13.3: I/O-mapped access to the registers


class PciNic:
    """`vnic.guests.proxy.Device` for a NIC of ours.

    Args:
        nic: the controller.
        memory: gets the guest's memory as QEMU announces it.

    `on_register` hears of each access to a register, `before_access` and `after_access` are called round it;
    the guest waits for the end of a read. `icr_reads` counts reads of ICR, which is how a guest answers an
    interrupt.
    """

    def __init__(self, nic: GuestNic, memory: GuestMemory) -> None:
        self.config: Final = ConfigSpace()
        self.icr_reads = 0
        self.on_register: Callable[[RegisterEvent], None] = ignore_register
        self.before_access: Callable[[], None] = _nothing
        self.after_access: Callable[[], None] = _nothing
        self._nic = nic
        self._memory = memory
        self._io_address = 0
        memory.enabled = False

    async def config_read(self, offset: int, length: int) -> int:
        """Read configuration space."""
        return self.config.read(offset, length)

    async def config_write(self, offset: int, length: int, value: int) -> None:
        """Write configuration space; COMMAND.MASTER opens and closes the way to memory."""
        self.config.write(offset, length, value)
        self._memory.enabled = self.config.masters

    async def bar_read(self, address: int, size: int, memory: bool) -> int:
        """Read a register; all ones where no BAR is. Narrow reads give the bytes of their word."""
        hit = self.config.decode(address, memory)
        if hit is None:
            return (1 << 8 * size) - 1
        if hit.bar == 1:
            return self._io_address if hit.offset < IODATA else await self._read(self._io_address)
        value = await self._read(hit.offset & ~3)
        if size > 4:
            value |= await self._read((hit.offset & ~3) + 4) << 32
        return value >> 8 * (hit.offset & 3) & (1 << 8 * size) - 1

    async def bar_write(self, address: int, size: int, value: int, memory: bool) -> None:
        """Write a register. Only whole words count: SDM 13.2 leaves narrower ones undefined."""
        hit = self.config.decode(address, memory)
        if hit is None or size < 4:
            return
        if hit.bar == 0:
            await self._write(hit.offset & ~3, value & 0xFFFFFFFF)
            if size > 4:
                await self._write((hit.offset & ~3) + 4, value >> 32)
        elif hit.offset < IODATA:
            self._io_address = value & 0x1FFFC
        else:
            await self._write(self._io_address, value)

    def map_memory(self, regions: list[RamRegion]) -> None:
        """The guest's memory changed its shape."""
        self._memory.replace(regions)

    async def reset(self) -> None:
        """The machine was reset."""
        self.config.reset()
        self._memory.enabled = False
        await self._nic.reset()

    async def _read(self, offset: int) -> int:
        self.before_access()
        value = await self._nic.read32(offset)
        self.icr_reads += offset == Reg.ICR
        self.on_register(RegisterEvent(self._nic.now_ns, False, offset, value))
        self.after_access()
        return value

    async def _write(self, offset: int, value: int) -> None:
        self.before_access()
        # Before it takes effect: whoever watches DMA wants to know the ring first.
        self.on_register(RegisterEvent(self._nic.now_ns, True, offset, value))
        await self._nic.write32(offset, value)
        self.after_access()


def _nothing() -> None:
    """The default listener."""
