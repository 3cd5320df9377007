"""What a running 6.1 would show for e1000 and e1000e: truesize, fragments, slabs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.linux.support import KernelMaker, must
from vnic.linux.heads import small_head_size
from vnic.linux.kernel import Kernel
from vnic.linux.kmalloc import slab_shape
from vnic.linux.layout import rx_layout
from vnic.linux.profile import load_profile
from vnic.linux.skb_alloc import Gfp
from vnic.memory import HostMemory

KERNELS_61 = ["6.1/x86_64", "6.1.192/x86_64-debian"]


@pytest.mark.parametrize("name", KERNELS_61)
def test_truesize_of_e1000_buffers(kernel_of: KernelMaker, name: str) -> None:
    kernel = kernel_of(name)
    assert must(kernel.netdev_alloc_skb(1522)).truesize == 2176  # a fragment of 1920
    assert must(kernel.netdev_alloc_skb(2048)).truesize == 2688  # MTU 1400: a fragment of 2432
    assert must(kernel.napi_alloc_skb(256)).truesize == 1280  # copybreak: a 1 KiB slice
    first_fill = must(kernel.netdev_alloc_skb_ip_align(1522, Gfp.KERNEL))
    assert first_fill.truesize == 2304  # e1000e's first ring comes from kmalloc-2k
    assert first_fill.head_page is None


def test_truesize_of_packet_split() -> None:
    layout = rx_layout(load_profile("6.1/x86_64"), 9000, "packet-split")
    assert layout.size_class == "kmalloc-512"
    assert layout.truesize == 13056
    assert layout.pages == 3


def test_truesize_of_a_jumbo_frame(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    skb = must(kernel.napi_get_frags())
    assert skb.truesize == 1280
    for _ in range(3):
        skb.add_rx_frag(kernel.page_at(must(kernel.alloc_page())), 0, 3000, 4096)
    assert (skb.len, skb.truesize) == (9000, 13568)
    kernel.kfree_skb(skb)
    assert kernel.live_skbs == 0


@pytest.mark.parametrize("name", ["6.1/x86_64", "5.15/x86_64", "4.4/x86_64"])
def test_seventeen_fragments_down_a_32k_page(kernel_of: KernelMaker, name: str) -> None:
    kernel = kernel_of(name)
    heads = [must(kernel.netdev_alloc_skb(1522)).head for _ in range(18)]
    page = kernel.page_at(heads[0])
    assert page.size == 32768
    assert page.address % 32768 == 0
    assert [head - page.address for head in heads[:17]] == [30848 - 1920 * n for n in range(17)]
    assert heads[16] - page.address == 128
    assert kernel.page_at(heads[17]) is not page


def test_upward_fragments_leave_the_rest_at_the_end(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.18/x86_64")
    heads = [must(kernel.netdev_alloc_skb(1522)).head for _ in range(17)]
    assert [head - heads[0] for head in heads] == [1920 * n for n in range(17)]


@pytest.mark.parametrize(("mtu_buffer", "per_page"), [(1522, 17), (2048, 13)])
def test_buffers_per_page_allocation(kernel_of: KernelMaker, mtu_buffer: int, per_page: int) -> None:
    kernel = kernel_of("6.1/x86_64")
    kept = [must(kernel.netdev_alloc_skb(mtu_buffer)) for _ in range(2 * per_page)]
    assert must(kernel.page_frag).refills == 2
    assert len(kept) == 2 * per_page


def test_two_fragments_in_the_single_pages_of_3_5(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("3.5/x86_64")
    heads = [must(kernel.netdev_alloc_skb(1522)).head for _ in range(3)]
    assert [head % 4096 for head in heads] == [0, 1920, 0]


def test_four_slices_down_an_order_0_page(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    heads = [must(kernel.napi_alloc_skb(200)).head for _ in range(5)]
    assert [head % 4096 for head in heads] == [3072, 2048, 1024, 0, 3072]
    assert kernel.page_at(heads[0]).size == 4096
    assert kernel.page_at(heads[4]) is not kernel.page_at(heads[0])


FRAGMENT_LIMIT = 3712  # SKB_WITH_OVERHEAD(PAGE_SIZE) - NET_SKB_PAD


@pytest.mark.parametrize("name", ["3.5/x86_64", "4.4/x86_64", "5.15/x86_64", "6.1/x86_64", "6.18/x86_64"])
def test_largest_fragment(kernel_of: KernelMaker, name: str) -> None:
    kernel = kernel_of(name)
    assert must(kernel.netdev_alloc_skb(FRAGMENT_LIMIT)).head_page is not None
    assert must(kernel.netdev_alloc_skb(FRAGMENT_LIMIT + 1)).head_page is None


# SKB_WITH_OVERHEAD(limit) - NET_SKB_PAD: 704 - 64 while the limit is 1 KiB, (576 or 704) - 320 - 64 after.
@pytest.mark.parametrize(
    ("name", "largest"),
    [
        ("5.15/x86_64", 640),
        ("6.1/x86_64", 640),
        ("6.3/x86_64", 640),
        ("6.12/x86_64", 320),
        ("6.18/x86_64", 192),
    ],
)
def test_largest_small_buffer_from_kmalloc(kernel_of: KernelMaker, name: str, largest: int) -> None:
    kernel = kernel_of(name)
    assert must(kernel.netdev_alloc_skb(largest)).head_page is None
    assert must(kernel.netdev_alloc_skb(largest + 1)).head_page is not None


@pytest.mark.parametrize(("version", "frag"), [((4, 4, 253), True), ((4, 4, 254), False), ((4, 5), True)])
def test_the_small_limit_went_into_4_4_254(version: tuple[int, ...], frag: bool) -> None:
    with HostMemory(1 << 20) as memory:
        kernel = Kernel(replace(load_profile("4.4/x86_64"), version=version), memory)
        assert (must(kernel.netdev_alloc_skb(640)).head_page is not None) is frag


@pytest.mark.parametrize("name", ["4.4/x86_64", "5.4/x86_64"])
def test_no_small_limit_before_5_11(kernel_of: KernelMaker, name: str) -> None:
    assert must(kernel_of(name).netdev_alloc_skb(1)).head_page is not None


@pytest.mark.parametrize(
    ("name", "size"), [("6.1/x86_64", 0), ("6.3/x86_64", 640), ("6.12/x86_64", 704), ("6.18/x86_64", 576)]
)
def test_small_head_objects(name: str, size: int) -> None:
    profile = load_profile(name)
    assert small_head_size(profile, profile.version) == size


def test_small_heads_are_used_on_6_18(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.18/x86_64")
    skb = must(kernel.napi_alloc_skb(128))
    assert kernel.slab.cache("skbuff_small_head", 576).active == 1
    assert (skb.end - skb.head, skb.truesize) == (576 - 320, 576 + 256)


def test_one_cache_before_5_4_and_after(kernel_of: KernelMaker) -> None:
    old, new = kernel_of("4.4/x86_64"), kernel_of("5.4/x86_64")
    assert old.page_frag is not old.napi_frag
    assert new.page_frag is new.napi_frag


COLUMNS = (256, 512, 576, 704, 1024, 2048, 4096, 8192)
ORDERS: dict[int, list[tuple[int, int] | None]] = {
    1: [(0, 16), (0, 8), (1, 14), (1, 11), (1, 8), (2, 8), (3, 8), (3, 4)],
    2: [(0, 16), (1, 16), (1, 14), (2, 23), (2, 16), (3, 16), (3, 8), (3, 4)],
    3: [(0, 16), (1, 16), (1, 14), (2, 23), (2, 16), (3, 16), (3, 8), (3, 4)],
    4: [(0, 16), (1, 16), (2, 28), (2, 23), (2, 16), (3, 16), (3, 8), (3, 4)],
    8: [(1, 32), (2, 32), (2, 28), (2, 23), (3, 32), (3, 16), (3, 8), (3, 4)],
    16: [(1, 32), (2, 32), None, (3, 46), (3, 32), (3, 16), (3, 8), (3, 4)],
    127: [(1, 32), (2, 32), None, (3, 46), (3, 32), (3, 16), (3, 8), (3, 4)],
}


@pytest.mark.parametrize("cpus", list(ORDERS))
def test_slub_order_by_cpus(cpus: int) -> None:
    profile = load_profile("6.1/x86_64")
    for size, want in zip(COLUMNS, ORDERS[cpus], strict=True):
        shape = slab_shape(profile, size, cpus, "any")
        if want is None:
            assert shape.order in (2, 3)  # 576-byte objects: order 2 or 3 from 16 to 127 CPUs
        else:
            assert (shape.order, shape.objects) == want


# /proc/slabinfo of a running 6.18.44 with 2 CPUs: object size, objects per slab, pages per slab.
SLABINFO = """8 512 1;16 256 1;32 128 1;64 64 1;96 42 1;128 32 1;192 21 1;256 16 1;512 16 2;576 14 2;1024 16 4
2048 16 8;4096 8 8;8192 4 8"""


@pytest.mark.parametrize("line", SLABINFO.replace("\n", ";").split(";"))
def test_slabinfo_of_a_running_kernel(line: str) -> None:
    size, objects, pages = map(int, line.split())
    shape = slab_shape(load_profile("6.18/x86_64"), size, 2, "any")
    assert (shape.objects, 1 << shape.order) == (objects, pages)


@pytest.mark.parametrize(
    ("size", "order", "objects"),
    [(2048, 0, 2), (4096, 0, 1), (8192, 1, 1), (16384, 2, 1), (32768, 3, 1)],
)
def test_slab_order_of_2_6_18(size: int, order: int, objects: int) -> None:
    shape = slab_shape(load_profile("2.6.18/x86_64-generic"), size, 2, "any")
    assert (shape.order, shape.objects) == (order, objects)


@pytest.mark.parametrize(
    ("name", "shape"), [("linux-2.4/i386-P4", (2, 5)), ("2.6.18/x86_64-generic", (1, 2))]
)
def test_slab_2_4_tries_one_order_more(name: str, shape: tuple[int, int]) -> None:
    """3000 bytes leave a quarter of order 0 and of order 1 unused; BREAK_GFP_ORDER_HI is 2, later 1."""
    found = slab_shape(load_profile(name), 3000, 2, "any")
    assert (found.order, found.objects) == shape


def test_slab_accepts_an_eighth_of_waste() -> None:
    """Five objects of 700 bytes leave 596 of 4096, more than an eighth; eleven leave 492 of 8192."""
    found = slab_shape(load_profile("2.6.18/x86_64-generic"), 700, 2, "any")
    assert (found.order, found.objects) == (1, 11)


@pytest.mark.parametrize("size", [256, 512, 1024, 2048])
def test_the_first_slub_stops_at_order_1(size: int) -> None:
    shape = slab_shape(load_profile("2.6.24/x86_64"), size, 8, "any")
    assert shape.order <= 1
    assert shape.objects >= min(4, 8192 // size)


@pytest.mark.parametrize(("size", "order", "objects"), [(2048, 0, 32), (16384, 1, 8), (65536, 2, 4)])
def test_the_first_slub_takes_more_of_large_pages(size: int, order: int, objects: int) -> None:
    """mm/slub.c 2.6.24: eight objects and up to order 2 where a page is more than 4 KiB."""
    profile = replace(load_profile("2.6.24/x86_64"), page_size=65536)
    shape = slab_shape(profile, size, 8, "any")
    assert (shape.order, shape.objects) == (order, objects)


def test_a_small_head_is_never_a_power_of_two() -> None:
    """256 of headers and 256 of shared info would be 512, and merge with kmalloc-512: one line more."""
    profile = replace(load_profile("6.3/x86_64"), sizeof_shinfo=256, max_header=128)
    assert small_head_size(profile, profile.version) == 576


@pytest.mark.parametrize("name", ["2.6.18/x86_64-generic", "6.1/x86_64"])
def test_empty_slabs_go_back_after_a_burst(kernel_of: KernelMaker, name: str) -> None:
    kernel = kernel_of(name)
    objects = [must(kernel.kmalloc(2048)) for _ in range(400)]
    used = kernel.pages.total_pages - kernel.pages.free_pages
    for address in objects:
        kernel.kfree(address)
    left = kernel.pages.total_pages - kernel.pages.free_pages
    assert left <= 6 * used // 25, "at most five empty slabs and the current one of 25 or more stay"
