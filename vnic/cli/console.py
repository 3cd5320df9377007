"""What the commands print with."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

PIPED_WIDTH: Final = 110
"""Columns where there is no terminal to ask; a table cut to 80 would lose what was asked for."""


def console() -> Console:
    """A console on stdout: colours only on a terminal, and none if NO_COLOR says so."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """JSON on stdout, not touched by width or colour."""
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def plain_table(*headings: str, title: str | None = None) -> Table:
    """A table without frames; headings that end in `#` are of numbers and set to the right."""
    table = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="bold")
    for heading in headings:
        number = heading.endswith("#")
        table.add_column(
            heading.removesuffix("#"), justify="right" if number else "left", header_style="bold"
        )
    return table
