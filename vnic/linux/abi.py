"""Whether a driver's structure in memory is what the hardware expects: field by field, as it was compiled.

A structure is flattened to its leaves. Fields are matched by where they are and how large they are, for the
two sides name them differently; a driver's unions may offer several views, of which one has to fit.
"""

from __future__ import annotations

from typing import NamedTuple

import construct as c

from vnic.errors import UsageError


class Leaf(NamedTuple):
    """One scalar of a structure.

    Attributes:
        name: its path, `wb.upper.length`.
        offset, size: bytes.
        order: `<` or `>`, empty for single bytes and where it is not known.
        bits: width of a bit field, else 0.
        optional: it lies in a union, so another view may stand for the same bytes.
    """

    name: str
    offset: int
    size: int
    order: str = ""
    bits: int = 0
    optional: bool = False

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + self.size


class Layout(NamedTuple):
    """A structure: its size and its leaves by offset, and where it was read."""

    name: str
    size: int
    leaves: tuple[Leaf, ...]
    source: str


class Difference(NamedTuple):
    """What does not agree: `size`, `missing`, `shape`, `moved`, `endianness`, `extra` or `padding`."""

    kind: str
    offset: int
    detail: str


class Row(NamedTuple):
    """One line of both layouts side by side; None where one side has nothing that starts there."""

    offset: int
    expected: Leaf | None
    found: Leaf | None
    agrees: bool


def compare(expected: Layout, found: Layout) -> list[Difference]:
    """Every way in which `found` (the driver's) is not `expected` (the hardware's), by offset."""
    differences = []
    if found.size != expected.size:
        text = f"{found.name} has {found.size} bytes, {expected.name} has {expected.size}"
        differences.append(Difference("size", min(found.size, expected.size), text))
    for leaf in expected.leaves:
        match = _match(leaf, found)
        if match is not None:
            if leaf.order and match.order and leaf.order != match.order:
                differences.append(Difference("endianness", leaf.offset, _order_text(leaf, match)))
            differences += _moved(leaf, match, found)
        else:
            differences.append(_missing(leaf, found))
    covered = [(leaf.offset, leaf.end) for leaf in expected.leaves]
    for leaf in found.leaves:
        inside = any(start < leaf.end and leaf.offset < end for start, end in covered)
        if not inside:
            text = f"{leaf.name} ({leaf.size} bytes) is no field of {expected.name}"
            differences.append(Difference("extra", leaf.offset, text))
    differences += _holes(expected, found)
    return sorted(differences, key=lambda difference: (difference.offset, difference.kind))


def _moved(leaf: Leaf, match: Leaf, layout: Layout) -> list[Difference]:
    """A field of the same shape is there, but the one of this name is elsewhere: two were swapped."""
    named = [other for other in layout.leaves if _last(other) == _last(leaf)]
    if not named or any(other.offset == leaf.offset for other in named):
        return []
    there = f"{layout.name} has {match.name} there, and {named[0].name} at {named[0].offset}"
    text = f"{leaf.name} is at {leaf.offset}; {there}"
    return [Difference("moved", leaf.offset, text)]


def _last(leaf: Leaf) -> str:
    return leaf.name.split(".")[-1]


def _match(leaf: Leaf, layout: Layout) -> Leaf | None:
    same = [
        other for other in layout.leaves if (other.offset, other.size, other.bits) == leaf[1:3] + leaf[4:5]
    ]
    return next((other for other in same if other.order in ("", leaf.order)), same[0] if same else None)


def _missing(leaf: Leaf, layout: Layout) -> Difference:
    overlapping = [other for other in layout.leaves if other.offset < leaf.end and leaf.offset < other.end]
    if not overlapping:
        named = next((other for other in layout.leaves if _last(other) == _last(leaf)), None)
        where = f"; its {named.name} is at {named.offset}" if named is not None else ""
        text = f"{leaf.name} ({leaf.size} bytes) has nothing in {layout.name}{where}"
        return Difference("missing", leaf.offset, text)
    there = ", ".join(f"{other.name} at {other.offset} ({_width(other)})" for other in overlapping[:4])
    return Difference("shape", leaf.offset, f"{leaf.name} at {leaf.offset} ({_width(leaf)}) meets {there}")


