"""What stands behind a receive descriptor, strategy by strategy: where the memory comes from, how it is
mapped, and how it becomes (part of) an skb.

    skb        an sk_buff of rx_buffer_len bytes waits on the ring (2.4 to 3.16; `linear.py`)
    build_skb  a page fragment waits, and the skb is built round it when the frame is there (3.18 on; too)
    jumbo      a page waits, and becomes a fragment of an skb with a small head (2.6.32 on; `pages.py`)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, NamedTuple

from vnic.driver.buffers import RxPlan, crosses_64k
from vnic.driver.options import DriverStats
from vnic.driver.part import Part
from vnic.linux.kernel import Kernel
from vnic.linux.pages import Page
from vnic.linux.rules import HELPERS
from vnic.linux.rx_buffer import RxBufferEvent
from vnic.linux.skbuff import SkBuff

FROM_DEVICE: Final = "from_device"


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


class Given(NamedTuple):
    """What a strategy gets of the driver."""

    kernel: Kernel
    plan: RxPlan
    stats: DriverStats
    part: Part
    on_buffer: Callable[[RxBufferEvent], None]


class Buffers(ABC):
    """A strategy. All methods that need memory return None or False when there is none, and count it.

    Attributes:
        keeps: a frame for which there is no sk_buff stays on the ring for the next poll; if not, it is lost.
    """

    keeps = True

    def __init__(self, given: Given) -> None:
        kernel, plan, stats, part, on_buffer = given
        self.kernel = kernel
        self.dma = kernel.dma
        self.read = kernel.memory.read
        self.plan = plan
        self.length = plan.buffer
        self.fcs = plan.fcs
        self.stats = stats
        self.on_buffer = on_buffer
        self.errata_23 = part.errata_23
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
        """The skb, without FCS, for `length` bytes that are a whole frame; and those bytes. None leaves
        everything as it was.
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
        dma = self.dma.map_single(address, length, FROM_DEVICE)
        if dma is not None and self.errata_23 and crosses_64k(dma, length):
            self.stats.rx_64k_rejected += 1
            self.dma.unmap_single(dma, length, FROM_DEVICE)
            dma = None
        if dma is None:
            self.failed()
            return False
        slot.dma = dma
        if slot.event is not None:
            self.on_buffer(slot.event)
        return True

    def unmap(self, slot: RxSlot) -> None:
        """Takes the buffer back from the device. What it holds is read at the CPU's address and only after
        this: a bounce buffer is copied back here.
        """
        self.dma.unmap_single(slot.dma, self.length, FROM_DEVICE)
        slot.dma = 0

    def copy(self, data: bytes, room: int) -> SkBuff | None:
        """Copybreak: a small skb with a copy of the first `room` bytes; the buffer stays where it is."""
        skb = self.alloc_copy(room)
        if skb is None:
            return None
        skb.put_data(data[:room])
        self.stats.rx_copybreak += 1
        return skb
