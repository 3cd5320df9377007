"""Asking a results file: which points, which columns, in which order."""

from __future__ import annotations

import csv
import difflib
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TextIO

from vnic.errors import UsageError
from vnic.lab.results import Results
from vnic.lab.results_columns import BY_NAME, METRIC_COLUMNS

_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CONDITION: Final = re.compile(r"\s*(\w+)\s*(!=|<=|>=|=|<|>)\s*(.*?)\s*")
_SHOWN: Final = (
    "dma_offset", "cycles_per_frame", "steady_cycles_per_frame", "efficiency",
    "partial_lines_per_frame", "size_class", "waste_bytes",
)  # fmt: skip


class Condition(NamedTuple):
    """`name operator value`; a row without the value meets nothing but `= none`."""

    name: str
    sign: str
    value: Any

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether the row meets it."""
        found = row[self.name]
        if found is None:
            return self.value is None and self.sign == "="
        if self.value is None:
            return self.sign == "!="
        return _OPERATORS[self.sign](found, self.value)


def column(name: str) -> str:
    """`name`, if it is a column. Raises UsageError with the nearest one."""
    if name not in BY_NAME:
        near = difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0)[0]
        raise UsageError(
            f"unknown column {name}; did you mean {near}? (`vnic results --columns help` lists all)"
        )
    return name


def parse_condition(text: str) -> Condition:
    """`data_width=64`, `efficiency<0.9`, `buffer!=none`. Raises UsageError."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise UsageError(f"--where {text!r}: write NAME=VALUE, or != < <= > >= in place of =")
    name, sign, value = column(match[1]), match[2], match[3]
    if value == "none":
        if sign not in ("=", "!="):
            raise UsageError(f"--where {text!r}: none can only be = or !=")
        return Condition(name, sign, None)
    return Condition(name, sign, _value(name, value, text))


def _value(name: str, text: str, whole: str) -> Any:
    kind = BY_NAME[name].type
    try:
        if kind == "bool":
            return {"true": True, "false": False}[text.lower()]
        return {"int": int, "float": float, "str": str}[kind](text)
    except (ValueError, KeyError) as error:
        wanted = {"bool": "true or false", "int": "a whole number", "float": "a number"}[kind]
        raise UsageError(f"--where {whole!r}: {name} is {wanted}") from error


def query(
    results: Results,
    where: Iterable[Condition],
    sort: str | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """The rows that meet all conditions, by column `sort` (`-NAME`: largest first; nulls last).

    Raises:
        UsageError: an unknown column.
    """
    conditions = list(where)
    rows = [row for row in results.rows if all(condition.holds(row) for condition in conditions)]
    if sort is not None:
        name = column(sort.removeprefix("-"))
        known = [row for row in rows if row[name] is not None]
        known.sort(key=lambda row: row[name], reverse=sort.startswith("-"))
        rows = known + [row for row in rows if row[name] is None]
    return rows[:limit]


def default_columns(results: Results) -> list[str]:
    """What varies, and the figures most asked for; with failed points their reason."""
    present = [name for name in _SHOWN if any(row[name] is not None for row in results.rows)]
    failed = ["status", "reason"] if len(results.finished) < len(results.rows) else []
    return [*results.varied, *present, *failed]


def write_csv(file: TextIO, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """The rows as CSV with a heading; absent values are empty. Numbers are written whole, not rounded."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([row[name] for name in names] for row in rows)


def is_metric(name: str) -> bool:
    """A figure that can be compared."""
    return any(each.name == name and each.type in ("int", "float") for each in METRIC_COLUMNS)
