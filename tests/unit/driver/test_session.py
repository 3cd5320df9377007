"""The driver on the behavioural NIC, frames going through in lock-step, judged by all checks."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from vnic.checks.checker import Checker
from vnic.driver import DriverOptions
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile, profile_names
from vnic.memory import HostMemory
from vnic.nic.port import WireFrame, run
from vnic.nic.registers import REGISTERS
from vnic.targets.model import ModelTarget
from vnic.targets.record import RunRecord
from vnic.targets.session import Mode, SessionOptions, SessionResult, SessionStalled, run_session

PROFILES = (
    "linux-2.4/i386-P4",
    "2.6.9/i386-686",
    "2.6.18/x86_64-generic",
    "2.6.18/ppc64",
    "2.6.36/x86_64",
    "3.3/x86_64",
    "6.1/x86_64",
)


def frames_of_all_sizes(mtu: int, count: int = 300) -> list[WireFrame]:
    random_source = random.Random(mtu)
    sizes = [14, 59, 60, 61, 251, 252, 253, 256, 257, mtu + 13, mtu + 14]
    sizes += [random_source.randint(14, mtu + 14) for _ in range(count - len(sizes))]
    return [WireFrame(random_source.randbytes(size)) for size in sizes]


def test_the_profiles_that_a_session_must_run_on_are_there() -> None:
    assert set(PROFILES) <= set(profile_names())


@pytest.mark.parametrize("mode", ["receive", "reflect", "loopback"])
@pytest.mark.parametrize("mtu", [1500, 9000])
@pytest.mark.parametrize("name", PROFILES)
def test_frames_of_all_sizes_arrive_whole_on_every_kernel(name: str, mtu: int, mode: Mode) -> None:
    profile = load_profile(name)
    frames = frames_of_all_sizes(mtu)
    received: list[bytes] = []
    with HostMemory() as memory:
        kernel = Kernel(profile, memory)
        result = run(
            run_session(
                ModelTarget(memory),
                kernel,
                iter(frames),
                SessionOptions(DriverOptions(mtu=mtu, promiscuous=True, loopback=mode == "loopback"), mode),
                checker=Checker(profile, memory),
                on_received=lambda event: received.append(event.data[:-4]),
            )
        )
    assert received == [frame.data.ljust(60, b"\0") for frame in frames]
    assert result.offered == result.received == len(frames)
    assert result.transmitted == (len(frames) if mode == "reflect" else 0)
    assert [verdict for verdict in result.verdicts if verdict.severity == "error"] == []
    assert (kernel.live_skbs, kernel.dma.mapped) == (0, 0)


def a_run(
    options: SessionOptions, frames: list[WireFrame], target: type[ModelTarget] = ModelTarget
) -> SessionResult:
    profile = load_profile("6.1/x86_64")
    with HostMemory() as memory:
        return run(
            run_session(
                target(memory), Kernel(profile, memory), frames, options, checker=Checker(profile, memory)
            )
        )


@pytest.mark.parametrize("mode", ["receive", "reflect", "loopback"])
def test_a_frame_may_be_larger_than_the_whole_ring(mode: Mode) -> None:
    driver = DriverOptions(
        mtu=9000,
        rx_ring=8,
        tx_ring=16,
        buffer=256,
        strategy="skb",
        promiscuous=True,
        loopback=mode == "loopback",
    )
    result = a_run(SessionOptions(driver, mode), frames_of_all_sizes(9000, 40))
    assert result.received == 40
    assert [verdict for verdict in result.verdicts if verdict.severity == "error"] == []


class Mute(ModelTarget):
    """A NIC whose interrupt line is cut."""

    async def interrupt(self, timeout_ns: int) -> bool:
        await super().interrupt(timeout_ns)
        return False


def test_a_nic_that_never_interrupts_is_found_out() -> None:
    with pytest.raises(SessionStalled, match="model: a frame is in memory and the interrupt line stays down"):
        a_run(SessionOptions(), [WireFrame(bytes(60))], Mute)


class Lame(ModelTarget):
    """A NIC that takes no transmit descriptor: the tail register does not reach it."""

    async def write32(self, offset: int, value: int) -> None:
        if offset != 0x3818:
            await super().write32(offset, value)


def test_a_nic_that_does_not_send_is_found_out() -> None:
    driver = DriverOptions(tx_ring=16, promiscuous=True)
    with pytest.raises(SessionStalled, match="the transmit ring stays full; TDH does not move"):
        a_run(SessionOptions(driver, "reflect"), [WireFrame(bytes(60))] * 50, Lame)


def test_a_run_is_the_same_however_it_is_cut_into_batches() -> None:
    frames = frames_of_all_sizes(1500)
    results = [a_run(SessionOptions(batch=batch), frames) for batch in (1, 7, 256)]
    assert len({(r.received, tuple(r.hardware.items())) for r in results}) == 1


def test_frames_nobody_wants_are_neither_received_nor_missed() -> None:
    driver = DriverOptions()
    frames = [WireFrame(bytes.fromhex("02aabbccddee") + bytes(60)), WireFrame(bytes([255] * 6) + bytes(60))]
    result = a_run(SessionOptions(driver), [*frames, WireFrame(bytes([255] * 6) + bytes(60), bad_fcs=True)])
    assert result.received == 1
    assert (result.hardware["TPR"], result.hardware["CRCERRS"], result.stats["rx_errors"]) == (3, 1, 1)
    assert [verdict for verdict in result.verdicts if verdict.severity == "error"] == []


def test_a_session_reports_progress_and_leaves_a_record(tmp_path: Path) -> None:
    profile = load_profile("6.1/x86_64")
    told: list[int] = []
    with HostMemory() as memory, RunRecord(tmp_path / "run", "model") as recorder:
        result = run(
            run_session(
                ModelTarget(memory),
                Kernel(profile, memory),
                iter(frames_of_all_sizes(1500)),
                SessionOptions(batch=100),
                recorder=recorder,
                progress=told.append,
                extra={"seed": 5},
            )
        )
    assert told == [100, 200, 300]
    assert result.record == tmp_path / "run"
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["frames"] == 300
    assert record["statistics"]["GPRC"] == 300
    assert record["registers"]["RCTL"] == result.registers["RCTL"] != 0
    assert record["extra"]["seed"] == 5
    assert record["extra"]["driver"]["rx_packets"] == 300


def test_the_snapshot_has_every_register_that_reading_does_not_change() -> None:
    registers = a_run(SessionOptions(), []).registers
    for info in REGISTERS.values():
        name = info.name if info.count == 1 else f"{info.name}[{info.count - 1}]"
        assert (name in registers) is (info.access in ("rw", "ro", "w1s"))
