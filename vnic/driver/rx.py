"""Reception: from a finished descriptor to an skb in the hands of the stack, and a fresh buffer in its place.

8254x SDM 3.2; e1000_clean, e1000_clean_rx_irq, e1000_clean_jumbo_rx_irq and the alloc_rx_buf functions of
e1000_main.c. The way from the ring to an skb differs by strategy (`refill.py`); the walk along the ring is
the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vnic.driver.buffers import RxPlan
from vnic.driver.hw import Hardware
from vnic.driver.options import DriverOptions, DriverStats, Hooks
from vnic.driver.pages import make_buffers
from vnic.driver.refill import Buffers, Given, RxSlot
from vnic.driver.ring import STA_EOP, Ring
from vnic.linux.kernel import Kernel
from vnic.linux.skbuff import SkBuff
from vnic.nic.events import DescriptorWord, FrameEvent
from vnic.nic.registers import Reg

BUFFER_WRITE: Final = 16  # E1000_RX_BUFFER_WRITE: descriptors are given back so many at a time
# E1000_RXD_ERR_FRAME_ERR_MASK: CRC, symbol, sequence, carrier extension and data errors (SDM 3.2.3.3).
FRAME_ERRORS: Final = 0x01 | 0x02 | 0x04 | 0x10 | 0x80

Deliver = Callable[[SkBuff, FrameEvent], None]


class RxPath:
    """The receive ring and the frame that is being put together from it.

    Attributes:
        ring: the descriptors.
        plan: buffer size and strategy.
        stuck: the oldest frame was left where it is for want of an sk_buff.
    """

    def __init__(
        self,
        hw: Hardware,
        kernel: Kernel,
        options: DriverOptions,
        plan: RxPlan,
        stats: DriverStats,
        hooks: Hooks,
        deliver: Deliver,
    ) -> None:
        self.ring: Ring[RxSlot] = Ring(
            kernel, options.rx_ring, [RxSlot() for _ in range(options.rx_ring)], "receive"
        )
        self._nic = hw.nic
        self._kernel = kernel
        self._controller = hw.part
        self._stats = stats
        self._hooks = hooks
        self._deliver = deliver
        self.use_plan(plan)

    def use_plan(self, plan: RxPlan) -> None:
        """Takes another buffer size or strategy; the ring must be empty of buffers."""
        self.plan = plan
        self._buffers: Buffers = make_buffers(
            Given(self._kernel, plan, self._stats, self._controller, self._hooks.on_buffer)
        )
        self._words: list[DescriptorWord] = []  # descriptors of the frame whose end has not come yet
        self._chain: list[bytes] = []  # and what they hold
        self._discarding = False
        self.stuck = False

    async def poll(self, budget: int) -> int:
        """Takes up to `budget` descriptors off the ring and gives fresh ones to the NIC; returns how many it
        took.
        """
        done = 0
        while done < budget:
            taken = self._clean(min(BUFFER_WRITE, budget - done))
            if not taken:
                break
            done += taken
            if self.ring.unused() >= BUFFER_WRITE:
                await self.refill()
        await self.refill()
        return done

    async def refill(self) -> None:
        """Puts a buffer behind every unused descriptor, as far as memory lasts, and tells the NIC.

        RDT gets the last descriptor filled and not the one behind it, as e1000_alloc_rx_buffers writes it:
        one buffer more than the NIC may use always waits.
        """
        ring = self.ring
        count = ring.count
        index = start = ring.next_to_use
        fill = self._buffers.fill
        for _ in range(ring.unused()):
            slot = ring.slots[index]
            if not slot.dma and not fill(slot):
                break  # "better luck next round": the ring stays short and is topped up at the next poll
            ring.put_rx(index, slot.dma)
            index = index + 1 if index + 1 < count else 0
        if index != start:
            ring.next_to_use = index
            ring.tail = (index or count) - 1
            await self._nic.write32(Reg.RDT, ring.tail)

    def _clean(self, limit: int) -> int:
        """Takes up to `limit` finished descriptors off the ring; returns how many it took."""
        ring = self.ring
        index = ring.next_to_clean
        now = self._nic.now_ns
        taken = 0
        for fields in ring.finished_rx(limit):
            word = DescriptorWord(index, *fields)
            slot = ring.slots[index]
            plain = word.status & STA_EOP and not word.errors & FRAME_ERRORS
            if plain and not self._words and not self._discarding:
                if not self._whole(slot, word, now):
                    break  # no sk_buff to be had, and the frame can wait
            else:
                self._part(slot, word, now)
            taken += 1
            index = index + 1 if index + 1 < ring.count else 0
            ring.next_to_clean = index
        self._stats.rx_descriptors += taken
        return taken

    def _whole(self, slot: RxSlot, word: DescriptorWord, now: int) -> bool:
        """A frame in one buffer: the usual case."""
        got = self._buffers.receive(slot, word.length)
        if got is None:
            self.stuck = self._buffers.keeps
            self._stats.rx_dropped += not self.stuck
            return not self.stuck
        self.stuck = False
        skb, data = got
        self._up(skb, FrameEvent(now, data, (word,)))
        return True

    def _part(self, slot: RxSlot, word: DescriptorWord, now: int) -> None:
        """A frame in several buffers, or one that is thrown away."""
        end = bool(word.status & STA_EOP)
        if word.errors & FRAME_ERRORS or self._discarding or not (self.plan.spans or end):
            # Where one buffer holds any frame, one that does not end in it is no frame of ours: it is dropped
            # to its end (e1000_clean_rx_irq). An error takes everything before it along.
            self._buffers.discard(slot, word.length)
            if self._words:
                self._buffers.abandon()
                self._words.clear()
                self._chain.clear()
            self._discarding = not end
            self._stats.rx_dropped += end
            return
        data = self._buffers.extend(slot, word.length)
        if data is None:
            self._words.clear()
            self._chain.clear()
            self._discarding = not end
            self._stats.rx_dropped += end
            return
        self._words.append(word)
        self._chain.append(data)
        if end:
            whole = b"".join(self._chain)
            event = FrameEvent(now, whole, tuple(self._words))
            self._words.clear()
            self._chain.clear()
            skb = self._buffers.finish(whole)
            if skb is None:
                self._stats.rx_dropped += 1
            else:
                self._up(skb, event)

    def _up(self, skb: SkBuff, event: FrameEvent) -> None:
        """Hands a frame to the stack."""
        stats = self._stats
        stats.rx_packets += 1
        stats.rx_bytes += len(event.data) - self.plan.fcs
        self._hooks.on_frame(event)
        self._deliver(skb, event)

    def free(self) -> int:
        """Descriptors the NIC may still fill: those given, less those it has filled and nobody took."""
        ring = self.ring
        given = ring.given()
        if not self.waiting():
            return given
        index, filled = ring.next_to_clean, 0
        while filled < given and ring.status(index):
            filled += 1
            index = (index + 1) % ring.count
        return given - filled

    def waiting(self) -> int:
        """Status of the oldest descriptor that is finished and was not taken yet, 0 if there is none."""
        ring = self.ring
        return ring.status(ring.next_to_clean) if ring.next_to_clean != ring.next_to_use else 0

    def reset(self) -> None:
        """Takes every buffer off the ring and empties it; the receiver must be off (e1000_clean_rx_ring)."""
        ring = self.ring
        while self.waiting():
            [fields] = ring.finished_rx(1)
            self._stats.rx_dropped += bool(fields[3] & STA_EOP)
            ring.next_to_clean = (ring.next_to_clean + 1) % ring.count
        for slot in ring.slots:
            self._buffers.drop(slot)
        self._buffers.abandon()
        self._words.clear()
        self._chain.clear()
        self._discarding = False
        ring.rewind()
