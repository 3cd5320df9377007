"""What the tests of guests share: a kernel, a host to talk to, and what must not be left behind."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import threading
from functools import cache
from pathlib import Path

import pytest

from vnic.errors import VnicError
from vnic.guests.kernel import GuestKernel, stock_kernel
from vnic.guests.script import HOST_ADDRESS

SELF_TEST = ("Register test", "Eeprom test", "Interrupt test", "Loopback test", "Link test")


@cache
def kernel() -> GuestKernel:
    try:
        return stock_kernel()
    except VnicError as error:
        if os.environ.get("VNIC_REQUIRE_TOOLS"):
            raise
        pytest.skip(str(error))


def ethtool() -> Path:
    found = shutil.which("ethtool", path="/usr/sbin:/sbin:/usr/bin")
    if found is None:
        assert not os.environ.get("VNIC_REQUIRE_TOOLS"), "apt-get install ethtool"
        pytest.skip("ethtool not installed")
    return Path(found)


def self_test(console: str) -> list[int]:
    """The five results of `ethtool -t`, 0 for a pass."""
    found = [re.search(rf"{name} +\(o\S+\)\s+(\d+)", console) for name in SELF_TEST]
    return [int(each[1]) if each else -1 for each in found]


def children() -> set[str]:
    """The processes that were started here and are not gone, zombies too."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return set(pids)


class Host:
    """A TCP host behind QEMU's user network: one port gives `size` random bytes, one takes bytes."""

    def __init__(self, size: int) -> None:
        self._data = os.urandom(size)
        self.sha256 = hashlib.sha256(self._data).hexdigest()
        self.taken = ""
        self._sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._give, self._take)]
        for thread in self._threads:
            thread.start()

    @property
    def ports(self) -> tuple[int, int]:
        """Of 127.0.0.1: the one that gives, the one that takes."""
        give, take = (each.getsockname()[1] for each in self._sockets)
        return give, take

    def commands(self) -> tuple[str, ...]:
        """For the guest: fetch the bytes into /tmp/bytes, print their sum, send them back."""
        give, take = self.ports
        return (
            f"nc {HOST_ADDRESS} {give} > /tmp/bytes",
            "sha256sum /tmp/bytes",
            f"nc {HOST_ADDRESS} {take} < /tmp/bytes",
        )

    def _give(self) -> None:
        connection, _ = self._sockets[0].accept()
        with connection:
            connection.sendall(self._data)

    def _take(self) -> None:
        connection, _ = self._sockets[1].accept()
        digest, left = hashlib.sha256(), len(self._data)
        with connection:  # closed with the last byte: so a sender sees that all has come
            while left and (data := connection.recv(65536)):
                digest.update(data)
                left -= len(data)
        self.taken = digest.hexdigest()

    def close(self) -> None:
        self._threads[1].join(timeout=5)
        for each in self._sockets:
            each.close()
