"""Descriptor ownership, ring registers and the order of data and write-back."""

from __future__ import annotations

import struct

import pytest

from tests.unit.checks.stream import RX_RING, TX_RING, Stream, found, frame
from vnic.checks.state import CheckOptions, Part
from vnic.linux.rx_buffer import RxBufferEvent
from vnic.nic.events import DescriptorWord, Master
from vnic.nic.registers import RCTL, Reg


def test_the_ring_wraps_silently() -> None:
    stream = Stream(count=8)
    stream.open()
    for number in range(50):
        stream.receive(frame(60 + number, number))
        stream.transmit(frame(60 + number, number))
    assert found(stream.close()) == []


def test_a_write_back_past_the_tail() -> None:
    stream = Stream()
    stream.open()
    stream.write_back(7, 64)  # seven of eight are given: 0..6
    verdicts = stream.close()
    assert found(verdicts) == ["desc-ownership"]
    assert verdicts[0].where == "rx descriptor 7"


def test_a_descriptor_written_back_twice() -> None:
    stream = Stream()
    stream.open()
    stream.write_data(stream.buffers[0], bytes(64))
    stream.write_back(0, 64)
    stream.write_back(0, 64)
    assert found(stream.close()) == ["desc-ownership"]


def test_a_transmit_descriptor_written_back_that_was_not_given() -> None:
    stream = Stream()
    stream.open()
    stream.memory.write(TX_RING + 16, struct.pack("<QQ", 0, 1 << 32))
    stream.dma(Master.TX_WRITEBACK, TX_RING + 16, 16)
    assert found(stream.close()) == ["desc-ownership"]


def test_a_write_back_outside_the_ring_is_out_of_bounds() -> None:
    stream = Stream()
    stream.open()
    stream.dma(Master.RX_WRITEBACK, RX_RING + 8 * 16, 16)
    assert found(stream.close()) == ["dma-bounds"]


def test_a_write_back_before_the_data() -> None:
    class Hasty(Stream):
        """The NIC does not wait for the response to its data."""

        def store(self, data: bytes) -> list[DescriptorWord]:
            word = self.write_back(self.head, len(data))
            self.write_data(self.buffers[self.head], data)
            self.head += 1
            return [word]

    stream = Hasty()
    stream.open()
    stream.receive(frame(200))
    verdicts = stream.close()
    assert found(verdicts) == ["writeback-order"]
    assert verdicts[0].numbers["visible"] == 0
    assert verdicts[0].numbers["length"] == 204


def test_a_write_back_before_the_last_burst() -> None:
    class Hasty(Stream):
        def store(self, data: bytes) -> list[DescriptorWord]:
            start = self.buffers[self.head]
            self.write_data(start, data[:128])
            word = self.write_back(self.head, len(data))
            self.write_data(start + 128, data[128:])
            self.head += 1
            return [word]

    stream = Hasty()
    stream.open()
    stream.receive(frame(200))
    verdicts = stream.close()
    assert found(verdicts) == ["writeback-order"]
    assert verdicts[0].numbers["visible"] == 128


def test_a_write_back_without_dd() -> None:
    stream = Stream()
    stream.open()
    stream.write_data(stream.buffers[0], bytes(64))
    stream.write_back(0, 64, status=0x06)
    assert found(stream.close()) == ["desc-content"]


def test_a_write_back_with_another_buffer() -> None:
    class Confused(Stream):
        def write_back(self, index: int, length: int, status: int = 7) -> DescriptorWord:
            self.memory.write(RX_RING + index * 16, struct.pack("<QHHBBH", 0x1234, length, 0, status, 0, 0))
            self.dma(Master.RX_WRITEBACK, RX_RING + index * 16, 16)
            return DescriptorWord(index, self.buffers[index], length, 0, status, 0, 0)

    stream = Confused()
    stream.open()
    stream.receive(frame(100))
    verdicts = stream.close()
    assert found(verdicts) == ["desc-content"]
    assert "0x1234" in verdicts[0].detail


def test_a_length_below_what_was_written() -> None:
    stream = Stream()
    stream.open()
    stream.write_data(stream.buffers[0], bytes(80))
    stream.write_back(0, 64)
    assert found(stream.close()) == ["desc-content"]


def test_a_tail_that_gives_descriptors_twice() -> None:
    stream = Stream()
    stream.open()
    stream.write(Reg.RDT, 3)  # a step back: from 7 on round to 2 would be given, and the NIC owns 0 to 2
    verdicts = stream.close()
    assert "ring-overrun" in found(verdicts)


