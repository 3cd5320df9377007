"""What stands round the behavioural NIC in these tests: memory, rings with marked buffers, frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from vnic.memory import HostMemory
from vnic.nic.descriptors import DESCRIPTOR_BYTES, RxDescriptor, TxCommand, TxDescriptor
from vnic.nic.eeprom import DEFAULT_MAC
from vnic.nic.events import DmaEvent, Master
from vnic.nic.model import Controller, fcs
from vnic.nic.registers import CTRL, RCTL, TCTL, Reg
from vnic.nic.rx import FIFO_BYTES

MAC = DEFAULT_MAC
OTHER = bytes.fromhex("020000000001")
BROADCAST = b"\xff" * 6

RX_RING = 0x1_0000
TX_RING = 0x2_0000
TX_DATA = 0x4_0000
BUFFERS = 0x10_0000
POISON = 0xA5


def frame(length: int = 64, destination: bytes = MAC, seed: int = 0) -> bytes:
    """A frame of ``length`` bytes with a correct FCS, told from others by ``seed``."""
    body = bytes((seed + index) & 0xFF for index in range(max(length - 4 - len(destination), 0)))
    data = (destination + body)[: max(length - 4, 0)]
    return data + fcs(data)


class Bench:
    """A controller with a link, 4 MiB of memory, and notes of what it does."""

    def __init__(self, *, rx_fifo_bytes: int = FIFO_BYTES) -> None:
        self.memory = HostMemory(4 << 20)
        self.nic = Controller(self.memory, rx_fifo_bytes=rx_fifo_bytes)
        self.dma: list[DmaEvent] = []
        self.sent: list[bytes] = []
        self.levels: list[bool] = []
        self.nic.on_dma = self.dma.append
        self.nic.on_transmit = self.sent.append
        self.nic.on_irq = self.levels.append
        self.nic.write(Reg.CTRL, CTRL.SLU | CTRL.FD)
        self.nic.read(Reg.ICR)
        self.stride = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.memory.close()

    def __getitem__(self, offset: int) -> int:
        return self.nic.read(offset)

    def __setitem__(self, offset: int, value: int) -> None:
        self.nic.write(offset, value)

    # ---- receive

    def open_rx(
        self, rctl: int = RCTL.EN, *, count: int = 8, tail: int | None = None, stride: int = 0x5000
    ) -> None:
        """A ring of ``count`` descriptors with poisoned buffers ``stride`` bytes apart; all but one given."""
        self.stride = stride
        self.memory.fill(BUFFERS, stride * count, POISON)
        for index in range(count):
            descriptor = RxDescriptor(self.buffer_address(index), 0xFFFF, 0xFFFF, 0, 0xFF, 0xFFFF)
            self.memory.write(RX_RING + index * DESCRIPTOR_BYTES, descriptor.pack())
        self[Reg.RDBAL] = RX_RING
        self[Reg.RDLEN] = count * DESCRIPTOR_BYTES
        self[Reg.RDH] = 0
        self[Reg.RDT] = count - 1 if tail is None else tail
        self[Reg.RCTL] = rctl

    def buffer_address(self, index: int) -> int:
        return BUFFERS + index * self.stride

    def rx(self, index: int) -> RxDescriptor:
        return RxDescriptor.unpack(self.memory.read(RX_RING + index * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES))

    def buffer(self, index: int, length: int) -> bytes:
        return self.memory.read(self.buffer_address(index), length)

    def untouched(self, index: int) -> bool:
        """Neither the descriptor nor its buffer has been written."""
        return self.rx(index).status == 0 and set(self.buffer(index, self.stride)) == {POISON}

    def receive(self, *frames: bytes, bad_fcs: bool = False) -> None:
        self.nic.receive_burst([(data, bad_fcs) for data in frames])

    # ---- transmit

    def open_tx(self, tctl: int = TCTL.EN, *, count: int = 8) -> None:
        self[Reg.TDBAL] = TX_RING
        self[Reg.TDLEN] = count * DESCRIPTOR_BYTES
        self[Reg.TCTL] = tctl

    def put_tx(self, index: int, descriptor: TxDescriptor) -> None:
        self.memory.write(TX_RING + index * DESCRIPTOR_BYTES, descriptor.pack())

    def put_frame(
        self,
        index: int,
        parts: Sequence[bytes],
        last: int = TxCommand.EOP | TxCommand.IFCS | TxCommand.RS,
        other: int = 0,
    ) -> int:
        """Descriptors from ``index`` for one frame in ``parts``; returns the index behind them."""
        address = TX_DATA + index * 0x4000
        for number, part in enumerate(parts):
            self.memory.write(address, part)
            command = last if number == len(parts) - 1 else other
            self.put_tx(index, TxDescriptor(address, len(part), 0, command))
            address += len(part)
            index += 1
        return index

    def tx(self, index: int) -> TxDescriptor:
        return TxDescriptor.unpack(self.memory.read(TX_RING + index * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES))

    # ---- what was seen

    def seen(self, *masters: Master) -> list[DmaEvent]:
        """The bus accesses of ``masters`` so far."""
        return [event for event in self.dma if event.master in masters]

    def counters(self, registers: Iterable[Reg]) -> dict[str, int]:
        """Those of ``registers`` that are not 0 (reading clears them)."""
        values = {register.name: self[register] for register in registers}
        return {name: value for name, value in values.items() if value}
