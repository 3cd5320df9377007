"""The kernel's receive-buffer macros as their headers define them, by version and architecture.

A profile states these constants; a kernel imported from its binary does not contain them, so they are worked
out here. Where a profile and these rules disagree, one of them is mistyped: a test compares all.
"""

from __future__ import annotations

from collections.abc import Callable

from vnic.linux.eras import Era, Rule, Version

SKBUFF_H = "include/linux/skbuff.h"

# Bytes for an L1 line of so many.
Pad = Callable[[int], int]


def _fixed(size: int) -> Pad:
    return lambda _l1: size


NET_SKB_PAD: Rule[Pad] = Rule(
    "NET_SKB_PAD",
    [
        Era((2, 4), _fixed(16), f"{SKBUFF_H} 2.4.22, 2.6.16 (the literal), commit 025be81e830 (2.6.17)"),
        Era((2, 6, 30), _fixed(32), "commit d6301d3dd1c (2.6.30-rc1)"),
        Era((2, 6, 35), _fixed(64), "commit 18e8c134f4e (2.6.35-rc1)"),
        Era((2, 6, 36), lambda l1: max(32, l1), "commit 5933dd2f028 (2.6.36-rc1)"),
    ],
)
NET_SKB_PAD_BY_ARCH: dict[str, Rule[Pad | None]] = {
    "ppc64": Rule(
        "NET_SKB_PAD of ppc64",
        [
            Era((2, 4), None, f"{SKBUFF_H} 2.6.16"),
            Era((2, 6, 17), lambda l1: l1, "commit 025be81e830 (2.6.17-rc1)"),
            Era((2, 6, 36), None, "commit 5933dd2f028 (2.6.36-rc1); the generic rule gives the same"),
        ],
    ),
    "s390": Rule(
        "NET_SKB_PAD of s390",
        [
            Era((2, 4), None, f"{SKBUFF_H} 2.6.37"),
            Era(
                (2, 6, 38),
                _fixed(32),
                "commit dd30ac32748 (2.6.38): 256-byte lines cost a quarter of the speed",
            ),
        ],
    ),
    "microblaze": Rule(
        "NET_SKB_PAD of microblaze",
        [
            Era((2, 4), None, f"{SKBUFF_H} 2.6.34"),
            Era((2, 6, 35), lambda l1: l1, "arch/microblaze/include/asm/system.h 2.6.35"),
            Era((2, 6, 36), None, f"{SKBUFF_H} 2.6.36"),
        ],
    ),
}

_X86_IP = Rule(
    "NET_IP_ALIGN of x86",
    [
        Era((2, 4), 2, f"{SKBUFF_H} 2.6.35: no override"),
        Era(
            (2, 6, 36), 0, "commits ea812ca1b06, 7475271004b (2.6.36-rc1): unaligned DMA is costly on Nehalem"
        ),
    ],
)
NET_IP_ALIGN_BY_ARCH: dict[str, Rule[int]] = {
    "x86_64": _X86_IP,
    "i386": _X86_IP,
    "ppc64": Rule(
        "NET_IP_ALIGN of ppc64",
        [
            Era((2, 4), 2, "drivers/net/e1000/e1000_main.c 2.6.6, the literal"),
            Era((2, 6, 8), 0, "include/asm-ppc64/system.h 2.6.8.1: IO bridges split an unaligned write"),
        ],
    ),
    "arm64": Rule(
        "NET_IP_ALIGN of arm64",
        [
            Era((2, 4), 2, f"{SKBUFF_H} 4.19: no override"),
            Era((4, 20), 0, "arch/arm64/include/asm/processor.h 4.20; not in 4.19.0"),
        ],
    ),
}

MAX_SKB_FRAGS: Rule[Callable[[int], int]] = Rule(
    "MAX_SKB_FRAGS",
    [
        Era((2, 4), lambda _page: 6, f"{SKBUFF_H} 2.4.22"),
        Era((2, 6), lambda page: 65536 // page + 2, f"{SKBUFF_H} 2.6.6, 2.6.38"),
        Era((2, 6, 39), lambda page: max(16, 65536 // page + 2), "follow-up of commit eec009548e9 (2.6.39)"),
        Era((3, 3), lambda page: max(16, 65536 // page + 1), f"{SKBUFF_H} 3.3.6, 6.1.0"),
        Era((6, 4), lambda _page: 17, "CONFIG_MAX_SKB_FRAGS, its default, commit 3948b05950fd (6.4)"),
    ],
)


def net_skb_pad(version: Version, arch: str, l1: int) -> int:
    """NET_SKB_PAD of a kernel with `l1`-byte cache lines; 16 before the macro existed."""
    by_arch = NET_SKB_PAD_BY_ARCH.get(arch)
    override = None if by_arch is None else by_arch.at(version)
    return (override or NET_SKB_PAD.at(version))(l1)


def net_ip_align(version: Version, arch: str) -> int:
    """NET_IP_ALIGN; 2 where the architecture sets nothing."""
    by_arch = NET_IP_ALIGN_BY_ARCH.get(arch)
    return 2 if by_arch is None else by_arch.at(version)


def max_skb_frags(version: Version, page_size: int) -> int:
    """MAX_SKB_FRAGS; the default where it is configurable."""
    return MAX_SKB_FRAGS.at(version)(page_size)
