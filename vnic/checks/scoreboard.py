"""Do two or three NICs agree? Compares the records of runs that had the same stimulus.

What may differ is left out: times, bursts and the batching of write-backs. What must not is compared one by
one, in a stream, so that a record of any length needs the same memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from vnic.checks import differences
from vnic.checks.records import DMA, FRAMES, RecordError, RunSummary, load_summary
from vnic.checks.rule import Rule
from vnic.checks.verdict import Ledger, Verdict
from vnic.nic.registers import RCTL

_SAME: Final = "The same driver, the same frames and the same memory leave no choice. "
SCOREBOARD_FRAME: Final = Rule(
    "scoreboard-frame",
    "All NICs deliver the same frames in the same order",
    _SAME + "Length and digest of every received frame are compared, and how many there were.",
    "two implementations of one manual (8254x SDM); each is the other's witness",
)
SCOREBOARD_DESCRIPTOR: Final = Rule(
    "scoreboard-descriptor",
    "All NICs fill in the same descriptors",
    _SAME + "Ring index, buffer address, length, checksum, status, errors and special of each descriptor.",
    "8254x SDM 3.2.3",
)
SCOREBOARD_DMA: Final = Rule(
    "scoreboard-dma",
    "All NICs write the same bytes of memory in the same order",
    _SAME + "Writes of data are merged where one goes on from the other, write-backs are taken apart into "
    "descriptors: where a burst is split and how many descriptors share a line is each NIC's own business.",
    "8254x SDM 3.2.2, 3.2.6",
)
SCOREBOARD_STAT: Final = Rule(
    "scoreboard-stat",
    "All NICs count the same",
    _SAME + "Every statistic register that the driver read at the end.",
    "8254x SDM 13.7",
)
SCOREBOARD_REGISTER: Final = Rule(
    "scoreboard-register",
    "All NICs end with the same register values",
    _SAME + "Every register that the session read at the end.",
    "8254x SDM 13.4",
)
SCOREBOARD_MEMORY: Final = Rule(
    "scoreboard-memory",
    "All NICs leave the same memory behind",
    _SAME + "A SHA-256 over all of it; if it differs, the first block of 64 KiB that does is named.",
    "8254x SDM 3.2, 3.3",
)
RULES: Final = (
    SCOREBOARD_FRAME,
    SCOREBOARD_DESCRIPTOR,
    SCOREBOARD_DMA,
    SCOREBOARD_STAT,
    SCOREBOARD_REGISTER,
    SCOREBOARD_MEMORY,
)

_DESC_FIELDS: Final = ("ring_index", "address", "desc_length", "checksum", "status", "errors", "special")
_DESCRIPTOR: Final = 16
_STREAMS: Final = {0: "rx data", 1: "rx write-back", 2: "tx write-back"}


def compare(records: Sequence[Path]) -> list[Verdict]:
    """The differences between the first record and each of the others; empty when they agree.

    Raises:
        RecordError: a record is missing, incomplete or of another version.
    """
    summaries = [load_summary(path) for path in records]
    ledger = Ledger()
    for path, summary in zip(records[1:], summaries[1:], strict=True):
        _Pair(records[0], path, summaries[0], summary, ledger).compare()
    return ledger.verdicts()


class _Pair:
    """Two records under comparison."""

    def __init__(self, left: Path, right: Path, a: RunSummary, b: RunSummary, ledger: Ledger) -> None:
        self._left, self._right, self._a, self._b = left, right, a, b
        self._ledger = ledger
        self._names = f"{a.target} and {b.target}"
        self._stripped = all(summary.registers.get("RCTL", 0) & RCTL.SECRC for summary in (a, b))

    def compare(self) -> None:
        """Book every difference."""
        self._frames()
        if not differences.unwatched(self._a.target) and not differences.unwatched(self._b.target):
            for master, name in _STREAMS.items():
                self._dma(master, name)
        self._values(SCOREBOARD_STAT, self._a.statistics, self._b.statistics)
        self._values(SCOREBOARD_REGISTER, self._a.registers, self._b.registers)
        self._memory()

    def _differ(self, rule: Rule, where: str, left: object, right: object, index: int, *excuse: Any) -> None:
        """Book a difference; `excuse` is the field's name and both values, if one may be known for it."""
        targets = self._a.target, self._b.target
        known = differences.known(targets, *excuse, stripped=self._stripped) if excuse else ()
        for told in known or (rule,):
            self._ledger.report(
                told,
                f"{where} ({self._names})",
                f"{self._a.target}: {left}; {self._b.target}: {right}",
                left_target=self._a.target,
                right_target=self._b.target,
                left=str(left),
                right=str(right),
                index=index,
            )

    def _frames(self) -> None:
        both = zip_longest(_rows(self._left / FRAMES), _rows(self._right / FRAMES))
        for index, (left, right) in enumerate(both):
            if left is None or right is None:
                self._differ(
                    SCOREBOARD_FRAME,
                    f"frame {index}",
                    _frame_text(left),
                    _frame_text(right),
                    index=index,
                )
                continue
            if left["length"] != right["length"] or left["digest"] != right["digest"]:
                at = _first_difference(left["head"], right["head"])
                self._differ(
                    SCOREBOARD_FRAME,
                    f"frame {index}" + (f" byte {at}" if at is not None else ""),
                    _frame_text(left, at),
                    _frame_text(right, at),
                    index=index,
                )
            elif left["tail"] != right["tail"]:
                a, b = (int.from_bytes(row["tail"], "little") for row in (left, right))
                tails = left["tail"].hex(), right["tail"].hex()
                what = "last bytes" if self._stripped else "FCS"
                self._differ(SCOREBOARD_FRAME, f"frame {index} {what}", *tails, index, "tail", a, b)
            self._descriptors(index, left, right)

    def _descriptors(self, frame: int, left: Mapping[str, Any], right: Mapping[str, Any]) -> None:
        for name in _DESC_FIELDS:
            if left[name] == right[name]:
                continue
            for number, (a, b) in enumerate(zip_longest(left[name], right[name])):
                if a != b:
                    self._differ(
                        SCOREBOARD_DESCRIPTOR,
                        f"frame {frame} descriptor {number} {name}",
                        _number(a),
                        _number(b),
                        frame,
                        name,
                        a,
                        b,
                    )

    def _dma(self, master: int, name: str) -> None:
        both = zip_longest(_writes(self._left / DMA, master), _writes(self._right / DMA, master))
        for index, (left, right) in enumerate(both):
            if left != right:
                self._differ(SCOREBOARD_DMA, f"{name} write {index}", _span(left), _span(right), index=index)

    def _values(self, rule: Rule, left: Mapping[str, int], right: Mapping[str, int]) -> None:
        for index, name in enumerate(dict.fromkeys((*left, *right))):
            a, b = left.get(name), right.get(name)
            if a != b:
                self._differ(rule, name, _number(a), _number(b), index, name, a, b)

    def _memory(self) -> None:
        if self._a.memory_sha256 == self._b.memory_sha256:
            return
        left, right = self._a.memory_blocks, self._b.memory_blocks
        differ = sorted(a for a in left.keys() | right.keys() if left.get(a, 0) != right.get(a, 0))
        where = f"block at {differ[0]:#x}, first of {len(differ)}" if differ else "size or layout"
        self._differ(
            SCOREBOARD_MEMORY,
            where,
            self._a.memory_sha256,
            self._b.memory_sha256,
            differ[0] if differ else 0,
            "memory",
            None,
            None,
        )


