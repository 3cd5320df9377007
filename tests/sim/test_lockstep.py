"""Behavioural NIC and RTL take the same random walks and have to leave the same trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim import lockstep
from tests.sim.helpers import icarus, model

STALLS = {"stall": 60, "rx_stall": 40, "tx_stall": 60}


@pytest.mark.parametrize(("width", "seed"), [(64, 1), (128, 2), (256, 3), (512, 4), (64, 5), (512, 6)])
def test_same_walk_same_trace(tmp_path: Path, width: int, seed: int) -> None:
    spec = {"seed": seed, "steps": 120}
    plusargs = STALLS if seed > 4 else {}
    expected = model(lockstep.walk, spec, memory_size=lockstep.MEMORY)
    actual = icarus(
        tmp_path, "lockstep:walk", spec, width, memory_size=lockstep.MEMORY, seed=seed, plusargs=plusargs
    ).value
    for row, (want, got) in enumerate(zip(expected, actual, strict=True)):
        assert got == want, f"seed {seed}, {width} bits: row {row} differs after {expected[row - 1][1]}"
