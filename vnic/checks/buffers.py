"""What a receive buffer costs: the slab class it takes, and what sockets pay for it."""

from __future__ import annotations

from typing import Final

from vnic.checks.rule import Rule, Severity
from vnic.checks.state import State
from vnic.linux.kmalloc import class_name, kmalloc_sizes
from vnic.linux.pages import get_order
from vnic.linux.rx_buffer import PAGE, PAGE_FRAG, RxBufferEvent

SLAB_SPILL: Final = Rule(
    "slab-spill",
    "A receive buffer fits the size class of its nominal length",
    "Headroom and skb_shared_info are added to the nominal length before kmalloc sees it, so that a buffer "
    "of exactly a power of two takes an object of the next class: RXBUFFER_2048 lives in size-4096. With "
    "skb_shared_info behind the data that happens even without headroom. The run is not wrong; the memory "
    "is gone.",
    "Linux e1000_main.c (comment in e1000_alloc_rx_buffers, since 2.6.16), mm/slab.c, mm/slub.c, __alloc_skb",
    "warning",
)
BUFFER_ROOM: Final = Rule(
    "buffer-room",
    "The object holds headroom, data and skb_shared_info",
    "The allocator gave less than was asked for, or the data area reaches into skb_shared_info, or that "
    "ends beyond the object: the next frame, or the stack itself, overwrites a neighbour.",
    "Linux net/core/skbuff.c (__alloc_skb, build_skb: end = object - "
    "SKB_DATA_ALIGN(sizeof(skb_shared_info)))",
)
TRUESIZE: Final = Rule(
    "truesize",
    "skb->truesize tells the memory that the payload really takes",
    "Sockets charge truesize against sk_rcvbuf. Less than the payload: a peer can pin more memory than the "
    "limit allows (error). Less than the object: the same in the slack, as Linux did up to 3.1 (note). More "
    "than twice the payload: half of sk_rcvbuf is overhead, which is all that tcp_adv_win_scale reserves "
    "(note).",
    "Linux include/linux/skbuff.h (SKB_TRUESIZE), commit 87fb4b7b5330 (3.2); net/ipv4/tcp.c "
    "tcp_win_from_space",
    "note",
)
RULES: Final = (SLAB_SPILL, BUFFER_ROOM, TRUESIZE)


class BufferRules:
    """Judges buffers by kind: a run posts millions, of one or two kinds."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ledger = state.ledger
        self._sizes = kmalloc_sizes(state.profile) if state.profile.allocator != "slob" else ()
        self._known: set[tuple[int, ...]] = set()

    def buffer(self, event: RxBufferEvent) -> None:
        """Judge one buffer as it is posted."""
        address, nominal, head, request, allocated, _, shinfo, truesize, _ = event
        kind = (nominal, request, allocated, truesize, address - head, shinfo and shinfo - head)
        if kind not in self._known:
            self._known.add(kind)
            self._room(event)
            self._spill(event)
            self._truesize(event)

    def _room(self, event: RxBufferEvent) -> None:
        data = event.address - event.head + event.nominal
        info = event.shinfo - event.head
        if event.allocated < event.request:
            detail = f"{event.request} bytes asked for, {event.allocated} got ({event.size_class})"
        elif data > (info if event.shinfo else event.allocated):
            detail = f"data ends at {data} in an object with room for {info if info > 0 else event.allocated}"
        elif event.shinfo and info + self._state.profile.sizeof_shinfo > event.allocated:
            detail = (
                f"skb_shared_info of {self._state.profile.sizeof_shinfo} bytes starts at {info} in an "
                "object of "
                f"{event.allocated}"
            )
        else:
            return
        self._ledger.report(
            BUFFER_ROOM,
            f"buffer {event.address:#x}",
            detail,
            request=event.request,
            allocated=event.allocated,
        )

    def _spill(self, event: RxBufferEvent) -> None:
        if event.size_class in (PAGE_FRAG, PAGE) or not self._sizes:
            return  # fragments are cut to measure, and SLOB has no classes
        nominal_class, home = self._home(event.nominal)
        if event.allocated > home:
            waste = event.allocated - event.nominal
            self._ledger.report(
                SLAB_SPILL,
                f"buffer of {event.nominal} bytes",
                f"{event.nominal} bytes would fit {nominal_class}, but the request "
                "of "
                f"{event.request} takes {event.size_class}: {waste} bytes "
                f"({100 * waste / event.allocated:.0f} %) "
                "are not for data",
                nominal=event.nominal,
                request=event.request,
                allocated=event.allocated,
                size_class=event.size_class,
                nominal_class=nominal_class,
                waste=waste,
                waste_percent=round(100 * waste / event.allocated, 1),
                beyond_data=event.request - event.nominal,
            )

    def _home(self, nominal: int) -> tuple[str, int]:
        """Name and object size of the class that ``nominal`` bytes alone would take."""
        profile = self._state.profile
        for size in self._sizes:
            if size >= nominal:
                return class_name(profile, size), size
        order = get_order(nominal, profile.page_size)
        return f"pages-order-{order}", profile.page_size << order

    def _truesize(self, event: RxBufferEvent) -> None:
        truesize, nominal = event.truesize, event.nominal
        severity: Severity = "note"
        if truesize < nominal:
            detail = f"{truesize} charged for a buffer that holds {nominal} bytes of payload"
            severity = "error"
        elif truesize < event.allocated:
            detail = f"{truesize} charged for {event.allocated} bytes of memory ({event.size_class})"
        elif truesize > 2 * nominal:
            detail = f"{truesize} charged for at most {nominal} bytes of payload"
        else:
            return
        self._ledger.report(
            TRUESIZE,
            f"buffer of {nominal} bytes",
            detail,
            severity=severity,
            truesize=truesize,
            nominal=nominal,
            allocated=event.allocated,
        )
