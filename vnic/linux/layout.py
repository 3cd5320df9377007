"""One receive buffer, byte by byte: what `vnic buffer` draws and what the checks judge.

A layout is not computed on paper: a small kernel is started, allocates the buffer, and the layout is read
off the addresses it got.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from vnic.errors import UsageError
from vnic.linux.dma_mapping import SEGMENT, SLOT, Iommu, Swiotlb
from vnic.linux.kernel import Gfp, Kernel
from vnic.linux.pages import get_order
from vnic.linux.profile import KernelProfile
from vnic.linux.rx_buffer import PAGE, PAGE_FRAG, RxBufferEvent, frag_buffer, page_buffer, skb_buffer
from vnic.linux.skb_alloc import NotInThisKernel
from vnic.linux.slab import SlabHeap
from vnic.memory import HostMemory

__all__ = [
    "MAPPINGS",
    "STRATEGIES",
    "RxBufferEvent",
    "RxLayout",
    "Segment",
    "frag_buffer",
    "page_buffer",
    "rx_layout",
    "skb_buffer",
]

MAPPINGS: Final = ("direct", "swiotlb", "iommu")
STRATEGIES: Final = ("skb", "build_skb", "jumbo", "packet-split")
PS_HEADER: Final = 128  # e1000, e1000e rx_ps_bsize0 since 2.6.18 (commit 9e2feace1ac)
MAX_SIZE: Final = 65536


class Segment(NamedTuple):
    """`length` bytes at `offset` of the buffer: pad, ip_align, data, tailroom, shared_info, slack or page."""

    name: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class RxLayout:
    """A receive buffer of one kernel; bytes throughout.

    Attributes:
        kernel: the profile's name.
        strategy: how the driver asked for it.
        size: the nominal length, what the NIC may fill.
        request: what the allocator was asked for: headroom, data and shared info, rounded by the era's rules.
        allocated: what it took; for packet-split the head object and the pages.
        size_class: kmalloc cache of the head, `page_frag`, `page` or `pages-order-N`.
        home_class: the kmalloc cache that `size` bytes alone would fit.
        spill: the object is of a larger class than `home_class`. Never so for page fragments and pages.
        waste: `allocated - size`: everything that is not for received bytes.
        headroom: bytes before the data.
        dma_offset: where the data starts in its cache line (device address mod L1_CACHE_BYTES).
        truesize: what the skb charges to a socket; for `jumbo` its pages without the small head they end up
        on. shinfo: sizeof(struct skb_shared_info) behind the data, 0 for pages.
        order, objects: the slab (or fragment page) is `2**order` pages and holds so many of these objects.
        pages: page buffers that belong to the same descriptor (packet-split) or make it up (jumbo).
        segments: the allocated bytes from first to last, without gap.
        without_headroom, without_shared_info: the class it would take if only that one were left out; empty
        when
            there are no classes.
        decides: one sentence: what makes it spill, or why it does not.
    """

    kernel: str
    strategy: str
    size: int
    request: int
    allocated: int
    size_class: str
    home_class: str
    spill: bool
    waste: int
    headroom: int
    dma_offset: int
    truesize: int
    shinfo: int
    order: int
    objects: int
    pages: int
    segments: tuple[Segment, ...]
    without_headroom: str
    without_shared_info: str
    decides: str


def rx_layout(
    profile: KernelProfile,
    nominal: int,
    strategy: str = "skb",
    *,
    cpus: int = 2,
    gfp: Gfp = Gfp.ATOMIC,
    mapping: str = "direct",
) -> RxLayout:
    """The layout of a buffer of `nominal` bytes, allocated by `strategy` on a machine with `cpus` CPUs.

    `skb` is the era's rx allocation (kmalloc or page fragment), `build_skb` a fragment as e1000 takes since
    3.18,
    `jumbo` whole pages, `packet-split` a 128-byte header skb and pages. `gfp` KERNEL shows a driver's first
    fill.
    `mapping` is what stands between device and memory, and decides `dma_offset`: `direct`, `swiotlb`
    (everything bounced) or `iommu`.

    Raises:
        UsageError: size or strategy unknown, or this kernel cannot do it.
    """
    if not 1 <= nominal <= MAX_SIZE:
        raise UsageError(f"rx buffer of {nominal} bytes: give 1 to {MAX_SIZE}")
    if mapping not in MAPPINGS:
        raise UsageError(f"unknown DMA mapping {mapping!r}: give one of {', '.join(MAPPINGS)}")
    if strategy not in STRATEGIES:
        raise UsageError(f"unknown strategy {strategy!r}: give one of {', '.join(STRATEGIES)}")
    # Room for a few blocks of the largest order any of these can take.
    with HostMemory(max(profile.page_size << 8, 4 << 20)) as memory:
        kernel = Kernel(profile, memory, cpus=cpus)
        _set_mapping(kernel, mapping)
        pages = 0
        if strategy == "jumbo":
            return _page_layout(kernel, nominal)
        if strategy == "build_skb":
            event = _build_skb_buffer(kernel, nominal)
        else:
            head = nominal
            if strategy == "packet-split":
                head, pages = PS_HEADER, -(-nominal // profile.page_size)
            skb = kernel.rx_alloc_skb(head, gfp)
            if skb is None:
                raise UsageError(f"{profile.name} cannot allocate an rx buffer of {nominal} bytes: too large")
            event = skb_buffer(kernel, skb, head, strategy)
        return _head_layout(kernel, event, nominal, pages)


def _set_mapping(kernel: Kernel, mapping: str) -> None:
    if mapping == "iommu":
        kernel.dma.mapping = Iommu(kernel.profile.page_size)
    elif mapping == "swiotlb":
        pool = kernel.pages.alloc(get_order(SLOT * SEGMENT, kernel.profile.page_size))
        if pool is not None:
            kernel.dma.mapping = Swiotlb(kernel.memory, pool, force=True)


def _dma_offset(kernel: Kernel, address: int, length: int) -> int:
    """Where the device's address of a buffer lies in its cache line."""
    dma = kernel.dma.map_single(address, length, "from_device")
    if dma is None:
        raise UsageError(f"a buffer of {length} bytes is too large for the DMA mapping; give a smaller one")
    return dma % kernel.profile.l1_cache_bytes


