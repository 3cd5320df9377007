"""Queries and comparisons of results files, and their commands."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vnic.cli.results import compare_command, results_command
from vnic.errors import UsageError
from vnic.lab.compare import compare, markdown, parse_limit
from vnic.lab.results import Results, read_results, write_results
from vnic.lab.results_query import default_columns, parse_condition, query
from vnic.lab.sweep_params import PARAMETERS

DEFAULTS = {name: parameter.default for name, parameter in PARAMETERS.items()}
Make = Callable[..., Results]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make(name, {seed: {metric: value} or reason})`: a results file of points that differ in the seed."""

    def made(name: str, points: dict[int, dict[str, Any] | str]) -> Results:
        rows = [
            {
                **DEFAULTS,
                "seed": seed,
                **(
                    {"status": "failed", "reason": found}
                    if isinstance(found, str)
                    else {"status": "ok", **found}
                ),
            }
            for seed, found in points.items()
        ]
        path = tmp_path / f"{name}.parquet"
        write_results(path, rows, {"varied": ["seed"], "title": "alignment"})
        return read_results(path)

    return made


def test_two_percent_more_is_allowed_and_a_bit_more_is_not(make: Make) -> None:
    limit = parse_limit("cycles_per_frame>+2%")
    old = make("old", {1: {"cycles_per_frame": 100.0}})
    for now, failed in ((102.0, False), (102.01, True), (50.0, False)):
        assert compare(old, make("new", {1: {"cycles_per_frame": now}}), [limit]).failed is failed


@pytest.mark.parametrize(
    ("limit", "old", "new", "broken"),
    [
        ("efficiency<-0.01", 0.9, 0.88, True),
        ("efficiency<-0.01", 0.9, 0.895, False),
        ("efficiency<-0.01", 0.9, 0.99, False),
        ("efficiency < -5 %", 0.9, 0.85, True),
        ("errors>0", 0, 1, True),
        ("errors>0", 1, 1, False),
        ("dram_rmw_per_frame>+2%", 0.0, 0.1, True),
        ("waste_bytes>16", 100, 116, False),
    ],
)
def test_limits(make: Make, limit: str, old: float, new: float, broken: bool) -> None:
    parsed = parse_limit(limit)
    found = compare(make("a", {1: {parsed.metric: old}}), make("b", {1: {parsed.metric: new}}), [parsed])
    assert found.failed is broken


def test_each_point_is_compared_with_itself_and_the_mean_hides_nothing(make: Make) -> None:
    old = make("old", {1: {"cycles_per_frame": 100.0}, 2: {"cycles_per_frame": 100.0}, 3: {}})
    new = make("new", {1: {"cycles_per_frame": 110.0}, 2: {"cycles_per_frame": 80.0}, 4: {}})
    limits = [parse_limit("cycles_per_frame>+2%")]
    found = compare(old, new, limits)
    assert [(each.point["seed"], each.old, each.new) for each in found.broken] == [(1, 100.0, 110.0)]
    assert (found.common, found.only_old, found.only_new) == (2, 1, 1)
    text = markdown(old, new, found, limits)
    assert "### alignment: ❌ worse than allowed" in text
    assert "| seed = 1 | `cycles_per_frame` (cycles) | 100 | 110 | +10.00 % |" in text
    assert "| `cycles_per_frame` (cycles) | 100 | 95 | -5.00 % |" in text


def test_a_point_that_fails_now_is_a_regression_and_one_that_failed_before_is_not(make: Make) -> None:
    old = make("old", {1: {}, 2: "no memory"})
    found = compare(old, make("new", {1: "the NIC hung", 2: {}}), [])
    assert found.failed
    assert "seed = 1: the NIC hung" in markdown(old, old, found, [])


