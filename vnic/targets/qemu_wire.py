"""The line of QEMU's NIC: one datagram a frame, over a socket pair that QEMU was born with."""

from __future__ import annotations

import array
import fcntl
import socket
import termios
from collections import deque
from collections.abc import Sequence

from vnic.nic.port import WireFrame
from vnic.targets.model import MIN_DATA
from vnic.targets.qtest import QemuError


def _gone(error: OSError) -> QemuError:
    return QemuError(f"QEMU closed the wire ({error.strerror}): it was ended, or crashed; run again")


class QemuWire:
    """The line of the NIC: one datagram a frame, without FCS.

    QEMU cannot be given a frame with a wrong FCS or a runt: it has no FCS, and pads runts itself.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._offered: deque[bytes] = deque()
        self._sent: list[bytes] = []

    async def offer(self, frames: Sequence[WireFrame]) -> None:
        """Queue frames towards the NIC. Raises QemuError for a frame that QEMU's wire cannot carry."""
        for frame in frames:
            if frame.bad_fcs or (frame.raw and len(frame.data) < MIN_DATA):
                raise QemuError("QEMU's wire has neither FCS nor runts; leave such frames out here")
            self._offered.append(frame.data.ljust(MIN_DATA, b"\0"))

    async def collect(self) -> list[bytes]:
        """The frames transmitted since the last call."""
        self.drain()
        sent, self._sent = self._sent, []
        return sent

    def push(self) -> bool:
        """Hand over what the socket takes; True if there is more."""
        while self._offered:
            try:
                self._sock.send(self._offered[0])
            except BlockingIOError:
                return True
            except OSError as error:
                raise _gone(error) from error
            self._offered.popleft()
        return False

    def drain(self) -> int:
        """Take what the NIC has sent; returns how many frames."""
        count = 0
        while True:
            try:
                self._sent.append(self._sock.recv(65536))
            except BlockingIOError:
                return count
            except OSError as error:
                raise _gone(error) from error
            count += 1

    def waiting(self) -> int:
        """Bytes that QEMU has not taken from the socket yet (unix(7), SIOCOUTQ)."""
        left = array.array("i", (0,))
        fcntl.ioctl(self._sock, termios.TIOCOUTQ, left)
        return left[0]

    def close(self) -> None:
        """Pull the cable for good."""
        self._sock.close()
