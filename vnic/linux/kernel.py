"""One Linux kernel over a range of host memory: the facade that a driver model sees."""

from __future__ import annotations

from collections.abc import Callable

from vnic.errors import UsageError
from vnic.linux.dma import DmaApi
from vnic.linux.heads import GRO_ROOM
from vnic.linux.pages import Page, PageAllocator
from vnic.linux.profile import KernelProfile
from vnic.linux.rules import HELPERS
from vnic.linux.skb_alloc import Gfp
from vnic.linux.skb_ops import CopyCounts, SkbOperations
from vnic.linux.skbuff import SkBuff
from vnic.linux.slab import Heap, SlabHeap
from vnic.linux.slob import SlobHeap
from vnic.memory import HostMemory

__all__ = ["Gfp", "Kernel"]


class Kernel(SkbOperations):
    """Allocators, sk_buffs and the DMA API of the kernel that `profile` describes.

    Args:
        profile: its constants.
        memory: the host memory; the kernel allocates from `size` bytes at `base` of it (default: its first
        region). cpus: CPUs of the machine; decides how large SLUB's slabs are.
        fail: fault injection: asked with an allocator's name before each allocation, True makes it fail. The
        names:
            `alloc_pages`, `kmalloc`, `kmem_cache_alloc` (the sk_buff itself), `page_frag`, `dma_map`,
            `dma_alloc_coherent`.

    Attributes:
        profile, memory: as given.
        pages: the page allocator.
        slab: kmalloc and the named caches.
        heads: sizes and allocation of skb heads.
        page_frag, napi_frag: the page-fragment caches (the same one since 5.4), None before 3.5.
        napi_slices: the 1 KiB slices of 6.1 to 6.13, else None.
        dma: the DMA API; set `dma.on_map` to watch it.
        live_skbs: sk_buffs in use.
        counts: what copying operations cost so far.

    Raises:
        UsageError: the memory is too small or the kernel too old for the rules.
    """

    def __init__(
        self,
        profile: KernelProfile,
        memory: HostMemory,
        *,
        base: int | None = None,
        size: int | None = None,
        cpus: int = 1,
        fail: Callable[[str], bool] | None = None,
    ) -> None:
        region = memory.regions[0]
        base = region.base if base is None else base
        size = region.base + region.size - base if size is None else size
        if not memory.contains(base, size):
            raise UsageError(f"kernel memory {base:#x}+{size:#x} is not within one region of the host memory")
        if cpus < 1:
            raise UsageError(f"a kernel with {cpus} CPUs: give at least 1")
        if base < profile.page_size:
            # Page 0 is never handed out, so no allocation has the address 0.
            size -= profile.page_size - base
            base = profile.page_size
        pages = PageAllocator(base, size, profile.page_size, fail=fail)
        heap: Heap
        if profile.allocator == "slob":
            heap = SlobHeap(profile, pages, fail=fail)
        else:
            heap = SlabHeap(profile, pages, cpus, fail=fail)
        super().__init__(profile, memory, pages, heap, fail)
        self.counts = CopyCounts()
        self.dma = DmaApi(pages, fail=fail)

    def napi_get_frags(self) -> SkBuff | None:
        """napi_get_frags: an skb with a head of GRO_MAX_HEAD bytes for a frame that lies in pages.

        Raises:
            NotInThisKernel: before 2.6.31.
        """
        self.require("napi_get_frags")
        head = self.profile.max_header + GRO_ROOM
        if self.profile.version < HELPERS["napi_alloc_skb"]:
            return self.rx_alloc_skb(head)
        return self.napi_alloc_skb(head)

    def drain(self) -> None:
        """What memory pressure does: the caches give back the pages that nobody uses.

        After everything is freed and drained, `pages.free_pages` equals `pages.total_pages`.
        """
        for cache in {self.page_frag, self.napi_frag, self.napi_slices}:
            if cache is not None:
                cache.drain()
        self.slab.shrink()

    def kmalloc(self, size: int) -> int | None:
        """The address of at least `size` bytes, or None."""
        return self.slab.kmalloc(size)

    def kfree(self, address: int) -> None:
        """Gives kmalloc memory back. Raises BadFree."""
        self.slab.kfree(address)

    def alloc_page(self) -> int | None:
        """alloc_page: the address of one page, or None."""
        page = self.pages.alloc(0)
        return None if page is None else page.address

    def free_page(self, address: int) -> None:
        """put_page by address: drops one reference. Raises BadFree."""
        self.pages.put(self.page_at(address))

    def page_at(self, address: int) -> Page:
        """virt_to_page: the block that holds `address`. Raises BadFree when it is not in use."""
        return self.pages.find(address)

    def dma_alloc_coherent(self, size: int) -> int | None:
        """dma_alloc_coherent: a page-aligned block for a descriptor ring, or None."""
        return self.dma.alloc_coherent(size)

    def dma_free_coherent(self, address: int, size: int) -> None:
        """dma_free_coherent. Raises BadFree."""
        self.dma.free_coherent(address, size)
