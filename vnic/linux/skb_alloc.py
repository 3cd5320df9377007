"""Where an sk_buff and its head come from and go to: the allocation functions of net/core/skbuff.c.

The sk_buff itself always comes from its slab cache. Since 5.15 NAPI takes it from a per-CPU stock first,
which is not modelled: it changes which sk_buff is taken, and nothing of what stands behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from vnic.errors import UsageError
from vnic.linux.eras import version_text
from vnic.linux.heads import HeadAllocator
from vnic.linux.page_frag import PageFragCache, SliceCache
from vnic.linux.pages import BadFree, Page, PageAllocator
from vnic.linux.profile import KernelProfile
from vnic.linux.rules import (
    HELPERS,
    NAPI_ALLOC,
    NAPI_SHARES_NETDEV_CACHE,
    NETDEV_ALLOC,
    PAGE_FRAG,
    TAIL_IS_OFFSET,
    NapiAlloc,
    NetdevAlloc,
)
from vnic.linux.skbuff import SkBuff
from vnic.linux.slab import Heap
from vnic.memory import HostMemory

DEV_PAD = 16  # the literal of dev_alloc_skb before NET_SKB_PAD, which then had the same value


class Gfp(Enum):
    """What an allocation may do: ATOMIC may not sleep (interrupt, NAPI), KERNEL may, DMA wants low memory."""

    ATOMIC = auto()
    KERNEL = auto()
    DMA = auto()


class NotInThisKernel(UsageError):
    """A function that the profile's kernel does not have: a driver that would not have compiled."""

    def __init__(self, helper: str, profile: KernelProfile) -> None:
        since = version_text(HELPERS[helper])
        super().__init__(
            f"{helper}() is not in Linux {profile.release} ({profile.name}): it came with {since}"
        )


