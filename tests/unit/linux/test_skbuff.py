"""sk_buff operations: pointers, panics with Linux's numbers, pages, clones, new heads."""

from __future__ import annotations

import pytest

from tests.unit.linux.support import FRAME, KernelMaker, must, paged
from vnic.linux.pages import BadFree
from vnic.linux.skb_alloc import NotInThisKernel
from vnic.linux.skbuff import SkbBug, SkbOverPanic, SkbUnderPanic


def test_put_push_pull_trim(kernel_of: KernelMaker) -> None:
    skb = must(kernel_of("6.1/x86_64").netdev_alloc_skb(1522))
    assert (skb.headroom(), skb.len, skb.tailroom()) == (64, 0, 1536)
    start = skb.put(100)
    assert start == skb.data
    assert skb.push(14) == start - 14
    assert (skb.len, skb.headroom()) == (114, 50)
    assert skb.pull(20) == start + 6
    skb.trim(60)
    assert (skb.len, skb.tail - skb.data) == (60, 60)
    skb.trim(90)
    assert skb.len == 60
    assert skb.pull(61) is None


def test_over_panic_prints_offsets_on_64_bit(kernel_of: KernelMaker) -> None:
    skb = must(kernel_of("6.1/x86_64").netdev_alloc_skb(1522))
    skb.put(1000)
    with pytest.raises(SkbOverPanic) as panic:
        skb.put(600)
    error = panic.value
    assert (error.len, error.put) == (1600, 600)
    assert str(error) == (
        f"skb_over_panic: text:test_over_panic_prints_offsets_on_64_bit len:1600 put:600 head:{skb.head:#x} "
        f"data:{skb.head + 64:#x} tail:0x680 end:0x640"
    )


def test_over_panic_prints_addresses_before_2_6_22(kernel_of: KernelMaker) -> None:
    skb = must(kernel_of("2.6.18/x86_64-generic").netdev_alloc_skb(1522))
    with pytest.raises(SkbOverPanic) as panic:
        skb.put(1700)
    assert f"tail:{skb.head + 16 + 1700:#x} end:{skb.head + 1664:#x}" in str(panic.value)


def test_under_panic(kernel_of: KernelMaker) -> None:
    skb = must(kernel_of("6.1/x86_64").netdev_alloc_skb(1522))
    skb.put(10)
    with pytest.raises(SkbUnderPanic) as panic:
        skb.push(65)
    assert (panic.value.data, panic.value.head) == (skb.head - 1, skb.head)


def test_filling_the_buffer_to_the_last_byte_is_no_panic(kernel_of: KernelMaker) -> None:
    skb = must(kernel_of("2.6.18/x86_64-generic").netdev_alloc_skb(1522))
    skb.put(skb.tailroom())
    assert skb.tail == skb.end


def test_put_on_paged_data_is_a_bug(kernel_of: KernelMaker) -> None:
    skb = paged(kernel_of("6.1/x86_64"), b"head", b"page")
    with pytest.raises(SkbBug, match="paged"):
        skb.put(1)
    with pytest.raises(SkbBug, match="pskb_may_pull"):
        skb.pull(5)


def test_bytes_run_over_head_and_pages(kernel_of: KernelMaker) -> None:
    skb = paged(kernel_of("6.1/x86_64"), FRAME[:50], FRAME[50:300], FRAME[300:1000])
    assert skb.bytes() == FRAME[:1000]
    for offset, size in ((0, 0), (10, 20), (40, 20), (50, 250), (60, 500), (299, 2), (300, 700), (999, 1)):
        assert skb.copy_bits(offset, size) == FRAME[offset : offset + size]
    with pytest.raises(SkbBug):
        skb.copy_bits(999, 2)


@pytest.mark.parametrize("length", [0, 1, 49, 50, 51, 299, 300, 301, 999, 1000])
def test_trim_gives_pages_back(kernel_of: KernelMaker, length: int) -> None:
    kernel = kernel_of("6.1/x86_64")
    skb = paged(kernel, FRAME[:50], FRAME[50:300], FRAME[300:1000])
    free = kernel.pages.free_pages
    skb.trim(length)
    assert skb.bytes() == FRAME[:length]
    assert kernel.pages.free_pages - free == (2 if length <= 50 else 1 if length <= 300 else 0)
    assert skb.data_len == max(0, length - 50)


