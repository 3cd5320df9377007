"""Transmission: an skb becomes one legacy descriptor for each piece of it, and comes back when the last is
done.

8254x SDM 3.3 and 3.4; e1000_xmit_frame, e1000_tx_map, e1000_tx_queue and e1000_clean_tx_irq of e1000_main.c,
which differ little from 2.6 to 6.x.
"""

from __future__ import annotations

from typing import Final

from vnic.driver.options import DriverOptions, DriverStats
from vnic.driver.ring import Ring
from vnic.linux.eras import Era, Rule
from vnic.linux.kernel import Kernel
from vnic.linux.skbuff import SkBuff

CMD_EOP: Final = 0x01
CMD_IFCS: Final = 0x02  # the controller appends the FCS
CMD_RS: Final = 0x08  # the controller reports the descriptor done
MAX_PER_TXD: Final = 4096  # E1000_MAX_DATA_PER_TXD for this part: 1 << 12
MAX_FRAME: Final = 16288  # SDM 3.3.3: the largest packet the controller sends
TO_DEVICE: Final = "to_device"

PAD_TO: Rule[int] = Rule(
    "bytes that e1000 fills a short frame up to before the controller sees it",
    [
        Era((2, 4), 0, "e1000_main.c 2.6.34 e1000_xmit_frame; the controller pads (TCTL.PSP)"),
        Era((3, 6), 60, "e1000_main.c 3.6: padding by the hardware may corrupt frames"),
    ],
)


class TxSlot:
    """What the driver remembers of one transmit descriptor.

    Attributes:
        dma, length: the mapping, 0 bytes when there is none.
        skb: the skb, at the last descriptor of the frame only.
        watch: on the first descriptor of a frame, the index of its last; else -1.
    """

    __slots__ = ("dma", "length", "skb", "watch")

    def __init__(self) -> None:
        self.dma = self.length = 0
        self.skb: SkBuff | None = None
        self.watch = -1


