"""What changed in the kernel's receive-buffer code, and when: every version-gated rule of `vnic.linux`.

Sizes and alignments are constants of a profile; these rules say how a version uses them. Sources name the
file and the tree or commit the change was seen in.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from vnic.linux.eras import Era, Rule

SKBUFF_C = "net/core/skbuff.c"
SKBUFF_H = "include/linux/skbuff.h"


class Head(Enum):
    """How `__alloc_skb` sizes the object behind `skb->head`."""

    BARE = auto()  # request = SKB_DATA_ALIGN(size) + sizeof(shinfo); what the bucket has more is not used
    KSIZE = auto()  # shinfo rounded too and moved to the end of the bucket, found by ksize()
    ROUNDUP = auto()  # the request itself is the bucket's size (kmalloc_size_roundup); same result as KSIZE


HEAD: Rule[Head] = Rule(
    "the size of an skb head",
    [
        Era((2, 4), Head.BARE, f"{SKBUFF_C} 2.4.22 alloc_skb, 2.6.18 __alloc_skb"),
        Era((3, 2), Head.KSIZE, "commit 87fb4b7b5330 (3.2), more accurate skb truesize"),
        Era((6, 2), Head.ROUNDUP, "commit 12d6c1d3a2ad (6.2), in 6.1.y from about 6.1.31", ((6, 1, 31),)),
    ],
)


class SmallHead(Enum):
    """The cache for small skb heads, and what its object size is made of."""

    NONE = auto()
    TCP = auto()  # SKB_HEAD_ALIGN(MAX_TCP_HEADER)
    TCP_OR_GRO = auto()  # the larger of MAX_TCP_HEADER and GRO_MAX_HEAD + headroom


SMALL_HEAD: Rule[SmallHead] = Rule(
    "the small-head cache",
    [
        Era((2, 4), SmallHead.NONE, f"{SKBUFF_C} up to 6.2"),
        Era((6, 3), SmallHead.TCP, "commit bf9f1baa279f (6.3)"),
        Era((6, 14), SmallHead.TCP_OR_GRO, "commit 14ad6ed30a10 (6.14)", ((6, 12, 117), (6, 6, 150))),
    ],
)


class NetdevAlloc(Enum):
    """Where `netdev_alloc_skb` gets a head from."""

    DEV_ALLOC = auto()  # there is no netdev_alloc_skb; dev_alloc_skb asks alloc_skb for 16 bytes more
    KMALLOC = auto()  # __alloc_skb(len + NET_SKB_PAD)
    FRAG = auto()  # a page fragment when it fits a page and the caller cannot sleep, else kmalloc
    FRAG_ABOVE_1K = auto()  # as FRAG, but kmalloc for what fits 1 KiB together with its shinfo
    FRAG_ABOVE_SMALL_HEAD = auto()  # as FRAG, but kmalloc for what fits the small-head cache


NETDEV_ALLOC: Rule[NetdevAlloc] = Rule(
    "netdev_alloc_skb",
    [
        Era((2, 4), NetdevAlloc.DEV_ALLOC, f"{SKBUFF_H} 2.4.22, 2.6.6, 2.6.16 __dev_alloc_skb"),
        Era((2, 6, 18), NetdevAlloc.KMALLOC, "commit 8af27456452 (2.6.18-rc4)"),
        Era((3, 5), NetdevAlloc.FRAG, "commit a1c7fff7e18f (3.5)"),
        Era((5, 11), NetdevAlloc.FRAG_ABOVE_1K, "commit 66c556025d68 (5.11)", ((4, 4, 254),)),
        Era(
            (6, 14),
            NetdevAlloc.FRAG_ABOVE_SMALL_HEAD,
            "commit 14ad6ed30a10 (6.14)",
            ((6, 12, 117), (6, 6, 150)),
        ),
    ],
)


class NapiAlloc(Enum):
    """Where `napi_alloc_skb` gets a head from."""

    ABSENT = auto()
    FRAG = auto()
    FRAG_ABOVE_1K = auto()
    SLICE_1K = auto()  # a fixed 1 KiB slice of an order-0 page for small requests, 4 KiB pages only
    FRAG_ABOVE_SMALL_HEAD = auto()


NAPI_ALLOC: Rule[NapiAlloc] = Rule(
    "napi_alloc_skb",
    [
        Era((2, 4), NapiAlloc.ABSENT, f"{SKBUFF_C} up to 3.18"),
        Era((3, 19), NapiAlloc.FRAG, "commit fd11a83dd363 (3.19)"),
        Era((5, 11), NapiAlloc.FRAG_ABOVE_1K, "commit 3226b158e67c (5.11)"),
        Era((6, 1), NapiAlloc.SLICE_1K, "commit dbae2b062824 (6.1); 6.12.117 still has it"),
        Era((6, 14), NapiAlloc.FRAG_ABOVE_SMALL_HEAD, "commit 6bc7e4eb0499 (6.14)"),
    ],
)


class PageFrag(NamedTuple):
    """How a page-fragment cache works.

    Attributes:
        max_bytes: what it asks the page allocator for; 0 means one page whatever its size.
        descending: fragments are handed out from the end of the page towards its start.
        step_down: when the large page is not to be had, every smaller order is tried, else order 0 at once.
        recycle: a page whose fragments are all back is used again without going through the page allocator.
    """

    max_bytes: int
    descending: bool
    step_down: bool
    recycle: bool


PAGE_FRAG: Rule[PageFrag | None] = Rule(
    "page fragments",
    [
        Era((2, 4), None, f"{SKBUFF_C} up to 3.4"),
        Era((3, 5), PageFrag(0, False, False, False), "commit a1c7fff7e18f (3.5), get_page per fragment"),
        Era((3, 6), PageFrag(0, False, False, True), f"{SKBUFF_C} 3.6.5, page bias"),
        Era((3, 7), PageFrag(32768, False, True, True), f"{SKBUFF_C} 3.8.13, NETDEV_FRAG_PAGE_MAX_ORDER"),
        Era((3, 19), PageFrag(32768, True, False, True), f"{SKBUFF_C} 3.19.8 __alloc_page_frag"),
        Era((6, 13), PageFrag(32768, False, False, True), "mm/page_frag_cache.c 6.13.2, 6.19.0"),
    ],
)

NAPI_SHARES_NETDEV_CACHE: Rule[bool] = Rule(
    "netdev fragments outside hard interrupts come from the NAPI cache",
    [
        Era((2, 4), False, f"{SKBUFF_C} 4.20 netdev_alloc_frag"),
        Era((5, 4), True, f"{SKBUFF_C} 5.4.18 __netdev_alloc_frag"),
    ],
)

# First version with each helper: calling it on an older kernel is a driver that would not have compiled.
HELPERS: dict[str, tuple[int, ...]] = {
    "netdev_alloc_skb": (2, 6, 18),
    "napi_get_frags": (2, 6, 31),
    "netdev_alloc_skb_ip_align": (2, 6, 33),
    "build_skb": (3, 3),
    "netdev_alloc_frag": (3, 5),
    "napi_alloc_skb": (3, 19),
    "napi_alloc_frag": (3, 19),
    "kmalloc_size_roundup": (6, 2),
}

TAIL_IS_OFFSET: Rule[bool] = Rule(
    "skb->tail and skb->end are offsets from skb->head on 64-bit kernels",
    [
        Era((2, 4), False, f"{SKBUFF_H} 2.6.18"),
        Era((2, 6, 22), True, f"{SKBUFF_H} 2.6.22 NET_SKBUFF_DATA_USES_OFFSET"),
    ],
)