def test_nothing_in_common(make: Make) -> None:
    with pytest.raises(UsageError, match="no point in common"):
        compare(make("a", {1: {}}), make("b", {2: {}}), [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cycles_per_frame", "write METRIC"),
        ("cycles_per_frme>2%", "did you mean cycles_per_frame"),
        ("size_class>1", "no metric size_class"),
        ("mtu>1", "no metric mtu"),
        ("errors>>1", "write METRIC"),
    ],
)
def test_limits_that_are_none(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_limit(text)


def test_queries(make: Make) -> None:
    results = make(
        "r",
        {
            1: {"efficiency": 0.5, "spill": True, "size_class": "size-4096"},
            2: {"efficiency": 0.9, "spill": False, "size_class": "page_frag"},
            3: "reason",
        },
    )

    def seeds(*where: str, **how: Any) -> list[int]:
        return [row["seed"] for row in query(results, map(parse_condition, where), **how)]

    assert seeds("efficiency<0.9") == [1]
    assert seeds("efficiency>=0.5", "spill=false") == [2]
    assert seeds("size_class=size-4096") == [1]
    assert seeds("size_class!=size-4096") == [2]
    assert seeds("efficiency=none") == [3]
    assert seeds("efficiency!=none") == [1, 2]
    assert seeds("buffer=none") == [1, 2, 3]
    assert seeds(sort="-efficiency") == [2, 1, 3]
    assert seeds(sort="efficiency", limit=1) == [1]
    assert default_columns(results) == ["seed", "efficiency", "size_class", "status", "reason"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("efficiency", "write NAME=VALUE"),
        ("efficency<1", "did you mean efficiency"),
        ("seed=x", "whole number"),
        ("spill=1", "true or false"),
        ("efficiency<none", "can only be"),
    ],
)
def test_conditions_that_are_none(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_condition(text)


def test_csv_is_whole_and_not_rounded(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    path = make("r", {1: {"efficiency": 1 / 3}, 2: 'he said "no, no"'}).path
    results_command(path, [], "seed,efficiency,reason", None, None, as_csv=True, as_json=False)
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows == [["seed", "efficiency", "reason"], ["1", str(1 / 3), ""], ["2", "", 'he said "no, no"']]


def test_the_table_and_the_columns(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    path = make("r", {1: {"efficiency": 1 / 3}, 2: {}}).path
    results_command(path, ["seed<2"], None, None, None, as_csv=False, as_json=False)
    told = capsys.readouterr().out
    assert "0.3333" in told
    assert "1 of 2 points" in told
    results_command(path, [], "help", None, None, as_csv=False, as_json=False)
    assert "efficiency" in capsys.readouterr().out
    with pytest.raises(UsageError, match="give one of them"):
        results_command(path, [], None, None, None, as_csv=True, as_json=True)


def test_the_summary_is_appended_and_the_exit_code_tells(
    make: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = make("old", {1: {"errors": 0}}).path, make("new", {1: {"errors": 1}}).path
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    assert compare_command(old, new, ["errors>0"], summary) == 1
    assert compare_command(new, new, ["errors>0"], None) == 0
    assert summary.read_text().startswith("before\n### alignment: ❌")
    assert capsys.readouterr().out.count("### alignment") == 2


def test_a_comparison_as_json(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    old = make("old", {1: {"errors": 0, "efficiency": 0.5}, 2: {"errors": 0}, 3: {"errors": 0}}).path
    new = make("new", {1: {"errors": 2, "efficiency": 0.75}, 2: "no memory", 4: {"errors": 0}}).path
    assert compare_command(old, new, ["errors>0"], None, as_json=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told == {
        "schema": 1,
        "failed": True,
        "points": 1,
        "only_base": 1,
        "only_new": 1,
        "changes": [
            {"point": {"seed": 1}, "metric": "efficiency", "base": 0.5, "new": 0.75, "breaks": None},
            {"point": {"seed": 1}, "metric": "errors", "base": 0, "new": 2, "breaks": "errors>0"},
        ],
        "newly_failed": [{"point": {"seed": 2}, "reason": "no memory"}],
    }
