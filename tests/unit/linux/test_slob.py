"""SLOB: where its objects lie, and what it says of their size, by era."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.linux.support import must
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile
from vnic.memory import HostMemory

SLOB = load_profile("3.3/x86_64-slob")


def test_an_sk_buff_and_its_head_do_not_share_a_page() -> None:
    """Small and large objects have pages of their own since 2.6.25; two heads of 1920 bytes fill one."""
    with HostMemory(1 << 20) as memory:
        kernel = Kernel(SLOB, memory)
        first, second, third = (must(kernel.netdev_alloc_skb(1522)) for _ in range(3))
        assert [skb.head % 4096 for skb in (first, second, third)] == [8, 8 + 1920 + 8, 8]
        assert second.head - first.head == 1928
        assert [skb.address % 64 for skb in (first, second, third)] == [0, 0, 0]
        assert first.address // 4096 == third.address // 4096 != first.head // 4096


def test_one_list_of_pages_before_2_6_25() -> None:
    profile = replace(SLOB, version=(2, 6, 24))
    with HostMemory(1 << 20) as memory:
        kernel = Kernel(profile, memory)
        skb = must(kernel.netdev_alloc_skb(1522))
        assert skb.address // 4096 == skb.head // 4096


def test_a_page_of_its_kind_is_found_again_and_given_back() -> None:
    with HostMemory(1 << 20) as memory:
        kernel = Kernel(SLOB, memory)
        small = must(kernel.kmalloc(100))
        large = must(kernel.kmalloc(1920))
        assert small // 4096 != large // 4096
        assert must(kernel.kmalloc(300)) // 4096 not in (small // 4096, large // 4096)
        kernel.kfree(small)
        kernel.kfree(large)
        assert kernel.pages.total_pages - kernel.pages.free_pages == 1


@pytest.mark.parametrize(
    ("version", "size"), [((2, 6, 22), 8192), ((2, 6, 23), 4480), ((3, 3, 6), 4480), ((4, 9), 8192)]
)
def test_ksize_of_whole_pages(version: tuple[int, ...], size: int) -> None:
    with HostMemory(1 << 20) as memory:
        kernel = Kernel(replace(SLOB, version=version), memory)
        assert kernel.slab.ksize(must(kernel.kmalloc(4480))) == size


@pytest.mark.parametrize(("version", "truesize"), [((6, 1), 8192 + 256), ((6, 2), 4480 + 256)])
def test_kmalloc_size_roundup_knows_nothing_of_slob_pages(version: tuple[int, ...], truesize: int) -> None:
    """mm/slob.c 6.2 rounds to the minimum alignment; ksize, which 6.1 asked, saw two pages."""
    with HostMemory(1 << 20) as memory:
        kernel = Kernel(replace(SLOB, version=version), memory)
        assert must(kernel.alloc_skb(4160)).truesize == truesize