class TxPath:
    """The transmit ring and what is on it.

    Attributes:
        ring: the descriptors.
        doorbell: descriptors are queued that TDT does not tell the controller of yet.
    """

    def __init__(self, kernel: Kernel, options: DriverOptions, stats: DriverStats) -> None:
        self.ring: Ring[TxSlot] = Ring(
            kernel, options.tx_ring, [TxSlot() for _ in range(options.tx_ring)], "transmit"
        )
        self.doorbell = False
        self._kernel = kernel
        self._options = options
        self._stats = stats
        self._pad_to = PAD_TO.at(kernel.profile.version)

    @staticmethod
    def pieces(skb: SkBuff) -> list[tuple[int, int]]:
        """Address and length of each run of memory that gets a descriptor: the head, then the fragments, each
        cut to what one descriptor carries.
        """
        runs = [(skb.data, skb.headlen())]
        runs += [(page.address + offset, size) for page, offset, size in skb.frags]
        return [
            (start + at, min(MAX_PER_TXD, size - at))
            for start, size in runs
            for at in range(0, size, MAX_PER_TXD)
        ]

    @staticmethod
    def wanted(skb: SkBuff) -> int:
        """Descriptors that must be free for `skb`: as many as it can take at worst, one for an offload
        context, and two so that the tail never touches the head (TXD_USE_COUNT and e1000_maybe_stop_tx).
        """
        sizes = [skb.headlen(), *(frag.size for frag in skb.frags)]
        return 3 + sum(size // MAX_PER_TXD + 1 for size in sizes)

    def queue(self, skb: SkBuff) -> bool:
        """Puts `skb` on the ring, or drops it; False (NETDEV_TX_BUSY) leaves it with the caller."""
        stats = self._stats
        if not 0 < skb.len <= MAX_FRAME:
            return self._drop(skb)
        needed = self._options.needed_headroom
        if needed:
            expands = self._kernel.counts.expands
            if not self._kernel.skb_cow_head(skb, needed):
                return self._drop(skb)
            stats.tx_headroom_reallocs += self._kernel.counts.expands - expands
        if skb.len < self._pad_to and not self._pad(skb):
            return self._drop(skb)
        ring = self.ring
        wanted = self.wanted(skb)
        if wanted >= ring.count:
            return self._drop(skb)  # more pieces than the ring will ever take
        if wanted > ring.unused():
            stats.tx_busy += 1
            return False
        pieces = self.pieces(skb)
        if not self._map(pieces):
            return self._drop(skb)
        index = first = ring.next_to_use
        last = (first + len(pieces) - 1) % ring.count
        while True:
            slot = ring.slots[index]
            command = CMD_IFCS | CMD_EOP | CMD_RS if index == last else CMD_IFCS
            ring.put_tx(index, slot.dma, slot.length, command)
            index = (index + 1) % ring.count
            if command & CMD_EOP:
                break
        slot.skb = skb
        ring.slots[first].watch = last
        ring.next_to_use = index
        self.doorbell = True
        return True

    def _pad(self, skb: SkBuff) -> bool:
        """Fills a short frame up with zeros, in a head with room for them (skb_pad); False without memory."""
        kernel, missing = self._kernel, self._pad_to - skb.len
        if not kernel.pskb_may_pull(skb, skb.len):
            return False
        short = skb.head_is_shared() or skb.tailroom() < missing
        if short and not kernel.pskb_expand_head(skb, 0, missing):
            return False
        skb.put_data(bytes(missing))
        return True

    def _map(self, pieces: list[tuple[int, int]]) -> bool:
        """Maps each piece into its slot; all or none (dma_error of e1000_tx_map)."""
        ring = self.ring
        index = ring.next_to_use
        mapped: list[TxSlot] = []
        for address, length in pieces:
            dma = self._kernel.dma.map_single(address, length, TO_DEVICE)
            if dma is None:
                for slot in reversed(mapped):
                    self._kernel.dma.unmap_single(slot.dma, slot.length, TO_DEVICE)
                    slot.dma = slot.length = 0
                return False
            slot = ring.slots[index]
            slot.dma, slot.length = dma, length
            mapped.append(slot)
            index = (index + 1) % ring.count
        return True

    def _drop(self, skb: SkBuff) -> bool:
        self._stats.tx_dropped += 1
        self._kernel.kfree_skb(skb)
        return True

    def clean(self) -> int:
        """Takes what the controller has sent off the ring; returns how many frames (e1000_clean_tx_irq)."""
        ring = self.ring
        frames = 0
        while ring.next_to_clean != ring.next_to_use:
            last = ring.slots[ring.next_to_clean].watch
            if not ring.status(last):
                break
            self._stats.tx_packets += 1
            self._release(last, sent=True)
            frames += 1
        return frames

    def _release(self, last: int, *, sent: bool) -> None:
        """Unmaps the oldest frame's descriptors up to `last` and frees its skb."""
        ring = self.ring
        while True:
            index = ring.next_to_clean
            slot = ring.slots[index]
            self._kernel.dma.unmap_single(slot.dma, slot.length, TO_DEVICE)
            slot.dma = slot.length = 0
            slot.watch = -1
            ring.next_to_clean = (index + 1) % ring.count
            if index == last:
                break
        skb = slot.skb
        slot.skb = None
        if skb is None:
            return
        if sent:
            self._stats.tx_bytes += skb.len
            self._kernel.consume_skb(skb)
        else:
            self._drop(skb)

    def reset(self) -> None:
        """Drops what was not sent and empties the ring; the transmitter must be off (e1000_clean_tx_ring)."""
        self.clean()
        ring = self.ring
        while ring.next_to_clean != ring.next_to_use:
            self._release(ring.slots[ring.next_to_clean].watch, sent=False)
        ring.rewind()
        self.doorbell = False
