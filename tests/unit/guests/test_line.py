"""The interrupt line and the console, with this file as QEMU."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from vnic.guests.console import Console
from vnic.guests.line import ANSWER_S, InterruptLine
from vnic.guests.proxy import ProxyClosed
from vnic.targets.qtest import QemuError


@pytest.fixture
def pair() -> Iterator[tuple[InterruptLine, socket.socket]]:
    near, far = socket.socketpair()
    far.settimeout(1)
    line = InterruptLine(near, 10)
    yield line, far
    line.close()
    far.close()


def test_a_level_is_set_once(pair: tuple[InterruptLine, socket.socket]) -> None:
    line, qemu = pair
    line.set(True)
    line.set(True)
    assert qemu.recv(200) == b"set_irq_in /machine/i440fx/ioapic unnamed-gpio-in 10 1\n"
    line.set(False)
    assert qemu.recv(200) == b"set_irq_in /machine/i440fx/ioapic unnamed-gpio-in 10 0\n"
    assert line.changes == 2


def test_a_fall_is_waited_for_and_a_rise_is_not(pair: tuple[InterruptLine, socket.socket]) -> None:
    line, qemu = pair
    line.set(True)
    line.let_fall()
    line.set(False)
    qemu.send(b"OK\nOK\n")
    line.let_fall()
    line.let_fall()
    qemu.send(b"late\n")
    assert line.drain()  # nothing was left, and nothing was taken that nobody asked for


def test_a_qemu_that_is_busy_holds_nothing_up(pair: tuple[InterruptLine, socket.socket]) -> None:
    line, qemu = pair
    start = time.monotonic()
    line.set(True)
    line.set(False)
    line.let_fall()
    assert time.monotonic() - start < 10 * ANSWER_S
    qemu.send(b"OK\n")
    assert line.drain()


def test_an_input_that_is_not_there(pair: tuple[InterruptLine, socket.socket]) -> None:
    line, qemu = pair
    qemu.send(b"FAIL Unknown device\n")
    line.set(True)
    with pytest.raises(QemuError, match=r"QEMU has no interrupt input 10 at .*ioapic: FAIL Unknown device"):
        line.drain()


def test_the_socket_is_closed(pair: tuple[InterruptLine, socket.socket]) -> None:
    line, qemu = pair
    qemu.close()
    with pytest.raises(ProxyClosed, match="QEMU hung up"):
        line.set(True)


def test_the_console_keeps_what_the_script_reports() -> None:
    heard: list[bytes] = []
    console = Console(heard.append, "vnic: ")
    for piece in (b"noise\r\nvn", b"ic: link up\r\n", b"say vnic: no\r\nvnic: exit 0\r\n"):
        console.take(piece)
    assert b"".join(heard).count(b"\n") == 4
    assert [text for text, _ in console.marks] == ["link up", "exit 0"]
    assert console.bytes == sum(map(len, heard))
