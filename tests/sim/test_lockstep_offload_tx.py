"""Behavioural NIC and RTL take the same random walks with transmit offloads and leave the same trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim import lockstep, lockstep_offload_tx
from tests.sim.helpers import icarus, model
from tests.sim.test_lockstep import STALLS


@pytest.mark.parametrize(
    ("width", "seed"), [(64, 3), (64, 21), (64, 24), (128, 26), (256, 25), (512, 3), (512, 22), (512, 24)]
)
def test_same_walk_same_trace_on_transmission(tmp_path: Path, width: int, seed: int) -> None:
    spec = {"seed": seed, "steps": 80}
    expected = model(lockstep_offload_tx.walk, spec, memory_size=lockstep.MEMORY)
    actual = icarus(
        tmp_path,
        "lockstep_offload_tx:walk",
        spec,
        width,
        memory_size=lockstep.MEMORY,
        seed=seed,
        plusargs=STALLS if seed > 23 else {},
    ).value
    for row, (want, got) in enumerate(zip(expected, actual, strict=True)):
        assert got == want, f"seed {seed}, {width} bits: row {row} differs after {expected[row][1]}"


@pytest.mark.parametrize(("width", "most"), [(64, 1.04), (512, 1.18)])
def test_segments_leave_at_nearly_line_rate(tmp_path: Path, width: int, most: float) -> None:
    """Cycles against words of 54 + 1460 bytes; the header costs its words, and two cycles more."""
    spec = {"mss": 1460, "segments": 40, "beat_bytes": width // 8}
    measured = icarus(tmp_path, "offload_tx:steady_segments", spec, width, memory_size=lockstep.MEMORY).value
    assert measured["frames"] == 3 * 40
    assert measured["cycles"] <= most * measured["ideal"], measured
