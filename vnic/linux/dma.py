"""The DMA API: who owns a buffer, the CPU or the device, and at which address the device finds it.

The model never refuses a wrong call, as real hardware does not: every call is an event, and whoever watches
the events judges ownership (`vnic.checks`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from vnic.linux.dma_mapping import Direct, Direction, Mapping
from vnic.linux.pages import BadFree, PageAllocator, get_order

__all__ = ["Action", "Direction", "DmaApi", "MapEvent"]

Action = Literal["map", "unmap", "sync_for_cpu", "sync_for_device", "alloc_coherent", "free_coherent"]


class MapEvent(NamedTuple):
    """One call of the DMA API, numbered from 0 in the order of the calls; `address` is the device's."""

    seq: int
    action: Action
    address: int
    length: int
    direction: Direction


class DmaApi:
    """`dma_map_single` and its relations.

    Attributes:
        on_map: called with every event; replace it to watch.
        mapping: what turns physical addresses into the device's; replace it before the first call.
        mapped: mappings and coherent blocks not given back yet.
    """

    __slots__ = ("_fail", "_pages", "_seq", "mapped", "mapping", "on_map")

    def __init__(
        self,
        pages: PageAllocator,
        on_map: Callable[[MapEvent], None] | None = None,
        *,
        fail: Callable[[str], bool] | None = None,
    ) -> None:
        self._pages = pages
        self._fail = fail
        self._seq = 0
        self.on_map = on_map
        self.mapped = 0
        self.mapping: Mapping = Direct()

    def _event(self, action: Action, address: int, length: int, direction: Direction) -> None:
        if self.on_map is not None:
            self.on_map(MapEvent(self._seq, action, address, length, direction))
        self._seq += 1

    def map_single(self, address: int, length: int, direction: Direction) -> int | None:
        """Hands `length` bytes at physical `address` to the device; its address, None on an error."""
        if self._fail is not None and self._fail("dma_map"):
            return None
        dma = self.mapping.map(address, length)
        if dma is None:
            return None
        self.mapped += 1
        self._event("map", dma, length, direction)
        return dma

    def map_page(self, page: int, offset: int, length: int, direction: Direction) -> int | None:
        """As map_single, for `length` bytes at `offset` of the page at physical address `page`."""
        return self.map_single(page + offset, length, direction)

    def unmap_single(self, dma: int, length: int, direction: Direction) -> None:
        """Takes a mapping back: the CPU owns the bytes again."""
        self.mapped -= 1
        self.mapping.unmap(dma, length, direction)
        self._event("unmap", dma, length, direction)

    def unmap_page(self, dma: int, length: int, direction: Direction) -> None:
        """As unmap_single, for map_page."""
        self.unmap_single(dma, length, direction)

    def sync_for_cpu(self, dma: int, length: int, direction: Direction) -> None:
        """dma_sync_single_for_cpu: the CPU may look at the bytes while the mapping stays."""
        self.mapping.sync_for_cpu(dma, length, direction)
        self._event("sync_for_cpu", dma, length, direction)

    def sync_for_device(self, dma: int, length: int, direction: Direction) -> None:
        """dma_sync_single_for_device: the device owns the bytes again."""
        self.mapping.sync_for_device(dma, length, direction)
        self._event("sync_for_device", dma, length, direction)

    def alloc_coherent(self, size: int) -> int | None:
        """dma_alloc_coherent: naturally aligned pages that both sides may use, or None."""
        if self._fail is not None and self._fail("dma_alloc_coherent"):
            return None
        page = self._pages.alloc(get_order(size, self._pages.page_size))
        if page is None:
            return None
        self.mapped += 1
        self._event("alloc_coherent", page.address, size, "bidirectional")
        return page.address

    def free_coherent(self, address: int, size: int) -> None:
        """dma_free_coherent. Raises BadFree for an address alloc_coherent did not give."""
        page = self._pages.blocks.get(address)
        if page is None:
            raise BadFree(f"dma_free_coherent({address:#x}): freed twice, or never allocated")
        self.mapped -= 1
        self._event("free_coherent", address, size, "bidirectional")
        self._pages.put(page)
