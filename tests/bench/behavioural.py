"""The behavioural NIC with driver and all checks over N frames of 64 bytes, memory measured on the way.

Prints "frames-a-processor-second megabytes-grown"; what the first tenth of the run takes counts as
warming up.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.sim.bare import frame_bytes
from vnic.checks.checker import Checker
from vnic.linux.kernel import Kernel
from vnic.linux.profile import load_profile
from vnic.memory import HostMemory
from vnic.nic.port import WireFrame, run
from vnic.targets.model import ModelTarget
from vnic.targets.session import run_session


def memory_mb(field: str) -> float:
    """A size from /proc/self/status in MB: RssAnon is what is resident without the shared pages of host
    memory, VmHWM the most that ever was resident (ru_maxrss survives exec: it may be the parent's peak).
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def main(count: int) -> None:
    profile = load_profile("6.1/x86_64")
    frame = WireFrame(frame_bytes(60, 0))
    sizes: list[float] = []

    def frames() -> Iterator[WireFrame]:
        for index in range(count):
            if index in (count // 10, count - 1):
                sizes.append(memory_mb("RssAnon"))
            yield frame

    with HostMemory() as memory:
        began = time.process_time()
        result = run(
            run_session(
                ModelTarget(memory), Kernel(profile, memory), frames(), checker=Checker(profile, memory)
            )
        )
        seconds = time.process_time() - began
    assert result.received == count
    assert not [verdict for verdict in result.verdicts if verdict.severity == "error"]
    print(count / seconds, sizes[-1] - sizes[0])


if __name__ == "__main__":
    main(int(sys.argv[1]))
