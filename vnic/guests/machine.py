"""QEMU as the machine around a NIC: its command line, its sockets, and its end.

Every socket is one half of a pair that we made and is handed over as a file descriptor, so nothing has a
name that could be left behind. QEMU asks the kernel to be killed when the process that started it dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from vnic.guests.pci import gsi_of_slot
from vnic.memory import HostMemory
from vnic.targets.qemu import PROGRAM
from vnic.targets.qtest import QemuError

MIB: Final = 1 << 20
ENDS_S: Final = 5.0
"""What a QEMU that has hung up gets to end."""

_PR_SET_PDEATHSIG: Final = 1
_libc: Final = ctypes.CDLL(None)


@dataclass(frozen=True)
class MachineSpec:
    """A PC with one NIC.

    Attributes:
        kernel, initrd: files to boot. append: the kernel's command line.
        own_nic: the NIC is QEMU's e1000, not ours.
        mac: station address of QEMU's e1000 (ours has its own EEPROM).
        netdev: the other end of the wire, as QEMU's `-netdev` takes it, without `id`; None: nobody.
        wired: with QEMU's e1000 too, frames come and go by `Machine.wire`, and there is no `netdev`.
        capture: where QEMU's e1000 records what goes over its wire, as pcap.
        memory_mib: RAM. slot: of the PCI bus. program: the QEMU to start.
    """

    kernel: Path
    initrd: Path
    append: str
    own_nic: bool
    mac: bytes
    netdev: str | None = "user"
    memory_mib: int = 256
    slot: int = 2
    program: str = PROGRAM
    wired: bool = False
    capture: Path | None = None


class Machine:
    """A running QEMU, to be used as a context manager.

    `proxy` and `qtest` are None with QEMU's own NIC, `wire` (one datagram a frame) is unless it is `wired`.

    Args:
        spec: the machine.
        ram: RAM that somebody else maps too; QEMU makes its own if None.

    Raises:
        QemuError: QEMU is not installed or does not start.
    """

    def __init__(self, spec: MachineSpec, ram: HostMemory | None = None) -> None:
        path = find_qemu(spec.program)
        gsi_of_slot(spec.slot)
        far: list[socket.socket] = []

        def pair(kind: socket.SocketKind) -> tuple[socket.socket, int]:
            near, other = socket.socketpair(socket.AF_UNIX, kind)
            far.append(other)
            return near, other.fileno()

        self.console, console = pair(socket.SOCK_STREAM)
        self.proxy = self.qtest = self.wire = None
        ram_fd = None if ram is None else ram.fileno()
        command = [path, *_base(spec, console, ram_fd)]
        if spec.own_nic and spec.wired:
            self.wire, wire = pair(socket.SOCK_DGRAM)
            command += _own_nic(spec, f"dgram,local.type=fd,local.str={wire}")
        elif spec.own_nic:
            command += _own_nic(spec, spec.netdev)
        else:
            self.proxy, proxy = pair(socket.SOCK_STREAM)
            self.qtest, qtest = pair(socket.SOCK_STREAM)
            self.wire, wire = pair(socket.SOCK_DGRAM)
            command += _our_nic(spec, proxy, qtest, wire)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the machine
        passed = [each.fileno() for each in far] + ([] if ram_fd is None else [ram_fd])
        try:
            self.process = subprocess.Popen(
                command,
                pass_fds=passed,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                preexec_fn=_die_with_parent,
            )
        except OSError as error:
            self._close()
            raise QemuError(f"{path} does not start: {error.strerror}") from error
        finally:
            for each in far:
                each.close()

    def said(self) -> str:
        """The last line QEMU printed that is no warning: it warns of a hub without a NIC of its own."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return next((line for line in reversed(lines) if "warning:" not in line), "")

    def obituary(self) -> str | None:
        """One line on why QEMU ended, None if it did as the guest asked. Waits for its end, or ends it."""
        try:
            code = self.process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "QEMU hung up a socket of its NIC, ran on, and was ended"
        if code == 0:
            return None
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        said = self.said()
        return f"QEMU {how}{': ' + said if said else ''}"

    def close(self) -> None:
        """End QEMU and wait for its end."""
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self) -> None:
        for each in (self.console, self.proxy, self.qtest, self.wire):
            if each is not None:
                each.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A second Ctrl-C must not leave a QEMU behind.
        with contextlib.suppress(ProcessLookupError):
            self.close()


def find_qemu(program: str = PROGRAM) -> str:
    """Where QEMU is. Raises QemuError if nowhere."""
    path = shutil.which(program)
    if path is None:
        raise QemuError(f"{program} is not installed; apt-get install qemu-system-x86")
    return path


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _base(spec: MachineSpec, console: int, ram: int | None) -> list[str]:
    size = spec.memory_mib * MIB
    backend = f"memory-backend-memfd,id=ram,size={size},share=on"
    if ram is not None:
        backend = f"memory-backend-file,id=ram,size={size},share=on,mem-path=/proc/self/fd/{ram}"
    return [
        "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-accel", "tcg",
        "-m", f"{spec.memory_mib}M", "-machine", "pc,memory-backend=ram,usb=off", "-object", backend,
        "-chardev", f"socket,id=console,fd={console}", "-serial", "chardev:console",
        "-kernel", str(spec.kernel), "-initrd", str(spec.initrd), "-append", spec.append,
    ]  # fmt: skip


def _own_nic(spec: MachineSpec, netdev: str | None) -> list[str]:
    device = f"e1000,addr={spec.slot:#x},mac={spec.mac.hex(':')}"
    if netdev is None:
        return ["-device", device]
    command = ["-netdev", _named(netdev, "far"), "-device", f"{device},netdev=far"]
    if spec.capture is not None:
        path = str(spec.capture).replace(",", ",,")
        command += ["-object", f"filter-dump,id=recorder,netdev=far,file={path}"]
    return command


def _our_nic(spec: MachineSpec, proxy: int, qtest: int, wire: int) -> list[str]:
    """Our device; and the wire, joined by a hub with whoever is at its other end."""
    command = [
        "-device", f"x-pci-proxy-dev,id=nic,fd={proxy},addr={spec.slot:#x}",
        "-chardev", f"socket,id=qtest,fd={qtest}", "-qtest", "chardev:qtest", "-qtest-log", "none",
    ]  # fmt: skip
    if spec.netdev is None:
        return command
    return [
        *command,
        "-netdev", _named(spec.netdev, "far"), "-netdev", "hubport,id=farport,hubid=0,netdev=far",
        "-netdev", f"dgram,id=wire,local.type=fd,local.str={wire}",
        "-netdev", "hubport,id=wireport,hubid=0,netdev=wire",
    ]  # fmt: skip


def _named(netdev: str, name: str) -> str:
    kind, comma, rest = netdev.partition(",")
    return f"{kind},id={name}{comma}{rest}"
