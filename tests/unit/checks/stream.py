"""A run told event by event: what a correct driver and a correct NIC do, for tests that spoil one thing.

It knows nothing of the rules: it writes descriptors and data into a real memory and hands out the events that
a target and a driver would. A test overrides one step, or hands in an event of its own.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from vnic.checks.checker import Checker
from vnic.checks.state import CheckOptions
from vnic.checks.verdict import Verdict
from vnic.linux.dma import Action, Direction, MapEvent
from vnic.linux.profile import load_profile
from vnic.linux.rx_buffer import RxBufferEvent
from vnic.memory import HostMemory
from vnic.nic.events import DescriptorWord, DmaEvent, FrameEvent, Master, RegisterEvent
from vnic.nic.port import WireFrame
from vnic.nic.registers import CTRL, RAH, RCTL, TCTL, Reg

RX_RING = 0x10000
TX_RING = 0x12000
POOL = 0x100000
TX_POOL = 0x200000
MAC = bytes.fromhex("525400123456")
UNICAST = MAC + bytes.fromhex("020000000001") + b"\x08\x00"


def frame(length: int, seed: int = 0) -> bytes:
    """A frame to our address of ``length`` bytes without FCS."""
    body = bytes((seed * 7 + i * 3) & 0xFF for i in range(length - 14))
    return UNICAST + body


class Stream:
    """One run with fragments of a 6.1 kernel, 1522-byte buffers and a ring of ``count`` descriptors."""

    nominal = 1522
    size = 1920  # SKB_DATA_ALIGN(1522 + 64) + 320: facts of 6.1
    data_offset = 64
    strategy = "build_skb"
    size_class = "page_frag"

    def __init__(
        self, kernel: str = "6.1/x86_64", count: int = 8, options: CheckOptions | None = None
    ) -> None:
        self.memory = HostMemory(4 << 20)
        self.profile = load_profile(kernel)
        self.checker = Checker(self.profile, self.memory, options)
        self.count = count
        self.seq = self.now = self.head = self.tail = self.fresh = 0
        self.tx_tail = 0
        self.buffers: list[int] = [0] * count
        self.rctl = RCTL.EN | RCTL.BAM

    # what the driver does

    def write(self, offset: int, value: int) -> None:
        self.now += 10
        self.checker.on_register(RegisterEvent(self.now, True, offset, value))

    def read(self, offset: int, value: int) -> None:
        self.now += 10
        self.checker.on_register(RegisterEvent(self.now, False, offset, value))

    def map(self, action: Action, address: int, length: int, direction: Direction = "from_device") -> None:
        self.checker.on_map(MapEvent(self.seq, action, address, length, direction))
        self.seq += 1

    def open(self) -> None:
        self.write(Reg.CTRL, CTRL.RST)
        self.write(Reg.CTRL, CTRL.SLU)
        self.write(Reg.RAL, int.from_bytes(MAC[:4], "little"))
        self.write(Reg.RAH, int.from_bytes(MAC[4:], "little") | RAH.AV)
        size = self.count * 16
        for base, low in ((RX_RING, Reg.RDBAL), (TX_RING, Reg.TDBAL)):
            self.map("alloc_coherent", base, size, "bidirectional")
            self.write(low, base)
            self.write(low + 4, 0)
            self.write(low + 8, size)
            self.write(low + 0x10, 0)
            self.write(low + 0x18, 0)
        self.write(Reg.RCTL, self.rctl)
        self.write(Reg.TCTL, TCTL.EN | TCTL.PSP)
        self.post(self.count - 1)

    def buffer(self) -> RxBufferEvent:
        """The next buffer that the allocator gives."""
        # Seventeen to a 32 KiB page: none crosses a 64 KiB boundary.
        page, place = divmod(self.fresh % 170, 32768 // self.size)
        head = POOL + page * 32768 + place * self.size
        self.fresh += 1
        return RxBufferEvent(
            address=head + self.data_offset,
            nominal=self.nominal,
            head=head,
            request=self.size,
            allocated=self.size,
            size_class=self.size_class,
            shinfo=head + self.size - 320,
            truesize=self.size + 256,
            strategy=self.strategy,
        )

    def map_buffer(self, buffer: RxBufferEvent) -> None:
        self.map("map", buffer.address, buffer.nominal)

    def post(self, n: int) -> None:
        for _ in range(n):
            buffer = self.buffer()
            self.map_buffer(buffer)
            self.buffers[self.tail] = buffer.address
            self.memory.write(RX_RING + self.tail * 16, struct.pack("<QQ", buffer.address, 0))
            self.checker.on_buffer(buffer)
            self.tail = (self.tail + 1) % self.count
        self.write(Reg.RDT, self.tail)

    def unmap_buffer(self, address: int) -> None:
        self.map("unmap", address, self.nominal)

    def deliver(self, words: Sequence[DescriptorWord], data: bytes) -> None:
        for word in words:
            self.unmap_buffer(word.address)
        self.checker.on_frame(FrameEvent(self.now, data, tuple(words)))
        self.post(len(words))

    def close(self) -> list[Verdict]:
        self.write(Reg.RCTL, 0)
        self.write(Reg.TCTL, 0)
        index = self.head
        while index != self.tail:
            self.unmap_buffer(self.buffers[index])
            index = (index + 1) % self.count
        size = self.count * 16
        for base in (RX_RING, TX_RING):
            self.map("free_coherent", base, size, "bidirectional")
        return self.checker.finish()

    # what the NIC does

    def dma(
        self,
        master: Master,
        address: int,
        length: int,
        *,
        write: bool = True,
        strobes: int | None = None,
        width: int = 0,
        beats: int | None = None,
        burst: int | None = None,
        ok: bool = True,
    ) -> None:
        self.now += 10
        needed = (address + length - 1) // width - address // width + 1 if width else 0
        self.checker.on_dma(
            DmaEvent(
                self.now,
                master,
                write,
                address,
                length,
                length if strobes is None else strobes,
                address if burst is None else burst,
                needed if beats is None else beats,
                width,
                ok,
            )
        )

    def fetch(self) -> None:
        self.dma(Master.RX_DESC, RX_RING, self.count * 16, write=False)

    def write_data(self, address: int, data: bytes) -> None:
        self.memory.write(address, data)
        self.dma(Master.RX_DATA, address, len(data))

    def write_back(self, index: int, length: int, status: int = 0x07) -> DescriptorWord:
        word = DescriptorWord(index, self.buffers[index], length, 0, status, 0, 0)
        raw = struct.pack("<QHHBBH", word.address, length, 0, status, 0, 0)
        self.memory.write(RX_RING + index * 16, raw)
        self.dma(Master.RX_WRITEBACK, RX_RING + index * 16, 16)
        return word

    def receive(self, data: bytes) -> None:
        """One frame on its way from the wire to the stack."""
        self.checker.on_offer([WireFrame(data)])
        data = data.ljust(60, b"\0")
        data += zlib.crc32(data).to_bytes(4, "little")
        self.fetch()
        words = self.store(data)
        self.deliver(words, data)

    def store(self, data: bytes) -> list[DescriptorWord]:
        """The NIC's part: data, then write-back, over as many descriptors as it takes."""
        words = []
        for at in range(0, len(data), 2048):
            part = data[at : at + 2048]
            self.write_data(self.buffers[self.head], part)
            words.append(self.write_back(self.head, len(part), 0x07 if at + 2048 >= len(data) else 0x01))
            self.head = (self.head + 1) % self.count
        return words

    def transmit(self, data: bytes) -> None:
        """One frame on its way from the stack to the wire."""
        self.checker.on_transmit(data)
        index = self.tx_tail
        address = TX_POOL + index * 2048 + 2
        self.memory.write(address, data)
        self.map("map", address, len(data), "to_device")
        descriptor = struct.pack("<QHBBBBH", address, len(data), 0, 0x0B, 0, 0, 0)
        self.memory.write(TX_RING + index * 16, descriptor)
        self.tx_tail = (index + 1) % self.count
        self.write(Reg.TDT, self.tx_tail)
        self.dma(Master.TX_DESC, TX_RING + index * 16, 16, write=False)
        self.send(index, address, data)
        self.map("unmap", address, len(data), "to_device")

    def send(self, index: int, address: int, data: bytes) -> None:
        """The NIC's part of it."""
        self.dma(Master.TX_DATA, address, len(data), write=False)
        self.memory.write(TX_RING + index * 16 + 12, b"\x01")
        self.dma(Master.TX_WRITEBACK, TX_RING + index * 16, 16)
        self.checker.on_collect([data.ljust(60, b"\0")])


def found(verdicts: Sequence[Verdict], *, notes: bool = False) -> list[str]:
    """The ids of the verdicts; notes only if asked for."""
    return [verdict.rule for verdict in verdicts if notes or verdict.severity != "note"]
