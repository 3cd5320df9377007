"""The rules for a driver that does not tell: faults of a driver and of a NIC are found, good ones are not."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

import pytest

from vnic.guests.device import PciNic
from vnic.guests.memory import GuestMemory
from vnic.guests.nic import ModelNic
from vnic.guests.pci import BAR0, COMMAND, MASTER
from vnic.guests.proxy import RamRegion
from vnic.guests.watch import GuestChecker, buffer_bytes
from vnic.linux.profile import load_profile
from vnic.nic.events import DmaEvent, Master
from vnic.nic.port import run
from vnic.nic.registers import CTRL, RCTL, TCTL, Reg

BASE = 0xFEBC0000
RX_RING, TX_RING, BUFFERS, FRAME = 0x1000, 0x2000, 0x10040, 0x40000
STEP = 1920
EOP, IFCS, RS = 1, 2, 8


class Driver:
    """The least that receives and sends."""

    def __init__(self, fd: int) -> None:
        self.memory = GuestMemory()
        self.nic = ModelNic(self.memory, mac=bytes.fromhex("525400123456"))
        self.device = PciNic(self.nic, self.memory)
        self.checker = GuestChecker(load_profile("6.1/x86_64"), self.memory)
        self.nic.on_dma = self.checker.on_dma
        self.device.on_register = self.checker.on_register
        self.device.map_memory([RamRegion(0, 1 << 20, 0, fd)])
        run(self.device.config_write(BAR0, 4, BASE))
        run(self.device.config_write(COMMAND, 2, MASTER | 3))
        self.write(Reg.CTRL, CTRL.SLU)

    def write(self, offset: int, value: int) -> None:
        run(self.device.bar_write(BASE + offset, 4, value, True))

    def receive_ring(
        self, *, base: int = RX_RING, size: int = 128, first: int = BUFFERS, rctl: int = 0
    ) -> None:
        for index in range(8):
            self.memory.write((base & ~15) + 16 * index, struct.pack("<Q8x", first + STEP * index))
        for register, value in ((Reg.RDBAL, base), (Reg.RDLEN, size), (Reg.RDH, 0), (Reg.RDT, 0)):
            self.write(register, value)
        self.write(Reg.RCTL, RCTL.EN | RCTL.UPE | RCTL.BAM | rctl)

    def send_ring(self, count: int, command: int = EOP | IFCS | RS) -> None:
        for index in range(count):
            self.memory.write(TX_RING + 16 * index, struct.pack("<QHBBBBH", FRAME, 100, 0, command, 0, 0, 0))
        for register, value in ((Reg.TDBAL, TX_RING), (Reg.TDLEN, 128), (Reg.TDH, 0), (Reg.TDT, 0)):
            self.write(register, value)
        self.write(Reg.TCTL, TCTL.EN)

    def offer(self, length: int) -> None:
        run(self.nic.offer([b"\xff" * 6 + bytes(length - 6)]))

    def broken(self) -> list[str]:
        return [verdict.rule for verdict in self.checker.finish()]


@pytest.fixture
def driver() -> Iterator[Driver]:
    fd = os.memfd_create("ram")
    os.ftruncate(fd, 1 << 20)
    made = Driver(fd)
    yield made
    made.memory.close()
    os.close(fd)


def test_a_driver_as_it_should_be(driver: Driver) -> None:
    driver.receive_ring()
    driver.send_ring(8)
    for tail in (7, 2, 5, 0):
        driver.write(Reg.RDT, tail)
        for _ in range(3):
            driver.offer(1514)
        driver.write(Reg.TDT, tail)
    assert driver.broken() == []
    assert driver.checker.receive_buffers()["offsets"] == {"0": 7 + 3 + 3 + 3}


def test_descriptors_that_are_never_written_back(driver: Driver) -> None:
    """The loopback test of Linux's e1000 sends without RS, round the ring again and again."""
    driver.send_ring(8, EOP | IFCS)
    for tail in (5, 2, 7, 4, 1):
        driver.write(Reg.TDT, tail)
    assert driver.broken() == []


def test_a_burst_that_starts_where_an_older_buffer_did(driver: Driver) -> None:
    """Page fragments come again at other offsets: what is left of the older one is not what is read."""
    driver.send_ring(2)
    driver.memory.write(TX_RING, struct.pack("<Q", FRAME + 512))
    driver.memory.write(TX_RING + 16, struct.pack("<QHBBBBH", FRAME, 1024, 0, EOP | IFCS, 0, 0, 0))
    driver.write(Reg.TDT, 1)
    driver.nic.on_dma = lambda _: None  # from here on it reads as the Verilog NIC does, in bursts
    driver.write(Reg.TDT, 2)
    for address in (FRAME, FRAME + 512):
        driver.checker.on_dma(access(Master.TX_DATA, False, address, 512, beats=64))
    # With the second burst descriptor 1 is the driver's again, and the tail may stand there.
    for tail in (7, 1):
        driver.write(Reg.TDT, tail)
    assert driver.broken() == []