class SkbAllocator:
    """Allocates and frees sk_buffs for one kernel; the base of `Kernel`, which documents the attributes."""

    def __init__(
        self,
        profile: KernelProfile,
        memory: HostMemory,
        pages: PageAllocator,
        slab: Heap,
        fail: Callable[[str], bool] | None,
    ) -> None:
        self.profile = profile
        self.memory = memory
        self.pages = pages
        self.slab = slab
        self.heads = HeadAllocator(profile, slab)
        self.tail_is_offset = profile.word_size == 8 and TAIL_IS_OFFSET.at(profile.version)
        self.max_skb_frags = profile.max_skb_frags
        self.live_skbs = 0
        self._fail = fail
        self._skbs = slab.cache("skbuff_head_cache", profile.sizeof_sk_buff)
        self._pad = profile.net_skb_pad
        self._ip = profile.net_ip_align
        frag = PAGE_FRAG.at(profile.version)
        self.page_frag = None if frag is None else PageFragCache(pages, frag)
        shared = NAPI_SHARES_NETDEV_CACHE.at(profile.version)
        self.napi_frag = self.page_frag if frag is None or shared else PageFragCache(pages, frag)
        self._netdev_range = self._fragment_range(NETDEV_ALLOC.at(profile.version).name)
        napi = NAPI_ALLOC.at(profile.version)
        sliced = napi is NapiAlloc.SLICE_1K and profile.page_size == 4096
        self.napi_slices = SliceCache(pages) if sliced else None
        self._napi_range = self._fragment_range(napi.name)

    def _fragment_range(self, era: str) -> tuple[int, int]:
        """Sizes (pad + length) that come from a page fragment: above the first number, up to the second."""
        if self.page_frag is None or era in (NetdevAlloc.KMALLOC.name, NapiAlloc.ABSENT.name):
            return (0, -1)
        overhead = self.heads.sizes.overhead
        top = overhead(self.profile.page_size)
        if era == NetdevAlloc.FRAG.name:
            return (-1, top)
        small = self.heads.sizes.small if era == NetdevAlloc.FRAG_ABOVE_SMALL_HEAD.name else 1024
        return (overhead(small), top)

    def require(self, helper: str) -> None:
        """Raises NotInThisKernel when the profile's kernel has no function of this name."""
        if self.profile.version < HELPERS[helper]:
            raise NotInThisKernel(helper, self.profile)

    def take_sk_buff(self) -> int | None:
        """The sk_buff structure itself, from its own cache: its address, or None."""
        if self._fail is not None and self._fail("kmem_cache_alloc"):
            return None
        address = self._skbs.alloc()
        if address is not None:
            self.live_skbs += 1
        return address

    def alloc_skb(self, size: int) -> SkBuff | None:
        """alloc_skb: an skb with room for `size` bytes and a head from kmalloc."""
        address = self.take_sk_buff()
        if address is None:
            return None
        head = self.heads.alloc(size)
        if head is None:
            self._skbs.free(address)
            self.live_skbs -= 1
            return None
        start = head.address
        return SkBuff(self, address, start, start + head.usable, head.truesize, head.request, None)

    def dev_alloc_skb(self, length: int) -> SkBuff | None:
        """dev_alloc_skb: with the headroom of the era; since 3.5 it is netdev_alloc_skb without a device."""
        if self.page_frag is not None:
            return self.netdev_alloc_skb(length)
        skb = self.alloc_skb(length + self._pad)
        if skb is not None:
            skb.reserve(self._pad)
        return skb

    def netdev_alloc_skb(self, length: int, gfp: Gfp = Gfp.ATOMIC) -> SkBuff | None:
        """netdev_alloc_skb: `length` bytes behind NET_SKB_PAD of headroom, from the source of the era.

        Raises:
            NotInThisKernel: before 2.6.18; use dev_alloc_skb.
        """
        size = length + self._pad
        low, high = self._netdev_range
        if low < size <= high and gfp is Gfp.ATOMIC:
            skb = self._fragment_skb(self.page_frag, size)
        else:
            self.require("netdev_alloc_skb")
            skb = self.alloc_skb(size)
        if skb is not None:
            skb.data = skb.tail = skb.head + self._pad
        return skb

    def netdev_alloc_skb_ip_align(self, length: int, gfp: Gfp = Gfp.ATOMIC) -> SkBuff | None:
        """netdev_alloc_skb with NET_IP_ALIGN reserved too. Raises NotInThisKernel before 2.6.33."""
        self.require("netdev_alloc_skb_ip_align")
        return self.rx_alloc_skb(length, gfp)

    def rx_alloc_skb(self, length: int, gfp: Gfp = Gfp.ATOMIC) -> SkBuff | None:
        """The rx skb of `length` bytes as this kernel's drivers ask for it, with NET_IP_ALIGN reserved.

        dev_alloc_skb(length + 2) up to 2.6.17, netdev_alloc_skb(length + NET_IP_ALIGN) up to 2.6.32, then
        netdev_alloc_skb_ip_align(length).
        """
        ip = self._ip
        if self.profile.version < HELPERS["netdev_alloc_skb"]:
            skb = self.dev_alloc_skb(length + ip)
        else:
            skb = self.netdev_alloc_skb(length + ip, gfp)
        if skb is not None and ip:
            skb.reserve(ip)
        return skb

    def napi_alloc_skb(self, length: int, gfp: Gfp = Gfp.ATOMIC) -> SkBuff | None:
        """napi_alloc_skb: as netdev_alloc_skb_ip_align, from the NAPI caches.

        Raises:
            NotInThisKernel: before 3.19.
        """
        self.require("napi_alloc_skb")
        headroom = self._pad + self._ip
        size = length + headroom
        low, high = self._napi_range
        if gfp is not Gfp.ATOMIC:
            skb = self.alloc_skb(size)
        elif low < size <= high:
            skb = self._fragment_skb(self.napi_frag, size)
        elif size <= low and self.napi_slices is not None:
            if self._fail is not None and self._fail("page_frag"):
                return None
            found = self.napi_slices.alloc()
            skb = None if found is None else self._around(found[0], found[1], SliceCache.SIZE)
        else:
            skb = self.alloc_skb(size)
        if skb is not None:
            skb.data = skb.tail = skb.head + headroom
        return skb

    def _fragment_skb(self, cache: PageFragCache | None, size: int) -> SkBuff | None:
        """An skb whose head is a fresh fragment for `size` bytes and shared info."""
        if cache is None or (self._fail is not None and self._fail("page_frag")):
            return None
        sizes = self.heads.sizes
        length = ((size + sizes.mask) & ~sizes.mask) + sizes.shinfo
        found = cache.alloc(length)
        return None if found is None else self._around(found[0], found[1], length)

    def _around(self, page: Page, head: int, size: int) -> SkBuff | None:
        """An skb round a fragment whose reference on `page` it takes over; gives it back when that fails."""
        address = self.take_sk_buff()
        if address is None:
            self.pages.put(page)
            return None
        sizes = self.heads.sizes
        return SkBuff(self, address, head, head + size - sizes.shinfo, size + sizes.skb, size, page)

    def netdev_alloc_frag(self, size: int) -> int | None:
        """netdev_alloc_frag: a cache-line aligned fragment of `size` bytes.

        Raises:
            NotInThisKernel: before 3.5.
        """
        self.require("netdev_alloc_frag")
        return self._frag(self.page_frag, size)

    def napi_alloc_frag(self, size: int) -> int | None:
        """napi_alloc_frag: as netdev_alloc_frag, from the NAPI cache. Raises NotInThisKernel before 3.19."""
        self.require("napi_alloc_frag")
        return self._frag(self.napi_frag, size)

    def _frag(self, cache: PageFragCache | None, size: int) -> int | None:
        if cache is None or (self._fail is not None and self._fail("page_frag")):
            return None
        found = cache.alloc(self.profile.data_align(size))
        return None if found is None else found[1]

    def free_frag(self, address: int) -> None:
        """skb_free_frag: drops the reference that a fragment not yet in an skb holds. Raises BadFree."""
        self.pages.put(self.pages.find(address))

    def build_skb(self, head: int, frag_size: int) -> SkBuff | None:
        """build_skb: an skb round a received buffer; `frag_size` 0 means a kmalloc object.

        On failure (None) the buffer stays the caller's. Raises NotInThisKernel before 3.3 (3.5 for
        fragments).
        """
        self.require("netdev_alloc_frag" if frag_size else "build_skb")
        address = self.take_sk_buff()
        if address is None:
            return None
        sizes = self.heads.sizes
        page = self.pages.find(head) if frag_size else None
        size = frag_size or self.slab.ksize(head)
        return SkBuff(self, address, head, head + size - sizes.shinfo, size + sizes.skb, size, page)

    def kfree_skb(self, skb: SkBuff) -> None:
        """kfree_skb, consume_skb, dev_kfree_skb: drops one user; the last frees head, pages and sk_buff.

        Raises:
            BadFree: it was freed already.
        """
        if skb.users <= 0:
            raise BadFree(f"sk_buff at {skb.address:#x} freed twice")
        skb.users -= 1
        if skb.users:
            return
        self.release_head(skb)
        self._skbs.free(skb.address)
        self.live_skbs -= 1

    consume_skb = kfree_skb

    def release_head(self, skb: SkBuff) -> None:
        """skb_release_data: drops the skb's hold on its head; the last clone frees it and its pages."""
        shared = skb.shared
        shared.dataref -= 1
        if shared.dataref:
            return
        if shared.frags:
            for frag in shared.frags:
                self.pages.put(frag.page)
            shared.frags.clear()
        if skb.head_page is not None:
            self.pages.put(skb.head_page)
        else:
            self.heads.free(skb.head)

    def put_page(self, page: Page) -> None:
        """Drops one reference on a page block. Raises BadFree."""
        self.pages.put(page)
