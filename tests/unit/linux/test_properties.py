"""Properties of every allocator under any sequence of calls: no overlap, alignment kept, nothing lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vnic.linux.kernel import Gfp, Kernel
from vnic.linux.page_frag import PageFragCache, SliceCache
from vnic.linux.pages import PageAllocator
from vnic.linux.profile import load_profile
from vnic.linux.rules import PageFrag
from vnic.linux.skbuff import SkBuff
from vnic.memory import HostMemory

BASE, SIZE, PAGE = 0x7000, 300 * 4096, 4096  # neither end is aligned to more than a page

# A step: a size (or an order) to allocate, or the number of a live object to free.
Steps = list[tuple[str, int]]


def steps(largest: int) -> st.SearchStrategy[Steps]:
    alloc = st.tuples(st.just("alloc"), st.integers(1, largest))
    free = st.tuples(st.just("free"), st.integers(0, 1000))
    return st.lists(st.one_of(alloc, alloc, free), max_size=120)


class Ranges:
    """The objects in use; adding one that overlaps another fails."""

    def __init__(self) -> None:
        self.live: dict[int, int] = {}

    def add(self, address: int, size: int) -> None:
        for start, length in self.live.items():
            assert address + size <= start or start + length <= address, f"{address:#x} overlaps {start:#x}"
        assert address >= BASE
        assert address + size <= BASE + SIZE
        self.live[address] = size

    def pick(self, number: int) -> int | None:
        return list(self.live)[number % len(self.live)] if self.live else None


def run(
    todo: Steps,
    alloc: Callable[[int], int | None],
    free: Callable[[int], None],
    size: Callable[[int], int],
    check: Callable[[int, int], None],
) -> None:
    ranges = Ranges()
    for action, number in todo:
        if action == "alloc":
            address = alloc(number)
            if address is not None:
                ranges.add(address, size(address))
                check(address, number)
        else:
            victim = ranges.pick(number)
            if victim is not None:
                del ranges.live[victim]
                free(victim)
    for address in list(ranges.live):
        free(address)


@given(st.lists(st.tuples(st.sampled_from(["alloc", "free"]), st.integers(0, 5)), max_size=200))
def test_pages(todo: Steps) -> None:
    pages = PageAllocator(BASE, SIZE, PAGE)
    before = sorted(pages.free_blocks())

    def alloc(order: int) -> int | None:
        page = pages.alloc(order)
        return None if page is None else page.address

    def aligned(address: int, order: int) -> None:
        assert address % (PAGE << order) == 0
        free = sum(PAGE << block_order for _, block_order in pages.free_blocks())
        assert free == pages.free_pages * PAGE

    run(todo, alloc, lambda at: pages.put(pages.find(at)), lambda at: pages.blocks[at].size, aligned)
    assert sorted(pages.free_blocks()) == before


@contextmanager
def kernel(name: str) -> Iterator[Kernel]:
    with HostMemory(1 << 21) as memory:
        yield Kernel(load_profile(name), memory, base=BASE, size=SIZE, cpus=2)


ALLOCATORS = [
    "linux-2.4/i386-P4",
    "2.6.9/i386-686",
    "2.6.18/x86_64-k8",
    "2.6.24/x86_64",
    "3.3/x86_64-slob",
    "6.1/x86_64",
    "6.1/arm64",
]


@pytest.mark.parametrize("name", ALLOCATORS)
@settings(max_examples=40)
@given(todo=steps(20000))
def test_kmalloc(name: str, todo: Steps) -> None:
    with kernel(name) as linux:
        profile = linux.profile

        def holds(address: int, size: int) -> None:
            real = linux.slab.ksize(address)
            assert real >= size
            assert address % profile.kmalloc_min_size == 0
            found = linux.slab.class_for(size)
            assert found is not None
            # A SLOB that keeps what was asked for of whole pages answers less than it holds.
            assert found[1] == real or (profile.allocator == "slob" and size == real <= found[1])
            if profile.allocator != "slob" and real & (real - 1) == 0:
                assert address % min(real, profile.l1_cache_bytes) == 0

        run(todo, linux.kmalloc, linux.kfree, linux.slab.ksize, holds)
        linux.drain()
        assert linux.pages.free_pages == linux.pages.total_pages


@pytest.mark.parametrize("name", ["5.4/x86_64", "6.1/x86_64"])
@given(sizes=st.lists(st.sampled_from([64, 128, 256, 512, 1024, 2048, 4096]), max_size=60))
def test_power_of_two_kmalloc_is_naturally_aligned(name: str, sizes: list[int]) -> None:
    """Guaranteed since 5.4 (commit 59bb47985c1d)."""
    with kernel(name) as linux:
        for size in sizes:
            address = linux.kmalloc(size)
            assert address is None or address % size == 0


FRAG_ERAS = [
    PageFrag(0, False, False, False),
    PageFrag(0, False, False, True),
    PageFrag(32768, False, True, True),
    PageFrag(32768, True, False, True),
    PageFrag(32768, False, False, True),
]


@pytest.mark.parametrize("era", FRAG_ERAS)
@given(todo=steps(4096 // 64))
def test_page_fragments(era: PageFrag, todo: Steps) -> None:
    pages = PageAllocator(BASE, SIZE, PAGE)
    cache = PageFragCache(pages, era)
    sizes: dict[int, int] = {}

    def alloc(lines: int) -> int | None:
        found = cache.alloc(lines * 64)
        if found is None:
            return None
        sizes[found[1]] = lines * 64
        page = found[0]
        assert page.address <= found[1]
        assert found[1] + lines * 64 <= page.address + page.size
        return found[1]

    def aligned(address: int, lines: int) -> None:
        assert address % 64 == 0
        assert (address ^ (address + lines * 64 - 1)) >> 16 == 0, "a fragment straddles 64 KiB"

    run(todo, alloc, lambda at: pages.put(pages.find(at)), sizes.__getitem__, aligned)
    cache.drain()
    assert pages.free_pages == pages.total_pages


@given(todo=steps(1))
def test_slices(todo: Steps) -> None:
    pages = PageAllocator(BASE, SIZE, PAGE)
    cache = SliceCache(pages)

    def alloc(_: int) -> int | None:
        found = cache.alloc()
        return None if found is None else found[1]

    def aligned(address: int, _: int) -> None:
        assert address % 1024 == 0

    run(todo, alloc, lambda at: pages.put(pages.find(at)), lambda _: 1024, aligned)
    cache.drain()
    assert pages.free_pages == pages.total_pages


def held(linux: Kernel, skb: SkBuff) -> int:
    """Bytes of memory that an skb pins: its head object and the sk_buff (its fragments' pages are shared)."""
    head = skb.request if skb.head_page is not None else linux.slab.ksize(skb.head)
    return head + linux.profile.sizeof_sk_buff


@pytest.mark.parametrize(
    "name",
    [
        "2.6.18/x86_64-generic",
        "3.2/x86_64",
        "3.5/x86_64",
        "4.4/arm64",
        "5.15/x86_64",
        "6.1/x86_64",
        "6.12/x86_64",
        "6.18/x86_64",
    ],
)
@settings(max_examples=30)
@given(todo=steps(9000), gfp=st.sampled_from([Gfp.ATOMIC, Gfp.KERNEL]))
def test_skbs(name: str, todo: Steps, gfp: Gfp) -> None:
    with kernel(name) as linux:
        profile = linux.profile
        skbs: dict[int, SkBuff] = {}
        copied = profile.version >= (3, 19)

        def alloc(size: int) -> int | None:
            small = copied and size < 300
            skb = linux.napi_alloc_skb(size) if small else linux.rx_alloc_skb(size, gfp)
            if skb is None:
                return None
            skbs[skb.head] = skb
            assert skb.headroom() == profile.net_skb_pad + profile.net_ip_align
            assert skb.tailroom() >= size
            assert skb.data % profile.l1_cache_bytes == skb.headroom() % profile.l1_cache_bytes
            if profile.version >= (3, 2):
                assert skb.truesize >= held(linux, skb)
            return skb.head

        def size_of(head: int) -> int:
            skb = skbs[head]
            return skb.end - skb.head + profile.sizeof_shinfo

        run(todo, alloc, lambda head: linux.kfree_skb(skbs[head]), size_of, lambda _head, _size: None)
        assert linux.live_skbs == 0
        linux.drain()
        assert linux.pages.free_pages == linux.pages.total_pages


@pytest.mark.parametrize("name", ["2.6.18/x86_64-generic", "3.5/x86_64", "6.1/x86_64", "6.18/x86_64"])
def test_a_long_run_holds_no_more_than_a_short_one(name: str) -> None:
    with kernel(name) as linux:
        low = linux.pages.total_pages
        ring = [linux.rx_alloc_skb(1522) for _ in range(64)]
        for turn in range(20000):
            skb = ring[turn % 64]
            assert skb is not None
            linux.kfree_skb(skb)
            ring[turn % 64] = linux.rx_alloc_skb(1522)
            if turn == 2000:
                low = linux.pages.free_pages
            if turn > 2000:
                # A fragment page more or less is in flight, but it never adds up.
                assert linux.pages.free_pages >= low - 16