def test_a_beat_that_two_segments_share(driver: Driver) -> None:
    """The first one's read brings the buffer's last bytes along, and the second one's reads them again."""
    driver.send_ring(1, IFCS)
    driver.nic.on_dma = lambda _: None
    driver.write(Reg.TDT, 1)
    driver.checker.on_dma(access(Master.TX_DATA, False, FRAME, 104, beats=13))
    driver.write(Reg.TDT, 2)
    driver.checker.on_dma(access(Master.TX_DATA, False, FRAME + 98, 6, beats=1))
    assert driver.broken() == []
    driver.checker.on_dma(access(Master.TX_DATA, False, FRAME + 90, 14, beats=2))
    assert driver.broken() == ["desc-reuse"]


def test_patterns_in_ring_registers_are_not_used(driver: Driver) -> None:
    for value in (0x5A5A5A5A, 0xA5A5A5A5, 0xFFFFFFFF):
        for register in (Reg.RDBAL, Reg.RDLEN, Reg.TDBAL, Reg.TDLEN, Reg.RDBAH):
            driver.write(register, value)
    driver.write(Reg.RDBAH, 0)
    driver.receive_ring()
    driver.write(Reg.RDT, 7)
    driver.offer(60)
    assert driver.broken() == []


@pytest.mark.parametrize(
    ("ring", "rule"),
    [
        ({"base": RX_RING + 8}, "ring-base"),
        ({"size": 136}, "ring-length"),
        ({"first": BUFFERS + 2}, "align-cache-line"),
    ],
)
def test_a_crooked_ring(driver: Driver, ring: dict[str, int], rule: str) -> None:
    driver.receive_ring(**ring)
    driver.write(Reg.RDT, 7)
    driver.offer(60)
    assert driver.broken() == [rule]


def test_a_tail_that_passes_what_the_nic_owns(driver: Driver) -> None:
    driver.receive_ring()
    driver.write(Reg.RDT, 6)
    driver.write(Reg.RDT, 3)
    assert driver.broken() == ["ring-overrun"]


def test_a_buffer_in_two_descriptors(driver: Driver) -> None:
    driver.receive_ring()
    driver.memory.write(RX_RING + 16, struct.pack("<Q", BUFFERS))
    driver.write(Reg.RDT, 4)
    assert "desc-double" in driver.broken()


def test_a_buffer_outside_memory(driver: Driver) -> None:
    driver.receive_ring(first=0x7000_0040)
    driver.write(Reg.RDT, 4)
    driver.offer(60)
    verdicts = driver.checker.finish()
    assert [verdict.rule for verdict in verdicts] == ["dma-memory"]
    assert "0x70000040" in verdicts[0].where


def test_dma_while_the_guest_forbids_it(driver: Driver) -> None:
    driver.receive_ring()
    run(driver.device.config_write(COMMAND, 2, 3))
    driver.write(Reg.RDT, 4)
    driver.offer(60)
    assert "dma-memory" in driver.broken()


def access(master: Master, write: bool, address: int, length: int, beats: int = 0) -> DmaEvent:
    return DmaEvent(0, master, write, address, length, length, address, beats, 8 if beats else 0, True)


@pytest.mark.parametrize(
    ("event", "rule"),
    [
        (access(Master.RX_DATA, True, 0x80000, 64), "dma-bounds"),
        (access(Master.RX_DATA, True, BUFFERS + STEP + 1500, 64), "dma-bounds"),
        (access(Master.RX_DESC, False, RX_RING + 128, 16), "dma-bounds"),
        (access(Master.RX_WRITEBACK, True, RX_RING + 16 * 7, 16), "desc-ownership"),
        (access(Master.RX_DATA, True, BUFFERS + STEP, 64, beats=512), "axi-4k"),
    ],
)
def test_a_nic_that_does_what_it_must_not(driver: Driver, event: DmaEvent, rule: str) -> None:
    driver.receive_ring()
    driver.write(Reg.RDT, 4)
    assert driver.broken() == []
    driver.checker.on_dma(event)
    assert rule in driver.broken()


@pytest.mark.parametrize(
    ("rctl", "size"),
    [
        (0, 1522), (RCTL.LPE, 2048), (RCTL.SBP, 2048), (1 << 16, 1024), (3 << 16, 256),
        (RCTL.LPE | RCTL.BSEX | 1 << 16, 16384), (RCTL.LPE | RCTL.BSEX | 3 << 16, 4096),
        (RCTL.LPE | RCTL.BSEX, 2048),
    ],
)  # fmt: skip
def test_what_fits_a_buffer(rctl: int, size: int) -> None:
    assert buffer_bytes(rctl) == size
