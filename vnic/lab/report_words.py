"""The answer of a report in words: what each parameter that was varied did to the figures, with numbers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, Final

from vnic.lab.results_columns import BY_NAME

# The figures an answer speaks of, most telling first; those that do not change in the results are left out.
_TOLD: Final = (
    "steady_cycles_per_frame",
    "cycles_per_frame",
    "headroom_reallocs",
    "cpu_misaligned_loads",
    "latency_p50_cycles",
    "partial_lines_per_frame",
    "waste_bytes",
    "dram_rmw_per_frame",
    "truesize_to_payload",
)
_MOST_FIGURES: Final = 5
_MOST_VALUES: Final = 60

Row = Mapping[str, Any]


def changing(rows: Sequence[Row]) -> list[str]:
    """The figures worth telling of: they have more than one value."""
    found = [name for name in _TOLD if len({row[name] for row in rows if row[name] is not None}) > 1]
    if "steady_cycles_per_frame" in found and "cycles_per_frame" in found:
        found.remove("cycles_per_frame")
    return found[:_MOST_FIGURES]


def label(name: str) -> str:
    """A column's name as words, with its unit if that is not among them."""
    unit = BY_NAME[name].unit
    words = name.replace("_", " ")
    return words if unit in ("", "ratio", *words.split()) else f"{words} ({unit})"


def number(value: float) -> str:
    """Four digits, no exponent."""
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def answer(rows: Sequence[Row], varied: Sequence[str]) -> list[str]:
    """Sentences: for each parameter, what its values do to each figure, all else equal."""
    sentences = []
    figures = changing(rows)
    for parameter in varied:
        for figure in figures:
            sentence = _effect(rows, varied, parameter, figure)
            if sentence:
                sentences.append(sentence)
    sentences += _spills(rows, varied)
    return sentences or ["None of the figures depends on what was varied."]


def _spills(rows: Sequence[Row], varied: Sequence[str]) -> list[str]:
    """Where headroom and shared info push a buffer into a larger class than its size alone would take."""
    spilled = [row for row in rows if row["spill"]]
    if not spilled:
        return []
    told = [f"spill into a larger size class: {len(spilled)} of {len(rows)} points."]
    for name in varied:
        total, hit = (Counter(row[name] for row in part) for part in (rows, spilled))
        if len({hit[value] / total[value] for value in total}) < 2:
            continue
        whole = [_value(value) for value in total if hit[value] == total[value]]
        some = [
            f"{_value(value)} ({hit[value]} of {total[value]})"
            for value in total
            if 0 < hit[value] < total[value]
        ]
        never = [_value(value) for value in total if not hit[value]]
        kinds = (("every point of", whole), ("some of", some), ("none of", never))
        told.append(
            f"spill by {name}: " + "; ".join(f"{kind} {', '.join(v)}" for kind, v in kinds if v) + "."
        )
    return told


def _effect(rows: Sequence[Row], varied: Sequence[str], parameter: str, figure: str) -> str:
    """How `figure` differs between the values of `parameter` among points equal in everything else."""
    others = [name for name in varied if name != parameter]
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row[figure] is not None:
            groups.setdefault(json.dumps([row[name] for name in others]), []).append(row)
    compared = [group for group in groups.values() if len(group) > 1]
    if not compared:
        return ""
    same = sum(len({row[figure] for row in group}) == 1 for group in compared)
    if same == len(compared):
        return ""
    means = _means(compared, parameter, figure)
    low, high = min(means, key=lambda value: means[value]), max(means, key=lambda value: means[value])
    spread, widest = max(((_spread(group, figure), group) for group in compared), key=lambda pair: pair[0])
    text = f"{label(figure)} by {parameter}: {number(means[low])} on average"
    text += (
        " at every value"
        if number(means[low]) == number(means[high])
        else f" at {_value(low)}, {number(means[high])} at {_value(high)}"
    )
    if same:
        text += f"; no difference in {same} of {len(compared)} settings of the rest"
    if others:
        where = ", ".join(f"{name} = {_value(widest[0][name])}" for name in others)
        text += f"; most at {where}: {_ends(widest, parameter, figure, spread)}"
    return f"{text}."


def _means(groups: Sequence[Sequence[Row]], parameter: str, figure: str) -> dict[Any, float]:
    values: dict[Any, list[float]] = {}
    for group in groups:
        for row in group:
            values.setdefault(row[parameter], []).append(row[figure])
    return {value: fmean(found) for value, found in values.items()}


def _spread(group: Sequence[Row], figure: str) -> float:
    return float(max(row[figure] for row in group) - min(row[figure] for row in group))


def _ends(group: Sequence[Row], parameter: str, figure: str, spread: float) -> str:
    least = min(group, key=lambda row: row[figure])
    most = max(group, key=lambda row: row[figure])
    percent = f", {100 * spread / least[figure]:+.1f} %" if least[figure] > 0 else ""
    return (
        f"{number(least[figure])} at {_value(least[parameter])} against {number(most[figure])} "
        f"at {_value(most[parameter])}{percent}"
    )


def _value(value: object) -> str:
    """A parameter's value; nothing given leaves it to kernel or driver."""
    if value is None:
        return "the default"
    return str(value) or "none"


def choices(rows: Sequence[Row], varied: Sequence[str]) -> dict[str, list[Any]]:
    """The parameters a reader may filter by, with their values; not those with too many to choose from."""
    found: dict[str, list[Any]] = {}
    for name in varied:
        values = list(dict.fromkeys(row[name] for row in rows))
        if 1 < len(values) <= _MOST_VALUES:
            found[name] = values
    return found
