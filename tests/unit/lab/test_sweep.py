"""Sweeps on the behavioural NIC: kept, gone on with, and not stopped by a point that fails."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from vnic.errors import UsageError
from vnic.lab.executor import Chunk, Processes, work
from vnic.lab.result import ResultError
from vnic.lab.results import ResultsError, read_results, table_of, write_results
from vnic.lab.results_columns import COLUMNS
from vnic.lab.sweep import Done, Outcome, cut, run_sweep
from vnic.lab.sweep_file import SweepFile, load_sweep
from vnic.lab.sweep_params import PARAMETERS
from vnic.lab.sweep_point import Row, run_point
from vnic.lab.sweep_store import PointStore, point_key, source_version

DEFAULTS = {name: parameter.default for name, parameter in PARAMETERS.items()} | {"target": "model"}


class Here:
    """The same work in this process."""

    name = "here"
    jobs = 1

    def __init__(self, store: PointStore) -> None:
        self.store = store
        self.ran = 0

    def run(self, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, list[Row]]]:
        for chunk in chunks:
            self.ran += len(chunk.points)
            yield chunk, work(chunk.keys, chunk.points, str(self.store.folder), None)


def experiment(folder: Path, parameters: str) -> SweepFile:
    path = folder / "e.toml"
    path.write_text(f'title = "t"\n[parameters]\ntarget = "model"\nframes = 3\n{parameters}\n')
    return load_sweep(path)


def sweep(file: SweepFile, pool: Any, store: PointStore, told: list[Done] | None = None) -> Outcome:
    return run_sweep(
        file, file.checked_points(), pool, store, (told if told is not None else []).append, "cmd"
    )


def test_a_sweep_runs_each_point_once_and_never_again(tmp_path: Path) -> None:
    store, told = PointStore(tmp_path / "points"), list[Done]()
    file = experiment(tmp_path, "mtu = [500, 1500]\nseed = [1, 2]")
    first, pool = Here(store), Here(store)
    outcome = sweep(file, first, store, told)
    assert (first.ran, outcome.done) == (4, Done(4, 4, 0, 0))
    assert told[0] == Done(4, 0, 0, 0)
    again = sweep(file, pool, store)
    assert (pool.ran, again.done.reused) == (0, 4)
    assert again.rows == outcome.rows
    more = sweep(experiment(tmp_path, "mtu = [500, 1500]\nseed = [1, 2, 3]"), pool, store)
    assert (pool.ran, more.done.reused) == (2, 4)


def test_a_point_that_fails_has_its_reason_and_stops_no_other(tmp_path: Path) -> None:
    store = PointStore(tmp_path / "points")
    # No page fragments in 2.6.9: known when the buffer is planned, not before
    file = experiment(tmp_path, 'strategy = "build_skb"\nkernel = ["6.1/x86_64", "2.6.9/i386-686"]')
    outcome = sweep(file, Here(store), store)
    good, bad = outcome.rows
    assert (good["status"], bad["status"], outcome.done.failed) == ("ok", "failed", 1)
    assert "build_skb" in bad["reason"]
    assert store.get(bad["point"]) is None, "a failure is tried again"
    path = tmp_path / "r.parquet"
    write_results(path, outcome.rows, outcome.meta)
    results = read_results(path)
    assert [row["reason"] for row in results.rows] == [None, bad["reason"]]
    assert results.varied == ["kernel"]
    assert len(results.finished) == 1


def test_the_key_follows_inputs_and_sources(tmp_path: Path) -> None:
    key = point_key(DEFAULTS)
    assert key == point_key(dict(reversed(DEFAULTS.items())))
    assert key != point_key(DEFAULTS | {"seed": 2})
    assert key != point_key(DEFAULTS | {"target": "icarus"})
    assert source_version("icarus") != source_version("model")
    captures = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    for path, content in zip(captures, (b"1", b"1", b"2"), strict=True):
        path.write_bytes(content)
    a, b, c = (point_key(DEFAULTS | {"capture": str(path)}) for path in captures)
    assert a == b != c
    with pytest.raises(UsageError, match="No such file"):
        point_key(DEFAULTS | {"capture": str(tmp_path / "none")})


def test_a_damaged_point_is_measured_again(tmp_path: Path) -> None:
    store = PointStore(tmp_path)
    store.put("abcd", {"status": "ok"})
    assert store.get("abcd") == {"status": "ok"}
    (tmp_path / "ab" / "abcd.json").write_text('{"status": ')
    assert store.get("abcd") is None
    assert not list(tmp_path.rglob(".new-*"))


def test_chunks_hold_points_of_one_build(tmp_path: Path) -> None:
    points = [
        DEFAULTS | {"target": "icarus", "data_width": width, "seed": n}
        for n in range(40)
        for width in (64, 512)
    ]
    chunks = cut(points, [str(n) for n in range(80)], range(80), 2)
    assert sorted(place for chunk in chunks for place in chunk.places) == list(range(80))
    assert all(len({point["data_width"] for point in chunk.points}) == 1 for chunk in chunks)
    assert max(len(chunk.points) for chunk in chunks) == 8


def test_two_processes_and_one_of_them_killed(tmp_path: Path) -> None:
    store = PointStore(tmp_path / "points")
    file = experiment(tmp_path, "seed = { from = 1, to = 24 }")
    killed: list[int] = []

    def kill(done: Done) -> None:
        children = multiprocessing.active_children()
        if not killed and done.done and children and children[0].pid:
            killed.append(children[0].pid)
            os.kill(children[0].pid, signal.SIGKILL)

    outcome = run_sweep(file, file.checked_points(), Processes(2, store), store, kill, "cmd")
    assert killed
    assert outcome.done == Done(24, 24, 0, 0)
    assert {row["status"] for row in outcome.rows} == {"ok"}


def test_a_point_means_the_same_in_every_process(tmp_path: Path) -> None:
    row = run_point(DEFAULTS)
    again = json.loads(json.dumps(run_point(DEFAULTS)))
    assert {**row, "wall_s": 0} == {**again, "wall_s": 0}
    assert set(row) <= {column.name for column in COLUMNS}


def test_every_column_says_what_it_is() -> None:
    schema = table_of([]).schema
    for column in COLUMNS:
        assert schema.field(column.name).metadata[b"doc"]
        assert (column.type == "float") <= bool(column.unit), column.name


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "no such file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "cannot be read"),
        (lambda path: path.write_bytes(b"not parquet"), "cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
    ],
)
def test_a_results_file_that_is_none(tmp_path: Path, damage: Any, words: str) -> None:
    path = tmp_path / "r.parquet"
    write_results(path, [DEFAULTS], {"varied": []})
    damage(path)
    with pytest.raises(ResultsError, match=words) as raised:
        read_results(path)
    assert str(path) in str(raised.value)


def test_a_results_file_of_another_version_and_of_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "r.parquet"
    monkeypatch.setattr("vnic.lab.results.SCHEMA", 0)
    write_results(path, [DEFAULTS], {"varied": []})
    monkeypatch.undo()
    with pytest.raises(ResultsError, match="schema 0, this version reads 1"):
        read_results(path)
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(ResultsError, match="not the results of a sweep"):
        read_results(path)


def test_a_results_file_that_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "file" / "r.parquet"
    path.parent.write_bytes(b"a file, not a folder")
    with pytest.raises(ResultError, match="cannot write") as raised:
        write_results(path, [], {})
    assert str(path) in str(raised.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
