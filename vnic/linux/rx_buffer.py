"""A receive buffer as the driver hands it to the NIC: the event that drivers emit and checks judge."""

from __future__ import annotations

from typing import Final, NamedTuple

from vnic.linux.kernel import Kernel
from vnic.linux.pages import Page
from vnic.linux.skbuff import SkBuff

PAGE_FRAG: Final = "page_frag"
PAGE: Final = "page"


class RxBufferEvent(NamedTuple):
    """A receive buffer that a driver hands to the NIC.

    Attributes:
        address: where DMA starts, as the CPU sees it.
        nominal: bytes mapped for the NIC.
        head: start of the object the buffer is in.
        request: bytes asked of the allocator.
        allocated: bytes of the object.
        size_class: its kmalloc cache, `page_frag`, `page` or `pages-order-N`.
        shinfo: where skb_shared_info is or will be; 0 for a page, which has none.
        truesize: what the buffer will charge to a socket.
        strategy: `skb`, `build_skb`, `jumbo` or `packet-split`.
    """

    address: int
    nominal: int
    head: int
    request: int
    allocated: int
    size_class: str
    shinfo: int
    truesize: int
    strategy: str


def skb_buffer(kernel: Kernel, skb: SkBuff, nominal: int, strategy: str = "skb") -> RxBufferEvent:
    """The event for an empty skb whose data is about to be mapped."""
    if skb.head_page is not None:
        name, allocated = PAGE_FRAG, skb.request
    else:
        name, allocated = kernel.heads.bucket(skb.request) or ("", 0)
    return RxBufferEvent(
        skb.data, nominal, skb.head, skb.request, allocated, name, skb.end, skb.truesize, strategy
    )


def frag_buffer(kernel: Kernel, head: int, frag_size: int, nominal: int) -> RxBufferEvent:
    """The event for a page fragment round which build_skb will be called."""
    profile, sizes = kernel.profile, kernel.heads.sizes
    data = head + profile.net_skb_pad + profile.net_ip_align
    end = head + frag_size - sizes.shinfo
    truesize = frag_size + sizes.skb
    return RxBufferEvent(
        data, nominal, head, frag_size, profile.data_align(frag_size), PAGE_FRAG, end, truesize, "build_skb"
    )


def page_buffer(page: Page, nominal: int, strategy: str = "jumbo") -> RxBufferEvent:
    """The event for a page that is mapped from its start."""
    size, at = page.size, page.address
    return RxBufferEvent(at, nominal, at, size, size, PAGE, 0, size, strategy)
