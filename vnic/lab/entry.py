"""One capture through one NIC: the part of an experiment that runs where the NIC is.

The behavioural NIC runs it in our own process, Icarus inside the simulator. What goes in and out is JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from vnic.capture import CapturedFrame, read_capture, write_capture
from vnic.checks.checker import Checker
from vnic.checks.differences import unwatched
from vnic.checks.state import CheckOptions
from vnic.driver import DriverOptions
from vnic.driver.part import strips_fcs
from vnic.lab.result import cannot_write
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile
from vnic.memory import HostMemory
from vnic.nic.events import FrameEvent
from vnic.nic.port import WireFrame
from vnic.targets.base import Target
from vnic.targets.record import RunRecord
from vnic.targets.session import SessionOptions, run_session

ENTRY: Final = f"{__name__}:play"
MEMORY_BYTES: Final = 64 << 20
KERNEL_BASE: Final = 1 << 20
"""Below 1 MiB a PC has VGA and ROM; every NIC gets the same addresses, so that records can be compared."""

LINK_TIMEOUT_NS: Final = 5_000_000_000
"""QEMU's PHY negotiates for half a second of real time; the others have link when it is asked for."""

FCS_BYTES: Final = 4


async def play(
    target: Target, memory: HostMemory, spec: Mapping[str, Any], progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Play a capture through `target`, judge it, record it.

    Args:
        target: the NIC.
        memory: what it masters.
        spec: `capture`, `kernel`, `driver` (fields of DriverOptions), `mode`, `record` (a folder to be made),
            `received` (a pcap to be written, or None).
        progress: gets frames done and frames in all.

    Returns:
        The session's figures, with `verdicts` as JSON.

    Raises:
        VnicError: what the session or the recorder raises.
    """
    frames = read_capture(Path(spec["capture"])).frames
    kernel = Kernel(load_profile(spec["kernel"]), memory, base=KERNEL_BASE)
    unseen = unwatched(target.name)
    driver = DriverOptions(**spec["driver"])
    fcs = 0 if strips_fcs(driver, target.device_id) else FCS_BYTES
    received: list[CapturedFrame] = []

    def keep(event: FrameEvent) -> None:
        # A capture has no FCS.
        received.append(CapturedFrame(event.time_ns, event.data[: len(event.data) - fcs]))

    with RunRecord(Path(spec["record"]), target.name) as record:
        result = await run_session(
            target,
            kernel,
            (WireFrame(frame.data) for frame in frames),
            SessionOptions(driver=driver, mode=spec["mode"], link_timeout_ns=LINK_TIMEOUT_NS),
            checker=Checker(kernel.profile, memory, CheckOptions(fcs_written=not unseen, guards=unseen)),
            recorder=record,
            on_received=keep if spec["received"] else None,
            progress=lambda done: progress(done, len(frames)),
            extra={"kernel": spec["kernel"]},
        )
    if spec["received"]:
        try:
            write_capture(Path(spec["received"]), received)
        except OSError as error:
            raise cannot_write(Path(spec["received"]), error) from error
    return {
        "target": result.target,
        "offered": result.offered,
        "received": result.received,
        "transmitted": result.transmitted,
        "cycles": result.cycles,
        "beats": result.beats,
        "time_ns": result.time_ns,
        "buffer": result.buffer,
        "strategy": result.strategy,
        "driver": dict(result.stats),
        "hardware": dict(result.hardware),
        "verdicts": [verdict.as_json() for verdict in result.verdicts],
    }
