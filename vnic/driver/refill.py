"""What stands behind a receive descriptor, strategy by strategy: where the memory comes from, how it is
mapped, and how it becomes (part of) an skb.

    skb        an sk_buff of rx_buffer_len bytes waits on the ring (2.4 to 3.16)
    build_skb  a page fragment waits, and the skb is built round it when the frame is there (3.18 on)
    jumbo      a page waits, and becomes a fragment of an skb with a small head (2.6.32 on; `pages.py`)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

from vnic.driver.buffers import RxPlan, build_skb_size, crosses_64k
from vnic.driver.options import ETH_FCS_LEN, DriverStats
from vnic.linux.kernel import Kernel
from vnic.linux.pages import Page
from vnic.linux.rules import HELPERS
from vnic.linux.rx_buffer import RxBufferEvent, frag_buffer, skb_buffer
from vnic.linux.skbuff import SkBuff

FROM_DEVICE: Final = "from_device"
ERRATA_23: Final = ("82545EM", "82546EB")  # a buffer must not cross 64 KiB (e1000_check_64k_bound)


class RxSlot:
    """What the driver remembers of one receive descriptor (e1000_buffer, e1000_rx_buffer).

    Attributes:
        dma: address of the mapping, 0 when the buffer is not mapped.
        skb, page, data: what is or was mapped, by strategy; kept when a copied frame leaves the buffer
            behind.
        event: what was told of the buffer, to be told again when it is mapped again.
    """

    __slots__ = ("data", "dma", "event", "page", "skb")

    def __init__(self) -> None:
        self.dma = self.data = 0
        self.skb: SkBuff | None = None
        self.page: Page | None = None
        self.event: RxBufferEvent | None = None


class Buffers(ABC):
    """A strategy. All methods that need memory return None or False when there is none, and count it.

    Attributes:
        keeps: a frame for which there is no sk_buff stays on the ring for the next poll; if not, it is lost.
    """

    keeps = True

    def __init__(
        self,
        kernel: Kernel,
        plan: RxPlan,
        stats: DriverStats,
        mac: str,
        on_buffer: Callable[[RxBufferEvent], None],
    ) -> None:
        self.kernel = kernel
        self.dma = kernel.dma
        self.read = kernel.memory.read
        self.plan = plan
        self.length = plan.buffer
        self.stats = stats
        self.on_buffer = on_buffer
        self.errata_23 = mac in ERRATA_23
        # Copies come from NAPI's own caches since there are any (e1000_alloc_rx_skb).
        napi = kernel.profile.version >= HELPERS["napi_alloc_skb"]
        self.alloc_copy: Callable[[int], SkBuff | None] = (
            kernel.napi_alloc_skb if napi else kernel.rx_alloc_skb
        )

    @abstractmethod
    def fill(self, slot: RxSlot) -> bool:
        """Allocates what the slot lacks, and maps it."""

    @abstractmethod
    def receive(self, slot: RxSlot, length: int) -> tuple[SkBuff, bytes] | None:
        """The skb for a frame of `length` bytes (FCS included) that lies in this buffer alone, without its
        FCS; and the frame's bytes, with it. None leaves everything as it was.
        """

    @abstractmethod
    def extend(self, slot: RxSlot, length: int) -> bytes | None:
        """Takes a part of a frame out of the buffer; `finish` makes the skb. None when the frame is lost."""

    @abstractmethod
    def finish(self, frame: bytes) -> SkBuff | None:
        """The skb, without FCS, for the parts taken by `extend`, whose bytes were `frame`."""

    @abstractmethod
    def abandon(self) -> None:
        """Frees the parts taken so far."""

    @abstractmethod
    def discard(self, slot: RxSlot, length: int) -> None:
        """Does with a frame nobody wants what the driver of the era does; the slot can be filled again."""

    @abstractmethod
    def drop(self, slot: RxSlot) -> None:
        """Unmaps and frees whatever the slot holds."""

    def failed(self) -> None:
        """Counts an allocation that failed."""
        self.stats.alloc_rx_buff_failed += 1

    def map(self, slot: RxSlot, address: int, length: int) -> bool:
        """Maps `length` bytes at `address` for the slot and tells of the buffer."""
        if self.errata_23 and crosses_64k(address, length):
            self.stats.rx_64k_rejected += 1
            return False
        dma = self.dma.map_single(address, length, FROM_DEVICE)
        if dma is None:
            self.failed()
            return False
        slot.dma = dma
        if slot.event is not None:
            self.on_buffer(slot.event)
        return True

    def unmap(self, slot: RxSlot) -> int:
        """Takes the buffer back from the device; returns where it is."""
        dma = slot.dma
        self.dma.unmap_single(dma, self.length, FROM_DEVICE)
        slot.dma = 0
        return dma

    def copy(self, data: bytes, room: int) -> SkBuff | None:
        """Copybreak: a small skb of `room` bytes with a copy of a frame that leaves its buffer where it is."""
        skb = self.alloc_copy(room)
        if skb is None:
            return None
        skb.put_data(data[:-ETH_FCS_LEN])
        self.stats.rx_copybreak += 1
        return skb


class LinearBuffers(Buffers):
    """What `skb` and `build_skb` have in common: a frame over several buffers is gathered in one skb.

    Linux's e1000 never lets a frame span such buffers and drops it. Here it may, when the user's buffer is
    smaller than a frame: each buffer leaves the ring as an skb of its own, and the last one has them copied
    into one.
    """

    parts: list[SkBuff]

    @abstractmethod
    def take(self, slot: RxSlot, length: int) -> SkBuff | None:
        """An empty skb whose data is the slot's buffer, which leaves the ring and is unmapped."""

    def extend(self, slot: RxSlot, length: int) -> bytes | None:
        """See Buffers."""
        skb = self.take(slot, length)
        if skb is None:
            self.abandon()
            return None
        skb.put(length)
        self.parts.append(skb)
        return self.read(skb.data, length)

    def finish(self, frame: bytes) -> SkBuff | None:
        """See Buffers."""
        skb = self.kernel.rx_alloc_skb(len(frame) - ETH_FCS_LEN)
        if skb is None:
            self.failed()
        else:
            skb.put_data(frame[:-ETH_FCS_LEN])
        self.abandon()
        return skb

    def abandon(self) -> None:
        """See Buffers."""
        for skb in self.parts:
            self.kernel.kfree_skb(skb)
        self.parts.clear()


