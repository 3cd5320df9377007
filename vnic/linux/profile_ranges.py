"""What each constant of a kernel profile may be."""

from __future__ import annotations

from typing import Final

POWERS: Final = ("PAGE_SIZE", "L1_CACHE_BYTES", "SMP_CACHE_BYTES", "KMALLOC_MIN_SIZE", "ARCH_DMA_MINALIGN")
"""These are powers of two."""

RANGES: Final = {
    "PAGE_SIZE": (4096, 65536),
    "L1_CACHE_BYTES": (16, 1024),
    "SMP_CACHE_BYTES": (8, 1024),
    "NET_SKB_PAD": (16, 1024),
    "NET_IP_ALIGN": (0, 2),
    "MAX_SKB_FRAGS": (3, 45),
    "sizeof_skb_shared_info": (32, 4096),
    "sizeof_sk_buff": (96, 1024),
    "sizeof_long": (4, 8),
    "sizeof_slab": (0, 256),
    "KMALLOC_MIN_SIZE": (8, 256),
    "ARCH_DMA_MINALIGN": (1, 256),
    "MAX_HEADER": (0, 512),
    "HH_DATA_MOD": (16, 16),
}
"""Least and largest value of each constant, by the kernel's name of it."""
