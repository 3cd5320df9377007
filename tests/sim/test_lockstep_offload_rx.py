"""Behavioural NIC and RTL take the same random walks with receive offloads and leave the same trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim import lockstep, lockstep_offload_rx
from tests.sim.helpers import icarus, model
from tests.sim.test_lockstep import STALLS


@pytest.mark.parametrize(("width", "seed"), [(64, 10), (64, 27), (128, 53), (256, 25), (512, 14), (512, 54)])
def test_same_walk_same_trace_on_reception(tmp_path: Path, width: int, seed: int) -> None:
    spec = {"seed": seed, "steps": 60}
    expected = model(lockstep_offload_rx.receive_walk, spec, memory_size=lockstep.MEMORY)
    actual = icarus(
        tmp_path,
        "lockstep_offload_rx:receive_walk",
        spec,
        width,
        memory_size=lockstep.MEMORY,
        seed=seed,
        plusargs=STALLS if seed > 20 else {},
    ).value
    for row, (want, got) in enumerate(zip(expected, actual, strict=True)):
        assert got == want, f"seed {seed}, {width} bits: row {row} differs after {expected[row - 1][1]}"
