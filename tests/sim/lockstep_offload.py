"""Random walks with every offload on and off: contexts, checksums, segmentation, tags, receive checks.

Half of what is sent is as a driver would have it; the rest has offsets, lengths and orders that no driver
uses.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from typing import Any

from tests.sim.lockstep import END, LOOP_BYTES, MAC, SLOTS, TX_AREA, TX_RING, Lockstep
from vnic.memory import HostMemory
from vnic.nic.port import WireFrame
from vnic.nic.registers import CTRL, RCTL, VFTA_STRIDE, Reg
from vnic.targets.base import Target

EOP, IFCS, IC, TSE, RS, DEXT, VLE, IDE = (1 << bit for bit in (0, 1, 2, 2, 3, 5, 6, 7))
IDENTIFIERS = (0, 1, 31, 32, 0x123, 0xFFE, 0xFFF)
ETHER_TYPES = (0x8100, 0x88A8)
FRAME_COST = 80
"""Of a looped frame in the receive FIFO, beside its bytes: FCS, tag, and what is left of its last block."""


class OffloadLockstep(Lockstep):
    """``Lockstep`` with the offloads."""

    def __init__(self, target: Target, memory: HostMemory, seed: int) -> None:
        super().__init__(target, memory, seed)
        self.ether_type = 0x8100
        self.segment = (0, 0, 0)  # header, payload and MSS of the segmentation context
        self.budget = 0

    def choices(self) -> list[tuple[Callable[[], Awaitable[str]], int]]:
        return [*super().choices(), (self.offload_control, 10), (self.send_extended, 30)]

    async def set_up(self) -> str:
        return f"{await super().set_up()} {await self.offload_control()}"

    async def reset(self) -> str:
        self.segment = (0, 0, 0)
        return await super().reset()

    async def receive_control(self) -> str:
        rng = self.random
        await super().receive_control()
        for bit, chance in ((RCTL.VFE, 0.4), (RCTL.CFIEN, 0.3), (RCTL.CFI, 0.4)):
            if rng.random() < chance:
                self.rctl |= bit
        await self.target.write32(Reg.RCTL, self.rctl)
        return f"{self.rctl:#x}"

    async def offload_control(self) -> str:
        rng, write = self.random, self.target.write32
        tagging = rng.random() < 0.6
        self.ether_type = rng.choice(ETHER_TYPES)
        checks = rng.choice((0, 0x100, 0x200, 0x300, 0x300)) | rng.choice((0, 14, 15, 34, rng.randrange(256)))
        await write(Reg.CTRL, CTRL.SLU | CTRL.FD | (CTRL.VME if tagging else 0))
        await write(Reg.VET, self.ether_type)
        await write(Reg.RXCSUM, checks)
        identifier = rng.choice(IDENTIFIERS)
        await write(Reg.VFTA + (identifier >> 5) * VFTA_STRIDE, rng.getrandbits(32) | 1 << (identifier & 31))
        return f"VME {tagging} VET {self.ether_type:#x} RXCSUM {checks:#x} VFTA[{identifier >> 5}]"

    # ---- receive

    def frame(self) -> WireFrame:
        """Four frames in five hold IPv4, more or less."""
        rng = self.random
        if rng.random() < 0.2:
            return super().frame()
        destination = rng.choice((MAC, MAC, b"\xff" * 6, MAC[:5] + b"\x57"))
        head = destination + rng.randbytes(6)
        if rng.random() < 0.5:
            control = rng.choice(IDENTIFIERS) | rng.randrange(16) << 12
            head += struct.pack(">HH", rng.choice((self.ether_type, *ETHER_TYPES)), control)
        head += struct.pack(">H", rng.choice((0x0800, 0x0800, 0x0800, 0x0800, 0x86DD, 0x0806)))
        data = bytearray(head + self.ipv4())
        if rng.random() < 0.3:
            data[rng.randrange(12, len(data))] ^= 1 << rng.randrange(8)
        return WireFrame(bytes(data) + rng.randbytes(rng.choice((0, 0, 1, 7))), rng.random() < 0.05)

    def ipv4(self) -> bytes:
        """A packet whose checksums are right."""
        rng = self.random
        protocol = rng.choice((6, 6, 17, 17, 1))
        words = rng.choice((5, 5, 5, 6, 15))
        size = rng.choice((rng.randrange(0, 60), rng.randrange(0, 1400)))
        body = bytearray(rng.randbytes(rng.choice((8, 20, 20, 19)) + size))
        fragment = rng.choice((0, 0, 0, 0, 0x4000, 0x2000, 0x0007))
        header = bytearray(
            struct.pack(">BBHHHBBH", 0x40 | words, 0, 4 * words + len(body), 1, fragment, 64, protocol, 0)
            + rng.randbytes(4 * words - 12)
        )
        place = {6: 16, 17: 6}.get(protocol)
        if place is not None and len(body) >= place + 2:
            body[place : place + 2] = b"\0\0"
            pseudo = bytes(header[12:20]) + struct.pack(">HH", protocol, len(body))
            if rng.random() < 0.9:
                body[place : place + 2] = internet_checksum(pseudo + body).to_bytes(2, "big")
        header[10:12] = internet_checksum(bytes(header)).to_bytes(2, "big")
        return bytes(header + body)

    # ---- transmit

    async def send_extended(self) -> str:
        """Packets of all kinds, as many as the ring and the loopback path have room for."""
        rng = self.random
        head = await self.target.read32(Reg.TDH)
        room = (head - self.tx_tail - 1) % SLOTS
        self.budget = LOOP_BYTES
        done = []
        while True:
            kind = rng.choice(
                (self.legacy_packet, self.plain_packet, self.segmented_packet, self.odd_descriptors)
            )
            segment = self.segment
            descriptors = kind()
            if len(descriptors) > room or self.budget < 0:
                self.segment = segment
                break
            room -= len(descriptors)
            done.append(f"{kind.__name__}:{len(descriptors)}")
            for descriptor in descriptors:
                self.memory.write(TX_RING + 16 * self.tx_tail, descriptor)
                self.tx_tail = (self.tx_tail + 1) % SLOTS
        await self.target.write32(Reg.TDT, self.tx_tail)
        return f"{done[:12]} tail {self.tx_tail}"

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
        """A driver's context, or any."""
        rng = self.random
        offsets: tuple[int, ...] = (14, 24, 33, 34, 50, 0)
        style = rng.random()
        if style < 0.3:
            offsets = (18, 28, 37, 38, 54, 0)
        elif style < 0.5:
            offsets = (*(rng.randrange(200) for _ in range(5)), rng.choice((0, rng.randrange(2000))))
        command |= DEXT | (RS if rng.random() < 0.2 else 0)
        if command & TSE:
            self.segment = (header, payload, mss)
        lower = payload | command << 24
        return struct.pack("<BBHBBHIBBH", *offsets, lower, 0, header, mss)

    def plain_packet(self) -> list[bytes]:
        rng = self.random
        total = self.size()
        self.spend(total)
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
            header = rng.choice((54, 66, 58, rng.randrange(1, 256)))
            payload = rng.choice((rng.randrange(0, 300), rng.randrange(300, 9000)))
            mss = rng.choice((rng.randrange(100, 600), 536, 1448, 1460, rng.randrange(0, 18000)))
            if mss < 16 or payload // mss < 40:
                made.append(self.context(TSE | rng.choice((3, 3, 3, rng.randrange(4))), payload, header, mss))
        header, payload, mss = self.segment
        frames = payload // mss + 1 if mss else 1
        self.spend(payload + frames * header, frames)
        total = header + payload
        if rng.random() < 0.2:
            total = rng.choice((max(total - 1, 0), total + 1, rng.randrange(total + 1), total + 5000))
        parts = self.pieces(total)
        first = TSE if rng.random() < 0.97 else 0
        for index, length in enumerate(parts):
            command = self.some(IFCS, VLE) | (EOP if index == len(parts) - 1 else 0)
            if index and rng.random() < 0.1:
                made.append(
                    struct.pack("<QHBBBBH", self.place(length), length, 50, command | IC, 0, 34, 0x1234)
                )
            else:
                options = rng.choice((3, 3, rng.randrange(4)))
                made.append(self.data(length, command | (TSE if index else first), options))
            if rng.random() < 0.05:
                made.append(self.context(rng.randrange(4)))
        if not first:
            self.spend(total)
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


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + b"\0" * (len(data) & 1)
    total = 0
    for index in range(0, len(padded), 2):
        total += padded[index] << 8 | padded[index + 1]
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF ^ total


async def walk(
    target: Target, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> list[list[Any]]:
    """Entry: `spec` has `seed` and `steps`."""
    return await OffloadLockstep(target, memory, spec["seed"]).walk(spec["steps"], progress)
