"""Where a device finds a buffer: at its physical address, in a bounce buffer, or behind an IOMMU.

The default is the physical address. swiotlb copies what a device cannot reach into low memory, and an IOMMU
gives it an address of its own; both change the alignment that a driver took care of.
"""

from __future__ import annotations

from typing import Final, Literal, Protocol

from vnic.errors import UsageError
from vnic.linux.pages import BadFree, Page
from vnic.memory import HostMemory

Direction = Literal["to_device", "from_device", "bidirectional"]

SLOT: Final = 2048  # include/linux/swiotlb.h: 1 << IO_TLB_SHIFT (11)
SEGMENT: Final = 128  # IO_TLB_SEGSIZE: a mapping lies within so many slots, 256 KiB


class Mapping(Protocol):
    """How `dma_map_single` turns physical addresses into the device's."""

    def map(self, address: int, length: int, /) -> int | None:
        """The device's address, or None when there is none to be had."""

    def unmap(self, dma: int, length: int, direction: Direction, /) -> None:
        """Ends a mapping."""

    def sync_for_cpu(self, dma: int, length: int, direction: Direction) -> None:
        """Lets the CPU see what the device wrote."""

    def sync_for_device(self, dma: int, length: int, direction: Direction) -> None:
        """Lets the device see what the CPU wrote."""


class Direct:
    """A coherent machine without an IOMMU: nothing to do."""

    def map(self, address: int, _length: int, /) -> int | None:
        """The physical address."""
        return address

    def unmap(self, dma: int, length: int, direction: Direction, /) -> None:
        """Nothing."""

    def sync_for_cpu(self, dma: int, length: int, direction: Direction) -> None:
        """Nothing."""

    def sync_for_device(self, dma: int, length: int, direction: Direction) -> None:
        """Nothing."""


class Swiotlb:
    """Bounce buffers for what lies above the device's mask (kernel/dma/swiotlb.c, 6.1).

    Args:
        memory: the host memory.
        pool: the pages that the slots are in.
        mask: the highest address the device reaches, all ones: a 32-bit card has 0xFFFFFFFF.
        force: bounce everything, as with memory encryption or `swiotlb=force`.
        min_align_mask: low address bits that a bounce address keeps; 0 makes every one a multiple of 2048.
    """

    def __init__(
        self,
        memory: HostMemory,
        pool: Page,
        *,
        mask: int = 0xFFFFFFFF,
        force: bool = False,
        min_align_mask: int = 0,
    ) -> None:
        self._memory = memory
        self._base = pool.address
        self._mask = mask
        self._force = force
        self._keep = min_align_mask & (SLOT - 1)
        self._used = bytearray(pool.size // SLOT)
        self._bounced: dict[int, tuple[int, int, int]] = {}
        self.bounces = 0

    def map(self, address: int, length: int, /) -> int | None:
        """The address itself when the device reaches it, else a bounce buffer with a copy of the bytes.

        The copy is made for data from the device too, so that a short frame does not hand old bounce data on.
        """
        if not self._force and address + length - 1 <= self._mask:
            return address
        offset = address & self._keep
        slots = -(-(offset + length) // SLOT)
        first = self._find(slots)
        if first is None:
            return None
        self._used[first : first + slots] = b"\1" * slots
        dma = self._base + first * SLOT + offset
        self._bounced[dma] = (address, first, slots)
        self.bounces += 1
        self._memory.write(dma, self._memory.read(address, length))
        return dma

    def _find(self, slots: int) -> int | None:
        """The first free run of slots that stays within a segment."""
        if slots > SEGMENT:
            return None
        for start in range(0, len(self._used), SEGMENT):
            found = self._used.find(bytes(slots), start, start + SEGMENT)
            if found >= 0:
                return found
        return None

    def unmap(self, dma: int, length: int, direction: Direction, /) -> None:
        """Copies what the device wrote back and frees the slots; nothing for what was not bounced."""
        self.sync_for_cpu(dma, length, direction)
        entry = self._bounced.pop(dma, None)
        if entry is not None:
            _, first, slots = entry
            self._used[first : first + slots] = bytes(slots)

    def sync_for_cpu(self, dma: int, length: int, direction: Direction) -> None:
        """Copies what the device wrote to the buffer it was meant for."""
        entry = self._bounced.get(dma)
        if entry is not None and direction != "to_device":
            self._memory.write(entry[0], self._memory.read(dma, length))

    def sync_for_device(self, dma: int, length: int, direction: Direction) -> None:
        """Copies what the CPU wrote to the bounce buffer."""
        entry = self._bounced.get(dma)
        if entry is not None and direction != "from_device":
            self._memory.write(dma, self._memory.read(entry[0], length))


class Iommu:
    """Device addresses of an IOMMU: whole pages from the top of the device's reach, in-page offsets kept.

    Two fragments of one page get two device pages (drivers/iommu/dma-iommu.c, 6.1). A NIC behind it must
    `translate`.
    """

    def __init__(self, page_size: int = 4096, *, mask: int = 0xFFFFFFFF) -> None:
        if mask < page_size - 1:
            raise UsageError(f"an IOMMU needs at least one page of {page_size} below the mask {mask:#x}")
        self._page = page_size
        self._top = (mask + 1) // page_size
        # Freed ranges by their pages, the last freed first, as the IOVA caches hand them out.
        self._spare: dict[int, list[int]] = {}
        self._pages: dict[int, int] = {}

    def map(self, address: int, length: int, /) -> int | None:
        """Device pages for the bytes, naturally aligned; None when the address space is used up."""
        offset = address % self._page
        count = self._count(offset, length)
        spare = self._spare.get(count)
        if spare:
            first = spare.pop()
        else:
            first = (self._top - count) & -count
            if first <= 0:
                return None
            self._top = first
        for index in range(-(-(offset + length) // self._page)):
            self._pages[first + index] = address - offset + index * self._page
        return first * self._page + offset

    def _count(self, offset: int, length: int) -> int:
        """Pages of a range: a power of two, to which it is aligned."""
        return 1 << (-(-(offset + length) // self._page) - 1).bit_length()

    def unmap(self, dma: int, length: int, _direction: Direction, /) -> None:
        """Takes the pages out of the device's sight. Raises BadFree when they were not in it."""
        first, offset = divmod(dma, self._page)
        for index in range(-(-(offset + length) // self._page)):
            if self._pages.pop(first + index, None) is None:
                raise BadFree(f"no mapping at device address {dma:#x}: unmapped twice, or never mapped")
        self._spare.setdefault(self._count(offset, length), []).append(first)

    def translate(self, dma: int) -> int | None:
        """The physical address behind a device address, None where the device may not go."""
        page = self._pages.get(dma // self._page)
        return None if page is None else page + dma % self._page

    def sync_for_cpu(self, dma: int, length: int, direction: Direction) -> None:
        """Nothing: the machine is coherent."""

    def sync_for_device(self, dma: int, length: int, direction: Direction) -> None:
        """Nothing: the machine is coherent."""
