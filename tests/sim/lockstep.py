"""Random register writes, descriptors and frames, on any target.

The model runs in process, the RTL inside the simulator.

After each step the NIC comes to rest and all that can be seen is taken down: registers, statistics, the
frames that left, a digest of memory. Two NICs that promise the same thing leave the same trace.
"""

from __future__ import annotations

import hashlib
import random
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from vnic.memory import HostMemory
from vnic.nic.port import WireFrame
from vnic.nic.registers import CTRL, RCTL, REGISTERS, TCTL, Reg
from vnic.targets.base import Target

MEMORY = 2 << 20
RX_RING, TX_RING = 0x1_0000, 0x2_0000
SLOTS = 32
RX_AREA, TX_AREA, END = 0x4_0000, 0x18_0000, 0x1F_0000
# A loopback batch that fits the receive FIFO whatever DMA does
LOOP_BYTES = 40_000
MAC = bytes.fromhex("525400123456")

STATISTICS = [
    info.offset + index * info.stride
    for info in REGISTERS.values()
    for index in range(info.count)
    if 0x4000 <= info.offset < 0x4100
]
STATE = (Reg.CTRL, Reg.STATUS, Reg.ICR, Reg.IMS, Reg.RCTL, Reg.TCTL, Reg.RDH, Reg.RDT, Reg.TDH, Reg.TDT)


