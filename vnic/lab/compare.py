"""Two results of one experiment, point by point: what became better or worse, and whether that is allowed."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from vnic.errors import UsageError
from vnic.lab.results import Results
from vnic.lab.results_columns import METRIC_COLUMNS, PARAMETER_COLUMNS

_LIMIT: Final = re.compile(r"\s*(\w+)\s*([<>])\s*([+-]?\d+(?:\.\d+)?)\s*(%?)\s*")
_METRICS: Final = {column.name: column for column in METRIC_COLUMNS if column.type in ("int", "float")}
_WORST: Final = 10


@dataclass(frozen=True, slots=True)
class Limit:
    """A change that fails the comparison: `cycles_per_frame>+2%`, `efficiency<-0.01`.

    Attributes:
        metric: a numeric metric. above: fail beyond it (`>`), else below it (`<`).
        amount: of the change, in the metric's unit or in percent of the old value.
        percent: which of the two. text: as given.
    """

    metric: str
    above: bool
    amount: float
    percent: bool
    text: str

    def broken(self, old: float, new: float) -> bool:
        """The change from `old` to `new` is not allowed. From zero, every growth is without bound."""
        change = new - old
        limit = abs(old) * self.amount / 100 if self.percent else self.amount
        return change > limit if self.above else change < limit


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one point, before and after, and the limit it broke."""

    point: Mapping[str, Any]
    metric: str
    old: float
    new: float
    limit: Limit | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it.

    Attributes:
        common: points measured in both. changes: metrics that differ, by point.
        broken: those of them that a limit does not allow, the largest relative change first.
        only_old, only_new: points that only one of the two has.
        newly_failed: points measured before that failed now, with the reason.
        means: metric -> (mean before, mean after) over the common points, of those that differ.
        varied: the parameters that tell points apart.
    """

    common: int
    changes: Sequence[Change]
    broken: Sequence[Change]
    only_old: int
    only_new: int
    newly_failed: Sequence[tuple[Mapping[str, Any], str]]
    means: Mapping[str, tuple[float, float]]
    varied: Sequence[str]

    @property
    def failed(self) -> bool:
        """A limit is broken, or a point cannot be measured any more."""
        return bool(self.broken or self.newly_failed)


def parse_limit(text: str) -> Limit:
    """Raises UsageError that says how a limit is written."""
    match = _LIMIT.fullmatch(text)
    if match is None:
        raise UsageError(
            f"--fail-on {text!r}: write METRIC>+AMOUNT or METRIC<-AMOUNT, in % of before or absolute"
        )
    if match[1] not in _METRICS:
        near = difflib.get_close_matches(match[1], _METRICS, n=1, cutoff=0)[0]
        raise UsageError(f"--fail-on {text!r}: no metric {match[1]}; did you mean {near}?")
    return Limit(match[1], match[2] == ">", float(match[3]), bool(match[4]), text)


def compare(old: Results, new: Results, limits: Sequence[Limit]) -> Comparison:
    """Compare the points that have the same parameters.

    Raises:
        UsageError: no point is in both.
    """
    before, after = _by_parameters(old), _by_parameters(new)
    common = [key for key in before if key in after]
    if not common:
        raise UsageError(f"{old.path} and {new.path} have no point in common; compare runs of one experiment")
    changes: list[Change] = []
    newly_failed: list[tuple[Mapping[str, Any], str]] = []
    measured = 0
    sums: dict[str, list[tuple[float, float]]] = {}
    for key in common:
        was, now = before[key], after[key]
        if was["status"] != "ok" or now["status"] != "ok":
            if was["status"] == "ok":
                newly_failed.append((now, str(now["reason"])))
            continue
        measured += 1
        for metric in _METRICS:
            if was[metric] is None or now[metric] is None:
                continue
            sums.setdefault(metric, []).append((was[metric], now[metric]))
            broken = next(
                (each for each in limits if each.metric == metric and each.broken(was[metric], now[metric])),
                None,
            )
            if broken or was[metric] != now[metric]:
                changes.append(Change(now, metric, was[metric], now[metric], broken))
    differing = {change.metric for change in changes}
    means = {
        metric: (fmean(a for a, _ in pairs), fmean(b for _, b in pairs))
        for metric, pairs in sums.items()
        if metric in differing
    }
    return Comparison(
        common=measured,
        changes=changes,
        broken=sorted((change for change in changes if change.limit), key=_severity, reverse=True),
        only_old=len(before) - len(common),
        only_new=len(after) - len(common),
        newly_failed=newly_failed,
        means=means,
        varied=list(dict.fromkeys((*old.varied, *new.varied))),
    )


def _by_parameters(results: Results) -> dict[str, Mapping[str, Any]]:
    """Points by what was asked for; what version answered is not part of it."""
    names = [column.name for column in PARAMETER_COLUMNS]
    return {json.dumps([row[name] for name in names]): row for row in results.rows}


def _severity(change: Change) -> float:
    return abs(change.new - change.old) / (abs(change.old) or 1e-9)


def markdown(old: Results, new: Results, comparison: Comparison, limits: Sequence[Limit]) -> str:
    """A summary for a pull request."""
    verdict = (
        "❌ worse than allowed" if comparison.failed else "✅ within limits" if limits else "no limits given"
    )
    lines = [
        f"### {new.meta['title']}: {verdict}",
        "",
        f"{comparison.common} points compared (`{old.path.name}` → `{new.path.name}`), "
        f"{len({id(change.point) for change in comparison.changes})} with a change.",
    ]
    if comparison.only_old or comparison.only_new:
        lines.append(f"{comparison.only_old} points only before, {comparison.only_new} only now.")
    if limits:
        lines += ["", f"Fails on {', '.join(f'`{limit.text}`' for limit in limits)}."]
    if comparison.newly_failed:
        lines += ["", f"**{len(comparison.newly_failed)} points cannot be measured any more:**", ""]
        lines += [
            f"* {_name(point, comparison.varied)}: {reason}"
            for point, reason in comparison.newly_failed[:_WORST]
        ]
    if comparison.broken:
        lines += ["", f"**{len(comparison.broken)} limits broken**, the worst:", ""]
        lines += ["| point | metric | before | now | change |", "|---|---|--:|--:|--:|"]
        lines += [
            _row(_name(each.point, comparison.varied), each.metric, each.old, each.new)
            for each in comparison.broken[:_WORST]
        ]
    if comparison.means:
        lines += ["", "| mean over the points | before | now | change |", "|---|--:|--:|--:|"]
        lines += [_row(None, metric, before, after) for metric, (before, after) in comparison.means.items()]
    return "\n".join(lines) + "\n"


def _name(point: Mapping[str, Any], varied: Sequence[str]) -> str:
    return ", ".join(f"{name} = {point[name]}" for name in varied) or "the only point"


def _row(point: str | None, metric: str, old: float, new: float) -> str:
    change = f"{100 * (new - old) / abs(old):+.2f} %" if old else f"{new - old:+.4g}"
    unit = _METRICS[metric].unit
    name = f"`{metric}`" + (f" ({unit})" if unit not in ("", "ratio") else "")
    cells = [*([point] if point is not None else []), name, f"{old:.6g}", f"{new:.6g}", change]
    return f"| {' | '.join(cells)} |"
