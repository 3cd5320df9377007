"""Guests that do what no driver should, and QEMUs that go away: one line, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest

from tests.qemu.guests import children, kernel
from vnic.errors import UsageError, VnicError
from vnic.guests import boot as booting
from vnic.guests.boot import CONSOLE, boot
from vnic.guests.bridge import GuestTimeout
from vnic.guests.machine import Machine
from vnic.guests.script import LINK_UP, BootOptions
from vnic.nic.registers import RCTL, TCTL, Reg
from vnic.targets.qtest import QemuError

DEVICE = "/sys/bus/pci/devices/0000:00:02.0"
FAR = 0x7000_0000  # in no RAM of a guest with 256 MiB
RECEIVE = RCTL.EN | RCTL.UPE | RCTL.BAM | 1 << 6  # loopback by RCTL.LBM, so that a frame sent comes in


def reg(offset: int, value: int) -> str:
    return f"devmem $((bar + {offset:#x})) 32 {value:#x}"


# The driver is gone; the device may still master the bus. A descriptor ring is made at 128 MiB by hand.
RING, FRAME = 0x0800_0000, 0x0801_0000
MISBEHAVE = f"""
rmmod e1000
printf '\\007' | dd of={DEVICE}/config bs=1 seek=4 conv=notrunc 2> /dev/null
bar=$(head -n 1 {DEVICE}/resource | cut -d ' ' -f 1)
{reg(Reg.RCTL, 0)}; {reg(Reg.TCTL, 0)}
: a ring beyond RAM, fetched at once
{reg(Reg.RDBAL, FAR)}; {reg(Reg.RDLEN, 4096)}; {reg(Reg.RDH, 0)}; {reg(Reg.RDT, 8)}; {reg(Reg.RCTL, RECEIVE)}
{reg(Reg.TDBAL, FAR)}; {reg(Reg.TDLEN, 4096)}; {reg(Reg.TDH, 0)}; {reg(Reg.TCTL, TCTL.EN)}; {reg(Reg.TDT, 4)}
: no ring at all, and tails beyond it
{reg(Reg.RDLEN, 0)}; {reg(Reg.RDT, 4)}; {reg(Reg.RDT, 0xFFFF)}; {reg(Reg.TDLEN, 0)}; {reg(Reg.TDT, 0xFFFF)}
{reg(Reg.RDLEN, 128)}; {reg(Reg.RDH, 0xFFFF)}; {reg(Reg.RDT, 8)}
insmod /modules/e1000.ko
ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0
until ping -c 1 -W 1 10.0.2.2 > /dev/null; do :; done
echo usable again
"""


def test_rings_beyond_ram_and_beyond_themselves(tmp_path: Path) -> None:
    """A driver that lost its mind; the stock one brings the NIC back to life."""
    result = boot(BootOptions(commands=(MISBEHAVE,), timeout_s=150), kernel(), tmp_path)
    console = (tmp_path / CONSOLE).read_text(errors="replace")
    assert "usable again" in console, console
    outside = next(verdict for verdict in result.verdicts if verdict.rule == "dma-memory")
    assert outside.severity == "error"
    assert f"{FAR:#x}" in outside.where


def kill_qemu() -> None:
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        if "qemu" in Path(f"/proc/{pid}/comm").read_text():
            os.kill(int(pid), signal.SIGKILL)


def test_qemu_is_killed_in_mid_transfer(tmp_path: Path) -> None:
    before = children()
    files = len(list(Path("/proc/self/fd").iterdir()))

    heard = bytearray()

    def show(data: bytes) -> None:
        heard.extend(data)
        if b"seq=0" in heard:
            kill_qemu()

    with pytest.raises(VnicError, match=r"^QEMU was ended by SIGKILL; what the guest printed is in its"):
        boot(
            BootOptions(commands=("while :; do ping -c 1 -s 1400 10.0.2.2; done",), timeout_s=100),
            kernel(),
            tmp_path,
            show,
        )
    assert children() == before
    assert len(list(Path("/proc/self/fd").iterdir())) == files


@pytest.mark.parametrize("which", ["qtest", "wire"])
def test_a_socket_is_closed_while_the_guest_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    before = children()
    files = len(list(Path("/proc/self/fd").iterdir()))
    machines: list[Machine] = []

    class Kept(Machine):
        def __enter__(self) -> Self:
            machines.append(self)
            return super().__enter__()

    monkeypatch.setattr(booting, "Machine", Kept)
    heard = bytearray()

    def show(data: bytes) -> None:
        heard.extend(data)
        if LINK_UP.encode() in heard:
            getattr(machines[0], which).shutdown(socket.SHUT_RDWR)

    with pytest.raises(
        VnicError, match=r"^QEMU (hung up a socket of its NIC|ended with|was ended).*console\.log$"
    ):
        boot(BootOptions(commands=("while :; do sleep 1; done",), timeout_s=100), kernel(), tmp_path, show)
    assert children() == before
    assert len(list(Path("/proc/self/fd").iterdir())) == files


@pytest.mark.parametrize("nic", ["model", "icarus"])
def test_we_are_killed_and_qemu_goes_too(tmp_path: Path, repo: Path, nic: str) -> None:
    command = [sys.executable, "-m", "vnic", "boot", "--nic", nic, "--out", "result", "--quiet"]
    kernel()
    ours = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(repo)})
    tag = str(tmp_path)
    deadline = time.monotonic() + 60
    while not (seen := descendants(tag)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert seen, "QEMU was not started"
    ours.kill()
    ours.wait()
    deadline = time.monotonic() + 10
    while descendants(tag) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not descendants(tag)


def descendants(tag: str) -> list[str]:
    """QEMUs whose command line names a file under `tag`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if "qemu-system" in line and tag in line:
            found.append(folder.name)
    return found


