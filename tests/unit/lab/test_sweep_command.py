"""`vnic sweep` as a user runs it: stopped in the middle, and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vnic.lab.results import read_results


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "vnic", "sweep", *arguments],
        cwd=folder,
        env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    path = tmp_path / "e.toml"
    path.write_text('[parameters]\ntarget = "model"\nframes = 400\nseed = { from = 1, to = 40 }\n')
    return path


def test_ctrl_c_keeps_what_is_finished_and_the_next_run_goes_on(tmp_path: Path, experiment: Path) -> None:
    points = tmp_path / "cache" / "vnic" / "points"
    first = start(tmp_path, experiment.name)
    deadline = time.monotonic() + 60
    while not list(points.rglob("*.json")):
        assert time.monotonic() < deadline
        assert first.poll() is None
        time.sleep(0.02)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 128 + signal.SIGINT
    assert said.startswith("vnic: interrupted; ")
    assert "points are kept, the same command goes on from there" in said
    assert len(said.splitlines()) == 1
    kept = len(list(points.rglob("*.json")))
    assert 0 < kept < 40
    assert not (tmp_path / "out").exists()
    second = start(tmp_path, experiment.name, "--json")
    told, said = second.communicate(timeout=60)
    assert (second.returncode, said) == (0, "")
    answer = json.loads(told)
    assert (answer["points"], answer["failed"], answer["reused"]) == (40, 0, kept)
    assert len(read_results(tmp_path / answer["out"]).finished) == 40


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--executor", "dask"], "needs --scheduler"),
        (["--scheduler", "tcp://127.0.0.1:1"], "give both or neither"),
        (["--jobs", "0"], "--jobs 0"),
        (["--out", "."], "is a directory"),
    ],
)
def test_wrong_requests(tmp_path: Path, experiment: Path, arguments: list[str], words: str) -> None:
    run = start(tmp_path, experiment.name, *arguments)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 2
    assert words in said
    assert len(said.splitlines()) == 1
