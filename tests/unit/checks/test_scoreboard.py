"""Records of runs, and the comparison of two or three of them."""

from __future__ import annotations

import errno
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

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
from vnic.nic.events import DescriptorWord, DmaEvent, FrameEvent, Master
from vnic.targets.record import FRAME_ROWS, RunRecord


def write(master: Master, address: int, length: int, time_ns: int = 0) -> DmaEvent:
    return DmaEvent(time_ns, master, True, address, length, length, address, 0, 0, True)


def word(index: int, length: int = 64) -> DescriptorWord:
    return DescriptorWord(index, 0x10000 + index * 2048, length, 0, 7, 0, 0)


@dataclass
class Run:
    """A small run: three frames, the last over two descriptors."""

    target: str = "model"
    frames: list[FrameEvent] = field(
        default_factory=lambda: [
            FrameEvent(10, b"a" * 64, (word(0),)),
            FrameEvent(20, b"b" * 64, (word(1),)),
            FrameEvent(30, b"c" * 3000, (word(2, 2048), word(3, 952))),
        ]
    )
    dma: list[DmaEvent] = field(
        default_factory=lambda: [
            write(Master.RX_DATA, 0x10000, 64),
            write(Master.RX_DATA, 0x10800, 64),
            write(Master.RX_DATA, 0x11000, 2048),
            write(Master.RX_DATA, 0x11800, 952),
            write(Master.RX_WRITEBACK, 0x8000, 64),
            write(Master.TX_WRITEBACK, 0x9000, 16),
        ]
    )
    registers: dict[str, int] = field(default_factory=lambda: {"RCTL": 2, "RDH": 4})
    statistics: dict[str, int] = field(default_factory=lambda: {"GPRC": 3, "MPC": 0})
    byte: int = 0

    def record(self, directory: Path) -> Path:
        with HostMemory(1 << 20) as memory, RunRecord(directory, self.target) as record:
            memory.write(0x20000, bytes((self.byte,)))
            for event in self.dma:
                record.on_dma(event)
            for frame in self.frames:
                record.on_frame(frame)
            return record.finish(memory, registers=self.registers, statistics=self.statistics)


Pair = Callable[[Run], list[tuple[str, str, str]]]


@pytest.fixture
def against(tmp_path: Path) -> Pair:
    """Compares a run with the untouched one."""

    def compared(other: Run) -> list[tuple[str, str, str]]:
        left = Run().record(tmp_path / "left")
        right = replace(other, target="icarus").record(tmp_path / "right")
        return [(v.rule, v.where, v.detail) for v in compare([left, right])]

    return compared


def test_equal_runs_agree(against: Pair) -> None:
    assert against(Run()) == []


def test_times_bursts_and_batches_are_no_difference(against: Pair) -> None:
    """RTL splits bursts at 256 bytes, interleaves write-backs one by one, and has its own times."""
    run = Run()
    run.frames = [frame._replace(time_ns=frame.time_ns * 7) for frame in run.frames]
    run.dma = [
        write(Master.RX_DATA, 0x10000, 64, 4),
        write(Master.RX_WRITEBACK, 0x8000, 16, 8),
        *(write(Master.RX_DATA, 0x10800 + at, 16, 9) for at in range(0, 64, 16)),
        write(Master.RX_WRITEBACK, 0x8010, 16, 20),
        *(write(Master.RX_DATA, 0x11000 + at, 256, 30 + at) for at in range(0, 2048, 256)),
        write(Master.TX_WRITEBACK, 0x9000, 16),
        write(Master.RX_DATA, 0x11800, 952),
        DmaEvent(1, Master.RX_DESC, False, 0x8000, 128, 128, 0x8000, 16, 8, True),
        write(Master.RX_WRITEBACK, 0x8020, 32, 90),
    ]
    assert against(run) == []


def test_a_frame_that_differs(against: Pair) -> None:
    run = Run()
    run.frames[1] = run.frames[1]._replace(data=b"b" * 40 + b"X" + b"b" * 23)
    [(rule, where, detail)] = against(run)
    assert rule == "scoreboard-frame"
    assert where == "frame 1 byte 40 (model and icarus)"
    assert "byte 0x62" in detail
    assert "byte 0x58" in detail


