"""`vnic results` and `vnic compare`: tables out of results files."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from vnic.cli.console import console, plain_table, print_json
from vnic.errors import UsageError, VnicError
from vnic.lab.compare import Comparison, compare, markdown, parse_limit
from vnic.lab.results import read_results
from vnic.lab.results_columns import BY_NAME, COLUMNS
from vnic.lab.results_query import column, default_columns, parse_condition, query, write_csv

MOST_ROWS = 40


def results_command(
    path: Path,
    where: Sequence[str],
    columns: str | None,
    sort: str | None,
    limit: int | None,
    *,
    as_csv: bool,
    as_json: bool,
) -> int:
    """Print the points that were asked for."""
    if columns == "help":
        _print_columns()
        return 0
    if as_csv and as_json:
        raise UsageError("--csv and --json: give one of them")
    conditions = [parse_condition(text) for text in where]
    results = read_results(path)
    rows = query(results, conditions, sort, limit)
    names = (
        list(BY_NAME)
        if columns == "all"
        else [column(name) for name in columns.split(",")]
        if columns
        else None
    )
    if as_csv:
        write_csv(sys.stdout, rows, names or list(BY_NAME))
    elif as_json:
        print_json([{name: row[name] for name in names or BY_NAME} for row in rows])
    else:
        _print_rows(rows, names or default_columns(results), len(results.rows))
    return 0


def _print_columns() -> None:
    table = plain_table("column", "unit", "meaning")
    for each in COLUMNS:
        table.add_row(each.name, each.unit, escape(each.doc))
    console().print(table)


def _print_rows(rows: Sequence[dict[str, Any]], names: Sequence[str], total: int) -> None:
    table = plain_table(*(f"{name}#" if BY_NAME[name].type in ("int", "float") else name for name in names))
    for each in table.columns:
        # A name cut short could not be given to --columns.
        each.overflow = "fold"
    for row in rows[:MOST_ROWS]:
        table.add_row(*(escape(_text(row[name])) for name in names))
    out = console()
    out.print(table)
    more = f", {MOST_ROWS} shown: narrow it by --where, or take --csv" if len(rows) > MOST_ROWS else ""
    out.print(f"{len(rows)} of {total} points{more}")


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.1f}"
    return str(value)


def compare_command(
    base: Path, new: Path, fail_on: Sequence[str], summary: Path | None, *, as_json: bool = False
) -> int:
    """Print the summary, append it to a file as Markdown if asked; 1 if a limit is broken."""
    limits = [parse_limit(text) for text in fail_on]
    old, now = read_results(base), read_results(new)
    comparison = compare(old, now, limits)
    text = markdown(old, now, comparison, limits)
    if as_json:
        print_json(_comparison_json(comparison))
    else:
        sys.stdout.write(text)
    if summary is not None:
        try:
            # Appended, because that is what a CI's summary file wants ($GITHUB_STEP_SUMMARY).
            with summary.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise VnicError(f"{summary}: {error.strerror}; give --summary another name") from error
    return int(comparison.failed)


def _comparison_json(found: Comparison) -> dict[str, object]:
    """The keys of docs/commands.md; a point is named by the parameters that the experiment varies."""

    def point(row: Mapping[str, Any]) -> dict[str, object]:
        return {name: row[name] for name in found.varied}

    return {
        "schema": 1,
        "failed": found.failed,
        "points": found.common,
        "only_base": found.only_old,
        "only_new": found.only_new,
        "changes": [
            {
                "point": point(each.point),
                "metric": each.metric,
                "base": each.old,
                "new": each.new,
                "breaks": None if each.limit is None else each.limit.text,
            }
            for each in found.changes
        ],
        "newly_failed": [{"point": point(row), "reason": reason} for row, reason in found.newly_failed],
    }