def _build_skb_buffer(kernel: Kernel, nominal: int) -> RxBufferEvent:
    profile = kernel.profile
    headroom = profile.net_skb_pad + profile.net_ip_align
    size = profile.data_align(nominal + headroom) + profile.data_align(profile.sizeof_shinfo)
    try:
        head = kernel.netdev_alloc_frag(size)
    except NotInThisKernel as error:
        raise UsageError(f"strategy build_skb: {error}; use skb") from error
    if head is None:
        raise UsageError(
            f"strategy build_skb: a fragment of {size} bytes does not fit the {profile.name} fragment page; "
            "use a smaller buffer, or jumbo"
        )
    return frag_buffer(kernel, head, size, nominal)


def _head_layout(kernel: Kernel, event: RxBufferEvent, nominal: int, pages: int) -> RxLayout:
    profile = kernel.profile
    page_bytes = pages * profile.page_size
    headroom = event.address - event.head
    without_headroom, without_info = _counterfactuals(kernel, event)
    home = kernel.slab.class_for(event.nominal) or ("", 0)
    classed = event.size_class != PAGE_FRAG and home[0] != event.size_class
    spill = classed and event.allocated > home[1]
    order, objects = _group(kernel, event)
    return RxLayout(
        kernel=profile.name,
        strategy=event.strategy,
        size=nominal,
        request=event.request + page_bytes,
        allocated=event.allocated + page_bytes,
        size_class=event.size_class,
        home_class=home[0],
        spill=spill,
        waste=event.allocated + page_bytes - nominal,
        headroom=headroom,
        dma_offset=_dma_offset(kernel, event.address, event.nominal),
        truesize=event.truesize + page_bytes,
        shinfo=profile.sizeof_shinfo,
        order=order,
        objects=objects,
        pages=pages,
        segments=_segments(profile, event, pages),
        without_headroom=without_headroom[0],
        without_shared_info=without_info[0],
        decides=_decides(event, kernel.heads.sizes.shinfo, spill, home, without_headroom, without_info),
    )


