"""QEMU's e1000 and e1000e as targets: an unpatched QEMU whose RAM is our HostMemory and whose CPU is halted.

The driver reaches registers through qtest, the NIC reaches descriptors and buffers in the shared memory
without a detour, and frames pass through a datagram socket. Every socket and file was opened by us and is
handed over as a file descriptor, so nothing has a name that could be left behind.

Debian's QEMU is built without the `qtest` accelerator, so there is a CPU: its firmware is `cli; hlt`. QEMU's
clock is the host's, then, and waits are real ones.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, NamedTuple, Self

from vnic.errors import UsageError
from vnic.memory import HostMemory
from vnic.nic.bus import ignore_dma
from vnic.nic.eeprom import DEFAULT_MAC
from vnic.nic.events import DmaEvent, RegisterEvent
from vnic.nic.registers import Reg
from vnic.targets.model import ignore_register
from vnic.targets.qemu_wire import QemuWire
from vnic.targets.qtest import QemuError, Qtest
from vnic.targets.ringwatch import RingWatch

PROGRAM: Final = "qemu-system-x86_64"
SLOT: Final = 3
BAR0: Final = 0xE000_0000  # in the PCI hole of the i440FX, above any RAM of ours
COMMAND_MEMORY, COMMAND_MASTER = 1 << 1, 1 << 2  # PCI 2.2, 6.2.2
STATUS_INTERRUPT: Final = 1 << (16 + 3)  # PCI 2.3, 6.2.3: INTx# is asserted
FIRMWARE_BYTES: Final = 65536
RESET_VECTOR: Final = 0xFFF0
HALT: Final = b"\xfa\xf4\xeb\xfd"  # cli; 1: hlt; jmp 1b
STALL_S: Final = 0.05
"""QEMU takes a frame within microseconds of being able to; it is not able to after this long."""

POLL_S: Final = 0.0005
VENDOR: Final = 0x8086


class Device(NamedTuple):
    """One of QEMU's NICs.

    Attributes:
        model: its name there.
        device_id: PCI device id.
        deaf_s: how long it may take no frame after a write to RCTL.
        writes_fcs: writes the FCS that it counts in the descriptor's length.
    """

    model: str
    device_id: int
    deaf_s: float
    writes_fcs: bool


DEVICES: Final = {
    # hw/net/e1000.c, flush_queue_timer: nothing is received for 1 s
    "qemu": Device("e1000", 0x100E, 1.1, False),
    # hw/net/e1000e_core.c, e1000e_write_packet_to_guest: zeros stand for the FCS
    "qemu-e1000e": Device("e1000e", 0x10D3, 0.0, True),
}


def find_qemu(program: str = PROGRAM) -> str:
    """The path of the QEMU to start. Raises QemuError when it is not installed."""
    path = shutil.which(program)
    if path is None:
        raise QemuError(f"{program} is not installed: apt-get install qemu-system-x86")
    return path


class QemuTarget:
    """A QEMU with one NIC in slot 3 of a PC, to be used as a context manager.

    Args:
        memory: RAM of the machine, from address 0, without a hole.
        name: `qemu` (e1000, an 82540EM) or `qemu-e1000e` (an 82574L).
        mac: station address, in the EEPROM.
        program: the QEMU to start.

    Attributes:
        name: as given.
        device_id: PCI device id.

    Raises:
        QemuError: QEMU is missing, does not start, or has no such NIC.
        UsageError: a name that is neither.
    """

    cycles = 0

    def __init__(
        self,
        memory: HostMemory,
        name: str = "qemu",
        *,
        mac: bytes = DEFAULT_MAC,
        program: str = PROGRAM,
    ) -> None:
        if name not in DEVICES:
            raise UsageError(f"target {name}: QEMU's are {', '.join(DEVICES)}")
        self.name = name
        model, self.device_id, self._deaf_s, writes_fcs = DEVICES[name]
        self.on_dma: Callable[[DmaEvent], None] = ignore_dma
        self.on_register: Callable[[RegisterEvent], None] = ignore_register
        self._start_ns = time.monotonic_ns()
        self._deaf_until = 0.0
        path = find_qemu(program)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the target
        self._process, qtest, wire = _start(path, memory, model, mac, self._log.fileno())
        self._qtest, self.wire = Qtest(qtest), QemuWire(wire)
        self._rings = RingWatch(memory, lambda event: self.on_dma(event), fcs_in_length=not writes_fcs)
        try:
            self._find()
        except QemuError as error:
            said = self._said()
            self.close()
            raise QemuError(f"{error}: {said}" if said else str(error)) from error

    def _find(self) -> None:
        """Give the NIC its place on the bus: what firmware would do."""
        qtest = self._qtest
        identity = qtest.config_read(SLOT, 0)
        if identity != self.device_id << 16 | VENDOR:
            raise QemuError(
                f"slot {SLOT} of QEMU's bus has {identity & 0xFFFF:04x}:{identity >> 16:04x}, "
                f"not {VENDOR:04x}:{self.device_id:04x}"
            )
        qtest.config_write(SLOT, 0x10, BAR0)
        qtest.config_write(SLOT, 0x04, COMMAND_MEMORY | COMMAND_MASTER)

    @property
    def pid(self) -> int:
        """Process id of QEMU."""
        return self._process.pid

    @property
    def now_ns(self) -> int:
        """The host's clock, which is QEMU's, from the target's start."""
        return time.monotonic_ns() - self._start_ns

    async def read32(self, offset: int) -> int:
        """Read the register at byte `offset` of BAR0. Raises QemuError."""
        value = self._qtest.readl(BAR0 + offset)
        self.on_register(RegisterEvent(self.now_ns, False, offset, value))
        return value

    async def write32(self, offset: int, value: int) -> None:
        """Write the register at byte `offset` of BAR0. Raises QemuError."""
        self.on_register(RegisterEvent(self.now_ns, True, offset, value))
        self._qtest.writel(BAR0 + offset, value)
        if offset == Reg.RCTL:
            self._deaf_until = time.monotonic() + self._deaf_s
        self._rings.written(offset, value)
        if offset == Reg.TDT:
            self._observe()
        self.wire.drain()

    async def interrupt(self, timeout_ns: int) -> bool:
        """Wait for INTx# at most `timeout_ns` of real time; True if it is asserted. Raises QemuError."""
        end = time.monotonic_ns() + timeout_ns
        while not self._qtest.config_read(SLOT, 0x04) & STATUS_INTERRUPT:
            if self.wire.push():
                self._observe()
            left = end - time.monotonic_ns()
            if left <= 0:
                return False
            time.sleep(min(POLL_S, left * 1e-9))
        return True

    async def settle(self) -> None:
        """Until QEMU has taken every frame, or takes no more because it has no descriptor for one.

        A frame is in memory, its interrupt raised, when the next command is answered: QEMU does both in one
        thread. Raises QemuError.
        """
        wire, qtest = self.wire, self._qtest
        seen, since = -1, time.monotonic()
        while (more := wire.push()) or wire.waiting():
            qtest.readl(BAR0 + Reg.STATUS)
            left = wire.waiting() + more
            if left != seen:
                seen, since = left, time.monotonic()
            elif time.monotonic() > max(since, self._deaf_until) + STALL_S:
                break
            else:
                time.sleep(POLL_S)
        qtest.readl(BAR0 + Reg.STATUS)
        while wire.drain():
            qtest.readl(BAR0 + Reg.STATUS)
        self._observe()

    def _observe(self) -> None:
        """Tell what the rings have to say."""
        heads = (self._qtest.readl(BAR0 + register) for register in (Reg.RDH, Reg.TDH))
        self._rings.observe(self.now_ns, *heads)

    async def set_link(self, up: bool) -> None:
        """Not to be had: QEMU's link is set through its monitor, which this target does not open.

        Raises:
            QemuError: `up` is false.
        """
        if not up:
            raise QemuError("the cable of QEMU's NIC cannot be pulled here; use the model or icarus")

    def close(self) -> None:
        """End QEMU and wait for its end."""
        self._process.kill()
        self._process.wait()
        self._qtest.close()
        self.wire.close()
        self._log.close()

    def _said(self) -> str:
        """The last line QEMU printed."""
        self._process.kill()
        self._process.wait()
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _start(
    path: str, memory: HostMemory, model: str, mac: bytes, log: int
) -> tuple[subprocess.Popen[bytes], socket.socket, socket.socket]:
    """QEMU, and our ends of its qtest socket and of its wire. Raises QemuError."""
    if len(memory.regions) != 1 or memory.regions[0].base:
        raise QemuError("QEMU's RAM is one region from address 0; make the host memory so")
    qtest, qtest_far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    wire, wire_far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    rom = os.memfd_create("vnic-firmware")
    image = bytearray(FIRMWARE_BYTES)
    image[RESET_VECTOR : RESET_VECTOR + len(HALT)] = HALT
    os.write(rom, image)
    fds = (memory.fileno(), rom, qtest_far.fileno(), wire_far.fileno())
    command = [
        path, "-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg",
        "-m", f"{memory.size >> 20}M", "-machine", "pc,memory-backend=ram,usb=off,hpet=off",
        "-object", f"memory-backend-file,id=ram,size={memory.size},share=on,mem-path=/proc/self/fd/{fds[0]}",
        "-bios", f"/proc/self/fd/{fds[1]}",
        "-chardev", f"socket,id=qtest,fd={fds[2]}", "-qtest", "chardev:qtest", "-qtest-log", "none",
        "-netdev", f"dgram,id=wire,local.type=fd,local.str={fds[3]}",
        "-device", f"{model},netdev=wire,addr={SLOT:#x},mac={mac.hex(':')}",
    ]  # fmt: skip
    try:
        process = subprocess.Popen(
            command, pass_fds=fds, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    except OSError as error:
        qtest.close()
        wire.close()
        raise QemuError(f"{path} does not start: {error.strerror}") from error
    finally:
        os.close(rom)
        qtest_far.close()
        wire_far.close()
    return process, qtest, wire