def test_a_tail_that_reaches_the_head() -> None:
    stream = Stream()
    stream.open()
    buffer = stream.buffer()
    stream.map_buffer(buffer)
    stream.buffers[7] = buffer.address
    stream.memory.write(RX_RING + 7 * 16, struct.pack("<QQ", buffer.address, 0))
    stream.checker.on_buffer(buffer)
    stream.write(Reg.RDT, 0)
    verdicts = stream.close()
    assert "ring-overrun" in found(verdicts)


def test_a_buffer_in_two_descriptors() -> None:
    class Double(Stream):
        def post(self, n: int) -> None:
            super().post(n - 1)
            self.buffers[self.tail] = self.buffers[0]
            self.memory.write(RX_RING + self.tail * 16, struct.pack("<QQ", self.buffers[0], 0))
            self.write(Reg.RDT, self.tail + 1)

    stream = Double()
    stream.open()
    verdicts = stream.close()
    assert found(verdicts) == ["desc-double"]
    assert verdicts[0].numbers["other"] == 0


def test_a_descriptor_with_an_unmapped_buffer() -> None:
    class Forgetful(Stream):
        def map_buffer(self, buffer: RxBufferEvent) -> None:
            if self.fresh != 3:
                super().map_buffer(buffer)

        def unmap_buffer(self, address: int) -> None:
            if address != self.buffers[2]:
                super().unmap_buffer(address)

    stream = Forgetful()
    stream.open()
    verdicts = stream.close()
    assert found(verdicts) == ["map-missing"]
    assert verdicts[0].where == "rx descriptor 2"


def test_a_buffer_mapped_for_the_other_direction() -> None:
    class Wrong(Stream):
        def map_buffer(self, buffer: RxBufferEvent) -> None:
            self.map("map", buffer.address, buffer.nominal, "to_device")

        def unmap_buffer(self, address: int) -> None:
            self.map("unmap", address, self.nominal, "to_device")

    stream = Wrong()
    stream.open()
    verdicts = stream.close()
    assert found(verdicts) == ["map-missing"]
    assert verdicts[0].count == 7
    assert "mapped to_device" in verdicts[0].detail


@pytest.mark.parametrize(("register", "name"), [(Reg.RDBAL, "RDBAL"), (Reg.TDBAL, "TDBAL")])
def test_a_ring_base_off_16(register: Reg, name: str) -> None:
    stream = Stream()
    stream.write(register, 0x10008)
    verdicts = stream.checker.finish()
    assert found(verdicts) == ["ring-base"]
    assert verdicts[0].where == name
    assert verdicts[0].numbers["offset"] == 8


@pytest.mark.parametrize(("register", "name"), [(Reg.RDLEN, "RDLEN"), (Reg.TDLEN, "TDLEN")])
@pytest.mark.parametrize(("value", "used"), [(64, 0), (16 * 100, 1536), (128, None), (4096, None)])
def test_a_ring_length_off_128(register: Reg, name: str, value: int, used: int | None) -> None:
    stream = Stream()
    stream.write(register, value)
    verdicts = stream.checker.finish()
    assert found(verdicts) == ([] if used is None else ["ring-length"])
    assert [v.numbers["used"] for v in verdicts] == ([] if used is None else [used])


@pytest.mark.parametrize(
    ("part", "severity"), [("82540EM", "note"), ("82545EM", "error"), ("82546EB", "error")]
)
def test_a_ring_over_64_kib(part: Part, severity: str) -> None:
    stream = Stream(options=CheckOptions(part=part))
    stream.write(Reg.RDBAL, 0x2FFC0)
    stream.write(Reg.RDLEN, 128)
    stream.write(Reg.RDH, 0)
    stream.write(Reg.RCTL, RCTL.EN)
    stream.map("map", 0x40000, 2048)
    stream.memory.write(0x2FFC0, struct.pack("<QQ", 0x40000, 0))
    stream.write(Reg.RDT, 1)
    stream.write(Reg.RCTL, 0)
    stream.map("unmap", 0x40000, 2048)
    assert [(v.rule, v.severity) for v in stream.checker.finish()] == [("dma-64k", severity)]


def test_descriptors_filled_before_the_receiver_is_enabled_are_given_then() -> None:
    stream = Stream()
    stream.rctl = 0
    stream.open()
    stream.rctl = RCTL.EN | RCTL.BAM
    stream.write(Reg.RCTL, stream.rctl)
    stream.receive(frame(60))
    assert found(stream.close()) == []


def test_a_reset_forgets_what_was_given() -> None:
    stream = Stream()
    stream.open()
    stream.write(Reg.RCTL, 0)
    for address in stream.buffers[:7]:
        stream.unmap_buffer(address)
    stream.map("free_coherent", RX_RING, 128, "bidirectional")
    stream.map("free_coherent", TX_RING, 128, "bidirectional")
    stream.head = stream.tail = 0
    stream.open()
    stream.receive(frame(60))
    assert found(stream.close()) == []
