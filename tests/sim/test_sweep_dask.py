"""A sweep on a dask cluster: two workers, of which one is killed in the middle."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vnic.errors import UsageError
from vnic.lab.executor import Dask
from vnic.lab.sweep import Done, run_sweep
from vnic.lab.sweep_file import load_sweep
from vnic.lab.sweep_store import PointStore

distributed: Any = (
    importlib.import_module("distributed")
    if os.environ.get("VNIC_REQUIRE_TOOLS")
    else pytest.importorskip("distributed")
)
# The cluster's own sockets and loops, closed at the end by its threads
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        local_directory=str(tmp_path / "dask"),
        silence_logs=50,
    ) as made:
        yield made


def test_one_of_two_workers_is_killed_and_nothing_is_missing(cluster: Any, tmp_path: Path) -> None:
    path = tmp_path / "e.toml"
    path.write_text("[parameters]\nframes = 3\nseed = [1, 2]\nline_penalty = [0, 10, 20]\n")
    sweep, store = load_sweep(path), PointStore(tmp_path / "points")
    victims = [worker.process.pid for worker in cluster.workers.values()]
    killed: list[int] = []

    def kill(done: Done) -> None:
        if not killed and done.done:
            killed.append(victims[0])
            os.kill(victims[0], signal.SIGKILL)

    pool = Dask(cluster.scheduler_address, store)
    assert pool.jobs == 2
    outcome = run_sweep(sweep, sweep.checked_points(), pool, store, kill, "cmd")
    assert killed
    assert outcome.done == Done(6, 6, 0, 0)
    assert {row["status"] for row in outcome.rows} == {"ok"}
    # What came back is kept here, and is what this machine measures itself
    assert all(store.get(row["point"]) for row in outcome.rows)
    cycles = {(row["line_penalty"], row["cycles_per_frame"]) for row in outcome.rows}
    assert len(cycles) == 3, "the seed has no say where nothing is random"


def test_a_scheduler_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vnic.lab.executor.CONNECT_S", 1)
    with pytest.raises(UsageError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:1"):
        Dask("tcp://127.0.0.1:1", PointStore(tmp_path))
    with pytest.raises(UsageError, match="no dask scheduler answers at nonsense"):
        Dask("nonsense:x", PointStore(tmp_path))
