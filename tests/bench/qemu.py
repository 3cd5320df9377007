"""Frames a second through the driver model on QEMU's e1000, all checks on, start-up included."""

from __future__ import annotations

import time

from vnic.checks.checker import Checker
from vnic.checks.state import CheckOptions
from vnic.driver import DriverOptions
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile
from vnic.memory import HostMemory
from vnic.nic.port import WireFrame, run
from vnic.targets.qemu import QemuTarget
from vnic.targets.run import KERNEL_BASE, LINK_TIMEOUT_NS
from vnic.targets.session import SessionOptions, run_session


def frames_a_second(count: int, length: int) -> float:
    """Receive `count` frames of `length` bytes, FCS included."""
    profile = load_profile("6.1/x86_64")
    began = time.perf_counter()
    with HostMemory() as memory, QemuTarget(memory) as target:
        result = run(
            run_session(
                target,
                Kernel(profile, memory, base=KERNEL_BASE),
                (WireFrame((bytes(12) + n.to_bytes(4, "big") * length)[: length - 4]) for n in range(count)),
                SessionOptions(DriverOptions(promiscuous=True), link_timeout_ns=LINK_TIMEOUT_NS),
                checker=Checker(profile, memory, CheckOptions(fcs_written=False, guards=True)),
            )
        )
    assert result.received == count
    assert all(verdict.severity != "error" for verdict in result.verdicts)
    return count / (time.perf_counter() - began)
