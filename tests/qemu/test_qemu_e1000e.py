"""The same driver model on QEMU's e1000e (82574L), by its legacy descriptors."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.qemu.test_qemu_target import DATA, frames, play
from vnic.capture import read_capture
from vnic.checks.differences import DIFFERENCES
from vnic.checks.scoreboard import compare
from vnic.checks.verdict import Verdict
from vnic.cli.sim import Request, sim_command
from vnic.driver import E1000, DriverOptions, Hooks
from vnic.driver.part import GCR, GCR2, IAM, PARTS, RFCTL, TARC0
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile
from vnic.memory import HostMemory
from vnic.nic.port import WireFrame, run
from vnic.nic.registers import Reg
from vnic.targets.model import ModelTarget
from vnic.targets.qemu import QemuTarget
from vnic.targets.run import KERNEL_BASE, LINK_TIMEOUT_NS
from vnic.targets.session import Mode, SessionResult

E1000E = "qemu-e1000e"
PLAIN = DriverOptions(promiscuous=True)


def both(
    folder: Path, kernel: str, stimulus: list[WireFrame], mode: Mode, driver: DriverOptions
) -> tuple[list[Verdict], SessionResult]:
    """All verdicts of the model with its FCS stripped and of the e1000e, and the latter's run."""
    with HostMemory() as memory:
        options = replace(driver, strip_fcs=True)
        result = play(ModelTarget(memory), memory, folder / "model", kernel, stimulus, mode, options)
    with HostMemory() as memory, QemuTarget(memory, E1000E) as target:
        other = play(target, memory, folder / "qemu", kernel, stimulus, mode, driver)
    assert result.received == other.received == len(stimulus)
    assert result.transmitted == other.transmitted
    return [*result.verdicts, *other.verdicts, *compare([folder / "model", folder / "qemu"])], other


@pytest.mark.parametrize(
    ("kernel", "capture", "mode", "driver"),
    [
        ("2.6.9/i386-686", "mixed", "reflect", PLAIN),
        ("6.1/x86_64", "vlan", "reflect", PLAIN),
        ("6.1/x86_64", "jumbo", "receive", replace(PLAIN, mtu=9000)),
        ("2.6.18/x86_64-generic", "jumbo", "reflect", replace(PLAIN, mtu=9000)),
        ("2.6.18/ppc64", "mixed", "receive", replace(PLAIN, buffer=256, rx_ring=512)),
        ("6.1/x86_64", "mixed", "loopback", replace(PLAIN, loopback=True)),
    ],
)
def test_the_e1000e_agrees_but_for_what_is_known(
    tmp_path: Path, kernel: str, capture: str, mode: Mode, driver: DriverOptions
) -> None:
    verdicts, _ = both(tmp_path, kernel, frames(capture), mode, driver)
    assert [verdict for verdict in verdicts if verdict.severity == "error"] == []


def buckets(lengths: list[int]) -> list[int]:
    """How many frames are of 64 bytes, to 127, to 255, to 511, to 1023 and above."""
    limits = (64, 65, 128, 256, 512, 1024, 1 << 14)
    return [sum(low <= n < high for n in lengths) for low, high in itertools.pairwise(limits)]


def test_each_known_difference_is_still_there_and_as_it_is_told(tmp_path: Path) -> None:
    """An entry that QEMU has outgrown must leave the list; and the counters differ by the FCS and no more."""
    stimulus = frames("mixed")[:60]
    verdicts, result = both(tmp_path, "6.1/x86_64", stimulus, "reflect", PLAIN)
    found = {verdict.rule for verdict in verdicts}
    assert found >= {d.rule.id for d in DIFFERENCES if E1000E in d.targets and d.fields}
    lengths = [max(60, len(frame.data)) for frame in stimulus]
    names = ("64", "127", "255", "511", "1023", "1522")
    for kind in ("PRC", "PTC"):
        assert [result.hardware[f"{kind}{name}"] for name in names] == buckets(lengths)
    assert result.hardware["TOT"] == result.hardware["GOTC"] == sum(lengths)
    assert result.hardware["TOR"] == result.hardware["GORC"] == sum(lengths) + 4 * len(lengths)


def test_the_e1000_counts_stripped_frames_so_too(tmp_path: Path) -> None:
    stimulus = frames("mixed")[:60]
    options = replace(PLAIN, strip_fcs=True)
    with HostMemory() as memory:
        play(ModelTarget(memory), memory, tmp_path / "model", "6.1/x86_64", stimulus, "receive", options)
    with HostMemory() as memory, QemuTarget(memory) as target:
        play(target, memory, tmp_path / "qemu", "6.1/x86_64", stimulus, "receive", options)
    verdicts = compare([tmp_path / "model", tmp_path / "qemu"])
    assert "qemu-buckets" in {verdict.rule for verdict in verdicts}
    assert [verdict for verdict in verdicts if verdict.severity == "error"] == []


