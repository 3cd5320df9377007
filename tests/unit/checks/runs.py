"""A small run to record and to compare: three frames and what the NIC did for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from vnic.memory import HostMemory
from vnic.nic.events import DescriptorWord, DmaEvent, FrameEvent, Master
from vnic.targets.record import RunRecord


def write(master: Master, address: int, length: int, time_ns: int = 0) -> DmaEvent:
    return DmaEvent(time_ns, master, True, address, length, length, address, 0, 0, True)


def word(index: int, length: int = 64) -> DescriptorWord:
    return DescriptorWord(index, 0x10000 + index * 2048, length, 0, 7, 0, 0)


@dataclass
class Run:
    """A small run: three frames, the last over two descriptors."""

    target: str = "model"
    frames: list[FrameEvent] = field(
        default_factory=lambda: [
            FrameEvent(10, b"a" * 64, (word(0),)),
            FrameEvent(20, b"b" * 64, (word(1),)),
            FrameEvent(30, b"c" * 3000, (word(2, 2048), word(3, 952))),
        ]
    )
    dma: list[DmaEvent] = field(
        default_factory=lambda: [
            write(Master.RX_DATA, 0x10000, 64),
            write(Master.RX_DATA, 0x10800, 64),
            write(Master.RX_DATA, 0x11000, 2048),
            write(Master.RX_DATA, 0x11800, 952),
            write(Master.RX_WRITEBACK, 0x8000, 64),
            write(Master.TX_WRITEBACK, 0x9000, 16),
        ]
    )
    registers: dict[str, int] = field(default_factory=lambda: {"RCTL": 2, "RDH": 4})
    statistics: dict[str, int] = field(default_factory=lambda: {"GPRC": 3, "MPC": 0})
    byte: int = 0

    def record(self, directory: Path) -> Path:
        with HostMemory(1 << 20) as memory, RunRecord(directory, self.target) as record:
            memory.write(0x20000, bytes((self.byte,)))
            for event in self.dma:
                record.on_dma(event)
            for frame in self.frames:
                record.on_frame(frame)
            return record.finish(memory, registers=self.registers, statistics=self.statistics)
