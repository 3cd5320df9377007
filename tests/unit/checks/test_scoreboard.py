"""The comparison of two or three records of runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.checks.runs import Run, word, write
from vnic.checks.scoreboard import compare
from vnic.nic.events import DmaEvent, Master

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
