"""`vnic boot --verify`: the table prediction | kernel | equal, and what is shown while the guest is asked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Final

from rich.markup import escape

from vnic.cli.console import console, plain_table
from vnic.guests.script import MARK
from vnic.guests.verify.facts import Row, Value
from vnic.guests.verify.plan import KEY, asked_for

FEW: Final = 4
"""A set of more numbers is shown by its rule or its ends."""


class Progress:
    """Passes the guest's console on to stderr, line by line, but for its packed answers."""

    def __init__(self) -> None:
        self._line = b""

    def __call__(self, data: bytes) -> None:
        """More bytes have come."""
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").rstrip()
            mark = text.removeprefix(MARK)
            if asked_for(mark) is not None or not mark.startswith(KEY):
                sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def rows_json(rows: Sequence[Row]) -> dict[str, Any]:
    """For result.json."""
    return {
        "equal": all(row.equal for row in rows),
        "rows": [{**row._asdict(), "equal": row.equal} for row in rows],
    }


def print_rows(rows: Sequence[Row]) -> None:
    """The table, and how much of it is equal."""
    out = console()
    table = plain_table("", "", "prediction", "kernel", "equal")
    before = ""
    for row in rows:
        if row.where != before:
            table.add_section()
        prediction, kernel = (_shown(value, full=not row.equal) for value in (row.prediction, row.kernel))
        equal = "yes" if row.equal else "[red]NO[/]"
        table.add_row("" if row.where == before else row.where, row.what, prediction, kernel, equal)
        before = row.where
    out.print(table)
    unequal = sum(not row.equal for row in rows)
    verdict = f"[red]{unequal} differ[/]" if unequal else "all equal"
    out.print(f"\n{len(rows)} rows of prediction and kernel: {verdict}")


def _shown(value: Value | None, *, full: bool) -> str:
    if value is None:
        return "-"
    if not isinstance(value, tuple):
        return escape(str(value))
    if full or len(value) <= FEW:
        return " ".join(map(str, value)) or "none"
    step = value[1] - value[0]
    if value == tuple(range(value[0], value[-1] + 1, step)):
        return f"{value[0]} + {step} n, n < {len(value)}"
    return f"{value[0]} … {value[-1]}, {len(value)} in all"
