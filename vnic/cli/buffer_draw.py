"""The drawing of `vnic buffer`: one buffer as a bar to scale, its parts, and the verdict."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from vnic.cli.console import plain_table
from vnic.linux.layout import RxLayout, Segment

ETH_HLEN: Final = 14
BAR_COLUMNS: Final = 96

# A letter per byte range for terminals and pipes without colour, a colour where there is one.
_PARTS: Final = {
    "pad": ("▒", "yellow", "NET_SKB_PAD"),
    "ip_align": ("i", "magenta", "NET_IP_ALIGN"),
    "data": ("█", "green", "data, what the NIC may write"),
    "tailroom": ("-", "cyan", "tailroom"),
    "shared_info": ("S", "red", "skb_shared_info"),
    "slack": ("·", "bright_black", "slack, for nobody"),
    "page": ("█", "blue", "page"),
}


def summary(layout: RxLayout) -> str:
    """One line on what a buffer costs."""
    share = 100 * layout.waste / layout.allocated
    where = layout.size_class.replace("_", " ")
    return (
        f"{layout.size} bytes by {layout.strategy} take {layout.allocated} ({where}), "
        f"{layout.waste} ({share:.0f} %) not for data, truesize {layout.truesize}"
    )


def draw(out: Console, layout: RxLayout, asked: str) -> None:
    """The bar, its parts, and the verdict, below what was `asked` for."""
    out.print(f"[bold]{escape(layout.kernel)}[/]  {asked}, strategy {layout.strategy}\n")
    columns = min(BAR_COLUMNS, out.width - 2)
    widths = scale([segment.length for segment in layout.segments], columns)
    bar = Text()
    for segment, width in zip(layout.segments, widths, strict=True):
        mark, colour, _ = _PARTS[segment.name]
        bar.append(mark * width, style=colour)
    out.print(bar)
    out.print(_ruler(layout, columns), style="bright_black")
    table = plain_table("", "part", "offset#", "bytes#", "%#")
    for segment in layout.segments:
        if segment.length:
            mark, colour, meaning = _PARTS[segment.name]
            share = f"{100 * segment.length / layout.allocated:.1f}"
            table.add_row(Text(mark, style=colour), meaning, str(segment.offset), str(segment.length), share)
    out.print(table)
    _facts(out, layout)


def _facts(out: Console, layout: RxLayout) -> None:
    place = f"{layout.objects} in a block of {2**layout.order} page{'s' if layout.order else ''}"
    verdict = (
        f"[red]SPILL[/] {layout.home_class} → {layout.size_class}"
        if layout.spill
        else f"[green]no spill[/] ({layout.size_class.replace('_', ' ')})"
    )
    ip = (layout.dma_offset + ETH_HLEN) % 4
    table = plain_table("", "")
    table.show_header = False
    table.add_row("request", f"{layout.request} bytes → {layout.allocated} allocated, {place}")
    table.add_row("verdict", verdict)
    table.add_row("", escape(layout.decides))
    table.add_row(
        "waste", f"{layout.waste} bytes, {100 * layout.waste / layout.allocated:.0f} % of the object"
    )
    table.add_row("DMA start", f"byte {layout.dma_offset} of its cache line; IP header at {ip} mod 4")
    table.add_row("truesize", f"{layout.truesize} bytes charged to the socket")
    out.print()
    out.print(table)


def _ruler(layout: RxLayout, columns: int) -> str:
    """Offsets under the bar: where data begins and ends, and the end of the object."""
    line = [" "] * (columns + 8)
    data = next((segment for segment in layout.segments if segment.name == "data"), Segment("data", 0, 0))
    end = data.offset + data.length
    taken = -1
    for offset in dict.fromkeys((0, data.offset, end, layout.allocated)):
        text = str(offset)
        at = min(round(columns * offset / layout.allocated), columns + 8 - len(text))
        if at > taken:
            line[at : at + len(text)] = text
            taken = at + len(text)
    return "".join(line).rstrip()


def scale(lengths: list[int], columns: int) -> list[int]:
    """Column counts that add up to `columns`: proportional, but one for every length above 0."""
    exact = [columns * length / sum(lengths) for length in lengths]
    widths = [max(1, round(share)) if share else 0 for share in exact]
    while (excess := sum(widths) - columns) != 0:
        # Take from, or give to, the part that is furthest from its share; a single column stays.
        step = 1 if excess > 0 else -1
        open_to_change = [i for i, width in enumerate(widths) if width > (1 if step > 0 else 0)]
        worst = max(open_to_change, key=lambda i: step * (widths[i] - exact[i]))
        widths[worst] -= step
    return widths
