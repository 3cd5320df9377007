"""What checks and record cost in memory: the same for a long run as for a short one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RUN = """
import resource, sys
from pathlib import Path
from tests.unit.checks.real import frames, judged
from vnic.targets.record import RunRecord
few = frames((60,) * 64)
with RunRecord(Path(sys.argv[1]), "model") as record:
    verdicts = judged(offered=(few[i & 63] for i in range(int(sys.argv[2]))), record=record)
assert [v.rule for v in verdicts] == ["rctl-bsize"], verdicts
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_kib(folder: Path, count: int) -> int:
    """Peak memory of a process that judges and records ``count`` frames."""
    command = [sys.executable, "-c", RUN, str(folder / str(count)), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    return int(done.stdout)


def test_memory_stays_flat_over_many_frames(tmp_path: Path) -> None:
    """Past 20,000 frames all buffers of the recorder have been full once."""
    short, long = peak_kib(tmp_path, 20_000), peak_kib(tmp_path, 80_000)
    assert long < short + 6000
