"""`vnic abi check`: a driver's structure beside the hardware's, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape

from vnic.cli.console import console, plain_table, print_json
from vnic.errors import UsageError
from vnic.linux.abi import Difference, Layout, Leaf, compare, from_construct, side_by_side
from vnic.linux.abi_base import module_kernel
from vnic.linux.abi_object import read_layout
from vnic.linux.abi_user import load_description
from vnic.nic.descriptors import RX_LEGACY, TX_LEGACY

OURS: Final = {"rx_legacy": RX_LEGACY, "tx_legacy": TX_LEGACY}


@dataclass(frozen=True, slots=True)
class AbiRequest:
    """The options of `vnic abi check` as given; see its help."""

    driver: Path
    struct: str
    against: str
    base: Path | None


def abi_command(request: AbiRequest, *, as_json: bool) -> int:
    """Print the comparison; 1 if they differ. Raises UsageError, or VnicError for an unsound object."""
    expected = _description(request.against)
    base = request.base or module_kernel(request.driver)
    found = read_layout(request.driver, request.struct, base)
    differences = compare(expected, found)
    if as_json:
        print_json(_as_json(expected, found, differences))
    else:
        _print(console(), expected, found, differences)
    return int(bool(differences))


def _description(against: str) -> Layout:
    if against in OURS:
        return from_construct(against, OURS[against], "8254x SDM 3.2.3, 3.3.3")
    if ":" not in against:
        names = ", ".join(OURS)
        raise UsageError(f"--against {against!r}: give {names}, FILE.py:NAME or FILE.rdl:NAME")
    return load_description(against)


def _as_json(expected: Layout, found: Layout, differences: list[Difference]) -> dict[str, object]:
    return {
        "schema": 1,
        "agree": not differences,
        "expected": _layout_json(expected),
        "found": _layout_json(found),
        "differences": [difference._asdict() for difference in differences],
    }


def _layout_json(layout: Layout) -> dict[str, object]:
    return {**layout._asdict(), "leaves": [leaf._asdict() for leaf in layout.leaves]}


def _print(out: Console, expected: Layout, found: Layout, differences: list[Difference]) -> None:
    if not differences:
        out.print(
            f"{escape(found.name)} is {escape(expected.name)}: {found.size} bytes, "
            f"{len(expected.leaves)} fields ({escape(found.source)})",
            soft_wrap=True,
        )
        return
    for side, layout in (("hardware: ", expected), ("driver:   ", found)):
        text = f"{side}{escape(layout.name)}, {layout.size} bytes ({escape(layout.source)})"
        out.print(text, soft_wrap=True)
    out.print()
    _draw(out, expected, found)
    table = plain_table("at#", "differs", "")
    for difference in differences:
        table.add_row(str(difference.offset), f"[red]{difference.kind}[/]", escape(difference.detail))
    out.print()
    out.print(table)


def _draw(out: Console, expected: Layout, found: Layout) -> None:
    """Both layouts by offset; a line where one has nothing stays empty on that side."""
    table = plain_table("at#", "", f"hardware: {escape(expected.name)}", "", f"driver: {escape(found.name)}")
    for row in side_by_side(expected, found):
        mark = "" if row.agrees else "[red]≠[/]"
        table.add_row(str(row.offset), mark, _leaf(row.expected), "│", _leaf(row.found))
    ends = "" if expected.size == found.size else "[red]≠[/]"
    table.add_row("end", ends, f"{expected.size} bytes", "│", f"{found.size} bytes")
    out.print(table)


def _leaf(leaf: Leaf | None) -> str:
    if leaf is None:
        return ""
    width = f"{leaf.bits} bits" if leaf.bits else f"{leaf.size} bytes" if leaf.size > 1 else "1 byte"
    order = {"<": " le", ">": " be"}.get(leaf.order, "")
    return f"{escape(leaf.name)}  [bright_black]{width}{order}[/]"
