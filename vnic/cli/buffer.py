"""`vnic buffer`: one receive buffer to scale with what it costs, or those of several kernels compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rich.markup import escape

from vnic.cli.buffer_cost import costs, costs_json, draw_costs, shown_fits, split_path
from vnic.cli.buffer_draw import draw, summary
from vnic.cli.console import console, print_json
from vnic.cli.options import DEFAULT_KERNEL, DEFAULT_MTU
from vnic.driver.buffers import RX_PATH, plan_rx
from vnic.driver.options import DriverOptions
from vnic.driver.strategies import driver_buffer
from vnic.errors import UsageError, VnicError
from vnic.linux.fits import largest_fits
from vnic.linux.layout import RxLayout, rx_layout
from vnic.linux.profile import KernelProfile, load_profile

MODERN: Final = "6.1/x86_64"
SIZES: Final = range(64, 16385)
E1000: Final = "e1000"


@dataclass(frozen=True, slots=True)
class Request:
    """The options of `vnic buffer` as given; see its help."""

    kernel: str = DEFAULT_KERNEL
    mtu: int | None = None
    size: int | None = None
    driver: str | None = None
    strategy: str | None = None
    mapping: str = "direct"
    path: str | None = None
    hardware_header: int = 0
    compare: str | None = None
    svg: Path | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A buffer as it came out: `mtu` and `driver` are None for a size that no driver chose."""

    profile: KernelProfile
    driver: str | None
    mtu: int | None
    layout: RxLayout
    first_fill: RxLayout | None

    @property
    def asked(self) -> str:
        """What was asked for, as the heading says it."""
        if self.mtu is None:
            return f"buffer of {self.layout.size} bytes"
        by = "" if self.driver == E1000 else f" by {self.driver}"
        return f"MTU {self.mtu}{by}, buffer of {self.layout.size} bytes"


def buffer_command(request: Request, *, as_json: bool) -> int:
    """Print one buffer, or the comparison. Raises UsageError for what no kernel or driver can do."""
    if request.mtu is not None and request.size is not None:
        raise UsageError("give --mtu (the driver then chooses the size) or --size, not both")
    if request.driver is not None and request.size is not None:
        raise UsageError("--driver chooses the size by the MTU: give --mtu with it, not --size")
    if request.compare is not None:
        return _compare(request, as_json=as_json)
    chosen = choose(request, request.kernel)
    path = split_path(request.path)
    found = costs(chosen.profile, chosen.layout, path, request.hardware_header)
    _write_svg(request.svg, [chosen])
    if as_json:
        print_json({**choice_json(chosen, request.mapping), **costs_json(found)})
        return 0
    out = console()
    draw(out, chosen.layout, chosen.asked)
    if chosen.first_fill is not None:
        out.print(f"\nThe first fill may sleep: {summary(chosen.first_fill)}.")
    draw_costs(out, chosen.profile, found)
    if chosen.profile.unestablished:
        names = ", ".join(chosen.profile.unestablished)
        why = f"(`vnic kernels {escape(chosen.profile.name)}`)"
        out.print(f"\nNot seen in this very kernel, but inferred {why}: {names}.")
    if chosen.mtu is not None and chosen.profile.name != MODERN:
        out.print(f"\nThe same MTU on {MODERN}: {_modern(request, chosen)}.")
    return 0


def _modern(request: Request, chosen: Choice) -> str:
    plain = Request(mtu=chosen.mtu, driver=request.driver, mapping=request.mapping)
    return summary(choose(plain, MODERN).layout)