def test_more_than_max_skb_frags(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    skb = paged(kernel, b"", *[b"x"] * 17)
    with pytest.raises(SkbBug, match="17"):
        skb.add_rx_frag(kernel.page_at(must(kernel.alloc_page())), 0, 1, 4096)


def test_eth_type_trans(kernel_of: KernelMaker) -> None:
    skb = must(kernel_of("6.1/x86_64").netdev_alloc_skb(1522))
    skb.put_data(bytes(12) + b"\x08\x06" + bytes(46))
    start = skb.data
    assert skb.eth_type_trans() == 0x0806
    assert (skb.mac_header, skb.data, skb.len) == (start, start + 14, 46)


@pytest.mark.parametrize("name", ["2.6.18/x86_64-generic", "6.1/x86_64"])
def test_cow_head_moves_the_data_into_a_larger_head(kernel_of: KernelMaker, name: str) -> None:
    kernel = kernel_of(name)
    skb = must(kernel.netdev_alloc_skb(1522))
    skb.put_data(FRAME[:1000])
    old, room = skb.head, skb.headroom()
    assert kernel.skb_cow_head(skb, room)
    assert skb.head == old
    assert kernel.skb_cow_head(skb, room + 1)
    assert skb.head != old
    assert skb.headroom() == room + kernel.profile.net_skb_pad
    assert skb.bytes() == FRAME[:1000]
    assert (kernel.counts.cow_calls, kernel.counts.expands) == (2, 1)
    assert kernel.counts.copied == room + 1000
    kernel.kfree_skb(skb)


def test_cow_below_net_skb_pad_cost_a_copy_before_3_5(kernel_of: KernelMaker) -> None:
    """__skb_cow asked for NET_SKB_PAD at least, so it reallocated although there was room."""
    for name, expands in (("3.3/x86_64", 1), ("6.1/x86_64", 0)):
        kernel = kernel_of(name)
        skb = must(kernel.netdev_alloc_skb(1522))
        skb.put(100)
        skb.push(40)
        assert kernel.skb_cow_head(skb, 20)
        assert kernel.counts.expands == expands


def test_expanding_counts_in_truesize_since_4_11(kernel_of: KernelMaker) -> None:
    for name, grows in (("3.3/x86_64", False), ("6.1/x86_64", True)):
        kernel = kernel_of(name)
        skb = must(kernel.alloc_skb(100))
        before = skb.truesize
        assert kernel.pskb_expand_head(skb, 0, 4000)
        assert (skb.truesize > before) is grows


def test_a_clone_shares_until_one_writes(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    skb = paged(kernel, FRAME[:50], FRAME[50:300])
    clone = must(kernel.skb_clone(skb))
    assert clone.head == skb.head
    assert kernel.skb_cow_head(clone, 0)
    assert clone.head != skb.head
    assert clone.bytes() == skb.bytes() == FRAME[:300]
    kernel.kfree_skb(skb)
    assert clone.bytes() == FRAME[:300]
    assert kernel.skb_cow_head(clone, 0)
    assert kernel.counts.expands == 1
    kernel.kfree_skb(clone)
    assert kernel.live_skbs == 0
    kernel.drain()
    assert kernel.pages.free_pages == kernel.pages.total_pages


def test_pull_makes_headers_linear(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    skb = paged(kernel, FRAME[:10], FRAME[10:60], FRAME[60:900])
    assert kernel.pskb_may_pull(skb, 54)
    assert (skb.headlen(), len(skb.frags), skb.bytes()) == (54, 2, FRAME[:900])
    assert kernel.pskb_may_pull(skb, 60)
    assert (skb.headlen(), len(skb.frags)) == (60, 1)
    assert kernel.pskb_may_pull(skb, 800)
    assert skb.bytes() == FRAME[:900]
    assert not kernel.pskb_may_pull(skb, 901)


def test_a_pull_beyond_the_head_leaves_room_for_the_next(kernel_of: KernelMaker) -> None:
    """__pskb_pull_tail asks for 128 bytes more than it needs, and SKB_DATA_ALIGN adds to that."""
    kernel = kernel_of("2.6.36/x86_64")
    skb = paged(kernel, FRAME[:10], FRAME[10:900])
    before = skb.end - skb.head
    room = skb.end - skb.tail
    assert kernel.pskb_may_pull(skb, 800)
    assert skb.end - skb.head == -(-(before + 790 - room + 128) // 64) * 64
    assert 128 <= skb.end - skb.tail < 128 + 64


def test_copies_are_linear_and_private(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    skb = paged(kernel, FRAME[:50], FRAME[50:300])
    copy = must(kernel.skb_copy_expand(skb, 100, 20))
    assert (copy.bytes(), copy.headroom(), copy.data_len) == (FRAME[:300], 100, 0)
    kernel.memory.fill(copy.data, 300, 0)
    assert skb.bytes() == FRAME[:300]
    roomy = must(kernel.skb_realloc_headroom(skb, 200))
    assert roomy.headroom() >= 200
    assert roomy.bytes() == FRAME[:300]


def test_build_skb_round_a_received_fragment(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    head = must(kernel.netdev_alloc_frag(1920))
    kernel.memory.write(head + 64, FRAME[:1000])
    skb = must(kernel.build_skb(head, 1920))
    skb.reserve(64)
    skb.put(1000)
    assert (skb.bytes(), skb.end - skb.head, skb.truesize) == (FRAME[:1000], 1600, 2176)
    kernel.kfree_skb(skb)


def test_build_skb_round_kmalloc(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("3.3/x86_64")
    skb = must(kernel.build_skb(must(kernel.kmalloc(1900)), 0))
    assert (skb.end - skb.head, skb.truesize) == (2048 - 320, 2304)
    kernel.kfree_skb(skb)


def test_freeing_twice(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    skb = must(kernel.netdev_alloc_skb(1522))
    kernel.kfree_skb(skb)
    with pytest.raises(BadFree, match="freed twice"):
        kernel.kfree_skb(skb)
    address = must(kernel.kmalloc(100))
    kernel.kfree(address)
    with pytest.raises(BadFree):
        kernel.kfree(address)
    page = must(kernel.alloc_page())
    kernel.free_page(page)
    with pytest.raises(BadFree):
        kernel.free_page(page)


def test_helpers_of_later_kernels_are_refused(kernel_of: KernelMaker) -> None:
    old = kernel_of("2.6.9/i386-686")
    for call in (
        old.netdev_alloc_skb,
        old.netdev_alloc_skb_ip_align,
        old.napi_alloc_skb,
        old.netdev_alloc_frag,
    ):
        with pytest.raises(NotInThisKernel, match=r"2\.6\.9"):
            call(100)
    assert must(old.dev_alloc_skb(100)).headroom() == 16
    assert must(old.rx_alloc_skb(100)).headroom() == 18


@pytest.mark.parametrize("stage", ["alloc_pages", "kmalloc", "kmem_cache_alloc", "page_frag"])
@pytest.mark.parametrize("name", ["2.6.18/x86_64-generic", "3.3/x86_64-slob", "6.1/x86_64"])
def test_every_failure_is_none_and_leaks_nothing(kernel_of: KernelMaker, name: str, stage: str) -> None:
    armed = False
    kernel = kernel_of(name, fail=lambda where: armed and where == stage)
    kept = [must(kernel.rx_alloc_skb(4000)) for _ in range(3)]
    armed = True
    results = [kernel.rx_alloc_skb(size) for size in (100, 1522, 9000) for _ in range(100)]
    armed = False
    # A kernel without fragments does not notice when they fail.
    assert (None in results) is (stage != "page_frag" or kernel.page_frag is not None)
    for skb in [*results, *kept]:
        if skb is not None:
            kernel.kfree_skb(skb)
    assert kernel.live_skbs == 0
    kernel.drain()
    assert kernel.pages.free_pages == kernel.pages.total_pages


def test_memory_runs_out_without_an_exception(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("2.6.18/x86_64-generic", size=1 << 20)
    skbs = []
    while (skb := kernel.rx_alloc_skb(2048)) is not None:
        skbs.append(skb)
    assert 200 < len(skbs) < 256
    for skb in skbs:
        kernel.kfree_skb(skb)
    assert kernel.rx_alloc_skb(2048) is not None
