"""QEMU's qtest protocol: one command a line, one answer a line, over a socket that QEMU was born with.

Source: the comment on top of `softmmu/qtest.c` of QEMU 7.2, which is the protocol's specification.
"""

from __future__ import annotations

import socket
from typing import Final

from vnic.errors import VnicError

TIMEOUT_S: Final = 30.0
"""An answer takes microseconds; one that takes this long will never come."""

PCI_ADDRESS, PCI_DATA = 0xCF8, 0xCFC  # PCI 2.2, 3.2.2.3.2: configuration mechanism #1
PCI_ENABLE: Final = 1 << 31


class QemuError(VnicError):
    """QEMU is not there, went away, or did not do what it was asked to."""


class Qtest:
    """The client's end of a qtest socket.

    Args:
        sock: a connected stream socket, blocking.

    Raises:
        QemuError: from every method, when QEMU has gone or refuses the command.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(TIMEOUT_S)
        self._sock = sock
        self._left = b""

    def command(self, line: str) -> bytes:
        """Send one command; returns what stands behind `OK`, without the blank."""
        try:
            self._sock.sendall(line.encode() + b"\n")
            answer = self._line()
        except TimeoutError as error:
            raise QemuError(f"QEMU did not answer '{line}' within {TIMEOUT_S:.0f} s: it hangs") from error
        except OSError as error:
            raise QemuError(
                f"QEMU went away at '{line}' ({error.strerror}): it was ended, or crashed; run again"
            ) from error
        if not answer.startswith(b"OK"):
            raise QemuError(f"QEMU refused '{line}': {answer.decode(errors='replace')}")
        return answer[3:]

    def _line(self) -> bytes:
        """The next answer; lines about interrupts that nobody asked for are passed over."""
        while True:
            while b"\n" not in self._left:
                more = self._sock.recv(65536)
                if not more:
                    raise ConnectionResetError(0, "the qtest socket was closed")
                self._left += more
            line, self._left = self._left.split(b"\n", 1)
            if not line.startswith(b"IRQ "):
                return line

    def readl(self, address: int) -> int:
        """32 bits at a physical address."""
        return int(self.command(f"readl {address:#x}"), 16)

    def writel(self, address: int, value: int) -> None:
        """Write 32 bits at a physical address."""
        self.command(f"writel {address:#x} {value:#x}")

    def config_read(self, slot: int, offset: int) -> int:
        """32 bits of the configuration space of function 0 in `slot` of bus 0."""
        self.command(f"outl {PCI_ADDRESS:#x} {PCI_ENABLE | slot << 11 | offset:#x}")
        return int(self.command(f"inl {PCI_DATA:#x}"), 16)

    def config_write(self, slot: int, offset: int, value: int) -> None:
        """Write 32 bits of the configuration space."""
        self.command(f"outl {PCI_ADDRESS:#x} {PCI_ENABLE | slot << 11 | offset:#x}")
        self.command(f"outl {PCI_DATA:#x} {value:#x}")

    def close(self) -> None:
        """Hang up."""
        self._sock.close()