def test_two_runs_at_once(tmp_path: Path, repo: Path) -> None:
    kernel()
    environment = {**os.environ, "PYTHONPATH": str(repo)}
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "vnic", "boot", "--quiet", "--out", name], cwd=tmp_path, env=environment
        )
        for name in ("one", "two")
    ]
    assert [each.wait(timeout=120) for each in runs] == [0, 0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


@pytest.mark.parametrize("nic", ["model", "icarus"])
def test_ctrl_c(tmp_path: Path, repo: Path, nic: str) -> None:
    """A terminal sends SIGINT to all of us, QEMU included."""
    kernel()
    ours = subprocess.Popen(
        [sys.executable, "-m", "vnic", "boot", "--nic", nic, "--out", "result", "--quiet"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(repo)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not descendants(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(ours.pid, signal.SIGINT)
    _, said = ours.communicate(timeout=30)
    assert ours.returncode == 128 + signal.SIGINT
    assert said.strip().splitlines()[-1].startswith("vnic: interrupted")
    assert not descendants(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_that_goes_elsewhere_is_named(tmp_path: Path) -> None:
    options = BootOptions(gsi=5, timeout_s=35)
    with pytest.raises(GuestTimeout, match=r"goes to GSI 5, the firmware routed it to 10; give --gsi 10"):
        boot(options, kernel(), tmp_path)


def test_a_guest_that_does_not_end(tmp_path: Path) -> None:
    before = children()
    with pytest.raises(GuestTimeout, match=r"not done after 2 s and was ended; give --timeout"):
        boot(BootOptions(timeout_s=2), kernel(), tmp_path)
    assert children() == before


def test_a_netdev_that_qemu_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(VnicError, match=r"QEMU ended with exit code 1: .*carrier-pigeon"):
        boot(BootOptions(netdev="carrier-pigeon", timeout_s=20), kernel(), tmp_path)


def test_no_qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = kernel()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(QemuError, match=r"qemu-system-x86_64 is not installed; apt-get install"):
        boot(BootOptions(), guest, tmp_path)


def test_requests_that_cannot_be(tmp_path: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="PCI slot 1"):
        boot(BootOptions(slot=1), kernel(), tmp_path)
    with pytest.raises(UsageError, match="a capture is replayed to a NIC of ours"):
        boot(BootOptions(nic="qemu", replay=data / "vlan.pcap"), kernel(), tmp_path)
