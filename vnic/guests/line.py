"""The interrupt line into the guest: an input of the I/O APIC, driven over QEMU's qtest socket.

x-pci-proxy-dev hands its interrupt to KVM only; under TCG it would reach nobody. A qtest socket beside
`-accel tcg` can set any input of any device, and a level is what INTA# is.
"""

from __future__ import annotations

import socket
from typing import Final

from vnic.guests.proxy import ProxyClosed
from vnic.targets.qtest import QemuError

IOAPIC: Final = "/machine/i440fx/ioapic"
ANSWER_S: Final = 0.02
"""How long a fall may hold up the guest. QEMU answers within 0.1 ms unless its main loop waits for us."""


class InterruptLine:
    """INTA# of one device.

    Args:
        sock: connected stream socket of `-qtest`.
        gsi: input of the I/O APIC.
    """

    def __init__(self, sock: socket.socket, gsi: int) -> None:
        sock.settimeout(ANSWER_S)
        self._sock = sock
        self._gsi = gsi
        self._unanswered = 0
        self.level = False
        self.changes = 0

    def fileno(self) -> int:
        """For poll()."""
        return self._sock.fileno()

    def set(self, level: bool) -> None:
        """Drive the line; QEMU does it when its main loop comes to it, and this does not wait for that.

        Raises:
            ProxyClosed: QEMU hung up.
            QemuError: QEMU does not know the input.
        """
        if level == self.level:
            return
        self.level = level
        self.changes += 1
        try:
            self._sock.sendall(f"set_irq_in {IOAPIC} unnamed-gpio-in {self._gsi} {int(level)}\n".encode())
        except OSError as error:
            raise ProxyClosed(f"QEMU hung up ({error.strerror})") from error
        self._unanswered += 1

    def let_fall(self) -> None:
        """If the line has fallen, wait until the guest's interrupt controller knows, 20 ms at most.

        A guest that left its handler before would be interrupted once more for nothing. A handler that
        has read the cause masks it next, so this is for the access after the one that let the line fall:
        the guest went on meanwhile, and hardly ever is there anything left to wait for. Raises as `set`.
        """
        while self._unanswered and not self.level and self.drain():
            pass

    def drain(self) -> bool:
        """Take answers; False if none came in time. Raises as `set`."""
        try:
            answer = self._sock.recv(4096)
        except TimeoutError:
            return False
        except OSError as error:
            raise ProxyClosed(f"QEMU hung up ({error.strerror})") from error
        if not answer:
            raise ProxyClosed("QEMU hung up")
        if b"FAIL" in answer or b"ERR" in answer:
            said = answer.decode(errors="replace").strip()
            raise QemuError(f"QEMU has no interrupt input {self._gsi} at {IOAPIC}: {said}")
        self._unanswered -= answer.count(b"OK")
        return True

    def close(self) -> None:
        """Hang up."""
        self._sock.close()
