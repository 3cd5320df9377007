"""The jumbo strategy: a page behind each descriptor, and one skb with a small head for all pages of a frame.

e1000_alloc_jumbo_rx_buffers and e1000_clean_jumbo_rx_irq, since 2.6.32 for MTU above 1500. Up to 3.16 a head
waits on the ring beside each page; since 3.18 napi_get_frags supplies one when the frame is there.
"""

from __future__ import annotations

from typing import Final

from vnic.driver.buffers import JUMBO_HEAD
from vnic.driver.linear import FragBuffers, SkbBuffers
from vnic.driver.options import ETH_HLEN
from vnic.driver.refill import Buffers, Given, RxSlot
from vnic.linux.heads import GRO_ROOM
from vnic.linux.rx_buffer import page_buffer
from vnic.linux.skbuff import SkBuff


class PageBuffers(Buffers):
    """A page waits behind each descriptor."""

    # e1000_clean_jumbo_rx_irq has stepped over the descriptor by the time it asks for a head.
    keeps = False

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        profile = given.kernel.profile
        self._page_size = profile.page_size
        self._head_on_ring = JUMBO_HEAD.at(profile.version)
        self._gro_head = profile.max_header + GRO_ROOM
        self._top: SkBuff | None = None

    def fill(self, slot: RxSlot) -> bool:
        """See Buffers."""
        if self._head_on_ring is not None and slot.skb is None:
            slot.skb = self.kernel.rx_alloc_skb(self._head_on_ring)
            if slot.skb is None:
                self.failed()
                return False
        if slot.page is None:
            page = self.kernel.pages.alloc(0)
            if page is None:
                self.failed()
                return False
            slot.page = page
            slot.event = page_buffer(page, self.length)
        return self.map(slot, slot.page.address, self.length)

    def receive(self, slot: RxSlot, length: int) -> tuple[SkBuff, bytes] | None:
        """See Buffers. Up to copybreak the frame is copied into the head and the page stays."""
        data = self._bytes(slot, length)
        if length <= self.plan.copy_up_to:
            skb = self._head_for(slot, length - self.fcs)
            if skb is not None:
                skb.put_data(data[: length - self.fcs])
                self.stats.rx_copybreak += 1
                return skb, data
        skb = self._head_for(slot, 0)
        if skb is None:
            self.failed()
            return None
        self._add(skb, slot, length)
        return self._whole(skb), data

    def _bytes(self, slot: RxSlot, length: int) -> bytes:
        """What the NIC wrote to the page, which is unmapped."""
        self.unmap(slot)
        return b"" if slot.page is None else self.read(slot.page.address, length)

    def _head_for(self, slot: RxSlot, copied: int) -> SkBuff | None:
        """An empty skb to copy `copied` bytes into, or (0) to hang pages on."""
        if self._head_on_ring is not None:
            skb = slot.skb
            if skb is None or copied > skb.tailroom():
                return None
            slot.skb = None
            return skb
        return self.alloc_copy(copied or self._gro_head)

    def _add(self, skb: SkBuff, slot: RxSlot, length: int) -> None:
        """Moves the slot's page into the skb (e1000_consume_page: the whole page counts)."""
        page = slot.page
        if page is not None:
            skb.add_rx_frag(page, 0, length, self._page_size)
            slot.page = slot.event = None

    def _whole(self, skb: SkBuff) -> SkBuff:
        """Cuts the FCS off and brings the Ethernet header into the head, for eth_type_trans."""
        self.kernel.pskb_trim(skb, skb.len - self.fcs)
        self.kernel.pskb_may_pull(skb, ETH_HLEN)
        return skb

    def extend(self, slot: RxSlot, length: int) -> bytes | None:
        """See Buffers."""
        data = self._bytes(slot, length)
        if self._top is None:
            self._top = self._head_for(slot, 0)
            if self._top is None:
                self.failed()
                return None
        self._add(self._top, slot, length)
        return data

    def finish(self, frame: bytes) -> SkBuff | None:  # noqa: ARG002 - linear buffers are copied from it
        """See Buffers."""
        skb, self._top = self._top, None
        return None if skb is None else self._whole(skb)

    def abandon(self) -> None:
        """See Buffers."""
        if self._top is not None:
            self.kernel.kfree_skb(self._top)
            self._top = None

    def discard(self, slot: RxSlot, length: int) -> None:  # noqa: ARG002 - build_skb copies by it
        """Page and head stay for the next frame."""
        self.unmap(slot)

    def drop(self, slot: RxSlot) -> None:
        """See Buffers."""
        if slot.dma:
            self.unmap(slot)
        if slot.page is not None:
            self.kernel.put_page(slot.page)
            slot.page = slot.event = None
        if slot.skb is not None:
            self.kernel.kfree_skb(slot.skb)
            slot.skb = None


STRATEGIES: Final[dict[str, type[Buffers]]] = {
    "skb": SkbBuffers,
    "build_skb": FragBuffers,
    "jumbo": PageBuffers,
}


def make_buffers(given: Given) -> Buffers:
    """The strategy of the plan."""
    return STRATEGIES[given.plan.strategy](given)
