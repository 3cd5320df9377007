"""Guest memory: regions come and go, mappings do not stay."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from vnic.errors import BadAddress, VnicError
from vnic.guests.memory import GuestMemory
from vnic.guests.proxy import RamRegion

PAGE = 4096


@pytest.fixture
def ram() -> Iterator[int]:
    fd = os.memfd_create("ram")
    os.ftruncate(fd, 64 * PAGE)
    yield fd
    os.close(fd)


def mapped() -> int:
    return sum("memfd:ram" in line for line in Path("/proc/self/maps").read_text().splitlines())


def test_bytes_are_those_of_the_file(ram: int) -> None:
    memory = GuestMemory()
    memory.replace([RamRegion(0, 8 * PAGE, 0, ram), RamRegion(1 << 20, 16 * PAGE, 16 * PAGE, ram)])
    memory.write((1 << 20) + 5, b"hello")
    assert os.pread(ram, 5, 16 * PAGE + 5) == b"hello"
    os.pwrite(ram, b"low", 100)
    assert memory.read(100, 3) == b"low"
    assert memory.contains(0, 8 * PAGE)
    assert not memory.contains(0, 8 * PAGE + 1)
    memory.close()


@pytest.mark.parametrize(
    ("address", "length"), [(8 * PAGE - 1, 2), (1 << 19, 1), ((1 << 20) + 16 * PAGE, 1), (1 << 63, 4)]
)
def test_outside_every_region(ram: int, address: int, length: int) -> None:
    memory = GuestMemory()
    memory.replace([RamRegion(0, 8 * PAGE, 0, ram), RamRegion(1 << 20, 16 * PAGE, 16 * PAGE, ram)])
    with pytest.raises(BadAddress):
        memory.read(address, length)
    with pytest.raises(BadAddress):
        memory.write(address, bytes(length))
    memory.close()


def test_before_the_first_map_there_is_none() -> None:
    memory = GuestMemory()
    with pytest.raises(BadAddress):
        memory.read(0, 1)
    memory.close()


def test_old_mappings_are_closed(ram: int) -> None:
    memory = GuestMemory()
    before = mapped()
    for round_ in range(1, 70):
        memory.replace([RamRegion(PAGE * round_, 8 * PAGE, 0, ram), RamRegion(1 << 30, PAGE, 0, ram)])
    assert mapped() == before + 2
    with pytest.raises(BadAddress):
        memory.read(PAGE, 1)
    memory.close()
    assert mapped() == before


def test_a_device_that_may_not_master_reaches_nothing(ram: int) -> None:
    memory = GuestMemory()
    memory.replace([RamRegion(0, 8 * PAGE, 0, ram)])
    memory.enabled = False
    with pytest.raises(BadAddress):
        memory.read(0, 1)
    assert not memory.contains(0, 1)
    memory.enabled = True
    assert memory.read(0, 1) == b"\0"
    memory.close()


def test_a_region_that_cannot_be_mapped_leaves_the_others(ram: int) -> None:
    memory = GuestMemory()
    memory.replace([RamRegion(0, 8 * PAGE, 0, ram)])
    with pytest.raises(VnicError, match=r"guest memory at 0x1000, 4096 bytes, cannot be mapped"):
        memory.replace([RamRegion(0, PAGE, 0, ram), RamRegion(PAGE, PAGE, 0, -1 & 0xFFFF)])
    assert memory.read(PAGE, 1) == b"\0"
    memory.close()
