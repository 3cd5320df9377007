"""The strategies of one linear buffer for each descriptor: `skb` up to 3.16, `build_skb` since 3.18.

e1000_alloc_rx_buffers and e1000_clean_rx_irq of e1000_main.c.
"""

from __future__ import annotations

from abc import abstractmethod

from vnic.driver.buffers import build_skb_size, crosses_64k
from vnic.driver.refill import FROM_DEVICE, Buffers, Given, RxSlot
from vnic.linux.rx_buffer import RxBufferEvent, frag_buffer, skb_buffer
from vnic.linux.skbuff import SkBuff


class LinearBuffers(Buffers):
    """What `skb` and `build_skb` have in common: a frame over several buffers is gathered in one skb.

    Linux's e1000 never lets a frame span such buffers and drops it. Here it may, when the user's buffer is
    smaller than a frame: each buffer leaves the ring as an skb of its own, and the last one has them copied
    into one.
    """

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.parts: list[SkBuff] = []

    @abstractmethod
    def take(self, slot: RxSlot) -> SkBuff | None:
        """An empty skb whose data is the slot's buffer, which leaves the ring and is unmapped."""

    def extend(self, slot: RxSlot, length: int) -> bytes | None:
        """See Buffers."""
        skb = self.take(slot)
        if skb is None:
            self.abandon()
            return None
        skb.put(length)
        self.parts.append(skb)
        return self.read(skb.data, length)

    def finish(self, frame: bytes) -> SkBuff | None:
        """See Buffers."""
        length = len(frame) - self.fcs
        skb = self.kernel.rx_alloc_skb(length)
        if skb is None:
            self.failed()
        else:
            skb.put_data(frame[:length])
        self.abandon()
        return skb

    def abandon(self) -> None:
        """See Buffers."""
        for skb in self.parts:
            self.kernel.kfree_skb(skb)
        self.parts.clear()


class SkbBuffers(LinearBuffers):
    """An sk_buff waits behind each descriptor (e1000_alloc_rx_buffers up to 3.16)."""

    def fill(self, slot: RxSlot) -> bool:
        """See Buffers."""
        skb = slot.skb
        if skb is None:
            skb = self._alloc()
            if skb is None:
                self.failed()
                return False
            slot.skb = skb
            slot.event = skb_buffer(self.kernel, skb, self.length)
        if self.map(slot, skb.data, self.length):
            return True
        slot.skb = slot.event = None
        self.kernel.kfree_skb(skb)
        return False

    def _alloc(self) -> SkBuff | None:
        """A fresh skb; one that crosses 64 KiB is exchanged once (errata 23)."""
        skb = self.kernel.rx_alloc_skb(self.length)
        if skb is None or not self.errata_23 or not crosses_64k(skb.data, self.length):
            return skb
        other = self.kernel.rx_alloc_skb(self.length)
        self.kernel.kfree_skb(skb)
        return other

    def receive(self, slot: RxSlot, length: int) -> tuple[SkBuff, bytes] | None:
        """See Buffers."""
        skb = slot.skb
        if skb is None:
            return None
        self.unmap(slot)
        data = self.read(skb.data, length)
        if length <= self.plan.copy_up_to:
            copied = self.copy(data, length - self.fcs)
            if copied is not None:
                return copied, data
        slot.skb = slot.event = None
        skb.put(length - self.fcs)
        return skb, data

    def take(self, slot: RxSlot) -> SkBuff | None:
        """See LinearBuffers."""
        skb = slot.skb
        self.unmap(slot)
        slot.skb = slot.event = None
        return skb

    def discard(self, slot: RxSlot, length: int) -> None:  # noqa: ARG002 - build_skb has a use for it
        """The skb stays for the next frame ("recycle")."""
        self.unmap(slot)

    def drop(self, slot: RxSlot) -> None:
        """See Buffers."""
        if slot.dma:
            self.unmap(slot)
        if slot.skb is not None:
            self.kernel.kfree_skb(slot.skb)
            slot.skb = slot.event = None


class FragBuffers(LinearBuffers):
    """A page fragment waits behind each descriptor, and the skb is built when it is filled (3.18 on)."""

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        kernel, plan = given.kernel, given.plan
        self._size = build_skb_size(kernel.profile, plan.buffer)
        # All fragments are alike: one at address 0 says how far from its head everything is.
        self._zero = frag_buffer(kernel, 0, self._size, plan.buffer)
        self._headroom = self._zero.address

    def fill(self, slot: RxSlot) -> bool:
        """See Buffers."""
        head = self._alloc()
        if head is None:
            self.failed()
            return False
        at, nominal, _, request, allocated, size_class, shinfo, truesize, strategy = self._zero
        data = head + at
        slot.event = RxBufferEvent(
            data, nominal, head, request, allocated, size_class, head + shinfo, truesize, strategy
        )
        if self.map(slot, data, nominal):
            slot.data = data
            return True
        slot.event = None
        self.kernel.free_frag(head)
        return False

    def _alloc(self) -> int | None:
        """A fresh fragment; one that crosses 64 KiB is exchanged once (errata 23)."""
        head = self.kernel.netdev_alloc_frag(self._size)
        if head is None or not self.errata_23 or not crosses_64k(head + self._headroom, self.length):
            return head
        other = self.kernel.netdev_alloc_frag(self._size)
        self.kernel.free_frag(head)
        return other

    def receive(self, slot: RxSlot, length: int) -> tuple[SkBuff, bytes] | None:
        """See Buffers."""
        if length <= self.plan.copy_up_to:
            skb = self.alloc_copy(length)
            if skb is not None:
                # The mapping stays: the device may write here again as soon as the descriptor goes back to
                # it.
                self.dma.sync_for_cpu(slot.dma, length, FROM_DEVICE)
                data = self.read(slot.data, length)
                skb.put_data(data[: length - self.fcs])
                self.stats.rx_copybreak += 1
                return skb, data
        built = self.take(slot)
        if built is None:
            return None
        built.put(length - self.fcs)
        return built, self.read(built.data, length)

    def take(self, slot: RxSlot) -> SkBuff | None:
        """See LinearBuffers."""
        skb = self.kernel.build_skb(slot.data - self._headroom, self._size)
        if skb is None:
            self.failed()
            return None
        skb.reserve(self._headroom)
        self.unmap(slot)
        slot.data = 0
        slot.event = None
        return skb

    def discard(self, slot: RxSlot, length: int) -> None:
        """The frame becomes an skb first and is freed then (e1000_clean_rx_irq, 6.1); without memory for one
        the buffer stays.
        """
        got = self.receive(slot, length) if length > self.fcs else None
        if got is not None:
            self.kernel.kfree_skb(got[0])

    def drop(self, slot: RxSlot) -> None:
        """See Buffers."""
        if slot.dma:
            self.unmap(slot)
        if slot.data:
            self.kernel.free_frag(slot.data - self._headroom)
            slot.data = 0
            slot.event = None