def _first_difference(left: bytes, right: bytes) -> int | None:
    """Where two frames differ in the part that was kept."""
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), None)


def _frame_text(row: Mapping[str, Any] | None, at: int | None = None) -> str:
    if row is None:
        return "no frame"
    byte = "" if at is None else f", byte {row['head'][at]:#04x}"
    return f"{row['length']} bytes, digest {row['digest'].hex()}{byte}"


def _span(span: tuple[int, int] | None) -> str:
    return "no write" if span is None else f"{span[1]} bytes at {span[0]:#x}"


def _number(value: int | None) -> str:
    return "absent" if value is None else f"{value:#x}"


def _batches(path: Path, columns: list[str] | None) -> Iterator[Any]:
    """The row batches of a parquet file, one at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=4096, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise RecordError(f"{path}: cannot be read ({error}); run it again") from error


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of the frames file, without times."""
    for batch in _batches(path, ["length", "digest", "tail", "head", *_DESC_FIELDS]):
        yield from batch.to_pylist()


def _writes(path: Path, master: int) -> Iterator[tuple[int, int]]:
    """Address and length of what one engine wrote: data in maximal runs, write-backs by descriptor."""
    start = end = -1
    for batch in _batches(path, ["master", "write", "address", "length", "ok"]):
        columns = (batch.column(name).to_pylist() for name in ("master", "write", "address", "length", "ok"))
        for engine, write, address, length, ok in zip(*columns, strict=True):
            if engine != master or not write or not ok:
                continue
            if master:
                for slot in range(address // _DESCRIPTOR, -(-(address + length) // _DESCRIPTOR)):
                    yield slot * _DESCRIPTOR, _DESCRIPTOR
            elif address == end:
                end += length
            else:
                if start >= 0:
                    yield start, end - start
                start, end = address, address + length
    if start >= 0:
        yield start, end - start
