"""The driver model on QEMU's own e1000, with the behavioural NIC as the other witness."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from vnic.capture import read_capture
from vnic.checks.checker import Checker
from vnic.checks.differences import DIFFERENCES
from vnic.checks.scoreboard import compare
from vnic.checks.state import CheckOptions
from vnic.checks.verdict import Verdict
from vnic.driver import DriverOptions
from vnic.errors import UsageError
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile
from vnic.memory import HostMemory
from vnic.nic.port import WireFrame, run
from vnic.nic.registers import Reg
from vnic.targets.base import Target
from vnic.targets.model import ModelTarget
from vnic.targets.qemu import QemuTarget
from vnic.targets.qtest import QemuError
from vnic.targets.record import RunRecord
from vnic.targets.run import KERNEL_BASE, LINK_TIMEOUT_NS
from vnic.targets.session import Mode, SessionOptions, SessionResult, run_session

DATA = Path(__file__).parents[1] / "data"


def frames(name: str) -> list[WireFrame]:
    return [WireFrame(frame.data) for frame in read_capture(DATA / f"{name}.pcap").frames]


def play(
    target: Target,
    memory: HostMemory,
    record: Path | None,
    kernel: str,
    stimulus: list[WireFrame],
    mode: Mode,
    driver: DriverOptions,
) -> SessionResult:
    qemu = isinstance(target, QemuTarget)
    profile = load_profile(kernel)
    return run(
        run_session(
            target,
            Kernel(profile, memory, base=KERNEL_BASE),
            stimulus,
            SessionOptions(driver, mode, link_timeout_ns=LINK_TIMEOUT_NS),
            checker=Checker(profile, memory, CheckOptions(fcs_written=not qemu, guards=qemu)),
            recorder=RunRecord(record, target.name) if record else None,
        )
    )


def both(
    folder: Path, kernel: str, stimulus: list[WireFrame], mode: Mode, driver: DriverOptions
) -> list[Verdict]:
    """All verdicts of a run on either NIC and of their comparison."""
    verdicts: list[Verdict] = []
    with HostMemory() as memory:
        result = play(ModelTarget(memory), memory, folder / "model", kernel, stimulus, mode, driver)
        verdicts += result.verdicts
    with HostMemory() as memory, QemuTarget(memory) as target:
        other = play(target, memory, folder / "qemu", kernel, stimulus, mode, driver)
        verdicts += other.verdicts
    assert result.received == other.received == len(stimulus)
    assert result.transmitted == other.transmitted
    return verdicts + compare([folder / "model", folder / "qemu"])


@pytest.fixture
def target() -> Iterator[QemuTarget]:
    with HostMemory() as memory, QemuTarget(memory) as target:
        yield target


@pytest.mark.parametrize(
    ("kernel", "capture", "mode", "driver"),
    [
        ("2.6.9/i386-686", "mixed", "reflect", {}),
        ("6.1/x86_64", "vlan", "reflect", {}),
        ("6.1/x86_64", "jumbo", "receive", {"mtu": 9000}),
        ("2.6.18/x86_64-generic", "jumbo", "reflect", {"mtu": 9000}),
        ("2.6.18/ppc64", "mixed", "receive", {"buffer": 256, "mtu": 1500, "rx_ring": 512}),
    ],
)
def test_qemu_agrees_but_for_what_is_known(
    tmp_path: Path, kernel: str, capture: str, mode: Mode, driver: dict[str, int]
) -> None:
    verdicts = both(tmp_path, kernel, frames(capture), mode, DriverOptions(promiscuous=True, **driver))  # type: ignore[arg-type]  # integers all
    assert [verdict for verdict in verdicts if verdict.severity == "error"] == []


def test_each_known_difference_is_still_there(tmp_path: Path) -> None:
    """An entry that QEMU has outgrown must leave the list."""
    options = DriverOptions(promiscuous=True)
    verdicts = both(tmp_path, "6.1/x86_64", frames("mixed")[:60], "receive", options)
    listed = {d.rule.id for d in DIFFERENCES if "qemu" in d.targets and d.fields and not d.stripped}
    assert {verdict.rule for verdict in verdicts} >= listed


def test_long_frames_in_a_ring_that_does_not_wrap(tmp_path: Path) -> None:
    big = [WireFrame(bytes((n,)) * 9000) for n in range(1, 9)]
    options = DriverOptions(mtu=9000, buffer=2048, rx_ring=64, promiscuous=True)
    verdicts = both(tmp_path, "2.6.18/x86_64-generic", big, "receive", options)
    assert [verdict for verdict in verdicts if verdict.severity == "error"] == []


def test_qemu_drops_a_long_frame_when_only_the_tail_has_wrapped() -> None:
    """The rule "qemu-wrap": five descriptors wanted, six free; the behavioural NIC receives all eight."""
    big = [WireFrame(bytes((n,)) * 9000) for n in range(1, 9)]
    options = DriverOptions(mtu=9000, buffer=2048, rx_ring=8, promiscuous=True)
    with HostMemory() as memory, QemuTarget(memory) as target:
        result = play(target, memory, None, "2.6.18/x86_64-generic", big, "receive", options)
    assert 0 < result.received < len(big)
    assert result.hardware["MPC"] >= len(big) - result.received
    assert [v.severity for v in result.verdicts if v.rule == "frame-lost"] == ["warning"]


def test_registers_and_interrupt_line(target: QemuTarget) -> None:
    assert run(target.read32(Reg.STATUS)) & 0x80
    assert not run(target.interrupt(0))
    run(target.write32(Reg.IMS, 0x4))
    run(target.write32(Reg.ICS, 0x4))
    assert run(target.interrupt(1_000_000_000))
    assert run(target.read32(Reg.ICR)) & 0x4
    assert not run(target.interrupt(1_000_000))


def test_a_frame_that_qemus_wire_cannot_carry(target: QemuTarget) -> None:
    with pytest.raises(QemuError, match="neither FCS nor runts"):
        run(target.wire.offer([WireFrame(bytes(60), bad_fcs=True)]))


def test_qemu_killed_in_mid_run_ends_in_one_line() -> None:
    with HostMemory() as memory, QemuTarget(memory) as target:
        pid = target.pid

        def murder(frame: object) -> None:
            os.kill(pid, signal.SIGKILL)

        profile = load_profile("6.1/x86_64")
        with pytest.raises(QemuError, match=r"^QEMU (went away|closed the wire)[^\n]*$"):
            run(
                run_session(
                    target,
                    Kernel(profile, memory, base=KERNEL_BASE),
                    frames("mixed"),
                    SessionOptions(link_timeout_ns=LINK_TIMEOUT_NS),
                    on_received=murder,
                )
            )
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("name", ["qemu", "qemu-e1000e"])
def test_a_qtest_socket_closed_in_mid_run_ends_in_one_line_and_leaves_nothing(name: str) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    profile = load_profile("6.1/x86_64")
    with HostMemory() as memory, QemuTarget(memory, name) as target:
        pid = target.pid

        def cut(_frame: object) -> None:
            target._qtest._sock.shutdown(socket.SHUT_RDWR)

        with pytest.raises(
            QemuError, match=r"^QEMU went away at '\w+ [^']+' \([^\n]+\): it was ended[^\n]*$"
        ):
            run(
                run_session(
                    target,
                    Kernel(profile, memory, base=KERNEL_BASE),
                    frames("mixed"),
                    SessionOptions(link_timeout_ns=LINK_TIMEOUT_NS),
                    on_received=cut,
                )
            )
    assert not Path(f"/proc/{pid}").exists()
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_a_target_that_qemu_is_not() -> None:
    with (
        HostMemory() as memory,
        pytest.raises(UsageError, match="target rtl8139: QEMU's are qemu, qemu-e1000e"),
    ):
        QemuTarget(memory, "rtl8139")


def test_qemu_that_does_not_start(tmp_path: Path) -> None:
    fake = tmp_path / "qemu"
    fake.write_text("#!/bin/sh\necho 'no such machine' >&2; exit 1\n")
    fake.chmod(0o755)
    with HostMemory() as memory, pytest.raises(QemuError, match=r"^[^\n]*no such machine$"):
        QemuTarget(memory, program=str(fake))


def test_no_qemu() -> None:
    with HostMemory() as memory, pytest.raises(QemuError, match="apt-get install qemu-system-x86"):
        QemuTarget(memory, program="qemu-system-that-is-not-there")


def test_two_at_once(tmp_path: Path) -> None:
    """Nothing has a name, so nothing can be taken."""
    with HostMemory() as one, HostMemory() as two, QemuTarget(one) as left, QemuTarget(two) as right:
        for target, memory in ((left, one), (right, two)):
            options = DriverOptions(promiscuous=True)
            result = play(target, memory, None, "6.1/x86_64", frames("mixed")[:50], "receive", options)
            assert result.received == 50
