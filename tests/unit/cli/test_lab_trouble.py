"""The lab's commands in trouble: one line, the right exit code, nothing half done."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.test_sim import assert_refused, left, private_mounts
from vnic.lab.results import read_results

EXPERIMENT = '[parameters]\ntarget = "model"\nframes = 3\nframe_bytes = 60\n'
NO_SPACE = "No space left on device"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A results file of two points."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "e.toml").write_text(EXPERIMENT + "seed = [1, 2]\n")
    command = [sys.executable, "-m", "vnic", "sweep", "e.toml", "--out", "r.parquet"]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=240, check=True)
    return (folder / "r.parquet").read_bytes()


@pytest.fixture
def results(measured: bytes, tmp_path: Path) -> Path:
    (tmp_path / "r.parquet").write_bytes(measured)
    return tmp_path / "r.parquet"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[parameters]\nseed = 1\nnet_ip_algn = 0\n", "e.toml:3: unknown key net_ip_algn; did you mean net"),
        ("[parameters]\nseed = []\n", "e.toml:2: seed = []: zero points"),
        ('[parameters]\nmtu = [1500, 900]\nframe_bytes = 1514\n', "e.toml: point 2 (mtu = 900): frame_bytes"),
        (
            "[parameters]\nseed = { from = 1, to = 1000 }\nline_penalty = { from = 0, to = 999 }\n",
            "e.toml: 1,000,000 points, more than 20,000; give --yes",
        ),
        ("x = \n", "e.toml: is not TOML"),
    ],
)  # fmt: skip
def test_an_experiment_that_cannot_be_meant(vnic: Run, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "e.toml").write_text(text)
    assert_refused(vnic("sweep", "e.toml"), 2, words)
    assert left(tmp_path) == ["e.toml"]


@pytest.fixture
def on_small_disk(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command with a file system of so many kilobytes at `disk`, and lists what is left on it."""
    if not private_mounts():
        pytest.skip("unshare -rm is not allowed here")
    (tmp_path / "disk").mkdir()

    def run(kilobytes: int, *arguments: str, cache: str = "cache") -> subprocess.CompletedProcess[str]:
        words = " ".join([sys.executable, "-m", "vnic", *arguments])
        script = f"mount -t tmpfs -o size={kilobytes}k,mode=777 none disk; {words}; code=$?; "
        return subprocess.run(
            ["unshare", "-rm", "sh", "-c", f"{script} find disk -type f; exit $code"],
            cwd=tmp_path,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / cache)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_a_full_disk_leaves_no_half_written_file(
    tmp_path: Path, results: Path, on_small_disk: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    (tmp_path / "e.toml").write_text(EXPERIMENT)
    assert_refused(on_small_disk(8, "sweep", "e.toml", "--out", "disk/r.parquet"), 1, NO_SPACE)
    assert_refused(on_small_disk(200, "report", "r.parquet", "-o", "disk/r.html"), 1, NO_SPACE)


def test_a_full_disk_keeps_the_points_it_had_room_for(
    tmp_path: Path, on_small_disk: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    (tmp_path / "e.toml").write_text(EXPERIMENT + "seed = { from = 1, to = 40 }\n")
    done = on_small_disk(64, "sweep", "e.toml", cache="disk")
    assert done.returncode == 1
    assert NO_SPACE in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert 0 < len(done.stdout.splitlines()) < 40
    assert all(name.endswith(".json") for name in done.stdout.splitlines())
    assert not (tmp_path / "out").exists()


def test_output_that_nothing_takes(vnic: Run, results: Path, tmp_path: Path) -> None:
    done = vnic("compare", results, results, "--summary", "/dev/full")
    assert (done.returncode, done.stderr) == (
        1, f"vnic: /dev/full: {NO_SPACE}; give --summary another name\n"
    )  # fmt: skip
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "vnic", "results", str(results), "--csv"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, f"vnic: standard output: {NO_SPACE}\n")


def test_results_that_are_none(vnic: Run, results: Path, tmp_path: Path) -> None:
    whole, bad = results.read_bytes(), tmp_path / "bad.parquet"
    assert_refused(vnic("report", bad), 2, "bad.parquet: no such file")
    bad.write_bytes(whole[: len(whole) // 2])
    for arguments in (("results", bad), ("report", bad), ("compare", results, bad)):
        assert_refused(vnic(*arguments), 2, "bad.parquet: cannot be read")
    table = pq.read_table(results)
    older = json.loads(table.schema.metadata[b"vnic"]) | {"schema": 0}
    pq.write_table(table.replace_schema_metadata({b"vnic": json.dumps(older)}), bad)
    says = "bad.parquet: schema 0, this version reads 1; run the sweep again"
    assert_refused(vnic("compare", bad, results), 2, says)
    pq.write_table(pa.table({"a": [1]}), bad)
    assert_refused(vnic("results", bad), 2, "bad.parquet: not the results of a sweep")
    assert left(tmp_path) == ["bad.parquet", "r.parquet"]


def children(parent: int) -> Iterator[int]:
    """The processes that `parent` has started, and those that they have."""
    for task in Path(f"/proc/{parent}/task").glob("*"):
        with contextlib.suppress(OSError):
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from children(child)


def processor_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_point_that_ends_its_worker_fails_alone(tmp_path: Path) -> None:
    """Somebody kills every worker that has worked for two seconds: that of one point, again and again."""
    (tmp_path / "e.toml").write_text(
        '[parameters]\ntarget = "model"\nframe_bytes = 60\n[[together]]\n'
        "frames = [2, 3, 1000000, 4, 5]\nseed = [1, 2, 3, 4, 5]\n"
    )
    sweep = subprocess.Popen(
        [sys.executable, "-m", "vnic", "sweep", "e.toml", "--jobs", "2", "--out", "r.parquet"],
        cwd=tmp_path,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    killed = 0
    while sweep.poll() is None:
        assert time.monotonic() < deadline
        for child in list(children(sweep.pid)):
            with contextlib.suppress(OSError):
                if processor_s(child) > 2:
                    os.kill(child, signal.SIGKILL)
                    killed += 1
        time.sleep(0.1)
    told, said = sweep.communicate()
    assert (sweep.returncode, said) == (1, "")
    assert killed >= 2
    assert "5 points, 4 measured" in told
    rows = read_results(tmp_path / "r.parquet").rows
    assert [row["status"] for row in rows] == ["ok", "ok", "failed", "ok", "ok"]
    assert "worker was lost" in rows[2]["reason"]
