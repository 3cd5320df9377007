"""The versions at which a rule changes, from both sides: the profiles alone leave gaps between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vnic.linux.arch import L1_BYTES, dma_minalign, kmalloc_min_size
from vnic.linux.eras import Rule, Version, parse_version
from vnic.linux.headroom import LL_COUNTS_NEEDED, TUNNEL_COPIES
from vnic.linux.kernel import Kernel
from vnic.linux.kmalloc import SLAB_BREAK, SLAB_TOP, SLUB_ORDER, SLUB_TOP
from vnic.linux.macros import max_skb_frags, net_ip_align, net_skb_pad
from vnic.linux.profile import load_profile
from vnic.linux.rules import (
    HEAD,
    NAPI_ALLOC,
    NAPI_SHARES_NETDEV_CACHE,
    NETDEV_ALLOC,
    PAGE_FRAG,
    SMALL_HEAD,
)
from vnic.linux.skb_ops import COW_WANTS_PAD, EXPAND_COUNTS, TRIM_CONDENSES
from vnic.linux.slob import NATURAL_ALIGN
from vnic.memory import HostMemory

# Versions and values, each up to the next version.
Steps = dict[str, int]
PAD: dict[tuple[str, int], Steps] = {
    ("x86_64", 64): {"2.4.22": 16, "2.6.29": 16, "2.6.30": 32, "2.6.34": 32, "2.6.35": 64, "2.6.36": 64},
    ("i386", 32): {"2.6.34": 32, "2.6.35": 64, "2.6.36": 32},
    ("ppc64", 128): {"2.6.16": 16, "2.6.17": 128, "2.6.35": 128, "2.6.36": 128},
    ("s390", 256): {"2.6.36": 256, "2.6.37": 256, "2.6.38": 32, "6.1": 32},
    ("microblaze", 32): {"2.6.34": 32, "2.6.35": 32, "2.6.36": 32},
}
IP: dict[str, Steps] = {
    "x86_64": {"2.6.35": 2, "2.6.36": 0},
    "i386": {"2.6.35": 2, "2.6.36": 0},
    "ppc64": {"2.6.7": 2, "2.6.8": 0},
    "arm64": {"4.19": 2, "4.20": 0},
    "riscv64": {"6.1": 2},
}
FRAGS: dict[int, Steps] = {
    4096: {"2.4.22": 6, "2.6.38": 18, "3.2": 18, "3.3": 17, "6.3": 17, "6.4": 17},
    65536: {"2.6.38": 3, "2.6.39": 16, "6.3": 16, "6.4": 17},
}


def versions(steps: Steps) -> list[tuple[Version, int]]:
    return [(parse_version(text), value) for text, value in steps.items()]


@pytest.mark.parametrize(("arch", "l1"), list(PAD))
def test_net_skb_pad(arch: str, l1: int) -> None:
    for version, value in versions(PAD[arch, l1]):
        assert net_skb_pad(version, arch, l1) == value, version


@pytest.mark.parametrize("arch", list(IP))
def test_net_ip_align(arch: str) -> None:
    for version, value in versions(IP[arch]):
        assert net_ip_align(version, arch) == value, version


@pytest.mark.parametrize("page", list(FRAGS))
def test_max_skb_frags(page: int) -> None:
    for version, value in versions(FRAGS[page]):
        assert max_skb_frags(version, page) == value, version


def test_arm64_and_riscv() -> None:
    lines = {"3.8": 64, "4.1": 64, "4.4": 128, "4.14": 128, "4.19": 64}
    for version, value in versions(lines):
        assert L1_BYTES["arm64"].at(version) == value, version
    for version, value in versions({"4.14": 64, "4.19": 128, "6.6": 128}):
        assert dma_minalign(version, "arm64", 64) == value, version
    for arch, before in (("arm64", 128), ("riscv64", 64)):
        assert kmalloc_min_size((6, 4), arch, 64, "slub") == before
        assert kmalloc_min_size((6, 6), arch, 64, "slub") == 8


@pytest.mark.parametrize(
    ("rule", "before", "since"),
    [
        (HEAD, "3.1", "3.2"),
        (HEAD, "6.1.30", "6.1.31"),
        (HEAD, "6.1", "6.2"),
        (SMALL_HEAD, "6.2", "6.3"),
        (SMALL_HEAD, "6.13", "6.14"),
        (SMALL_HEAD, "6.12.116", "6.12.117"),
        (SMALL_HEAD, "6.6.149", "6.6.150"),
        (NETDEV_ALLOC, "2.6.17", "2.6.18"),
        (NETDEV_ALLOC, "3.4", "3.5"),
        (NETDEV_ALLOC, "5.10", "5.11"),
        (NETDEV_ALLOC, "4.4.253", "4.4.254"),
        (NETDEV_ALLOC, "6.13", "6.14"),
        (NETDEV_ALLOC, "6.12.116", "6.12.117"),
        (NAPI_ALLOC, "3.18", "3.19"),
        (NAPI_ALLOC, "5.10", "5.11"),
        (NAPI_ALLOC, "6.0", "6.1"),
        (NAPI_ALLOC, "6.13", "6.14"),
        (PAGE_FRAG, "3.4", "3.5"),
        (PAGE_FRAG, "3.5", "3.6"),
        (PAGE_FRAG, "3.6", "3.7"),
        (PAGE_FRAG, "3.18", "3.19"),
        (PAGE_FRAG, "6.12", "6.13"),
        (NAPI_SHARES_NETDEV_CACHE, "5.3", "5.4"),
        (SLAB_TOP, "2.6.21", "2.6.22"),
        (SLAB_TOP, "6.0", "6.1"),
        (SLUB_TOP, "2.6.23", "2.6.24"),
        (SLUB_TOP, "2.6.24", "2.6.25"),
        (SLUB_TOP, "2.6.29", "2.6.30"),
        (SLUB_ORDER, "2.6.25", "2.6.26"),
        (SLUB_ORDER, "2.6.29", "2.6.30"),
        (SLAB_BREAK, "2.4.22", "2.6"),
        (NATURAL_ALIGN, "5.3", "5.4"),
        (LL_COUNTS_NEEDED, "2.6.25", "2.6.26"),
        (TUNNEL_COPIES, "3.9", "3.10"),
        (EXPAND_COUNTS, "4.10", "4.11"),
        (TRIM_CONDENSES, "4.13", "4.14"),
        (COW_WANTS_PAD, "3.4", "3.5"),
        (COW_WANTS_PAD, "3.4.38", "3.4.39"),
    ],
)
def test_a_rule_changes_here(rule: Rule[Any], before: str, since: str) -> None:
    assert rule.at(parse_version(before)) != rule.at(parse_version(since))


def test_tail_is_an_offset_of_64_bit_kernels_since_2_6_22() -> None:
    for name, version, offset in (
        ("2.6.18/x86_64-k8", (2, 6, 21), False),
        ("2.6.18/x86_64-k8", (2, 6, 22), True),
        ("2.6.9/i386-686", (2, 6, 22), False),
    ):
        with HostMemory(1 << 20) as memory:
            kernel = Kernel(replace(load_profile(name), version=version), memory)
            assert kernel.tail_is_offset is offset
