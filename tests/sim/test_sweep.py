"""Sweeps on the Verilog NIC: several points in one simulator, each as if it were the first."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from vnic.lab.results_columns import COLUMNS
from vnic.lab.sweep_params import PARAMETERS
from vnic.lab.sweep_point import Point, Row
from vnic.lab.sweep_simulator import PointSimulator

DEFAULTS = {name: parameter.default for name, parameter in PARAMETERS.items()} | {"frames": 18}
STALLED = DEFAULTS | {"stall": 90, "rx_stall": 40, "seed": 5, "mode": "reflect"}
CHARGED = DEFAULTS | {"net_ip_align": 2, "line_penalty": 25}
SLOW = DEFAULTS | {"read_latency": 200, "write_latency": 60, "writeback_latency": 30, "batch": 1}


def measure(*points: Point) -> list[Row]:
    simulator = PointSimulator()
    try:
        return [simulator.measure(point) for point in points]
    finally:
        simulator.close()


def run(*points: dict[str, Any]) -> list[Row]:
    rows = measure(*points)
    assert [row["reason"] for row in rows] == [None] * len(points)
    return [{**row, "wall_s": 0} for row in rows]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return run(DEFAULTS, STALLED, CHARGED, SLOW, DEFAULTS, STALLED)


def test_what_ran_before_in_the_same_simulator_does_not_show(rows: list[Row]) -> None:
    assert rows[4] == rows[0]
    assert rows[5] == rows[1]
    assert run(CHARGED) == [rows[2]]


def test_settings_act(rows: list[Row]) -> None:
    plain, stalled, charged, slow = rows[:4]
    assert 0.95 < plain["efficiency"] <= 1
    assert stalled["cycles_per_frame"] > 1.2 * plain["cycles_per_frame"]
    # At offset 2 of a line both ends are partial, at 0 the last alone: 1518 is no multiple of 64
    assert all(row["efficiency"] <= 1 for row in (plain, stalled, charged))
    assert (plain["dma_offset"], charged["dma_offset"]) == (0, 2)
    assert charged["partial_lines_per_frame"] >= plain["partial_lines_per_frame"] + 1
    assert charged["steady_cycles_per_frame"] > plain["steady_cycles_per_frame"] + 25
    # One frame at a time: no queue, but the memory's latencies are in it
    assert slow["latency_min_cycles"] > 1518 / 8 + 60 + 30
    assert "steady_cycles_per_frame" not in slow
    assert all(row["errors"] == 0 for row in rows)


def test_small_frames_are_not_counted_better_than_ideal() -> None:
    points = [DEFAULTS | {"frame_bytes": 60, "frames": 80, "data_width": width} for width in (64, 512)]
    narrow, wide = (run(point)[0] for point in points)
    assert 0.85 < narrow["efficiency"] <= 1
    assert 1.25 <= wide["steady_cycles_per_frame"] <= 1.68


def test_every_figure_has_a_column_and_the_rtl_tells_all(rows: list[Row]) -> None:
    names = {column.name for column in COLUMNS}
    assert set(rows[0]) <= names
    assert names - set(rows[0]) - set(PARAMETERS) == {"point"}


def test_a_point_that_spoils_the_simulator_costs_only_itself() -> None:
    # No page fragments in 2.6.9; after any failure the simulator is given up, and another one goes on
    broken = DEFAULTS | {"kernel": "2.6.9/i386-686", "strategy": "build_skb"}
    good, bad, after = measure(DEFAULTS, broken, CHARGED)
    assert (good["status"], bad["status"], after["status"]) == ("ok", "failed", "ok")
    assert "build_skb" in bad["reason"]


def test_only_what_is_compiled_in_is_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    few = DEFAULTS | {"frames": 1}
    others: list[dict[str, Any]] = [
        {"line_penalty": 9},
        {"mtu": 900, "net_ip_align": 2},
        {"kernel": "2.6.9/i386-686", "seed": 3},
    ]
    run(few, *(few | other for other in others))
    assert len(list((tmp_path / "vnic" / "icarus").iterdir())) == 1
    run(few | {"data_width": 128})
    assert len(list((tmp_path / "vnic" / "icarus").iterdir())) == 2


def test_a_simulator_that_is_killed_costs_one_point(tmp_path: Path) -> None:
    simulator = PointSimulator(str(tmp_path))
    try:
        assert simulator.measure(DEFAULTS)["status"] == "ok"
        kill_all(tmp_path)
        bad, good = simulator.measure(DEFAULTS), simulator.measure(DEFAULTS)
    finally:
        simulator.close()
    assert (bad["status"], good["status"]) == ("failed", "ok")
    assert "the simulator was ended by SIGKILL" in bad["reason"]
    assert list(tmp_path.iterdir()) == []


def kill_all(folder: Path) -> None:
    """Kill the processes whose files are in `folder`: the simulators of this test and no others."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                os.kill(int(process.name), signal.SIGKILL)
                # It is gone, and its end of every pipe with it, when its folder is.
                while (process / "cwd").exists():
                    time.sleep(0.01)