def _page_layout(kernel: Kernel, nominal: int) -> RxLayout:
    """Whole pages, as many as `nominal` bytes take; DMA starts at the first byte of each."""
    profile = kernel.profile
    pages = -(-nominal // profile.page_size)
    allocated = pages * profile.page_size
    home = kernel.slab.class_for(nominal) or ("", 0)
    return RxLayout(
        kernel=profile.name,
        strategy="jumbo",
        size=nominal,
        request=allocated,
        allocated=allocated,
        size_class=PAGE,
        home_class=home[0],
        spill=False,
        waste=allocated - nominal,
        headroom=0,
        dma_offset=0,
        truesize=allocated,
        shinfo=0,
        order=0,
        objects=1,
        pages=pages,
        segments=(Segment("data", 0, nominal), Segment("slack", nominal, allocated - nominal)),
        without_headroom="",
        without_shared_info="",
        decides="pages have neither headroom nor skb_shared_info: data starts at the page, nothing spills",
    )


def _segments(profile: KernelProfile, event: RxBufferEvent, pages: int) -> tuple[Segment, ...]:
    headroom = event.address - event.head
    ip = min(profile.net_ip_align, headroom)
    lengths = {
        "pad": headroom - ip,
        "ip_align": ip,
        "data": event.nominal,
        "tailroom": event.shinfo - event.address - event.nominal,
        "shared_info": profile.sizeof_shinfo,
        "slack": event.head + event.allocated - event.shinfo - profile.sizeof_shinfo,
    }
    found, offset = [], 0
    for name, length in [*lengths.items(), *[("page", profile.page_size)] * pages]:
        found.append(Segment(name, offset, length))
        offset += length
    return tuple(found)


def _group(kernel: Kernel, event: RxBufferEvent) -> tuple[int, int]:
    """Order of the block that the object is cut from, and how many such objects it holds."""
    page = kernel.pages.find(event.head)
    slab = kernel.slab.live.get(event.head) if isinstance(kernel.slab, SlabHeap) else None
    if slab is not None:
        return slab.cache.shape.order, slab.cache.shape.objects
    return page.order, page.size // event.allocated


def _counterfactuals(kernel: Kernel, event: RxBufferEvent) -> tuple[tuple[str, int], tuple[str, int]]:
    """The class if there were no headroom, and the class if there were no shared info."""
    if event.size_class == PAGE_FRAG:
        return ("", 0), ("", 0)
    align = kernel.profile.data_align
    headroom = event.address - event.head
    bare = kernel.heads.bucket(kernel.heads.sizes.request(event.nominal)) or ("", 0)
    return bare, kernel.slab.class_for(align(event.nominal + headroom)) or ("", 0)


def _decides(
    event: RxBufferEvent,
    info: int,
    spill: bool,
    home: tuple[str, int],
    without_headroom: tuple[str, int],
    without_info: tuple[str, int],
) -> str:
    headroom = event.address - event.head
    parts = f"{headroom} of headroom and {info} of skb_shared_info"
    if event.size_class == PAGE_FRAG:
        return f"page fragments are cut to measure: {event.nominal} with {parts}, no class to spill over"
    if not spill:
        return f"{event.nominal} with {parts} is {event.request}: it stays in {event.size_class}"
    text = f"{event.nominal} fits {home[0]}, but with {parts} it takes {event.size_class}"
    if without_headroom[1] > home[1]:
        also = "; the headroom alone would do it too" if without_info[1] > home[1] else ""
        return (
            f"{text}: skb_shared_info decides, even with no headroom it would be {without_headroom[0]}{also}"
        )
    if without_info[1] > home[1]:
        return f"{text}: the headroom decides, even with no skb_shared_info it would be {without_info[0]}"
    return f"{text}: neither alone would, the two together do"
