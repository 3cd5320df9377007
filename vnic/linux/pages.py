"""The page allocator: a binary buddy system over a range of host memory.

Blocks are naturally aligned in physical addresses, as `__alloc_pages` guarantees, so a 32 KiB block never
straddles 64 KiB and the neighbours of a slab are real neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vnic.errors import UsageError, VnicError

MAX_ORDER: Final = 10  # mm/page_alloc.c: 4 MiB with 4 KiB pages, in every version modelled


class BadFree(VnicError):
    """Memory given back that is not allocated: a double free, or an address that was never handed out."""


class Page:
    """A block of `2**order` pages that is in use, and how many hold it (`struct page` of its head).

    Attributes:
        address: physical address of the first byte.
        order: log2 of its pages.
        size: bytes.
        refs: the reference count; the block is free at 0.
    """

    __slots__ = ("address", "order", "refs", "size")

    def __init__(self, address: int, order: int, size: int) -> None:
        self.address = address
        self.order = order
        self.size = size
        self.refs = 1


class PageAllocator:
    """Pages of `page_size` bytes in `[base, base + size)`; the parts that do not fill a page are not used.

    Raises:
        UsageError: not a single page fits.
    """

    __slots__ = ("_fail", "_free", "blocks", "free_pages", "page_size", "total_pages")

    def __init__(
        self, base: int, size: int, page_size: int, *, fail: Callable[[str], bool] | None = None
    ) -> None:
        self.page_size = page_size
        self._fail = fail
        # A dict keeps insertion order and removes in O(1): the free list of one order, last in first out.
        self._free: list[dict[int, None]] = [{} for _ in range(MAX_ORDER + 1)]
        self.blocks: dict[int, Page] = {}
        first = -(-base // page_size) * page_size
        end = (base + size) // page_size * page_size
        if first >= end:
            raise UsageError(f"no {page_size}-byte page fits {size} bytes at {base:#x}; give the kernel more")
        self.total_pages = self.free_pages = (end - first) // page_size
        self._seed(first, end)

    def _seed(self, first: int, end: int) -> None:
        """Cuts the range into the largest aligned blocks; the lowest addresses will be handed out first."""
        blocks: list[tuple[int, int]] = []
        while first < end:
            order = MAX_ORDER
            while first % (self.page_size << order) or first + (self.page_size << order) > end:
                order -= 1
            blocks.append((first, order))
            first += self.page_size << order
        for address, order in reversed(blocks):
            self._free[order][address] = None

    def alloc(self, order: int = 0) -> Page | None:
        """A block of `2**order` pages with one reference, or None when there is none."""
        if self._fail is not None and self._fail("alloc_pages"):
            return None
        for have in range(order, MAX_ORDER + 1):
            if self._free[have]:
                break
        else:
            return None
        address, _ = self._free[have].popitem()
        while have > order:
            have -= 1
            self._free[have][address + (self.page_size << have)] = None
        page = Page(address, order, self.page_size << order)
        self.blocks[address] = page
        self.free_pages -= 1 << order
        return page

    def find(self, address: int) -> Page:
        """The block that holds `address` (`virt_to_head_page`). Raises BadFree when none in use does."""
        size = self.page_size
        for order in range(MAX_ORDER + 1):
            page = self.blocks.get(address & ~((size << order) - 1))
            if page is not None and address < page.address + page.size:
                return page
        raise BadFree(f"{address:#x} is not in any page in use: freed twice, or never allocated")

    def put(self, page: Page) -> None:
        """Drops one reference; the last one frees the block. Raises BadFree when it was free already."""
        if page.refs <= 0:
            raise BadFree(f"page {page.address:#x} (order {page.order}) freed twice")
        page.refs -= 1
        if page.refs == 0:
            self._release(page)

    def _release(self, page: Page) -> None:
        """Gives the block back and merges it with its buddy as long as that is free."""
        address, order = page.address, page.order
        del self.blocks[address]
        self.free_pages += 1 << order
        while order < MAX_ORDER:
            buddy = address ^ (self.page_size << order)
            if buddy not in self._free[order]:
                break
            del self._free[order][buddy]
            address = min(address, buddy)
            order += 1
        self._free[order][address] = None

    def free_blocks(self) -> list[tuple[int, int]]:
        """Every free block as `(address, order)`, for tests and reports."""
        return [(address, order) for order, blocks in enumerate(self._free) for address in blocks]


def get_order(size: int, page_size: int) -> int:
    """The smallest order whose block holds `size` bytes (`get_order`)."""
    return max(0, (-(-size // page_size) - 1).bit_length())
