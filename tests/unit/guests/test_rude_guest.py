"""Transmit descriptors that no driver writes: the NIC goes on, and works after a reset."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

import pytest

from tests.unit.guests.test_watch import FRAME, TX_RING, Driver
from vnic.nic.port import run
from vnic.nic.registers import CTRL, TCTL, Reg

EOP, IFCS, RS = 1, 2, 8


@pytest.fixture
def driver() -> Iterator[Driver]:
    fd = os.memfd_create("ram")
    os.ftruncate(fd, 1 << 20)
    made = Driver(fd)
    yield made
    made.memory.close()
    os.close(fd)


def give(driver: Driver, *descriptors: tuple[int, int, int]) -> list[bytes]:
    """Eight descriptors (address, length, command), as many as given are sent; what left the NIC."""
    for index, (address, length, command) in enumerate(descriptors):
        driver.memory.write(
            TX_RING + 16 * index, struct.pack("<QHBBBBH", address, length, 0, command, 0, 0, 0)
        )
    for register, value in ((Reg.TDBAL, TX_RING), (Reg.TDLEN, 128), (Reg.TDH, 0), (Reg.TDT, 0)):
        driver.write(register, value)
    driver.write(Reg.TCTL, TCTL.EN | TCTL.PSP)
    driver.write(Reg.TDT, len(descriptors))
    return run(driver.nic.collect())


@pytest.mark.parametrize(
    "descriptors",
    [
        [(FRAME, 0, EOP | RS)],
        [(FRAME, 65535, EOP | IFCS | RS)],
        [(FRAME, 65535, IFCS | RS)] * 7,  # a frame without an end, longer than the NIC's memory
        [(TX_RING, 128, EOP | IFCS | RS)] * 7,  # its own ring as data
        [(0x7000_0000, 60, EOP | IFCS | RS)],
        [((1 << 64) - 8, 60, EOP | IFCS | RS)],
    ],
    ids=["nothing", "65535", "endless", "loop", "no-memory", "end-of-space"],
)
def test_it_goes_on(driver: Driver, descriptors: list[tuple[int, int, int]]) -> None:
    give(driver, *descriptors)
    count = len(descriptors)
    assert run(driver.nic.read32(Reg.TDH)) == count
    assert driver.memory.read(TX_RING + 16 * count - 4, 1) == b"\x01"  # DD
    driver.write(Reg.CTRL, CTRL.RST)
    driver.write(Reg.CTRL, CTRL.SLU)
    assert give(driver, (FRAME, 100, EOP | IFCS | RS)) == [bytes(100)]
