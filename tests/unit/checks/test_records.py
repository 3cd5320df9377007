"""Records of runs: written, read back, refused."""

from __future__ import annotations

import errno
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.unit.checks.runs import Run, word, write
from vnic.checks.records import (
    DMA,
    DMA_COLUMNS,
    FRAME_COLUMNS,
    FRAMES,
    RECORD_JSON,
    RecordError,
    load_summary,
)
from vnic.checks.scoreboard import compare
from vnic.memory import HostMemory
from vnic.nic.events import FrameEvent, Master
from vnic.targets.record import FRAME_ROWS, RunRecord


def test_a_record_can_be_read_back(tmp_path: Path) -> None:
    directory = Run().record(tmp_path / "run")
    assert sorted(p.name for p in directory.iterdir()) == [DMA, FRAMES, RECORD_JSON]
    frames = pq.read_table(directory / FRAMES)
    assert frames.column_names == [column.name for column in FRAME_COLUMNS]
    assert frames["length"].to_pylist() == [64, 64, 3000]
    assert frames["desc_length"].to_pylist() == [[64], [64], [2048, 952]]
    assert frames["head"].to_pylist()[2] == b"c" * 64
    assert frames.schema.field("time_ns").metadata[b"doc"].endswith(b"nanoseconds of the target's time")
    dma = pq.read_table(directory / DMA)
    assert dma.column_names == [column.name for column in DMA_COLUMNS]
    assert dma["address"].to_pylist()[4] == 0x8000
    summary = load_summary(directory)
    assert (summary.frames, summary.dma, summary.target) == (3, 6, "model")


def test_an_address_above_2_to_63_is_kept(tmp_path: Path) -> None:
    run = Run()
    run.dma.append(write(Master.RX_DATA, (1 << 64) - 64, 64)._replace(ok=False))
    directory = run.record(tmp_path / "run")
    assert pq.read_table(directory / DMA)["address"].to_pylist()[-1] == (1 << 64) - 64


def test_a_run_without_frames_is_a_record_too(tmp_path: Path) -> None:
    left = Run("a", frames=[], dma=[]).record(tmp_path / "a")
    right = Run("b", frames=[], dma=[]).record(tmp_path / "b")
    assert compare([left, right]) == []


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with RunRecord(tmp_path / "run", "model") as record:
            record.on_dma(write(Master.RX_DATA, 0, 1))
            raise RuntimeError("the simulator died")

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_visible_before_the_end(tmp_path: Path) -> None:
    with RunRecord(tmp_path / "run", "model"):
        assert not (tmp_path / "run").exists()


def test_a_directory_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").write_text("keep")
    with pytest.raises(RecordError, match="not empty"):
        RunRecord(tmp_path / "run", "model")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert load_summary(Run().record(tmp_path / "run")).frames == 3


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="name another --out"):
        RunRecord(tmp_path / "file" / "run", "model")


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    record = RunRecord(tmp_path / "run", "model")
    monkeypatch.setattr(record._frame_file, "write", full)
    for frame in [Run().frames[0]] * (FRAME_ROWS - 1):
        record.on_frame(frame)
    with pytest.raises(RecordError, match="No space left"):
        record.on_frame(Run().frames[0])
    record.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_text("{"), "not a run record"),
        (lambda path: path.write_text("[]"), "not a run record"),
        (lambda path: path.write_text(json.dumps({"schema": 99})), "schema 99"),
    ],
)
def test_a_record_that_cannot_be_read(tmp_path: Path, spoil: Callable[[Path], object], message: str) -> None:
    directory = Run().record(tmp_path / "run")
    spoil(directory / RECORD_JSON)
    with pytest.raises(RecordError, match=message):
        compare([directory, directory])


@pytest.mark.parametrize("name", [FRAMES, DMA])
def test_a_column_file_cut_short(tmp_path: Path, name: str) -> None:
    directory = Run().record(tmp_path / "run")
    path = directory / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RecordError, match=name):
        compare([directory, directory])


def test_pyarrow_is_not_imported_without_a_record() -> None:
    """Its quarter of a second is paid by those who want a record."""
    code = (
        "import sys, vnic.checks.checker, vnic.checks.catalogue, vnic.targets.record; "
        "sys.exit('pyarrow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_memory_stays_flat_over_many_frames(tmp_path: Path) -> None:
    """Python's own memory after 5,000 and after 40,000 frames."""
    with HostMemory(1 << 20) as memory, RunRecord(tmp_path / "run", "model") as record:
        event, frame = write(Master.RX_DATA, 0x10000, 64), FrameEvent(10, b"a" * 64, (word(0),))
        tracemalloc.start()
        held = []
        for number in range(40 * 1024):
            record.on_dma(event)
            record.on_frame(frame)
            if number in (5 * 1024 - 1, 40 * 1024 - 1):
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        record.finish(memory, registers={}, statistics={})
    assert held[1] < held[0] + 300_000
