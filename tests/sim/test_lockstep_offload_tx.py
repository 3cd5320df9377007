"""Behavioural NIC and RTL take the same random walks with transmit offloads, alone and together with those of
reception, and leave the same trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sim import lockstep
from tests.sim.helpers import icarus, model
from tests.sim.lockstep_offload_tx import mixed_walk, walk
from tests.sim.test_lockstep import STALLS


@pytest.mark.parametrize(
    ("entry", "width", "seed"),
    [
        (walk, 64, 3),
        (walk, 128, 26),
        (walk, 256, 25),
        (walk, 512, 22),
        (mixed_walk, 64, 1),
        (mixed_walk, 64, 24),
        (mixed_walk, 512, 6),
        (mixed_walk, 512, 25),
    ],
)
def test_same_walk_same_trace(tmp_path: Path, entry: Callable[..., Any], width: int, seed: int) -> None:
    spec = {"seed": seed, "steps": 70}
    expected = model(entry, spec, memory_size=lockstep.MEMORY)
    actual = icarus(
        tmp_path,
        f"lockstep_offload_tx:{entry.__name__}",
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
