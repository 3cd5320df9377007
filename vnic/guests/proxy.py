"""The wire protocol of QEMU's `x-pci-proxy-dev`: one PCI device, its accesses forwarded over a unix socket.

This is the only module that knows the format; a device behind another one (vfio-user) would come with a
module like this one. Source: `include/hw/remote/mpqemu-link.h`, `hw/remote/mpqemu-link.c` and
`hw/remote/proxy.c` of QEMU 7.2, read for the layout of the messages.

Message: int32 command, 4 bytes of padding, uint64 size, then `size` bytes, little endian. File descriptors
travel beside the header.
"""

from __future__ import annotations

import os
import socket
import struct
from collections import deque
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

from vnic.errors import VnicError

_HEADER: Final = struct.Struct("<i4xQ")
_CONFIG: Final = struct.Struct("<IIi")  # address, value, length
_BAR: Final = struct.Struct("<QQI?")  # address, value, size, memory; three bytes of padding may follow
_SYSMEM: Final = struct.Struct("<8Q8Q8q")  # guest-physical addresses, sizes, offsets
_VALUE: Final = struct.Struct("<Q")
_REGIONS: Final = 8
_LARGEST: Final = 4096  # any payload of the protocol is below 200 bytes
_RECEIVE: Final = 65536


class Command(IntEnum):
    """MPQemuCmd."""

    SYNC_SYSMEM = 0
    RET = 1
    PCI_CFGWRITE = 2
    PCI_CFGREAD = 3
    BAR_WRITE = 4
    BAR_READ = 5
    SET_IRQFD = 6
    DEVICE_RESET = 7


class ProxyError(VnicError):
    """QEMU said something on the proxy socket that the protocol does not know."""


class ProxyClosed(VnicError):
    """QEMU hung up: it ended, or was ended."""


class RamRegion(NamedTuple):
    """A piece of guest memory: `size` bytes at guest-physical `base`, at `offset` of file `fd`."""

    base: int
    size: int
    offset: int
    fd: int


class Device(Protocol):
    """What the proxy forwards to. Addresses of BAR accesses are guest-physical (I/O: port numbers)."""

    async def config_read(self, offset: int, length: int) -> int:
        """`length` bytes (1, 2 or 4) of configuration space."""

    async def config_write(self, offset: int, length: int, value: int) -> None:
        """Write `length` bytes of configuration space."""

    async def bar_read(self, address: int, size: int, memory: bool) -> int:
        """`size` bytes through a BAR; `memory` is False for I/O."""

    async def bar_write(self, address: int, size: int, value: int, memory: bool) -> None:
        """Write through a BAR."""

    def map_memory(self, regions: list[RamRegion]) -> None:
        """The guest's memory is now this; each `fd` is closed by the caller afterwards."""

    async def reset(self) -> None:
        """The machine was reset."""


class Proxy:
    """Our end of the proxy socket.

    Args:
        sock: connected stream socket; becomes non-blocking.

    Raises:
        ProxyClosed: from `serve`, when QEMU hung up.
        ProxyError: from `serve`, for a message that the protocol does not have.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._bytes = bytearray()
        self._fds: deque[int] = deque()
        self.accesses = 0

    def fileno(self) -> int:
        """For poll()."""
        return self._sock.fileno()

    async def serve(self, device: Device) -> None:
        """Carry out what has come; returns when nothing more is there. Never blocks."""
        while self._receive():
            for command, payload in self._messages():
                await self._carry_out(device, command, payload)

    def _receive(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(self._sock, _RECEIVE, _REGIONS)
        except BlockingIOError:
            return False
        except OSError as error:
            raise ProxyClosed(f"QEMU hung up ({error.strerror})") from error
        self._fds.extend(fds)
        if not data:
            raise ProxyClosed("QEMU hung up")
        self._bytes += data
        return True

    def _messages(self) -> Iterator[tuple[int, bytes]]:
        """The whole messages that have come."""
        buffer = self._bytes
        while len(buffer) >= _HEADER.size:
            command, size = _HEADER.unpack_from(buffer)
            if size > _LARGEST:
                raise ProxyError(f"x-pci-proxy-dev: {size} bytes for command {command}: another protocol?")
            end = _HEADER.size + size
            if len(buffer) < end:
                return
            payload = bytes(buffer[_HEADER.size : end])
            del buffer[:end]
            yield command, payload

    async def _carry_out(self, device: Device, command: int, payload: bytes) -> None:
        try:
            if command == Command.BAR_READ:
                address, _, size, memory = _BAR.unpack_from(payload)
                self.accesses += 1
                self._answer(await device.bar_read(address, size, memory))
            elif command == Command.BAR_WRITE:
                address, value, size, memory = _BAR.unpack_from(payload)
                self.accesses += 1
                self._answer(0)  # PCI posts writes: the guest goes on, and what it asks next waits for this
                await device.bar_write(address, size, value & (1 << 8 * size) - 1, memory)
            elif command == Command.PCI_CFGREAD:
                offset, _, length = _CONFIG.unpack_from(payload)
                self._answer(await device.config_read(offset, length))
            elif command == Command.PCI_CFGWRITE:
                offset, value, length = _CONFIG.unpack_from(payload)
                await device.config_write(offset, length, value)
                self._answer(0)
            elif command == Command.SYNC_SYSMEM:
                self._sync(device, payload)
            elif command == Command.SET_IRQFD:
                self._close_fds()  # QEMU listens to them under KVM only
            elif command == Command.DEVICE_RESET:
                await device.reset()
                self._answer(0)
            else:
                raise ProxyError(f"x-pci-proxy-dev sent command {command}, which QEMU 7.2 does not have")
        except struct.error as error:
            raise ProxyError(
                f"x-pci-proxy-dev: command {command} with {len(payload)} bytes: {error}"
            ) from error

    def _sync(self, device: Device, payload: bytes) -> None:
        """A new map of memory; there are as many regions as descriptors came with it."""
        fields = _SYSMEM.unpack_from(payload)
        regions = [
            RamRegion(fields[at], fields[_REGIONS + at], fields[2 * _REGIONS + at], fd)
            for at, fd in enumerate(self._fds)
        ]
        try:
            device.map_memory(regions)
        finally:
            self._close_fds()

    def _answer(self, value: int) -> None:
        try:
            self._sock.send(_HEADER.pack(Command.RET, _VALUE.size) + _VALUE.pack(value))
        except OSError as error:
            raise ProxyClosed(f"QEMU hung up ({error.strerror})") from error

    def _close_fds(self) -> None:
        while self._fds:
            os.close(self._fds.popleft())

    def close(self) -> None:
        """Hang up and drop descriptors that nobody took."""
        self._close_fds()
        self._sock.close()
