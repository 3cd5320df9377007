"""What follows from where a buffer's frame lies: transmit headroom, the CPU's loads, what fits a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.markup import escape

from vnic.cli.console import plain_table
from vnic.errors import UsageError
from vnic.linux.cpu_cost import HeaderCost, header_cost
from vnic.linux.fits import Fit, largest_fits
from vnic.linux.headroom import PathCost, largest_growth, ll_reserved_space, transmit_path
from vnic.linux.layout import RxLayout
from vnic.linux.profile import KernelProfile

PATHS: Final[tuple[tuple[str, ...], ...]] = (
    (),
    ("vlan",),
    ("mpls",),
    ("ipip",),
    ("gre",),
    ("gre", "vlan"),
    ("vxlan",),
)
PROMISED: Final = 32  # bytes, by the kernel's comment at NET_SKB_PAD
FITS_FROM: Final = 512  # smaller classes hold a shared info and little else


@dataclass(frozen=True, slots=True)
class Costs:
    """What one choice costs beyond its memory.

    Attributes:
        reserved: LL_RESERVED_SPACE of plain Ethernet.
        growth: bytes that forwarding can put in front without a copy.
        paths: encapsulations and what a received frame pays for them on its way out.
        cpu: the headers of one frame.
        fits: the largest buffer for each kmalloc class.
    """

    reserved: int
    growth: int
    paths: tuple[tuple[tuple[str, ...], PathCost], ...]
    cpu: HeaderCost
    fits: tuple[Fit, ...]


def costs(
    profile: KernelProfile, layout: RxLayout, path: Sequence[str] | None, hardware_header: int
) -> Costs:
    """The costs for a layout; of the path given, or of all the usual ones. Raises UsageError."""
    wanted = PATHS if path is None else (tuple(path),)
    return Costs(
        ll_reserved_space(profile),
        largest_growth(profile),
        tuple((each, transmit_path(profile, each, hardware_header=hardware_header)) for each in wanted),
        header_cost(profile, layout.size, layout.strategy),
        largest_fits(profile),
    )


def split_path(text: str | None) -> tuple[str, ...] | None:
    """`gre,vlan` as names; `plain` is the path without any. Raises UsageError for an empty name."""
    if text is None:
        return None
    if text == "plain":
        return ()
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise UsageError(f"--path {text!r}: give names with commas between, such as gre,vlan, or plain")
    return names


def costs_json(found: Costs) -> dict[str, object]:
    """The documented keys `transmit`, `cpu` and `fits`."""
    return {
        "transmit": {
            "ll_reserved_space": found.reserved,
            "largest_growth": found.growth,
            "paths": [
                {
                    "path": list(names),
                    "cow_calls": cost.cow_calls,
                    "expands": cost.expands,
                    "copied": cost.copied,
                    "allocated": cost.allocated,
                    "steps": [step._asdict() for step in cost.steps],
                }
                for names, cost in found.paths
            ],
        },
        "cpu": found.cpu._asdict(),
        "fits": [fit._asdict() for fit in found.fits],
    }


def draw_costs(out: Console, profile: KernelProfile, found: Costs) -> None:
    """The three sections below the drawing."""
    _transmit(out, found)
    _cpu(out, profile, found.cpu)
    if found.fits:
        text = ", ".join(f"{fit.size_class} {fit.largest}" for fit in shown_fits(found.fits))
        out.print(f"\n[bold]Largest buffer that fits[/]  {escape(text)}")


def shown_fits(fits: Sequence[Fit]) -> list[Fit]:
    """The classes a receive buffer may be in, 512 to 16384."""
    return [fit for fit in fits if FITS_FROM <= fit.size <= 16384]


def _transmit(out: Console, found: Costs) -> None:
    out.print(
        f"\n[bold]Sent on[/]  LL_RESERVED_SPACE {found.reserved}; up to {found.growth} bytes more go in "
        f"front without a copy\n{_promise(found.growth)}"
    )
    if len(found.paths) == 1:
        _steps(out, *found.paths[0])
        return
    table = plain_table("path", "skb_cow calls#", "heads copied#", "bytes copied#", "bytes allocated#")
    for names, cost in found.paths:
        row = (cost.cow_calls, cost.expands, cost.copied, cost.allocated)
        table.add_row(_name(names), *map(str, row))
    out.print(table)


def _promise(growth: int) -> str:
    """How the kernel's own comment fares."""
    if growth < PROMISED:
        return f"The {PROMISED} bytes of the comment at NET_SKB_PAD do not hold here."
    if growth == PROMISED:
        return f"The {PROMISED} bytes of the comment at NET_SKB_PAD hold to the byte."
    return f"The {PROMISED} bytes of the comment at NET_SKB_PAD hold, with {growth - PROMISED} to spare."


def _steps(out: Console, names: tuple[str, ...], cost: PathCost) -> None:
    table = plain_table(_name(names), "pushes#", "wants#", "headroom before#", "")
    for step in cost.steps:
        mark = "[red]copies the head[/]" if step.expanded else ""
        table.add_row(step.name, *map(str, (step.pushed, step.wanted, step.headroom)), mark)
    out.print(table)
    out.print(
        f"{cost.cow_calls} calls of skb_cow, {_heads(cost.expands)} copied: {cost.copied} bytes copied, "
        f"{cost.allocated} allocated"
    )


def _heads(count: int) -> str:
    return f"{count} head" if count == 1 else f"{count} heads"


def _name(names: tuple[str, ...]) -> str:
    return " over ".join(names) or "plain"


def _cpu(out: Console, profile: KernelProfile, cost: HeaderCost) -> None:
    split = f", {cost.split} across two lines" if cost.split else ""
    trapped = f"; {escape(profile.arch)} may trap on each" if cost.trapped else ""
    out.print(
        f"\n[bold]CPU[/]  IP header at {cost.ip_misaligned} mod 4: {cost.misaligned} of {cost.words} loads "
        f"of IP and TCP header misaligned{split}{trapped}\n"
        f"cache lines of {profile.l1_cache_bytes} bytes: get_rps_cpu touches {cost.rps_lines}, "
        f"Ethernet, IP and TCP header lie on {cost.header_lines}"
    )