def _compare(request: Request, *, as_json: bool) -> int:
    from vnic.cli.buffer_compare import print_comparison

    if request.kernel != DEFAULT_KERNEL:
        raise UsageError("give --kernel or --compare, not both: --compare names all its kernels")
    if request.path is not None or request.hardware_header:
        raise UsageError("--path and --hardware-header are for one kernel: give them without --compare")
    names = [name.strip() for name in (request.compare or "").split(",")]
    if not all(names):
        raise UsageError(f"--compare {request.compare!r}: give kernels with commas between")
    choices = [choose(request, name) for name in names]
    _write_svg(request.svg, choices)
    found = [costs(each.profile, each.layout, (), 0) for each in choices]
    if as_json:
        rows = [
            {**choice_json(each, request.mapping), **costs_json(cost)}
            for each, cost in zip(choices, found, strict=True)
        ]
        print_json({"schema": 1, "kernels": rows})
    else:
        print_comparison(choices, found)
    return 0


def choose(request: Request, kernel: str) -> Choice:
    """The buffer that `kernel` has for the request. Raises UsageError."""
    profile = load_profile(kernel)
    mapping = request.mapping
    if request.size is not None:
        return Choice(
            profile, None, None, sized_layout(profile, request.size, request.strategy, mapping), None
        )
    mtu = DEFAULT_MTU if request.mtu is None else request.mtu
    driver = request.driver or E1000
    if request.strategy is not None and driver == E1000:
        plan = plan_rx(profile, DriverOptions(mtu=mtu, strategy=request.strategy), mtu)
        layout = rx_layout(profile, plan.buffer, plan.strategy, mapping=mapping)
        return Choice(profile, driver, mtu, layout, None)
    own = driver_buffer(profile, driver, mtu, mapping=mapping)
    if request.strategy is not None:
        layout = rx_layout(profile, own.rx_buffer_len, request.strategy, mapping=mapping)
        return Choice(profile, driver, mtu, layout, None)
    return Choice(profile, driver, mtu, own.layout, own.first_fill)


def sized_layout(
    profile: KernelProfile, size: int, strategy: str | None, mapping: str = "direct"
) -> RxLayout:
    """A buffer of `size` bytes, allocated as the profile's e1000 does for MTU 1500. Raises UsageError."""
    if size not in SIZES:
        raise UsageError(f"--size {size}: give {SIZES[0]} to {SIZES[-1]} bytes")
    return rx_layout(profile, size, strategy or RX_PATH.at(profile.version).standard, mapping=mapping)


def choice_json(chosen: Choice, mapping: str) -> dict[str, object]:
    """The documented keys of one buffer."""
    first = chosen.first_fill
    return {
        **layout_json(chosen.layout, chosen.mtu),
        "driver": chosen.driver,
        "mapping": mapping,
        "unestablished": list(chosen.profile.unestablished),
        "first_fill": None if first is None else layout_json(first, chosen.mtu),
    }


def layout_json(layout: RxLayout, mtu: int | None) -> dict[str, object]:
    """The layout under the documented keys of ``vnic buffer --json``."""
    return {
        "kernel": layout.kernel,
        "mtu": mtu,
        "strategy": layout.strategy,
        "size": layout.size,
        "request": layout.request,
        "allocated": layout.allocated,
        "size_class": layout.size_class,
        "home_class": layout.home_class,
        "spill": layout.spill,
        "waste": layout.waste,
        "headroom": layout.headroom,
        "dma_offset": layout.dma_offset,
        "truesize": layout.truesize,
        "shared_info": layout.shinfo,
        "slab_order": layout.order,
        "slab_objects": layout.objects,
        "decides": layout.decides,
        "segments": [segment._asdict() for segment in layout.segments],
    }


def _write_svg(path: Path | None, choices: list[Choice]) -> None:
    if path is None:
        return
    from vnic.linux.svg import draw as draw_svg

    fits = [shown_fits(largest_fits(each.profile)) for each in choices]
    layouts = [replace(each.layout, kernel=_short(each.layout.kernel)) for each in choices]
    try:
        path.write_text(draw_svg(layouts, fits), encoding="utf-8")
    except OSError as error:
        raise VnicError(f"cannot write {path}: {error.strerror}; give another --svg") from error


def _short(kernel: str) -> str:
    """A profile in a file is called by the file's name: its folders would not fit beside the bar."""
    return Path(kernel).stem if kernel.endswith(".toml") else kernel
