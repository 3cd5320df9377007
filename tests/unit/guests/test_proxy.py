"""The proxy protocol, with this file as QEMU."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from vnic.guests.device import PciNic
from vnic.guests.memory import GuestMemory
from vnic.guests.nic import ModelNic
from vnic.guests.pci import BAR0, BAR1, COMMAND, MASTER
from vnic.guests.proxy import Command, Proxy, ProxyClosed, ProxyError
from vnic.nic.port import run
from vnic.nic.registers import CTRL, STATUS, Reg

BASE, PORT = 0xFEBC0000, 0xC000
MAC = bytes.fromhex("525400123456")


class Qemu:
    """QEMU's end, as hw/remote/proxy.c writes it, and our device at the other."""

    def __init__(self) -> None:
        self.sock, ours = socket.socketpair()
        self.sock.settimeout(1)
        self.memory = GuestMemory()
        self.device = PciNic(ModelNic(self.memory, mac=MAC), self.memory)
        self.proxy = Proxy(ours)

    def send(self, command: int, payload: bytes, fds: tuple[int, ...] = ()) -> None:
        socket.send_fds(self.sock, [struct.pack("<i4xQ", command, len(payload)) + payload], fds)

    def ask(self, command: int, payload: bytes) -> int:
        self.send(command, payload)
        run(self.proxy.serve(self.device))
        answer = self.sock.recv(100)
        kind, size, value = struct.unpack("<i4xQQ", answer)
        assert (kind, size) == (Command.RET, 8)
        return int(value)

    def config(self, offset: int, value: int, length: int = 4) -> None:
        assert self.ask(Command.PCI_CFGWRITE, struct.pack("<IIi", offset, value, length)) == 0

    def read(self, address: int, size: int = 4, memory: bool = True) -> int:
        return self.ask(Command.BAR_READ, struct.pack("<QQI?3x", address, 0, size, memory))

    def write(self, address: int, value: int, size: int = 4, memory: bool = True) -> None:
        assert self.ask(Command.BAR_WRITE, struct.pack("<QQI?3x", address, value, size, memory)) == 0

    def sync(self, *regions: tuple[int, int, int, int]) -> None:
        columns = [[each[at] for each in regions] + [0] * (8 - len(regions)) for at in range(3)]
        payload = struct.pack("<8Q8Q8q", *columns[0], *columns[1], *columns[2])
        self.send(Command.SYNC_SYSMEM, payload, tuple(each[3] for each in regions))
        run(self.proxy.serve(self.device))


@pytest.fixture
def qemu() -> Iterator[Qemu]:
    made = Qemu()
    made.config(BAR0, BASE)
    made.config(BAR1, PORT)
    yield made
    made.proxy.close()
    made.sock.close()
    made.memory.close()


@pytest.fixture
def ram() -> Iterator[int]:
    fd = os.memfd_create("ram")
    os.ftruncate(fd, 1 << 20)
    yield fd
    os.close(fd)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_configuration_space(qemu: Qemu) -> None:
    assert qemu.ask(Command.PCI_CFGREAD, struct.pack("<IIi", 0, 0, 4)) == 0x100E8086
    assert qemu.ask(Command.PCI_CFGREAD, struct.pack("<IIi", 2, 0, 2)) == 0x100E


def test_registers_through_memory(qemu: Qemu) -> None:
    qemu.write(BASE + Reg.CTRL, CTRL.SLU)
    assert qemu.read(BASE + Reg.CTRL) & CTRL.SLU
    assert qemu.read(BASE + Reg.STATUS) & STATUS.LU
    assert qemu.read(BASE + Reg.RAL) == int.from_bytes(MAC[:4], "little")
    assert qemu.read(BASE + Reg.RAL + 1, 1) == MAC[1]
    assert qemu.read(BASE + Reg.RAL, 8) & 0xFFFF_FFFF_FFFF == int.from_bytes(MAC, "little")
    assert qemu.proxy.accesses == 6


