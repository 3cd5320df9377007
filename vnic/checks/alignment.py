"""Where receive buffers start: what the kernel's constants predict, and what old controllers cannot cross."""

from __future__ import annotations

from typing import Final

from vnic.checks.rule import Rule
from vnic.checks.state import State
from vnic.linux.rx_buffer import PAGE_FRAG, RxBufferEvent

ETH_HLEN: Final = 14

ALIGN_CACHE_LINE: Final = Rule(
    "align-cache-line",
    "A receive buffer starts where NET_SKB_PAD and NET_IP_ALIGN put it within a cache line",
    "The head of an skb is aligned to L1_CACHE_BYTES, so that its data lies at (NET_SKB_PAD + NET_IP_ALIGN) "
    "modulo L1_CACHE_BYTES; a page starts at 0. Elsewhere every frame costs partial cache lines that the "
    "profile's kernel does not pay, or headroom that forwarding needs is missing.",
    "Linux include/linux/skbuff.h (NET_SKB_PAD, NET_IP_ALIGN); commits 5933dd2f028 and ea812ca1b06 (2.6.36)",
)
ALIGN_IP: Final = Rule(
    "align-ip",
    "The IP header lies where NET_IP_ALIGN puts it, modulo 4",
    "With NET_IP_ALIGN 2 the header behind 14 bytes of Ethernet starts on a multiple of 4; machines that "
    "trap on unaligned loads take an exception per frame if it does not. Where the profile has 0 it starts "
    "at 2 modulo 4.",
    "Linux include/linux/skbuff.h (NET_IP_ALIGN), every version since 2.6.8; a literal 2 in drivers before",
)
DMA_64K: Final = Rule(
    "dma-64k",
    "No buffer or ring of an 82545 or 82546 crosses a 64 KiB boundary",
    "The address counter of these controllers does not carry beyond 16 bits within a buffer: the rest of "
    "the frame lands at the start of the same 64 KiB. An error on these two parts, on an 82540EM only a "
    "note.",
    "Linux e1000_main.c (e1000_check_64k_bound, errata 23), since 2.6.12",
)
RULES: Final = (ALIGN_CACHE_LINE, ALIGN_IP, DMA_64K)


def crosses_64k(start: int, length: int) -> bool:
    """Whether ``length`` bytes from ``start`` lie on both sides of a 64 KiB boundary."""
    return ((start ^ (start + length - 1)) >> 16) != 0


class AlignmentRules:
    """Judges the start address of each buffer given to the NIC."""

    def __init__(self, state: State) -> None:
        profile = state.profile
        self._ledger = state.ledger
        self._bound = state.options.part != "82540EM"
        self._line = profile.l1_cache_bytes
        # SLOB puts a header before each object and aligns what is behind it to the minimum only.
        self._kmalloc = profile.kmalloc_min_size if profile.allocator == "slob" else self._line
        self._pad = profile.net_skb_pad + profile.net_ip_align

    def buffer(self, event: RxBufferEvent, dma: int) -> None:
        """Judge one buffer as it is posted; the device finds it at ``dma``."""
        address = event.address
        line = self._line if event.size_class == PAGE_FRAG else self._kmalloc
        expected = 0 if event.strategy == "jumbo" else self._pad % line
        if address % line != expected:
            self._misaligned(event, line, expected)
        if ((dma ^ (dma + event.nominal - 1)) >> 16) != 0:
            self._ledger.report(
                DMA_64K,
                f"buffer {dma:#x}",
                f"{event.nominal} bytes cross a 64 KiB boundary",
                severity="error" if self._bound else "note",
                address=dma,
                length=event.nominal,
            )

    def _misaligned(self, event: RxBufferEvent, line: int, expected: int) -> None:
        """The more telling rule speaks: an IP header that moved means that NET_IP_ALIGN went wrong."""
        address = event.address
        wanted = (expected + ETH_HLEN) % 4
        found = (address + ETH_HLEN) % 4
        if found != wanted:
            self._ledger.report(
                ALIGN_IP,
                f"buffer {address:#x}",
                f"IP header at {found} modulo 4, {wanted} by the profile",
                address=address,
                offset=found,
                expected=wanted,
            )
        else:
            self._ledger.report(
                ALIGN_CACHE_LINE,
                f"buffer {address:#x}",
                f"starts {address % line} bytes into a line of {line}, {expected} by the profile",
                address=address,
                offset=address % line,
                expected=expected,
            )
