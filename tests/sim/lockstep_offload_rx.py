"""Random walks with the receive offloads on and off: tags, filters, checksums right and wrong.

Half of what is received is as a network has it; the rest has lengths and fields that nobody sends.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from typing import Any

from tests.sim.lockstep import MAC, Lockstep
from vnic.memory import HostMemory
from vnic.nic.port import WireFrame
from vnic.nic.registers import CTRL, RCTL, VFTA_STRIDE, Reg
from vnic.targets.base import Target

IDENTIFIERS = (0, 1, 31, 32, 0x123, 0xFFE, 0xFFF)
ETHER_TYPES = (0x8100, 0x88A8)


class ReceiveLockstep(Lockstep):
    """``Lockstep`` with the receive offloads."""

    def __init__(self, target: Target, memory: HostMemory, seed: int) -> None:
        super().__init__(target, memory, seed)
        self.ether_type = 0x8100

    def choices(self) -> list[tuple[Callable[[], Awaitable[str]], int]]:
        return [
            (self.feed, 50),
            (self.frames, 4),
            (self.post, 4),
            (self.send, 4),
            (self.receive_control, 8),
            (self.offload_control, 14),
            (self.filters, 2),
            (self.set_up, 2),
            (self.reset, 1),
        ]

    async def set_up(self) -> str:
        return f"{await super().set_up()} {await self.offload_control()}"

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
        start = rng.choice((0, 14, 15, 34, rng.randrange(256)))
        checks = rng.choice((0, start, start | 0x100, start | 0x200, start | 0x300, start | 0x300))
        await write(Reg.CTRL, CTRL.SLU | CTRL.FD | (CTRL.VME if tagging else 0))
        await write(Reg.VET, self.ether_type)
        await write(Reg.RXCSUM, checks)
        identifier = rng.choice(IDENTIFIERS)
        await write(Reg.VFTA + (identifier >> 5) * VFTA_STRIDE, rng.getrandbits(32) | 1 << (identifier & 31))
        return f"VME {tagging} VET {self.ether_type:#x} RXCSUM {checks:#x} VFTA[{identifier >> 5}]"

    async def feed(self) -> str:
        """Buffers, and not many more frames than they hold."""
        posted = await self.post()
        batch = [self.frame() for _ in range(self.random.choice((1, 6, 12, 20)))]
        await self.target.wire.offer(batch)
        return f"{posted}, {[frame.data[:64].hex() for frame in batch[:2]]}"

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
        data += rng.randbytes(rng.choice((0, 0, 1, 7)))
        if rng.random() < 0.1:  # a runt: it ends in or near its tag
            return WireFrame(bytes(data[: rng.randrange(11, 64)]), rng.random() < 0.3, True)
        return WireFrame(bytes(data), rng.random() < 0.05)

    def ipv4(self) -> bytes:
        """A packet whose checksums are right."""
        rng = self.random
        protocol = rng.choice((6, 6, 17, 17, 1))
        words = rng.choice((5, 5, 5, 6, 15))
        size = rng.randrange(rng.choice((60, 60, 60, 60, 1400, 1400, 8900)))
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


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + b"\0" * (len(data) & 1)
    total = 0
    for index in range(0, len(padded), 2):
        total += padded[index] << 8 | padded[index + 1]
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF ^ total


async def receive_walk(
    target: Target, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> list[list[Any]]:
    """Entry: `spec` has `seed` and `steps`."""
    return await ReceiveLockstep(target, memory, spec["seed"]).walk(spec["steps"], progress)