class SkbBuffers(LinearBuffers):
    """An sk_buff waits behind each descriptor (e1000_alloc_rx_buffers up to 3.16)."""

    def __init__(
        self,
        kernel: Kernel,
        plan: RxPlan,
        stats: DriverStats,
        mac: str,
        on_buffer: Callable[[RxBufferEvent], None],
    ) -> None:
        super().__init__(kernel, plan, stats, mac, on_buffer)
        self.parts = []

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
        data = self.read(self.unmap(slot), length)
        if length <= self.plan.copy_up_to:
            copied = self.copy(data, length - ETH_FCS_LEN)
            if copied is not None:
                return copied, data
        slot.skb = slot.event = None
        skb.put(length - ETH_FCS_LEN)
        return skb, data

    def take(self, slot: RxSlot, length: int) -> SkBuff | None:  # noqa: ARG002 - build_skb has a use for it
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
    """A page fragment waits behind each descriptor, and the skb is built when the frame is there (3.18 on)."""

    def __init__(
        self,
        kernel: Kernel,
        plan: RxPlan,
        stats: DriverStats,
        mac: str,
        on_buffer: Callable[[RxBufferEvent], None],
    ) -> None:
        super().__init__(kernel, plan, stats, mac, on_buffer)
        self.parts = []
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
                data = self.read(slot.dma, length)
                skb.put_data(data[:-ETH_FCS_LEN])
                self.stats.rx_copybreak += 1
                return skb, data
        built = self.take(slot, length)
        if built is None:
            return None
        built.put(length - ETH_FCS_LEN)
        return built, self.read(built.data, length)

    def take(self, slot: RxSlot, length: int) -> SkBuff | None:  # noqa: ARG002 - one signature for both
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
        got = self.receive(slot, length) if length > ETH_FCS_LEN else None
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
