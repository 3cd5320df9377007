"""The experiment file: TOML that says which parameters a sweep holds, varies and varies together.

```toml
title = "NET_IP_ALIGN 0 against 2"
question = "What do two bytes cost?"

[parameters]                 # one value, a list, or a range; all lists are multiplied with each other
frames = 50
net_ip_align = [0, 2]
data_width = [64, 128, 256, 512]
line_penalty = { from = 0, to = 32, step = 8 }     # 32 included
read_latency = { from = 8, to = 128, times = 2 }   # 8, 16, … 128

[[together]]                 # lists of one length that change in step; multiplied with the rest
mtu = [1500, 9000]
frame_bytes = [1514, 9014]
```
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vnic.errors import UsageError
from vnic.lab.sweep_params import PARAMETERS, Value, check_point, check_value

MAX_POINTS: Final = 20_000
"""More than this needs --yes."""

_KEYS: Final = ("title", "question", "method", "discussion", "contradictory", "parameters", "together")
_TEXTS: Final = ("title", "question", "method", "discussion")
_RANGE: Final = ("from", "to", "step", "times")
_LONGEST_RANGE: Final = 1_000_000


class BadExperiment(UsageError):
    """An experiment file that cannot be used; the message names the file, the line and what to do."""


@dataclass(frozen=True, slots=True)
class SweepFile:
    """What an experiment file says.

    Attributes:
        path: the file.
        text: its bytes, kept with the results.
        title, question, method, discussion: prose for the report; any may be empty.
        skip: leave contradictory points out instead of refusing them.
        axes: the factors of the product; each is a list of assignments.
    """

    path: Path
    text: str
    title: str
    question: str
    method: str
    discussion: str
    skip: bool
    axes: tuple[tuple[dict[str, Value], ...], ...]

    @property
    def count(self) -> int:
        """Points of the product, contradictory ones included."""
        return math.prod(map(len, self.axes))

    @property
    def varied(self) -> tuple[str, ...]:
        """The parameters that have more than one value, in the file's order."""
        return tuple(name for axis in self.axes if len(axis) > 1 for name in axis[0])

    def points(self) -> Iterator[dict[str, Value]]:
        """Every point with all its parameters, contradictory ones included; the last axis runs fastest."""
        defaults = {name: parameter.default for name, parameter in PARAMETERS.items()}
        for assignments in itertools.product(*self.axes):
            point = dict(defaults)
            for assignment in assignments:
                point.update(assignment)
            yield point

    def checked_points(self) -> list[dict[str, Value]]:
        """The points that can be run.

        Raises:
            BadExperiment: a point contradicts itself (unless those are to be skipped), or none is left.
        """
        points, first = [], ""
        for number, point in enumerate(self.points(), start=1):
            try:
                check_point(point)
            except UsageError as error:
                first = first or f"point {number} ({self.describe(point)}): {error}"
                if not self.skip:
                    hint = 'change it, or write contradictory = "skip" above [parameters]'
                    raise BadExperiment(f"{self.path}: {first}; {hint}") from error
                continue
            points.append(point)
        if not points:
            raise BadExperiment(f"{self.path}: no point is left to run: {first}")
        return points

    def describe(self, point: Mapping[str, Value]) -> str:
        """The point by what varies: `data_width = 64, net_ip_align = 2`."""
        return ", ".join(f"{name} = {point[name]}" for name in self.varied) or "the only one"


