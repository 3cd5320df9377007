"""The largest receive buffer that still fits each size class: where a driver gets most for its memory."""

from __future__ import annotations

from typing import NamedTuple

from vnic.linux.heads import HeadSizes
from vnic.linux.kmalloc import class_name, kmalloc_sizes
from vnic.linux.profile import KernelProfile


class Fit(NamedTuple):
    """A kmalloc class, its object size, and the most data bytes that an skb in it holds; 0 for none."""

    size_class: str
    size: int
    largest: int


def largest_fits(profile: KernelProfile) -> tuple[Fit, ...]:
    """For every kmalloc class, the largest `rx_buffer_len` whose head still lands in it.

    Headroom is NET_SKB_PAD + NET_IP_ALIGN, shared info is as the era counts it. A page fragment of the
    class's size holds the same. Empty for SLOB, which has no classes.
    """
    if profile.allocator == "slob":
        return ()
    sizes = HeadSizes(profile)
    headroom = profile.net_skb_pad + profile.net_ip_align
    found = []
    for size in kmalloc_sizes(profile):
        usable = (size - sizes.shinfo) & ~sizes.mask
        found.append(Fit(class_name(profile, size), size, max(0, usable - headroom)))
    return tuple(found)
