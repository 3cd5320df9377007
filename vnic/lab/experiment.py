"""An experiment: one capture through one NIC or more, compared and judged, and its result directory."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import vnic
from vnic.capture import Capture, read_capture, write_capture
from vnic.checks.verdict import Verdict, by_weight
from vnic.driver import DriverOptions
from vnic.driver.part import PARTS
from vnic.errors import UsageError, VnicError
from vnic.lab.alignment import Alignment, measure
from vnic.lab.cost import layout_for
from vnic.lab.nics import play_here, play_in_icarus
from vnic.lab.result import FRAMES, RECEIVED, TARGETS, ResultDirectory, cannot_write
from vnic.linux.layout import RxLayout
from vnic.linux.profile import load_profile
from vnic.nic.port import WireFrame
from vnic.targets.bench_settings import DATA_WIDTHS
from vnic.targets.run import RunSpec, read_received, write_frames

DEFAULT_CAPTURE: Final = "mixed.pcap"
E1000E: Final = "qemu-e1000e"

Progress = Callable[[str, int, int], None]
"""Gets the name of the NIC, frames done and frames in all."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What to run.

    Attributes:
        capture: pcap or pcapng to play.
        kernel: name of a profile.
        driver: the driver's parameters.
        targets: of vnic.lab.nics.NICS, in the order they run; all are compared with the first, and the last
            one's frames are kept.
        mode: `receive`, `reflect` or `loopback` (vnic.targets.session).
        data_width: bits of the Verilog NIC's DMA bus.
        seed: of everything random in the simulation.
        waves: write an FST.

    Raises:
        UsageError: a value is out of range.
    """

    capture: Path
    kernel: str
    driver: DriverOptions = field(default_factory=lambda: DriverOptions(promiscuous=True))
    targets: tuple[str, ...] = ("model", "icarus")
    mode: str = "receive"
    data_width: int = 64
    seed: int = 1
    waves: bool = False

    def __post_init__(self) -> None:
        if self.data_width not in DATA_WIDTHS:
            raise UsageError(f"data width of {self.data_width} bits: give one of 64, 128, 256, 512")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"seed {self.seed}: give 0 to {2**31 - 1}")
        if self.mode == "loopback" and "qemu" in self.targets:
            raise UsageError("QEMU's e1000 has no MAC loopback: leave --target qemu or --mode loopback out")
        if E1000E in self.targets:
            PARTS["82574L"].check(self.driver, self.driver.mtu)
        if self.waves and "icarus" not in self.targets:
            raise UsageError("waves are those of the Verilog NIC: give --target icarus or both with --waves")

    @property
    def parameters(self) -> DriverOptions:
        """What the driver of every NIC gets: with an 82574L among them, each has the FCS taken off, as Linux
        has on that one. Else their memory could not be compared.
        """
        if E1000E in self.targets and self.driver.strip_fcs is None:
            return replace(self.driver, strip_fcs=True)
        return self.driver


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        runs: the figures of each NIC by name (vnic.lab.nics).
        verdicts: of all NICs and of their comparison, errors first.
        alignment: where receive DMA started.
        json: what `result.json` holds.
        path: the result directory.
    """

    runs: Mapping[str, Mapping[str, Any]]
    verdicts: tuple[Verdict, ...]
    alignment: Alignment
    json: Mapping[str, Any]
    path: Path

    @property
    def failed(self) -> bool:
        """An error stands among the verdicts."""
        return any(verdict.severity == "error" for verdict in self.verdicts)


def default_capture() -> Path:
    """The recording that comes with vnic: in the wheel's data, or in the checkout's tests.

    Raises:
        VnicError: it is in neither place.
    """
    package = Path(vnic.__file__).resolve().parent
    for folder in (package / "_data", package.parent / "tests" / "data"):
        if (folder / DEFAULT_CAPTURE).is_file():
            return folder / DEFAULT_CAPTURE
    raise VnicError(f"{package}: {DEFAULT_CAPTURE} is missing; install vnic again, or name a capture")


