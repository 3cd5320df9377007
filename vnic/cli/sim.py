"""`vnic sim`: an experiment run, and what came of it in a screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from vnic.cli.buffer import MODERN
from vnic.cli.console import console, plain_table, print_json
from vnic.cli.progress import Bar
from vnic.driver import DriverOptions
from vnic.errors import UsageError
from vnic.lab.cost import layout_for
from vnic.lab.experiment import Experiment, Outcome, default_capture, run_experiment
from vnic.lab.nics import nics
from vnic.lab.result import RECEIVED, WAVES, ResultDirectory
from vnic.linux.layout import RxLayout
from vnic.linux.profile import load_profile

_TITLES: Final = {
    "model": "Python NIC",
    "icarus": "Verilog NIC",
    "qemu": "QEMU's e1000",
    "qemu-e1000e": "QEMU's e1000e",
}
_COLOURS: Final = {"error": "red", "warning": "yellow", "note": "cyan"}
# Counters that say where frames went that the driver did not get: 8254x SDM 13.7.
_LOSSES: Final = {
    "MPC": "missed, receive FIFO full",
    "RNBC": "waited for a descriptor",
    "ROC": "longer than the MTU allows",
    "RUC": "shorter than 64 bytes",
    "RFC": "fragments",
    "RJC": "jabber",
    "CRCERRS": "bad FCS",
}


@dataclass(frozen=True, slots=True)
class Request:
    """The options of `vnic sim` as given; see its help."""

    capture: Path | None
    kernel: str
    mtu: int
    buffer: int | None
    strategy: str | None
    targets: str
    mode: str
    data_width: int
    rx_ring: int
    tx_ring: int
    strip_fcs: bool
    seed: int
    waves: bool
    out: Path | None
    force: bool


def sim_command(request: Request, *, as_json: bool) -> int:
    """Run it and print the outcome; 1 if an error-level verdict stands."""
    experiment = Experiment(
        capture=request.capture or default_capture(),
        # In full, for `6.1` may be written for 6.1/x86_64
        kernel=load_profile(request.kernel).name,
        driver=DriverOptions(
            mtu=request.mtu,
            buffer=request.buffer,
            strategy=request.strategy,
            rx_ring=request.rx_ring,
            tx_ring=request.tx_ring,
            strip_fcs=True if request.strip_fcs else None,
            # A capture's frames are addressed to the machines that were there.
            promiscuous=True,
            loopback=request.mode == "loopback",
        ),
        targets=nics(request.targets),
        mode=request.mode,
        data_width=request.data_width,
        seed=request.seed,
        waves=request.waves,
    )
    layout = layout_for(load_profile(request.kernel), request.mtu, request.buffer, request.strategy)
    out = request.out or dated_name("sim")
    if request.force and request.out is None:
        raise UsageError("--force replaces the result in --out DIR: name it")
    with Bar() as bar, ResultDirectory(out, replace=request.force, another=request.out is None) as directory:
        outcome = run_experiment(experiment, directory, bar)
    if as_json:
        print_json({"schema": 1, **outcome.json, "out": str(outcome.path)})
    else:
        _print(console(), experiment, outcome, layout)
    return int(outcome.failed)


def dated_name(command: str) -> Path:
    """A name under `out/` for a result that nobody gave one."""
    return Path("out") / time.strftime(f"{command}-%Y%m%d-%H%M%S")


def _print(out: Console, experiment: Experiment, outcome: Outcome, layout: RxLayout) -> None:
    content = outcome.json
    sizes, cut = content["frame_bytes"], content["frames_cut"]
    left_out = f" ({cut} more were cut by the snap length and left out)" if cut else ""
    out.print(
        f"[bold]{escape(experiment.capture.name)}[/]: {content['frames']} frames of "
        f"{sizes['min']}…{sizes['max']} bytes{left_out}, {experiment.mode}"
    )
    out.print(
        f"kernel {escape(experiment.kernel)}, MTU {experiment.driver.mtu}, buffers of {layout.size} bytes "
        f"by {layout.strategy}, {experiment.data_width}-bit DMA, seed {experiment.seed}\n"
    )
    _runs(out, outcome.runs)
    if content["agree"] is not None:
        out.print(
            "\n[green]The NICs agree[/] on every frame, descriptor, DMA write, counter and register"
            + (
                ", but for QEMU's known differences below."
                if any(name.startswith("qemu") for name in outcome.runs)
                else "."
            )
            if content["agree"]
            else "\n[red]The NICs differ[/]: see the scoreboard verdicts."
        )
    _verdicts(out, outcome)
    _costs(out, experiment, layout)
    out.print(f"\nresult: {escape(str(outcome.path))}")
    if experiment.waves:
        out.print(f"waves:  {escape(str(outcome.path / WAVES))}")
    out.print(f"pcap:   {escape(str(outcome.path / RECEIVED))}")


def _runs(out: Console, runs: Mapping[str, Mapping[str, Any]]) -> None:
    table = plain_table("", *(f"{_TITLES[name]}#" for name in runs))
    figures = list(runs.values())
    table.add_row("frames received", *(f"{run['received']} of {run['offered']}" for run in figures))
    if any(run["transmitted"] for run in figures):
        table.add_row("frames sent", *(str(run["transmitted"]) for run in figures))
    for counter, meaning in _LOSSES.items():
        if any(run["hardware"].get(counter) for run in figures):
            table.add_row(f"{counter}: {meaning}", *(str(run["hardware"].get(counter, 0)) for run in figures))
    for name, key in (("clock cycles per frame", "cycles"), ("bus beats per frame", "beats")):
        table.add_row(name, *(_per_frame(run, key) for run in figures))
    table.add_row("CPU seconds", *(f"{run['cpu_s']:.2f}" for run in figures))
    out.print(table)


def _per_frame(run: Mapping[str, Any], key: str) -> str:
    return f"{run[key] / run['received']:.1f}" if run[key] and run["received"] else "-"


def _verdicts(out: Console, outcome: Outcome) -> None:
    verdicts = outcome.verdicts
    counts = {severity: sum(v.severity == severity for v in verdicts) for severity in _COLOURS}
    words = ", ".join(f"{count} {severity}{'s' * (count != 1)}" for severity, count in counts.items())
    out.print(f"\n[bold]Verdict[/]: {words}")
    table = plain_table("", "", "")
    table.show_header = False
    colour = "green" if outcome.alignment.as_predicted else "red"
    table.add_row(f"[{colour}]align[/]", "measured", escape(outcome.alignment.sentence()))
    for verdict in verdicts:
        times = f" ({verdict.count} times)" if verdict.count > 1 else ""
        table.add_row(
            f"[{_COLOURS[verdict.severity]}]{verdict.severity}[/]",
            verdict.rule,
            escape(f"{verdict.where}: {verdict.detail}{times}"),
        )
    out.print(table)


def _costs(out: Console, experiment: Experiment, layout: RxLayout) -> None:
    """The buffer of this run beside that of a current kernel."""
    layouts = [layout]
    if experiment.kernel != MODERN:
        layouts.append(layout_for(load_profile(MODERN), experiment.driver.mtu))
    out.print(f"\n[bold]What one receive buffer costs at MTU {experiment.driver.mtu}[/]")
    table = plain_table("", *(f"{each.kernel}" for each in layouts))
    rows: dict[str, Callable[[RxLayout], str]] = {
        "buffer": lambda each: f"{each.size} by {each.strategy}",
        "asked for": _request,
        "got": lambda each: f"{each.allocated}, {each.size_class.replace('_', ' ')}",
        "not for data": lambda each: f"{each.waste} ({100 * each.waste / each.allocated:.0f} %)",
        "truesize": lambda each: str(each.truesize),
        "DMA starts at": lambda each: f"byte {each.dma_offset} of a cache line",
        "spill": lambda each: f"{each.home_class} → {each.size_class}" if each.spill else "no",
        "because": lambda each: each.decides,
    }
    for name, text in rows.items():
        table.add_row(name, *(escape(text(each)) for each in layouts))
    out.print(table)


def _request(layout: RxLayout) -> str:
    """What was asked of the allocator, as a sum where it is one; a page is asked for whole."""
    parts = [part.length for part in layout.segments if part.name != "slack" and part.length]
    if len(parts) < 2 or sum(parts) != layout.request:
        return str(layout.request)
    return f"{layout.request} = {' + '.join(map(str, parts))}"
