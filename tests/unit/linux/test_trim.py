"""pskb_trim: what is left of an skb's pages, and what it is charged for (net/core/skbuff.c ___pskb_trim)."""

from __future__ import annotations

import pytest

from tests.unit.linux.support import FRAME, KernelMaker, must, paged


@pytest.mark.parametrize(
    ("kernel", "length", "paged_bytes", "truesize"),
    [
        ("6.1/x86_64", 240, 0, 1280),  # 190 bytes of a page move into the head
        ("6.1/x86_64", 40, 0, 1280),  # trimming alone emptied the pages
        ("6.1/x86_64", 1000, 950, 9472),  # nothing was cut
        ("6.1/x86_64", 999, 949, 9472),  # 949 bytes do not fit behind the 50
        ("4.4/x86_64", 240, 190, 9152),  # a fragment of 704 with its sk_buff, and two pages
    ],
)
def test_pskb_trim_condenses(
    kernel_of: KernelMaker, kernel: str, length: int, paged_bytes: int, truesize: int
) -> None:
    here = kernel_of(kernel)
    skb = must(here.napi_alloc_skb(304))
    skb.put_data(FRAME[:50])
    for data in (FRAME[50:300], FRAME[300:1000]):
        page = here.page_at(must(here.alloc_page()))
        here.memory.write(page.address, data)
        skb.add_rx_frag(page, 0, len(data), 4096)
    here.pskb_trim(skb, length)
    assert skb.bytes() == FRAME[:length]
    assert (skb.data_len, skb.truesize) == (paged_bytes, truesize)


def test_pskb_trim_leaves_a_clone_alone(kernel_of: KernelMaker) -> None:
    kernel = kernel_of("6.1/x86_64")
    skb = paged(kernel, FRAME[:50], FRAME[50:300])
    twin = must(kernel.skb_clone(skb))
    assert kernel.pskb_trim(twin, 200)
    assert (twin.bytes(), skb.bytes()) == (FRAME[:200], FRAME[:300])
    assert (twin.data_len, skb.data_len) == (0, 250)
    kernel.kfree_skb(twin)
    kernel.kfree_skb(skb)
    kernel.drain()
    assert kernel.pages.free_pages == kernel.pages.total_pages


def test_pskb_trim_without_memory_for_a_head(kernel_of: KernelMaker) -> None:
    full = [False]
    kernel = kernel_of("6.1/x86_64", fail=lambda _: full[0])
    skb = paged(kernel, FRAME[:50], FRAME[50:300])
    twin = must(kernel.skb_clone(skb))
    full[0] = True
    assert not kernel.pskb_trim(twin, 200)
    assert (twin.len, skb.len) == (300, 300)
