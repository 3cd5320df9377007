"""The real driver against the behavioural NIC on a real memory, under the rules: one short run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vnic.checks.checker import Checker
from vnic.checks.state import CheckOptions
from vnic.checks.verdict import Verdict
from vnic.driver import DriverOptions
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile
from vnic.memory import HostMemory
from vnic.nic.port import WireFrame, run
from vnic.targets.model import ModelTarget
from vnic.targets.record import RunRecord
from vnic.targets.session import Mode, SessionOptions, run_session

MIXED = (60, 61, 200, 256, 300, 700, 1514) * 6


def frames(lengths: Sequence[int], destination: str = "525400123456") -> list[WireFrame]:
    """Frames without FCS, each with its own bytes."""
    head = bytes.fromhex(destination) + bytes.fromhex("0200000000010800")
    return [
        WireFrame(head + bytes((i * 11 + j * 3) & 0xFF for j in range(length - 14)))
        for i, length in enumerate(lengths)
    ]


def judged(
    kernel: str = "6.1/x86_64",
    lengths: Sequence[int] = MIXED,
    *,
    mode: Mode = "receive",
    check: CheckOptions | None = None,
    offered: Iterable[WireFrame] | None = None,
    record: RunRecord | None = None,
    kernel_class: type[Kernel] = Kernel,
    **driver: Any,
) -> list[Verdict]:
    """The verdicts of one run of a driver with 64 descriptors."""
    with HostMemory(16 << 20) as memory:
        profile = load_profile(kernel)
        target = ModelTarget(memory)
        run(target.set_link(True))
        options = SessionOptions(
            driver=DriverOptions(rx_ring=64, tx_ring=64, loopback=mode == "loopback", **driver), mode=mode
        )
        stimulus = frames(lengths) if offered is None else offered
        machine = kernel_class(profile, memory)
        checker = Checker(profile, memory, check)
        result = run(run_session(target, machine, stimulus, options, checker=checker, recorder=record))
        return list(result.verdicts)


def errors(verdicts: Sequence[Verdict]) -> set[str]:
    """The rules that were broken."""
    return {verdict.rule for verdict in verdicts if verdict.severity == "error"}