def _width(leaf: Leaf) -> str:
    if leaf.bits:
        return f"{leaf.bits} bits"
    return f"{leaf.size} bytes" if leaf.size > 1 else "1 byte"


def _order_text(expected: Leaf, found: Leaf) -> str:
    words = {"<": "little", ">": "big"}
    return (
        f"{expected.name} is {words[expected.order]} endian, {found.name} is {words[found.order]} endian: "
        "use the __le or __be type of that size"
    )


def _holes(expected: Layout, found: Layout) -> list[Difference]:
    """Bytes of the driver's structure that belong to no leaf where the hardware has a field."""
    differences = []
    end = 0
    for leaf in found.leaves:
        if leaf.offset > end:
            text = f"{found.name} has {leaf.offset - end} bytes of padding before {leaf.name}"
            if any(other.offset < leaf.offset and end < other.end for other in expected.leaves):
                differences.append(Difference("padding", end, text))
        end = max(end, leaf.end)
    if any(other.offset < found.size and end < other.end for other in expected.leaves):
        text = f"{found.name} has {found.size - end} bytes of padding at its end"
        differences.append(Difference("padding", end, text))
    return differences


def side_by_side(expected: Layout, found: Layout) -> list[Row]:
    """Both layouts by offset, for a drawing: each leaf once, matched ones on one line."""
    rows, used = [], set()
    wrong = {difference.offset for difference in compare(expected, found)}
    for leaf in expected.leaves:
        match = _match(leaf, found)
        rows.append(Row(leaf.offset, leaf, match, match is not None and leaf.offset not in wrong))
        if match is not None:
            used.add(match)
    for leaf in found.leaves:
        view = leaf.optional and any(row.agrees and row.offset < leaf.end for row in rows)
        if leaf not in used and not view:
            rows.append(Row(leaf.offset, None, leaf, False))
    return sorted(rows, key=lambda row: (row.offset, row.expected is None))


def from_construct(name: str, description: object, source: str = "construct") -> Layout:
    """The layout of a construct Struct of fixed size. Raises UsageError."""
    if not isinstance(description, c.Construct):
        raise UsageError(f"{name} in {source} is no construct description")
    try:
        size = description.sizeof()
        leaves = tuple(_construct_leaves(description, "", 0))
    except c.SizeofError as error:
        raise UsageError(f"{name} in {source} has no fixed size: {error}") from error
    return Layout(name, size, leaves, source)


def _construct_leaves(node: c.Construct, path: str, offset: int) -> list[Leaf]:
    if isinstance(node, c.Renamed):
        name = f"{path}.{node.name}" if path else str(node.name)
        return _construct_leaves(node.subcon, name, offset)
    if isinstance(node, c.Struct):
        leaves = []
        for child in node.subcons:
            leaves += _construct_leaves(child, path, offset)
            offset += child.sizeof()
        return leaves
    if isinstance(node, c.Array):
        step = node.subcon.sizeof()
        count = node.sizeof() // step
        return [
            leaf
            for index in range(count)
            for leaf in _construct_leaves(node.subcon, f"{path}[{index}]", offset + index * step)
        ]
    size = node.sizeof()
    if not path or not size:
        return []  # padding and constants without a name are nobody's field
    order = ""
    if isinstance(node, c.FormatField) and size > 1:
        order = node.fmtstr[0] if node.fmtstr[0] in "<>" else ""
    elif isinstance(node, c.BytesInteger) and size > 1:
        order = "<" if node.swapped else ">"
    return [Leaf(path, offset, size, order)]