class Lockstep:
    """One random walk; the same seed takes the same steps on every target."""

    def __init__(self, target: Target, memory: HostMemory, seed: int) -> None:
        self.target = target
        self.memory = memory
        self.random = random.Random(seed)
        self.rx_tail = self.tx_tail = 0
        self.rctl = self.tctl = 0
        self.link = True

    async def walk(self, steps: int, progress: Callable[[int, int], None]) -> list[list[Any]]:
        """The trace: a row [step, what was done, registers, frames sent, digest] for each step."""
        self.memory.write(TX_AREA, self.random.randbytes(END - TX_AREA))
        await self.set_up()
        actions, weights = zip(*self.choices(), strict=True)
        rows = []
        for step in range(steps):
            action = self.random.choices(actions, weights)[0]
            detail = await action()
            await self.target.settle()
            rows.append([step, f"{action.__name__} {detail}", *await self.look()])
            progress(step + 1, steps)
        return rows

    def choices(self) -> list[tuple[Callable[[], Awaitable[str]], int]]:
        """What a step can be, and how often."""
        return [
            (self.frames, 30),
            (self.post, 20),
            (self.send, 20),
            (self.receive_control, 8),
            (self.transmit_control, 4),
            (self.filters, 3),
            (self.cable, 2),
            (self.set_up, 2),
            (self.reset, 1),
        ]

    async def look(self) -> tuple[list[str], list[str], str]:
        """All that shows: registers and statistics as name=value, digests of the frames sent, of memory."""
        read = self.target.read32
        registers = [f"{register.name}={await read(register):#x}" for register in STATE]
        if self.random.random() < 0.3:
            for offset in STATISTICS:
                value = await read(offset)
                if value:
                    registers.append(f"{offset:#x}={value}")
        sent = [f"{len(data)}:{digest(data)}" for data in await self.target.wire.collect()]
        return registers, sent, digest(self.memory.read(0, MEMORY))

    async def set_up(self) -> str:
        """Both rings anew, somewhere in the ring."""
        write = self.target.write32
        rng = self.random
        await write(Reg.RCTL, 0)
        await write(Reg.TCTL, 0)
        await write(Reg.CTRL, CTRL.SLU | CTRL.FD)
        for ring, low, high, length in (
            (RX_RING, Reg.RDBAL, Reg.RDBAH, Reg.RDLEN),
            (TX_RING, Reg.TDBAL, Reg.TDBAH, Reg.TDLEN),
        ):
            await write(low, ring)
            await write(high, 0)
            await write(length, 16 * SLOTS)
        self.rx_tail, self.tx_tail = rng.randrange(SLOTS), rng.randrange(SLOTS)
        for register, value in (
            (Reg.RDH, self.rx_tail),
            (Reg.RDT, self.rx_tail),
            (Reg.TDH, self.tx_tail),
            (Reg.TDT, self.tx_tail),
        ):
            await write(register, value)
        await write(Reg.IMS, rng.getrandbits(17))
        await self.receive_control()
        await self.transmit_control()
        return f"rx at {self.rx_tail} tx at {self.tx_tail} rctl {self.rctl:#x} tctl {self.tctl:#x}"

    async def receive_control(self) -> str:
        rng = self.random
        self.rctl = RCTL.EN if rng.random() < 0.9 else 0
        for bit, chance in (
            (RCTL.SBP, 0.3),
            (RCTL.UPE, 0.4),
            (RCTL.MPE, 0.3),
            (RCTL.LPE, 0.5),
            (RCTL.BAM, 0.7),
            (RCTL.SECRC, 0.3),
            (RCTL.BSEX, 0.2),
            (RCTL.LBM_MAC, 0.2),
        ):
            if rng.random() < chance:
                self.rctl |= bit
        self.rctl |= rng.randrange(4) << RCTL.BSIZE_SHIFT | rng.randrange(3) << RCTL.RDMTS_SHIFT
        await self.target.write32(Reg.RCTL, self.rctl)
        return f"{self.rctl:#x}"

    async def transmit_control(self) -> str:
        chance = self.random.random
        self.tctl = (TCTL.EN if chance() < 0.9 else 0) | (TCTL.PSP if chance() < 0.7 else 0)
        await self.target.write32(Reg.TCTL, self.tctl)
        return f"{self.tctl:#x}"

    async def filters(self) -> str:
        rng = self.random
        await self.target.write32(Reg.MTA + 4 * rng.randrange(128), rng.getrandbits(32))
        await self.target.write32(Reg.RAL + 8, int.from_bytes(MAC[:4], "little"))
        valid = rng.random() < 0.5
        await self.target.write32(Reg.RAH + 8, int.from_bytes(MAC[4:], "little") + 1 | valid << 31)
        return f"RA[1] {'on' if valid else 'off'}"

    async def cable(self) -> str:
        self.link = not self.link
        await self.target.set_link(self.link)
        return "in" if self.link else "out"

    async def reset(self) -> str:
        await self.target.write32(Reg.CTRL, CTRL.RST)
        return await self.set_up()

    def frame(self) -> WireFrame:
        """A frame of any kind, most of them good."""
        rng = self.random
        kind = rng.random()
        length = (
            rng.randrange(46, 110)
            if kind < 0.4
            else rng.randrange(1400, 1519)
            if kind < 0.7
            else rng.randrange(14, 1519)
            if kind < 0.9
            else rng.randrange(1519, 9100)
        )
        destination = rng.choice(
            [b"\xff" * 6, MAC, MAC, MAC[:5] + b"\x57", b"\x33\x33" + rng.randbytes(4), rng.randbytes(6)]
        )
        body = rng.randbytes(length)
        raw = rng.random() < 0.1
        if raw:
            return WireFrame((destination + body)[: rng.randrange(6, 64)], rng.random() < 0.3, True)
        return WireFrame(destination + body[6:], rng.random() < 0.08)

    async def frames(self) -> str:
        batch = [self.frame() for _ in range(self.random.choice((1, 2, 5, 20, 60)))]
        await self.target.wire.offer(batch)
        return f"{len(batch)} of {[len(frame.data) for frame in batch][:8]}"

    async def post(self) -> str:
        """More receive buffers, each anywhere."""
        rng = self.random
        head = await self.target.read32(Reg.RDH)
        room = (head - self.rx_tail - 1) % SLOTS
        count = rng.randint(0, room)
        for _ in range(count):
            address = rng.randrange(RX_AREA, TX_AREA - 16384)
            self.memory.write(RX_RING + 16 * self.rx_tail, struct.pack("<QQ", address, rng.getrandbits(64)))
            self.rx_tail = (self.rx_tail + 1) % SLOTS
        await self.target.write32(Reg.RDT, self.rx_tail)
        return f"{count} tail {self.rx_tail}"

    async def send(self) -> str:
        """More transmit descriptors: frames in parts, with and without RS, now and then odd ones."""
        rng = self.random
        head = await self.target.read32(Reg.TDH)
        room = (head - self.tx_tail - 1) % SLOTS
        count = rng.randint(0, room)
        lengths = []
        budget = LOOP_BYTES
        for index in range(count):
            length = rng.choice((rng.randrange(1, 40), rng.randrange(40, 200), rng.randrange(200, 1600)))
            if rng.random() < 0.05:
                length = rng.choice((0, 5000, 9000))
            if length > budget:
                length = 1
            budget -= length
            command = 0
            for bit, chance in ((0x01, 0.6), (0x02, 0.85), (0x08, 0.6), (0x20, 0.03), (0x80, 0.1)):
                if rng.random() < chance:
                    command |= bit
            if index == count - 1:
                command |= 0x01
            lengths.append(length)
            word = struct.pack("<QHBBBBH", rng.randrange(TX_AREA, END - 9000), length, 0, command, 0, 0, 0)
            self.memory.write(TX_RING + 16 * self.tx_tail, word)
            self.tx_tail = (self.tx_tail + 1) % SLOTS
        await self.target.write32(Reg.TDT, self.tx_tail)
        return f"{count} {lengths[:8]} tail {self.tx_tail}"


def digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


async def walk(
    target: Target, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> list[list[Any]]:
    """Entry: `spec` has `seed` and `steps`."""
    return await Lockstep(target, memory, spec["seed"]).walk(spec["steps"], progress)