def test_a_write_is_answered_before_it_takes_effect(qemu: Qemu) -> None:
    """PCI posts writes: what the guest asks next waits, the guest does not."""
    answered: list[bytes] = []
    qemu.device.before_access = lambda: answered.append(qemu.sock.recv(100))
    qemu.send(Command.BAR_WRITE, struct.pack("<QQI?3x", BASE + Reg.FCAL, 0x1234, 4, True))
    run(qemu.proxy.serve(qemu.device))
    assert struct.unpack("<i4xQQ", answered[0]) == (Command.RET, 8, 0)
    qemu.device.before_access = lambda: None
    assert qemu.read(BASE + Reg.FCAL) == 0x1234


def test_registers_through_io(qemu: Qemu) -> None:
    """Linux resets an 82540 so."""
    qemu.write(BASE + Reg.FCAL, 0x1234)
    qemu.write(PORT, Reg.CTRL, memory=False)
    qemu.write(PORT + 4, CTRL.RST, memory=False)
    assert qemu.read(BASE + Reg.FCAL) == 0
    qemu.write(PORT, Reg.RAL, memory=False)
    assert qemu.read(PORT, memory=False) == Reg.RAL
    assert qemu.read(PORT + 4, memory=False) == int.from_bytes(MAC[:4], "little")


def test_where_no_bar_is(qemu: Qemu) -> None:
    assert qemu.read(0x1000, 2) == 0xFFFF
    qemu.write(0x1000, 1)


def test_memory_is_mapped_and_no_descriptor_is_kept(qemu: Qemu, ram: int) -> None:
    before = open_files()
    for _ in range(20):
        qemu.sync((0, 0x10000, 0, ram), (0x100000, 0x10000, 0x10000, ram))
    assert open_files() == before + 2  # the mappings' own
    os.pwrite(ram, b"x", 0x10003)
    qemu.config(COMMAND, MASTER, 2)
    assert qemu.memory.read(0x100003, 1) == b"x"


def test_dma_waits_for_bus_mastering(qemu: Qemu, ram: int) -> None:
    qemu.sync((0, 0x10000, 0, ram))
    seen = [qemu.memory.enabled]
    qemu.config(COMMAND, MASTER, 2)
    seen.append(qemu.memory.enabled)
    qemu.send(Command.DEVICE_RESET, b"")
    run(qemu.proxy.serve(qemu.device))
    seen.append(qemu.memory.enabled)
    assert seen == [False, True, False]


def test_eventfds_are_not_kept(qemu: Qemu) -> None:
    before = open_files()
    pair = os.eventfd(0), os.eventfd(0)
    qemu.send(Command.SET_IRQFD, b"", pair)
    for fd in pair:
        os.close(fd)
    run(qemu.proxy.serve(qemu.device))
    assert open_files() == before


def test_a_message_that_comes_in_pieces(qemu: Qemu) -> None:
    whole = struct.pack("<i4xQIIi", Command.PCI_CFGREAD, 12, 0, 0, 2)
    for at in range(0, len(whole), 5):
        qemu.sock.send(whole[at : at + 5])
        run(qemu.proxy.serve(qemu.device))
    assert struct.unpack("<i4xQQ", qemu.sock.recv(100))[2] == 0x8086


def test_qemu_hangs_up(qemu: Qemu) -> None:
    qemu.sock.close()
    with pytest.raises(ProxyClosed, match="QEMU hung up"):
        run(qemu.proxy.serve(qemu.device))


@pytest.mark.parametrize(
    ("command", "payload", "message"),
    [
        (9, b"", "command 9"),
        (Command.BAR_READ, b"123", "command 5 with 3 bytes"),
        (1, b"x" * 5000, "5000 bytes"),
    ],
)
def test_another_protocol(qemu: Qemu, command: int, payload: bytes, message: str) -> None:
    qemu.send(command, payload)
    with pytest.raises(ProxyError, match=message):
        run(qemu.proxy.serve(qemu.device))