def load_sweep(path: Path) -> SweepFile:
    """Read and check an experiment file. Raises BadExperiment."""
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise BadExperiment(
            f"{path}: {error.strerror}; give an experiment file (docs/experiments)"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadExperiment(f"{path}: is not TOML: {error}") from error
    return _Reader(path, text, table).read()


class _Reader:
    """One file being read; knows on which line a key stands."""

    def __init__(self, path: Path, text: str, table: Mapping[str, Any]) -> None:
        self._path = path
        self._text = text
        self._table = table

    def read(self) -> SweepFile:
        """The whole file."""
        table = self._table
        self._known(table, _KEYS, "")
        for key in _TEXTS:
            if not isinstance(table.get(key, ""), str):
                self._fail("", key, f"{key} is not a string")
        if table.get("contradictory", "refuse") not in ("refuse", "skip"):
            self._fail("", "contradictory", 'contradictory is "refuse" or "skip"')
        parameters = table.get("parameters", {})
        if not isinstance(parameters, dict):
            self._fail("", "parameters", "parameters is not a table; write [parameters]")
        axes = list(self._axes(parameters))
        named = dict.fromkeys(parameters, "parameters")
        together = table.get("together", [])
        if not isinstance(together, list) or not all(isinstance(group, dict) for group in together):
            self._fail("", "together", "together is not a list of tables; write [[together]]")
        for group in together:
            for key in group:
                if key in named:
                    self._fail("together", key, f"{key} has values in [{named[key]}] already; give it once")
                named[key] = "together"
            axes.append(self._together(group))
        return SweepFile(
            self._path,
            self._text,
            title=table.get("title", self._path.stem),
            question=table.get("question", ""),
            method=table.get("method", ""),
            discussion=table.get("discussion", ""),
            skip=table.get("contradictory") == "skip",
            axes=tuple(axes),
        )

    def _axes(self, table: Mapping[str, Any]) -> Iterator[tuple[dict[str, Value], ...]]:
        self._known(table, PARAMETERS, "parameters")
        for key, value in table.items():
            yield tuple({key: each} for each in self._values("parameters", key, value))

    def _together(self, group: Mapping[str, Any]) -> tuple[dict[str, Value], ...]:
        self._known(group, PARAMETERS, "together")
        lists = {key: self._values("together", key, value) for key, value in group.items()}
        if not lists:
            self._fail("together", "", "[[together]] is empty; give it lists of one length")
        lengths = {key: len(values) for key, values in lists.items()}
        if len(set(lengths.values())) != 1:
            sizes = ", ".join(f"{key} has {length}" for key, length in lengths.items())
            self._fail("together", next(iter(lists)), f"lists of [[together]] differ in length: {sizes}")
        return tuple(dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True))

    def _values(self, section: str, key: str, value: object) -> list[Value]:
        if isinstance(value, dict):
            value = self._range(section, key, value)
        items = value if isinstance(value, list) else [value]
        if not items:
            self._fail(section, key, f"{key} = []: zero points; give at least one value")
        try:
            values = [check_value(key, self._path_of(key, item)) for item in items]
        except UsageError as error:
            self._fail(section, key, str(error))
        if len(set(values)) != len(values):
            self._fail(section, key, f"{key} has a value twice; give each once")
        return values

    def _path_of(self, key: str, item: object) -> object:
        """A capture is named from where the experiment is, so that the file can be moved with it."""
        if key == "capture" and isinstance(item, str):
            return str((self._path.parent / item).resolve())
        return item

    def _range(self, section: str, key: str, table: Mapping[str, Any]) -> list[int]:
        for name, value in table.items():
            if name not in _RANGE or type(value) is not int:
                self._fail(
                    section, key, f"{key} has {name} = {value!r}; a range is {{ from, to, step or times }}"
                )
        if not {"from", "to"} <= set(table) or {"step", "times"} <= set(table):
            self._fail(section, key, f"{key}: a range has from, to, and one of step and times")
        low, high, times, step = table["from"], table["to"], table.get("times"), table.get("step", 1)
        if (times is not None and (times < 2 or low < 1)) or step < 1:
            self._fail(
                section, key, f"{key}: the range never ends; give step >= 1, or times >= 2 from 1 or more"
            )
        if times is None and (high - low) // step >= _LONGEST_RANGE:
            self._fail(
                section, key, f"{key}: a range of more than {_LONGEST_RANGE} values; give a larger step"
            )
        if low > high:
            self._fail(section, key, f"{key}: zero points from {low} to {high}; give from <= to")
        if times is None:
            return list(range(low, high + 1, step))
        return list(
            itertools.takewhile(
                lambda each: each <= high, (low * times**power for power in itertools.count())
            )
        )

    def _known(self, table: Iterable[str], known: Iterable[str], section: str) -> None:
        names = list(known)
        for key in table:
            if key not in names:
                near = difflib.get_close_matches(key, names, n=1, cutoff=0)[0]
                self._fail(section, key, f"unknown key {key}; did you mean {near}?")

    def _fail(self, section: str, key: str, what: str) -> Any:
        raise BadExperiment(f"{self._path}:{_line(self._text, section, key)}: {what}")


def _line(text: str, section: str, key: str) -> int:
    """The line on which `key` of `section` stands; tomllib does not tell. The section's own if not found."""
    current, fallback = "", 1
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([\w.\"-]+?)\s*\]", line):
            current = header[1].strip('"')
            dotted = current.split(".")
            if section and current == section:
                fallback = number
            # [parameters.frames] is a way to write a range; [unknown] is itself the key.
            if dotted[-1] == key and ".".join(dotted[:-1]) == section:
                return number
        elif current == section and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line):
            return number
    return fallback
