"""Receive buffers of several kernels as one drawing, to scale: a row each, a rectangle for every segment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from vnic.errors import UsageError
from vnic.linux.fits import Fit
from vnic.linux.layout import RxLayout, Segment

WIDTH: Final = 960  # pixels that the largest object takes
LEFT: Final = 200
BAR: Final = 26
ROW: Final = 58
FITS: Final = 16  # more, where the largest buffers are told
TOP: Final = 30
MARK: Final = 3  # the least a segment is wide to be seen, unless it is empty
NOTE: Final = 'font-size="11" stroke="white" stroke-width="3" paint-order="stroke"'  # a halo over the ruler
LETTER: Final = 7  # pixels of a letter at 12 points, to see whether a name fits

# Colours that stay apart in grey and for the colour-blind; the text says the same.
COLOURS: Final = {
    "pad": "#f0c05a",
    "ip_align": "#d55e00",
    "data": "#56a0d8",
    "tailroom": "#b8d8ee",
    "shared_info": "#8a64b0",
    "slack": "#dddddd",
    "page": "#56a0d8",
}


def draw(layouts: Sequence[RxLayout], fits: Sequence[Sequence[Fit]] = ()) -> str:
    """An SVG document with one row for each layout, all in one scale.

    `fits` holds for each layout the largest buffer of each size class, which is written below its bar.

    Raises:
        UsageError: there is nothing to draw.
    """
    if not layouts:
        raise UsageError("no receive buffer to draw: give at least one kernel")
    largest = max(layout.allocated for layout in layouts)
    scale = WIDTH / largest
    row = ROW + (FITS if fits else 0)
    height = TOP + row * len(layouts) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 20}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        "<title>Receive buffers to scale</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        *_ruler(largest, scale, height),
    ]
    for index, layout in enumerate(layouts):
        parts += _row(layout, TOP + index * row, scale, fits[index] if fits else ())
    parts += _legend(height - 24)
    return "\n".join([*parts, "</svg>", ""])


def _ruler(largest: int, scale: float, height: int) -> list[str]:
    """A line at every power of two from 512 on, where the size classes end."""
    lines = []
    size = 512
    while size <= largest:
        x = LEFT + size * scale
        if size * scale > 40:
            lines.append(
                f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - 40}" stroke="#999" '
                'stroke-dasharray="3 3"/>'
            )
            lines.append(f'<text x="{x:.1f}" y="{TOP - 12}" text-anchor="middle" fill="#555">{size}</text>')
        size *= 2
    return lines


def _row(layout: RxLayout, y: int, scale: float, fits: Sequence[Fit]) -> list[str]:
    verdict = "SPILLS" if layout.spill else "fits"
    name = layout.size_class.replace("_", " ")
    found = [
        f"<g><title>{escape(layout.decides)}</title>",
        f'<text x="8" y="{y + 12}" font-weight="bold">{escape(layout.kernel)}</text>',
        f'<text x="8" y="{y + 27}" fill="#444">{layout.size} → {escape(name)}: {verdict}</text>',
    ]
    # The narrow ones last: two bytes of ip_align are drawn wider than they are, and must not be covered.
    for segment in sorted(layout.segments, key=lambda segment: -segment.length):
        if segment.length:
            found += _segment(segment, y, scale)
    note = f"request {layout.request}, allocated {layout.allocated}, truesize {layout.truesize}"
    found.append(f'<text x="{LEFT}" y="{y + BAR + 14}" fill="#444" {NOTE}>{note}</text>')
    if fits:
        largest = ", ".join(f"{fit.size_class} {fit.largest}" for fit in fits)
        text = f"largest buffer that fits: {escape(largest)}"
        found.append(f'<text x="{LEFT}" y="{y + BAR + 29}" fill="#444" {NOTE}>{text}</text>')
    return [*found, "</g>"]


def _segment(segment: Segment, y: int, scale: float) -> list[str]:
    x, width = LEFT + segment.offset * scale, segment.length * scale
    label = segment.name.replace("_", " ")
    shape = (
        f'<rect x="{x:.1f}" y="{y}" width="{max(width, MARK):.1f}" height="{BAR}" '
        f'fill="{COLOURS[segment.name]}" stroke="#444" stroke-width="{0.5 if width > MARK else 0}">'
        f"<title>{label}: {segment.length} bytes at {segment.offset}</title></rect>"
    )
    text = f"{label} {segment.length}"
    if len(text) * LETTER > width:
        return [shape]
    colour = "white" if segment.name == "shared_info" else "black"
    middle = x + width / 2
    return [
        shape,
        f'<text x="{middle:.1f}" y="{y + 17}" text-anchor="middle" fill="{colour}">{text}</text>',
    ]


def _legend(y: int) -> list[str]:
    found, x = [], LEFT
    for name, colour in COLOURS.items():
        if name == "page":
            continue  # drawn as data
        found.append(f'<rect x="{x}" y="{y}" width="14" height="14" fill="{colour}" stroke="#444"/>')
        found.append(f'<text x="{x + 20}" y="{y + 12}">{name.replace("_", " ")}</text>')
        x += 40 + LETTER * len(name) + 20
    return found
