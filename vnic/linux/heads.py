"""The object behind `skb->head` when it comes from kmalloc: its size, its shared info, its cost.

All sizes are worked out once per kernel; `alloc` is arithmetic and one kmalloc. Sources: net/core/skbuff.c
`__alloc_skb` and `kmalloc_reserve` of the eras in `rules.HEAD` and `rules.SMALL_HEAD`.
"""

from __future__ import annotations

from typing import NamedTuple

from vnic.linux.eras import Version
from vnic.linux.profile import KernelProfile
from vnic.linux.rules import HEAD, SMALL_HEAD, Head, SmallHead
from vnic.linux.slab import Heap, ObjectCache

TCP_ROOM = 128  # include/net/tcp.h: MAX_TCP_HEADER = L1_CACHE_ALIGN(128 + MAX_HEADER)
GRO_ROOM = 128  # include/net/gro.h: GRO_MAX_HEAD = MAX_HEADER + 128


class HeadObject(NamedTuple):
    """A fresh head: its address, the bytes before shared info, what was asked for, the truesize."""

    address: int
    usable: int
    request: int
    truesize: int


class HeadSizes:
    """The arithmetic of one kernel's skb heads.

    Attributes:
        rule: how the object is sized; bare: shared info is not rounded, and what a bucket has more not used.
        shinfo: bytes that shared info takes at the end of a head, rounded as the era does.
        skb: bytes that truesize counts for the sk_buff itself.
        small: object size of the small-head cache, 0 where there is none.
    """

    __slots__ = ("bare", "mask", "rule", "shinfo", "skb", "small")

    def __init__(self, profile: KernelProfile) -> None:
        self.rule = HEAD.at(profile.version)
        self.bare = self.rule is Head.BARE
        self.mask = profile.smp_cache_bytes - 1
        self.shinfo = profile.sizeof_shinfo if self.bare else profile.data_align(profile.sizeof_shinfo)
        self.skb = profile.sizeof_sk_buff if self.bare else profile.data_align(profile.sizeof_sk_buff)
        self.small = small_head_size(profile, profile.version)

    def request(self, size: int) -> int:
        """What `__alloc_skb(size)` asks kmalloc for, before any rounding to a bucket (SKB_HEAD_ALIGN)."""
        return ((size + self.mask) & ~self.mask) + self.shinfo

    def fragment(self, size: int) -> int:
        """The page fragment for `size` bytes of headroom and data."""
        return ((size + self.mask) & ~self.mask) + ((self.shinfo + self.mask) & ~self.mask)

    def overhead(self, size: int) -> int:
        """SKB_WITH_OVERHEAD(size): what an object of `size` bytes leaves for headroom and data."""
        return size - ((self.shinfo + self.mask) & ~self.mask)


def small_head_size(profile: KernelProfile, version: Version) -> int:
    """Object size of skbuff_small_head, 0 before it existed.

    A power of two is avoided by one more cache line, so that the cache is not merged with a kmalloc one.
    """
    era = SMALL_HEAD.at(version)
    if era is SmallHead.NONE:
        return 0
    line = profile.l1_cache_bytes
    room = -(-(TCP_ROOM + profile.max_header) // line) * line
    if era is SmallHead.TCP_OR_GRO:
        room = max(room, profile.max_header + GRO_ROOM + profile.net_skb_pad + profile.net_ip_align)
    size = profile.data_align(room) + profile.data_align(profile.sizeof_shinfo)
    return size + line if size & (size - 1) == 0 else size


class HeadAllocator:
    """Allocates heads by kmalloc, and from the small-head cache where the kernel has one."""

    __slots__ = ("_heap", "_rounded", "_small", "sizes")

    def __init__(self, profile: KernelProfile, heap: Heap) -> None:
        self.sizes = HeadSizes(profile)
        self._heap = heap
        self._rounded: dict[int, int] = {}
        self._small: ObjectCache | None = (
            heap.cache("skbuff_small_head", self.sizes.small) if self.sizes.small else None
        )

    def alloc(self, size: int) -> HeadObject | None:
        """A head with room for `size` bytes of headroom and data, or None when kmalloc fails."""
        sizes = self.sizes
        request = ((size + sizes.mask) & ~sizes.mask) + sizes.shinfo
        if self._small is not None and request <= sizes.small:
            address = self._small.alloc()
            bucket = sizes.small
        else:
            bucket = request if sizes.rule is not Head.ROUNDUP else self._roundup(request)
            address = self._heap.kmalloc(bucket)
            if address is None:
                return None
            if sizes.rule is Head.KSIZE:
                bucket = self._heap.ksize(address)
        if address is None:
            return None
        return HeadObject(address, bucket - sizes.shinfo, request, self.truesize(bucket))

    def _roundup(self, request: int) -> int:
        """kmalloc_size_roundup(request), worked out once."""
        found = self._rounded.get(request)
        if found is None:
            found = self._rounded[request] = self._heap.roundup(request)
        return found

    def truesize(self, bucket: int) -> int:
        """What a head object of `bucket` bytes counts for; before 3.2 shared info did not count."""
        sizes = self.sizes
        return bucket - sizes.shinfo + sizes.skb if sizes.bare else bucket + sizes.skb

    def bucket(self, request: int) -> tuple[str, int] | None:
        """Name and size of the object that a head of `request` bytes lands in; None if kmalloc refuses."""
        if self._small is not None and request <= self.sizes.small:
            return self._small.name, self._small.size
        return self._heap.class_for(request)

    def free(self, address: int) -> None:
        """Gives a head back. Raises BadFree."""
        self._heap.kfree(address)
