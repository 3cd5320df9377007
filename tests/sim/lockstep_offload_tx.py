"""Random walks with transmit offloads: contexts, checksums, segmentation, tags.

Half of what is sent is as a driver would have it; the rest has offsets, lengths and orders that no driver
uses.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from typing import Any

from tests.sim.lockstep import END, LOOP_BYTES, SLOTS, TX_AREA, TX_RING, Lockstep
from tests.sim.lockstep_offload_rx import ReceiveLockstep
from vnic.memory import HostMemory
from vnic.nic.registers import CTRL, RCTL, TCTL, Reg
from vnic.targets.base import Target

EOP, IFCS, IC, TSE, RS, DEXT, VLE, IDE = (1 << bit for bit in (0, 1, 2, 2, 3, 5, 6, 7))
ETHER_TYPES = (0x8100, 0x88A8)
FRAME_COST = 80
"""Of a looped frame in the receive FIFO, beside its bytes: FCS, tag, and what is left of its last block."""
MANY = 60_000
"""More than a descriptor of 16 bits has room for."""


class TransmitOffloads(Lockstep):
    """``Lockstep`` with the offloads of transmission."""

    def __init__(self, target: Target, memory: HostMemory, seed: int) -> None:
        super().__init__(target, memory, seed)
        self.ether_type = 0x8100
        self.segment = (0, 0, 0)  # header, payload and MSS of the segmentation context
        self.budget = 0

    def choices(self) -> list[tuple[Callable[[], Awaitable[str]], int]]:
        return [*super().choices(), (self.tags, 10), (self.send_extended, 80), (self.break_off, 15)]

    async def set_up(self) -> str:
        return f"{await super().set_up()} {await self.tags()}"

    async def reset(self) -> str:
        self.segment = (0, 0, 0)
        return await super().reset()

    async def tags(self) -> str:
        tagging = self.random.random() < 0.6
        self.ether_type = self.random.choice(ETHER_TYPES)
        await self.target.write32(Reg.CTRL, CTRL.SLU | CTRL.FD | (CTRL.VME if tagging else 0))
        await self.target.write32(Reg.VET, self.ether_type)
        return f"VME {tagging} VET {self.ether_type:#x}"

    async def send_extended(self) -> str:
        """Packets of all kinds, as many as the ring and the loopback path have room for."""
        head = await self.target.read32(Reg.TDH)
        room = (head - self.tx_tail - 1) % SLOTS
        self.budget = LOOP_BYTES
        done = []
        while True:
            kind = self.random.choice(
                (self.legacy_packet, self.plain_packet, self.segmented_packet, self.odd_descriptors)
            )
            segment = self.segment
            descriptors = kind()
            if len(descriptors) > room or self.budget < 0:
                self.segment = segment
                break
            room -= len(descriptors)
            done.append(f"{kind.__name__}:{len(descriptors)}")
            self.queue(descriptors)
        await self.target.write32(Reg.TDT, self.tx_tail)
        for _ in range(self.random.choice((0, 0, 3))):  # stopped on the way, at any descriptor
            await self.target.write32(Reg.TCTL, self.tctl & ~TCTL.EN)
            await self.target.write32(Reg.TCTL, self.tctl)
        return f"{done[:12]} tail {self.tx_tail}"

    async def break_off(self) -> str:
        """A packet without its last descriptors; then TCTL.EN is cleared, the head written, or neither."""
        rng = self.random
        head = await self.target.read32(Reg.TDH)
        self.budget = LOOP_BYTES
        segment = self.segment
        descriptors = rng.choice((self.legacy_packet, self.plain_packet, self.segmented_packet))()[:-1]
        if len(descriptors) > (head - self.tx_tail - 1) % SLOTS or self.budget < 0:
            self.segment = segment
            return "no room"
        self.queue(descriptors)
        await self.target.write32(Reg.TDT, self.tx_tail)
        await self.target.settle()
        how = rng.randrange(4)
        if how & 1:
            await self.target.write32(Reg.TCTL, self.tctl & ~TCTL.EN)
        if how & 2:
            # What has not been sent, because TCTL.EN is clear, is forgotten too
            await self.target.write32(Reg.TDH, self.tx_tail)
        if how & 1:
            await self.target.write32(Reg.TCTL, self.tctl)
        return f"{len(descriptors)} how {how} tail {self.tx_tail}"

    def queue(self, descriptors: list[bytes]) -> None:
        for descriptor in descriptors:
            self.memory.write(TX_RING + 16 * self.tx_tail, descriptor)
            self.tx_tail = (self.tx_tail + 1) % SLOTS

    def some(self, *bits: int) -> int:
        """Some of ``bits``, and RS or IDE now and then."""
        command = 0
        for bit in (*bits, RS):
            if self.random.random() < 0.6:
                command |= bit
        return command | (IDE if self.random.random() < 0.1 else 0)

    def pieces(self, total: int) -> list[int]:
        """``total`` bytes in one to four parts, some of them empty."""
        rng = self.random
        cuts = sorted(rng.randint(0, total) for _ in range(rng.choice((0, 0, 1, 2, 3))))
        return [end - start for start, end in zip([0, *cuts], [*cuts, total], strict=True)]

    def place(self, length: int) -> int:
        return self.random.randrange(TX_AREA, END - length)

    def spend(self, size: int, frames: int = 1) -> None:
        self.budget -= size + FRAME_COST * frames

    def looped(self) -> bool:
        return bool(self.rctl & RCTL.LBM_MAC)

    def size(self) -> int:
        rng = self.random
        return rng.choice((rng.randrange(0, 70), rng.randrange(50, 300), rng.randrange(300, 1600)))

    def legacy_packet(self) -> list[bytes]:
        rng = self.random
        total = self.size()
        self.spend(total)
        made = []
        parts = self.pieces(total)
        for index, length in enumerate(parts):
            command = self.some(IFCS, IC, VLE) | (EOP if index == len(parts) - 1 else 0)
            cso, css = rng.choice(((50, 34), (rng.randrange(256), rng.randrange(256)), (41, 33)))
            special = rng.getrandbits(16)
            made.append(struct.pack("<QHBBBBH", self.place(length), length, cso, command, 0, css, special))
        return made

    def data(self, length: int, command: int, options: int) -> bytes:
        lower = length | 1 << 20 | (command | DEXT) << 24
        special = self.random.getrandbits(16)
        return struct.pack("<QIBBH", self.place(length), lower, 0, options, special)

    def context(self, command: int, payload: int = 0, header: int = 0, mss: int = 0) -> bytes:
        """A driver's context, or any; now and then with IP and TCP fields that overlap."""
        rng = self.random
        offsets: tuple[int, ...] = (14, 24, 33, 34, 50, 0)
        style = rng.random()
        if style < 0.3:
            offsets = (18, 28, 37, 38, 54, 0)
        elif style < 0.5:
            offsets = (*(rng.randrange(200) for _ in range(5)), rng.choice((0, rng.randrange(2000))))
        elif style < 0.6:
            start, near = rng.randrange(40), rng.randrange(-12, 8)
            places = rng.randrange(60), rng.randrange(60)
            offsets = (start, places[0], rng.randrange(start, 100), start + near & 0xFF, places[1], 0)
        command |= DEXT | (RS if rng.random() < 0.2 else 0)
        if command & TSE:
            self.segment = (header, payload, mss)
        lower = payload | command << 24
        return struct.pack("<BBHBBHIBBH", *offsets, lower, 0, header, mss)

    def plain_packet(self) -> list[bytes]:
        rng = self.random
        total = self.size()
        if rng.random() < 0.05:
            total = rng.choice((rng.randrange(16280, 16300), rng.randrange(16289, 4 * MANY)))
        self.spend(min(total, 17_000))
        made = [self.context(rng.randrange(4))] if rng.random() < 0.7 else []
        parts = self.pieces(total)
        for index, length in enumerate(parts):
            command = self.some(IFCS, VLE) | (EOP if index == len(parts) - 1 else 0)
            made.append(self.data(length, command, rng.randrange(4)))
        return made

    def segmented_packet(self) -> list[bytes]:
        rng = self.random
        made = []
        if rng.random() < 0.8:
            header = rng.choice((54, 66, 58, 64, rng.randrange(1, 256)))
            payload = rng.choice((rng.randrange(0, 300), rng.randrange(300, 9000)))
            mss = rng.choice((rng.randrange(14, 600), 536, 1448, 1460, rng.randrange(0, 18000)))
            if not self.looped() and rng.random() < 0.1:
                payload, mss = rng.randrange(MANY, 3 * MANY), rng.randrange(1400, 17000)
            if mss < 16 or payload // mss < (40 if payload < MANY else 150):
                made.append(self.context(TSE | rng.choice((3, 3, 3, rng.randrange(4))), payload, header, mss))
        header, payload, mss = self.segment
        frames = payload // mss + 1 if mss else 1
        self.spend(payload % MANY + frames * header, frames)
        total = header + payload
        if rng.random() < 0.2:
            total = rng.choice((max(total - 1, 0), total + 1, rng.randrange(total + 1), total + 5000))
        parts = self.pieces(total)
        first = TSE if rng.random() < 0.97 else 0
        for index, length in enumerate(parts):
            command = self.some(IFCS, VLE) | (EOP if index == len(parts) - 1 else 0)
            if index and rng.random() < 0.1:
                length %= 0x10000
                made.append(
                    struct.pack("<QHBBBBH", self.place(length), length, 50, command | IC, 0, 34, 0x1234)
                )
            else:
                options = rng.choice((3, 3, rng.randrange(4)))
                made.append(self.data(length, command | (TSE if index else first), options))
            if rng.random() < 0.05:
                made.append(self.context(rng.randrange(4)))
        if not first:
            self.spend(min(total, 17_000))
        return made

    def odd_descriptors(self) -> list[bytes]:
        """Kinds in one packet that do not go together, and kinds that do not exist."""
        rng = self.random
        made = []
        count = rng.randint(1, 4)
        for index in range(count):
            length = rng.randrange(200)
            self.spend(length)
            cso = rng.choice((0x10, 0x10, 0x00, 0x20, rng.randrange(256)))
            command = self.some(IFCS, VLE) | rng.choice((0, DEXT)) | (EOP if index == count - 1 else 0)
            if command & DEXT:
                cso &= 0xF0
                if cso == 0:  # a context without TSE: it cannot announce more than was reckoned with
                    command &= ~TSE
            made.append(
                struct.pack("<QHBBBBH", self.place(length), length, cso, command, 0, rng.randrange(256), 1)
            )
        made.append(struct.pack("<QHBBBBH", self.place(60), 60, 0, EOP | IFCS, 0, 0, 0))
        return made


class Offloads(TransmitOffloads, ReceiveLockstep):
    """All of them: what loopback returns has its checksums looked at, its tag stripped."""

    def choices(self) -> list[tuple[Callable[[], Awaitable[str]], int]]:
        return [*super().choices(), (self.post, 30)]


async def walk(
    target: Target, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> list[list[Any]]:
    """Entry: `spec` has `seed` and `steps`."""
    return await TransmitOffloads(target, memory, spec["seed"]).walk(spec["steps"], progress)


async def mixed_walk(
    target: Target, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> list[list[Any]]:
    """Entry: `spec` has `seed` and `steps`."""
    return await Offloads(target, memory, spec["seed"]).walk(spec["steps"], progress)
