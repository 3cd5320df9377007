"""What no driver in its senses does to a ring, and whether the NIC is of use after it. Runs on any target."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from typing import Any

from vnic.memory import HostMemory
from vnic.nic.events import DmaEvent
from vnic.nic.port import WireFrame
from vnic.nic.registers import CTRL, RCTL, TCTL, Reg
from vnic.targets.base import Target

BASE, SIZE = 0x10_0000, 0x10_0000
RX_RING, TX_RING, SLOTS = BASE, BASE + 0x1000, 8
BUFFERS, DATA = BASE + 0x2000, BASE + 0x1_0000
EOP, IFCS, RS, DEXT = 0x01, 0x02, 0x08, 0x20
FRAME = b"\xff" * 6 + bytes(range(100))
SETTLE_CYCLES = 65_536
OUT_OF_MEMORY = BASE + SIZE


class Rings:
    """Both rings, driven by hand; `events` are the accesses since the last set_up."""

    def __init__(self, target: Target, memory: HostMemory) -> None:
        self.target = target
        self.memory = memory
        self.events: list[DmaEvent] = []
        target.on_dma = self.events.append

    async def set_up(self, *, rx_base: int = RX_RING, tx_base: int = TX_RING) -> None:
        """A reset, and both rings empty at index 0."""
        write = self.target.write32
        await write(Reg.CTRL, CTRL.RST)
        await write(Reg.CTRL, CTRL.SLU | CTRL.FD)
        for first, base in ((Reg.RDBAL, rx_base), (Reg.TDBAL, tx_base)):
            await write(first, base)
            await write(first + 8, 16 * SLOTS)
        await write(Reg.RCTL, RCTL.EN | RCTL.BAM | RCTL.BSIZE_2048)
        await write(Reg.TCTL, TCTL.EN | TCTL.PSP)
        await self.settle()
        self.events.clear()

    async def settle(self) -> None:
        """A NIC that hangs says so soon."""
        target: Any = self.target
        await (target.settle(SETTLE_CYCLES) if target.name == "icarus" else target.settle())

    async def write(self, register: int, value: int) -> None:
        await self.target.write32(register, value)
        await self.settle()

    async def receive(self, count: int) -> None:
        await self.target.wire.offer([WireFrame(FRAME)] * count)
        await self.settle()

    def post(self, *addresses: int) -> None:
        for index, address in enumerate(addresses):
            self.memory.write(RX_RING + 16 * index, struct.pack("<QQ", address, 0))

    def send(self, *descriptors: tuple[int, int, int]) -> None:
        """(address, length, command) each, from index 0 on; DEXT makes a data descriptor of 20 bits."""
        for index, (address, length, command) in enumerate(descriptors):
            kind = 1 << 20 if command & DEXT else 0
            word = struct.pack("<QIBBH", address, length | kind | command << 24, 0, 0, 0)
            self.memory.write(TX_RING + 16 * index, word)

    async def state(self) -> dict[str, Any]:
        """What shows: frames on the wire, heads, descriptors done, accesses that failed, writes by place."""
        sent = [len(frame) for frame in await self.target.wire.collect()]
        heads = [await self.target.read32(register) for register in (Reg.RDH, Reg.TDH)]
        done = [self.memory.read(TX_RING + 16 * index + 12, 1)[0] & 1 for index in range(SLOTS)]
        failed = sorted({event.master.name for event in self.events if not event.ok})
        written = sorted({event.address >> 12 for event in self.events if event.write and event.ok})
        return {"sent": sent, "heads": heads, "done": sum(done), "failed": failed, "pages": written}

    async def useful(self) -> bool:
        """After a reset a frame goes out and one comes in."""
        self.memory.fill(BASE, SIZE, 0)
        await self.set_up()
        self.memory.write(DATA, FRAME)
        self.post(BUFFERS)
        self.send((DATA, len(FRAME), EOP | IFCS | RS))
        await self.target.wire.collect()
        await self.write(Reg.RDT, 1)
        await self.write(Reg.TDT, 1)
        await self.receive(1)
        _, length, _, status, *_ = struct.unpack("<QHHBBH", self.memory.read(RX_RING, 16))
        received = self.memory.read(BUFFERS, length - 4) if status & 1 else b""
        return await self.target.wire.collect() == [FRAME] and received == FRAME


async def nothing_to_send(rings: Rings) -> None:
    """Transmit of 0 bytes, alone and as the end of a frame."""
    rings.send((DATA, 0, EOP | IFCS | RS), (DATA, 70, RS), (0, 0, EOP | IFCS | RS))
    await rings.write(Reg.TDT, 3)


async def too_much_to_send(rings: Rings) -> None:
    """65,535 bytes from where 960 KiB are, one byte short of 1 MiB from anywhere, and a good frame behind."""
    rings.send(
        (DATA, 65_535, EOP | IFCS | RS), (DATA, (1 << 20) - 1, EOP | IFCS | RS | DEXT), (DATA, 60, EOP | RS)
    )
    await rings.write(Reg.TDT, 3)


async def a_transmit_ring_that_sends_itself(rings: Rings) -> None:
    """Each buffer is the ring, and the tail runs round four times: 28 frames."""
    rings.send(*[(TX_RING, 16 * SLOTS, EOP | IFCS | RS)] * SLOTS)
    for turn in range(4):
        await rings.write(Reg.TDT, (7 * (turn + 1)) % SLOTS)


async def a_receive_ring_that_fills_itself(rings: Rings) -> None:
    """Each buffer is the ring: frames become descriptors, and these point where no memory is."""
    rings.post(*[RX_RING] * SLOTS)
    await rings.write(Reg.RDT, SLOTS - 1)
    for tail in (3, 6, 1):
        await rings.receive(4)
        await rings.write(Reg.RDT, tail)
    await rings.receive(60)


async def rdlen_0(rings: Rings) -> None:
    rings.post(*[BUFFERS] * SLOTS)
    await rings.write(Reg.RDLEN, 0)
    await rings.write(Reg.RDT, 4)
    await rings.receive(3)


async def rdt_beyond_the_ring(rings: Rings) -> None:
    rings.post(*[BUFFERS] * SLOTS)
    await rings.write(Reg.RDT, SLOTS)
    await rings.receive(3)
    await rings.write(Reg.RDT, 0xFFFF)
    await rings.receive(3)


async def rdt_beyond_the_ring_and_back(rings: Rings) -> None:
    """A good tail is all it takes, without a reset."""
    await rdt_beyond_the_ring(rings)
    await rings.write(Reg.RDT, 7)


async def rdh_beyond_the_ring(rings: Rings) -> None:
    rings.post(*[BUFFERS] * SLOTS)
    await rings.write(Reg.RDH, SLOTS + 1)
    await rings.write(Reg.RDT, 4)
    await rings.receive(3)


async def tdt_and_tdlen(rings: Rings) -> None:
    """TDT beyond the ring, then TDLEN 0."""
    rings.send(*[(DATA, 60, EOP | IFCS | RS)] * SLOTS)
    await rings.write(Reg.TDT, SLOTS)
    await rings.write(Reg.TDLEN, 0)
    await rings.write(Reg.TDT, 3)


async def rings_beyond_memory(rings: Rings) -> None:
    """Half of each ring."""
    await rings.set_up(rx_base=OUT_OF_MEMORY - 64, tx_base=OUT_OF_MEMORY - 64)
    await rings.write(Reg.RDT, 7)
    await rings.receive(6)
    await rings.write(Reg.TDT, 7)


async def buffers_beyond_memory(rings: Rings) -> None:
    """The first one half, the others wholly; and the same to send from."""
    rings.post(OUT_OF_MEMORY - 50, OUT_OF_MEMORY, 0, (1 << 64) - 30)
    rings.send(*[(address, 100, EOP | RS) for address in (OUT_OF_MEMORY - 50, 0, (1 << 64) - 30)])
    await rings.write(Reg.RDT, 4)
    await rings.receive(4)
    await rings.write(Reg.TDT, 3)


FAULTS: list[Callable[[Rings], Awaitable[None]]] = [
    nothing_to_send,
    too_much_to_send,
    a_transmit_ring_that_sends_itself,
    a_receive_ring_that_fills_itself,
    rdlen_0,
    rdt_beyond_the_ring,
    rdt_beyond_the_ring_and_back,
    rdh_beyond_the_ring,
    tdt_and_tdlen,
    rings_beyond_memory,
    buffers_beyond_memory,
]


async def faults(
    target: Target, memory: HostMemory, spec: dict[str, Any], progress: Callable[[int, int], None]
) -> dict[str, dict[str, Any]]:
    """Entry: each fault after a reset, what showed, and whether the NIC was `useful` after another reset."""
    rings = Rings(target, memory)
    found = {}
    for number, fault in enumerate(FAULTS):
        memory.fill(BASE, SIZE, 0)
        await rings.set_up()
        await fault(rings)
        found[fault.__name__] = {**await rings.state(), "useful": await rings.useful()}
        progress(number + 1, len(FAULTS))
    return found
