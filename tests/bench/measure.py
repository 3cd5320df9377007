"""How the benchmarks measure, and a line of their table."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

RUNS = 3
TURNS = 5


@dataclass(frozen=True)
class Row:
    """A line of the table. `good` is None where there is nothing to reach."""

    what: str
    measured: str
    target: str = ""
    good: bool | None = None


def best(measure: Callable[[], float], runs: int = RUNS) -> float:
    """The largest of several measurements: what the machine can do when nothing disturbs it."""
    return max(measure() for _ in range(runs))


@dataclass(frozen=True)
class Speed:
    """The best rate of something, the best of what it ran beside, and how many times as fast it was."""

    rate: float
    beside: float
    ratio: float

    def __str__(self) -> str:
        return f"{self.rate:,.0f} frames/s = {self.ratio:.{1 if self.ratio >= 2 else 2}f} x"


def in_turns(beside: Callable[[], float], *measures: Callable[[], float]) -> list[Speed]:
    """Rates that are to be compared, measured in turns.

    What else runs on the machine, and on the core's other thread, changes a processor second's worth by half
    within minutes: the ratio is therefore taken within each turn, and its median is told.
    """
    turns = [(beside(), *(measure() for measure in measures)) for _ in range(TURNS)]
    first, *others = zip(*turns, strict=True)
    return [
        Speed(max(rates), max(first), median(rate / base for rate, base in zip(rates, first, strict=True)))
        for rates in others
    ]


def processor_seconds(command: Sequence[str], **environment: str) -> tuple[str, float]:
    """What a command printed, and the processor time it took."""
    before = os.times()
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return done.stdout, spent
