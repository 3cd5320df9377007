"""The driver on the behavioural NIC, frames going through in lock-step, judged by all checks."""

from __future__ import annotations

import random

import pytest

from vnic.checks.checker import Checker
from vnic.driver import DriverOptions
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile, profile_names
from vnic.memory import HostMemory
from vnic.nic.port import WireFrame, run
from vnic.targets.model import ModelTarget
from vnic.targets.session import Mode, SessionOptions, run_session

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