def run_experiment(experiment: Experiment, directory: ResultDirectory, progress: Progress) -> Outcome:
    """Run it, compare, and publish the result directory.

    Raises:
        UsageError: the capture, the kernel or an option cannot be used.
        VnicError: a tool is missing, a simulator failed, or the result cannot be written.
    """
    from vnic.checks.catalogue import RULES

    profile = load_profile(experiment.kernel)
    layout = layout_for(profile, experiment.driver.mtu, experiment.driver.buffer, experiment.driver.strategy)
    capture = read_capture(experiment.capture)
    if "icarus" in experiment.targets:
        from vnic.targets.build import tool

        tool("iverilog")
        tool("gcc")
    if {"qemu", E1000E} & set(experiment.targets):
        from vnic.targets.qemu import find_qemu

        find_qemu()
    directory.log(f"{experiment.capture}: {len(capture.frames)} frames, {capture.cut} cut ones left out")
    runs: dict[str, Mapping[str, Any]] = {}
    frames, received = directory.scratch / "sent.frames", directory.scratch / "received.frames"
    count = write_frames(frames, (WireFrame(frame.data) for frame in capture.frames))
    for name in experiment.targets:
        last = name == experiment.targets[-1]
        spec = RunSpec(
            profile=_from_anywhere(experiment.kernel),
            frames=str(frames),
            count=count,
            driver=asdict(experiment.parameters),
            mode=experiment.mode,
            record=str(_record(directory, name)),
            received=str(received) if last else None,
            extra={"kernel": experiment.kernel},
        )
        runs[name] = _run(experiment, name, spec, directory, progress)
        directory.log(f"{name}: {runs[name]['received']} of {runs[name]['offered']} frames received")
    frames.unlink()
    try:
        write_capture(directory.scratch / RECEIVED, read_received(received))
    except OSError as error:
        raise cannot_write(directory.path / RECEIVED, error) from error
    received.unlink()
    differences = _compare(experiment.targets, directory)
    verdicts = _merge(runs, differences)
    agree = None if len(runs) < 2 else all(verdict.severity != "error" for verdict in differences)
    shutil.copyfile(_record(directory, experiment.targets[-1]) / FRAMES, directory.scratch / FRAMES)
    alignment = measure(_record(directory, experiment.targets[-1]), profile, layout)
    content = _summary(experiment, capture, runs, verdicts, agree, layout) | {
        "alignment": alignment.as_json()
    }
    path = directory.publish(content, [verdict for verdict, _ in verdicts], RULES)
    return Outcome(runs, tuple(verdict for verdict, _ in verdicts), alignment, content, path)


def _record(directory: ResultDirectory, name: str) -> Path:
    return directory.scratch / TARGETS / name


def _from_anywhere(kernel: str) -> str:
    """The kernel's name as a process in another folder finds it: a profile's file by its whole path."""
    return str(Path(kernel).absolute()) if kernel.endswith(".toml") else kernel


def _run(
    experiment: Experiment, name: str, spec: RunSpec, directory: ResultDirectory, progress: Progress
) -> Mapping[str, Any]:
    """One NIC's run; its record is then in the directory."""

    def done(frames: int, total: int) -> None:
        progress(name, frames, total)

    if name != "icarus":
        return play_here(name, spec, done)
    return play_in_icarus(
        spec, directory, experiment.data_width, seed=experiment.seed, waves=experiment.waves, progress=done
    )


def _compare(targets: Sequence[str], directory: ResultDirectory) -> list[Verdict]:
    if len(targets) < 2:
        return []
    from vnic.checks.scoreboard import compare

    return compare([_record(directory, name) for name in targets])


def _merge(
    runs: Mapping[str, Mapping[str, Any]], differences: Sequence[Verdict]
) -> list[tuple[Verdict, tuple[str, ...]]]:
    """All verdicts with the NICs they are about: the same finding on both NICs is told once."""
    merged: dict[str, tuple[Verdict, list[str]]] = {}
    for name, figures in runs.items():
        for raw in figures["verdicts"]:
            verdict = Verdict(
                raw["id"],
                raw["severity"],
                raw["where"],
                raw["detail"],
                raw["numbers"],
                raw["count"],
                tuple(raw["examples"]),
            )
            merged.setdefault(json.dumps(raw, sort_keys=True), (verdict, []))[1].append(name)
    found = [(verdict, tuple(names)) for verdict, names in merged.values()]
    found += [(verdict, tuple(runs)) for verdict in differences]
    return sorted(found, key=lambda item: by_weight(item[0]))


def _summary(
    experiment: Experiment,
    capture: Capture,
    runs: Mapping[str, Mapping[str, Any]],
    verdicts: Sequence[tuple[Verdict, tuple[str, ...]]],
    agree: bool | None,
    layout: RxLayout,
) -> dict[str, Any]:
    """`result.json` and `vnic sim --json`: docs/commands.md describes every key."""
    clocked = runs.get("icarus")
    received = clocked["received"] if clocked else 0
    sizes = [len(frame.data) for frame in capture.frames]
    return {
        "vnic": vnic.__version__,
        "capture": str(experiment.capture),
        "capture_sha256": hashlib.sha256(experiment.capture.read_bytes()).hexdigest(),
        "frames": len(capture.frames),
        "frames_cut": capture.cut,
        "frame_bytes": {"min": min(sizes), "max": max(sizes), "sum": sum(sizes)},
        "received": next(iter(runs.values()))["received"],
        "agree": agree,
        "verdicts": [{**verdict.as_json(), "targets": list(names)} for verdict, names in verdicts],
        "cycles_per_frame": round(clocked["cycles"] / received, 3) if clocked and received else None,
        "beats_per_frame": round(clocked["beats"] / received, 3) if clocked and received else None,
        "kernel": experiment.kernel,
        "mtu": experiment.driver.mtu,
        "buffer": layout.size,
        "strategy": layout.strategy,
        "mode": experiment.mode,
        "strip_fcs": bool(experiment.parameters.strip_fcs),
        "data_width": experiment.data_width,
        "seed": experiment.seed,
        "targets": {
            name: {key: value for key, value in figures.items() if key != "verdicts"}
            for name, figures in runs.items()
        },
    }
