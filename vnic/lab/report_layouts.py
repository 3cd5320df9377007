"""The buffers of a report, drawn to scale; and the curve of waste over size with its cliffs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Final

from vnic.errors import UsageError
from vnic.lab.report_words import Row
from vnic.lab.sweep_params import profile_for
from vnic.lab.sweep_point import kernel_costs
from vnic.linux.layout import RxLayout, rx_layout

_MOST_LAYOUTS: Final = 12
_MOST_CURVES: Final = 4
_SIZES: Final = range(256, 4353, 32)
_NAMES: Final = {
    "pad": "headroom (NET_SKB_PAD)",
    "ip_align": "NET_IP_ALIGN",
    "data": "data",
    "tailroom": "tailroom",
    "shared_info": "skb_shared_info",
    "slack": "slack of the class",
    "page": "page",
}
_WIDTH: Final = 1000


def layouts(rows: Sequence[Row]) -> list[tuple[RxLayout, int]]:
    """The distinct buffers of the points, and how many points had each: of each kernel the one that most have
    before any other, those that waste the largest share first."""
    found: dict[tuple[Any, ...], tuple[Row, int]] = {}
    for row in rows:
        key = tuple(
            row[name]
            for name in ("kernel", "buffer_bytes", "buffer_strategy", "headroom_bytes", "allocated_bytes")
        )
        first, count = found.get(key, (row, 0))
        found[key] = (first, count + 1)
    kernels: dict[Any, int] = {}
    ranked = []
    for row, count in sorted(found.values(), key=lambda pair: (-pair[1], -pair[0]["waste_bytes"])):
        rank = kernels[row["kernel"]] = kernels.get(row["kernel"], -1) + 1
        ranked.append((rank, -row["waste_share"], row, count))
    chosen = [(row, count) for _, _, row, count in sorted(ranked, key=lambda each: each[:2])[:_MOST_LAYOUTS]]
    return [
        (kernel_costs(row).layout(row["mtu"], row["buffer"], row["strategy"]), count) for row, count in chosen
    ]


def drawing(layout: RxLayout, largest: int) -> str:
    """An SVG of the buffer, `largest` bytes wide when full, with its parts in words."""
    parts = [part for part in layout.segments if part.length]
    words = "; ".join(
        f"{part.length} bytes {_NAMES.get(part.name, part.name)} from {part.offset}" for part in parts
    )
    shapes = []
    for part in parts:
        x, width = _WIDTH * part.offset / largest, _WIDTH * part.length / largest
        name = f"{_NAMES.get(part.name, part.name)}: {part.length} bytes"
        inside = f'<text x="{x + width / 2:.1f}" y="27">{part.length}</text>' if width > 45 else ""
        shapes.append(
            f'<g class="{part.name}"><rect x="{x:.2f}" y="4" width="{width:.2f}" height="36">'
            f"<title>{escape(name)}</title></rect>{inside}</g>"
        )
    return (
        f'<svg class="layout" viewBox="0 0 {_WIDTH} 44" role="img" aria-label="{escape(words)}">'
        f"{''.join(shapes)}</svg>"
    )


def legend() -> str:
    """What the colours of the drawings mean."""
    return "".join(
        f'<span class="key {name}">{escape(text)}</span> ' for name, text in _NAMES.items() if name != "page"
    )


def curves(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Waste over buffer size in the kernels of the points; `cliff` marks the first size of the next class."""
    kernels: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        kernels.setdefault((row["kernel"],), row)
    found: list[dict[str, Any]] = []
    for row in list(kernels.values())[:: max(1, len(kernels) // _MOST_CURVES)][:_MOST_CURVES]:
        profile, before = profile_for(row), 0
        for size in _SIZES:
            try:
                layout = rx_layout(profile, size)
            except UsageError:
                # Larger than this kernel's fragment: the curve ends.
                break
            classed = layout.home_class != "" and "frag" not in layout.size_class
            found.append(
                {
                    "kernel": row["kernel"],
                    "size": size,
                    "waste": layout.waste,
                    "allocated": layout.allocated,
                    "size_class": layout.size_class,
                    "cliff": classed and 0 < before < layout.allocated,
                }
            )
            before = layout.allocated
    return found