def test_a_frame_that_differs_beyond_what_is_kept(against: Pair) -> None:
    run = Run()
    run.frames[2] = run.frames[2]._replace(data=b"c" * 2990 + b"X" + b"c" * 9)
    [(rule, where, _)] = against(run)
    assert (rule, where) == ("scoreboard-frame", "frame 2 (model and icarus)")


def test_a_frame_that_differs_in_its_fcs(against: Pair) -> None:
    run = Run()
    run.frames[2] = run.frames[2]._replace(data=b"c" * 2999 + b"X")
    assert against(run) == [
        ("scoreboard-frame", "frame 2 FCS (model and icarus)", "model: 63636363; icarus: 63636358")
    ]


def test_the_same_difference_between_other_nics_is_an_error(against: Pair) -> None:
    run = Run()
    run.frames[1] = run.frames[1]._replace(descriptors=(word(1)._replace(status=0x87),))
    assert [rule for rule, _, _ in against(run)] == ["scoreboard-descriptor"]


def test_a_frame_that_is_missing(against: Pair) -> None:
    run = Run()
    del run.frames[2]
    [(rule, where, detail)] = against(run)
    assert rule == "scoreboard-frame"
    assert where == "frame 2 (model and icarus)"
    assert detail.endswith("icarus: no frame")


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("address", "address"),
        ("length", "desc_length"),
        ("status", "status"),
        ("errors", "errors"),
        ("checksum", "checksum"),
        ("special", "special"),
        ("index", "ring_index"),
    ],
)
def test_a_descriptor_that_differs(against: Pair, name: str, column: str) -> None:
    run = Run()
    last = run.frames[2]
    changed = last.descriptors[1]._replace(**{name: 0x33})
    run.frames[2] = last._replace(descriptors=(last.descriptors[0], changed))
    [(rule, where, detail)] = against(run)
    assert rule == "scoreboard-descriptor"
    assert where == f"frame 2 descriptor 1 {column} (model and icarus)"
    assert detail.endswith("icarus: 0x33")


@pytest.mark.parametrize(
    ("event", "where"),
    [
        (write(Master.RX_DATA, 0x30000, 4), "rx data write 3 (model and icarus)"),
        (write(Master.RX_WRITEBACK, 0x8040, 16), "rx write-back write 4 (model and icarus)"),
        (write(Master.TX_WRITEBACK, 0x9010, 16), "tx write-back write 1 (model and icarus)"),
    ],
)
def test_a_write_too_many(against: Pair, event: DmaEvent, where: str) -> None:
    run = Run()
    run.dma.append(event)
    [(rule, found, detail)] = against(run)
    assert (rule, found) == ("scoreboard-dma", where)
    assert detail.startswith("model: no write")


def test_a_write_that_is_short(against: Pair) -> None:
    run = Run()
    run.dma[1] = write(Master.RX_DATA, 0x10800, 60)
    [(rule, where, detail)] = against(run)
    assert (rule, where) == ("scoreboard-dma", "rx data write 1 (model and icarus)")
    assert detail == "model: 64 bytes at 0x10800; icarus: 60 bytes at 0x10800"


def test_a_counter_and_a_register_that_differ(against: Pair) -> None:
    run = Run(statistics={"GPRC": 2, "MPC": 0}, registers={"RCTL": 2, "RDH": 5})
    found = against(run)
    assert [(rule, where) for rule, where, _ in found] == [
        ("scoreboard-stat", "GPRC (model and icarus)"),
        ("scoreboard-register", "RDH (model and icarus)"),
    ]


def test_a_register_that_only_one_has(against: Pair) -> None:
    [(rule, _, detail)] = against(Run(registers={"RCTL": 2, "RDH": 4, "RADV": 0}))
    assert rule == "scoreboard-register"
    assert detail == "model: absent; icarus: 0x0"


def test_memory_that_differs(against: Pair) -> None:
    [(rule, where, _)] = against(Run(byte=1))
    assert rule == "scoreboard-memory"
    assert where == "block at 0x20000, first of 1 (model and icarus)"


def test_three_records_are_compared_with_the_first(tmp_path: Path) -> None:
    runs = [Run("model"), Run("icarus"), Run("qemu", statistics={"GPRC": 4, "MPC": 0})]
    paths = [run.record(tmp_path / run.target) for run in runs]
    [verdict] = compare(paths)
    assert verdict.rule == "scoreboard-stat"
    assert verdict.where == "GPRC (model and qemu)"
    assert verdict.numbers["right_target"] == "qemu"


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