def test_the_e1000e_gives_the_fcs_a_descriptor_of_its_own() -> None:
    """The rule "qemu-e1000e-fcs", which is why the driver has it stripped."""
    lengths: list[list[int]] = []
    options = replace(PLAIN, strip_fcs=False, buffer=256, rx_ring=64)
    profile = load_profile("2.6.18/ppc64")
    with HostMemory() as memory, QemuTarget(memory, E1000E) as target:
        hooks = Hooks(lambda event: lengths.append([word.length for word in event.descriptors]))
        kernel = Kernel(profile, memory, base=KERNEL_BASE)
        driver = E1000(target, kernel, options, hooks, lambda skb, _: kernel.consume_skb(skb))
        run(driver.probe())
        run(driver.open())
        assert run(driver.wait_link(LINK_TIMEOUT_NS))
        run(target.wire.offer([WireFrame(bytes(n)) for n in (100, 252, 256, 257)]))
        run(target.settle())
        assert run(target.interrupt(1_000_000_000))
        run(driver.service())
    assert lengths == [[100, 4], [252, 4], [256, 4], [256, 1, 4]]


@pytest.fixture
def memory() -> Iterator[HostMemory]:
    with HostMemory() as memory:
        yield memory


@pytest.fixture
def target(memory: HostMemory) -> Iterator[QemuTarget]:
    with QemuTarget(memory, E1000E) as target:
        yield target


def test_the_driver_sets_what_an_82574_wants_set(memory: HostMemory, target: QemuTarget) -> None:
    """Also after the interface went down and up again."""
    kernel = Kernel(load_profile("6.1/x86_64"), memory, base=KERNEL_BASE)
    driver = E1000(target, kernel, PLAIN, Hooks(), lambda skb, _: kernel.consume_skb(skb))
    run(driver.probe())
    assert driver.hw.part is PARTS["82574L"]
    assert driver.hw.mac_address == bytes.fromhex("525400123456")
    run(driver.open())
    run(driver.change_mtu(9000))
    read = {offset: run(target.read32(offset)) for offset in (IAM, TARC0, RFCTL, GCR, GCR2, Reg.PBA)}
    assert read[IAM] == 0xFFFFFFFF
    assert read[GCR] & 1 << 22
    assert read[GCR2] == 1
    assert not read[RFCTL] & 1 << 15
    assert not read[TARC0] & 0xF << 27
    assert read[Reg.PBA] & 0xFFFF == 22
    assert run(target.read32(Reg.RXCSUM)) == 0
    assert run(driver.wait_link(LINK_TIMEOUT_NS))
    run(target.wire.offer([WireFrame(bytes(range(256)) * 35)]))
    run(target.settle())
    assert run(target.interrupt(1_000_000_000))
    assert run(driver.service()) == 1
    assert driver.stats.rx_bytes == 256 * 35
    run(driver.remove())
    assert kernel.dma.mapped == 0


def test_a_read_of_icr_clears_it_and_lowers_the_line(target: QemuTarget) -> None:
    for setting in PARTS["82574L"].settings:
        run(target.write32(setting.offset, run(target.read32(setting.offset)) & ~setting.clear | setting.set))
    run(target.write32(Reg.IMS, 0x4))
    run(target.write32(Reg.ICS, 0x4))
    assert run(target.interrupt(1_000_000_000))
    assert run(target.read32(Reg.ICR)) & 0x4
    assert not run(target.interrupt(1_000_000))


def test_the_command_compares_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All NICs of the run strip the FCS then, and the frames kept are whole."""
    request = Request(
        capture=DATA / "vlan.pcap", kernel="6.1/x86_64", mtu=1500, buffer=None, strategy=None,
        targets="model,qemu-e1000e", strip_fcs=False, mode="receive", data_width=64, rx_ring=256, tx_ring=256,
        seed=1, waves=False, out=tmp_path / "run", force=False,
    )  # fmt: skip
    assert sim_command(request, as_json=True) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["agree"] is result["strip_fcs"] is True
    assert set(result["targets"]) == {"model", "qemu-e1000e"}
    sent = [max(60, len(frame.data)) for frame in frames("vlan")]
    assert [len(frame.data) for frame in read_capture(tmp_path / "run" / "received.pcap").frames] == sent
