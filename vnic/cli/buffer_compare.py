"""`vnic buffer --compare`: the receive buffers of several kernels in one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from vnic.cli.buffer_cost import Costs, shown_fits
from vnic.cli.console import console, plain_table

if TYPE_CHECKING:
    from vnic.cli.buffer import Choice


def print_comparison(choices: Sequence[Choice], found: Sequence[Costs]) -> None:
    """Both tables: what each kernel takes, and what would fit its classes."""
    out = console()
    out.print(_buffers(choices, found))
    out.print(
        "\nbytes; waste: of what was got, not for data; DMA at: byte of its cache line; IP: header address "
        "mod 4;\nroom: bytes that forwarding can put in front without a copy"
    )
    _fits(out, choices, found)
    for choice in choices:
        out.print(f"\n[bold]{escape(choice.layout.kernel)}[/]: {escape(choice.layout.decides)}")


def _buffers(choices: Sequence[Choice], found: Sequence[Costs]) -> object:
    table = plain_table(
        "kernel", "buffer#", "by", "asked#", "got#", "from", "waste#", "truesize#", "DMA at#", "IP#", "room#"
    )
    for choice, cost in zip(choices, found, strict=True):
        layout = choice.layout
        where = Text(layout.size_class.replace("_", " "))
        if layout.spill:
            where = Text(f"{layout.size_class}, SPILL", style="red")
        table.add_row(
            escape(layout.kernel),
            str(layout.size),
            layout.strategy.replace("_", " "),
            str(layout.request),
            str(layout.allocated),
            where,
            f"{100 * layout.waste / layout.allocated:.0f} %",
            str(layout.truesize),
            str(layout.dma_offset),
            str(cost.cpu.ip_misaligned),
            str(cost.growth),
        )
    return table


def _fits(out: Console, choices: Sequence[Choice], found: Sequence[Costs]) -> None:
    """The largest buffer for each class size, a column each: the kernels name the classes differently."""
    sizes = sorted({fit.size for cost in found for fit in shown_fits(cost.fits)})
    if not sizes:
        return
    table = plain_table(
        "kernel", *(f"{size}#" for size in sizes), title="\nLargest buffer that fits a class of"
    )
    for choice, cost in zip(choices, found, strict=True):
        largest = {fit.size: str(fit.largest) for fit in cost.fits}
        table.add_row(escape(choice.layout.kernel), *(largest.get(size, "-") for size in sizes))
    out.print(table)
