"""`vnic boot`: a stock Linux on one of the NICs, and what came of it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape

from vnic.cli.boot_verify import Progress, print_rows, rows_json
from vnic.cli.console import console, plain_table, print_json
from vnic.cli.sim import dated_name
from vnic.errors import UsageError
from vnic.guests.boot import CONSOLE, DMA, INITRD, boot
from vnic.guests.kernel import GuestKernel, given_kernel, stock_kernel
from vnic.guests.script import EXIT, BootOptions, BootResult
from vnic.guests.verify.facts import Row
from vnic.guests.verify.run import TABLE, verify
from vnic.guests.watch import RULES
from vnic.lab.result import ResultDirectory

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
_FIGURES = {
    "register_accesses": "register accesses",
    "interrupts": "interrupts",
    "frames_to_guest": "frames to the guest",
    "frames_from_guest": "frames from the guest",
    "frames_lost_on_the_wire": "frames nobody took",
    "dma_accesses": "DMA accesses",
}


@dataclass(frozen=True, slots=True)
class BootRequest:
    """The options of `vnic boot` that are not about the guest itself; see its help."""

    kernel_image: Path | None
    modules: Path | None
    out: Path | None
    force: bool
    quiet: bool


def boot_command(request: BootRequest, options: BootOptions, *, as_json: bool) -> int:
    """Boot it and print the outcome; 1 if a rule was broken, a command failed or a prediction was wrong."""
    if (request.kernel_image is None) != (request.modules is None):
        raise UsageError("--kernel-image and --modules belong together: give both, or neither")
    if request.force and request.out is None:
        raise UsageError("--force replaces the result in --out DIR: name it")
    if request.kernel_image is not None and request.modules is not None:
        kernel = given_kernel(request.kernel_image, request.modules)
    else:
        kernel = stock_kernel()
    out = request.out or dated_name("boot")
    with ResultDirectory(out, replace=request.force, another=request.out is None) as directory:
        try:
            result, rows = _run(options, kernel, directory.scratch, quiet=request.quiet or as_json)
        except Exception:
            _keep_console(directory.scratch, out)
            raise
        (directory.scratch / INITRD).unlink()
        for text, seconds in result.marks:
            directory.log(f"guest: {text} {seconds:.3f} s after the start of QEMU")
        content = {
            "command": "boot",
            "options": {"kernel": str(kernel.image), **_plain(options)},
            "status": result.status,
            "marks": [{"text": text, "seconds": seconds} for text, seconds in result.marks],
            "figures": dict(result.figures),
            "notes": list(result.notes),
            "verdicts": [verdict.as_json() for verdict in result.verdicts],
        }
        if options.verify:
            content["verify"] = rows_json(rows)
        path = directory.publish(content, result.verdicts, RULES)
    if as_json:
        print_json({"schema": 1, **content, "out": str(path)})
    else:
        if options.verify:
            print_rows(rows)
        _print(result, path)
    return exit_code(result, rows)


def exit_code(result: BootResult, rows: Sequence[Row]) -> int:
    """1 if a command in the guest failed, a rule was broken, or a prediction was wrong."""
    broken = any(verdict.severity == "error" for verdict in result.verdicts)
    return int(result.status != 0 or broken or not all(row.equal for row in rows))


def _run(
    options: BootOptions, kernel: GuestKernel, out: Path, *, quiet: bool
) -> tuple[BootResult, list[Row]]:
    """The guest, and with `--verify` the rows of its table."""
    if options.verify:
        return verify(options, kernel, out, None if quiet else Progress())
    return boot(options, kernel, out, None if quiet else _show), []


def _plain(options: BootOptions) -> dict[str, Any]:
    names = ("nic", "profile", "mtu", "netdev", "commands", "memory_mib", "slot", "data_width")
    return {name: getattr(options, name) for name in names}


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.flush()


def _keep_console(scratch: Path, out: Path) -> None:
    """A run that failed leaves no result, but what the guest said is how to find out why."""
    if (scratch / CONSOLE).is_file() and (scratch / CONSOLE).stat().st_size:
        kept = out.with_name(f"{out.name}-{time.strftime('%H%M%S')}.{CONSOLE}")
        shutil.copyfile(scratch / CONSOLE, kept)
        sys.stderr.write(f"vnic: the guest's console: {kept}\n")


def _print(result: BootResult, path: Path) -> None:
    out = console()
    table = plain_table("", "#")
    table.show_header = False
    for text, seconds in result.marks:
        if not text.startswith(EXIT):
            table.add_row(escape(text), f"{seconds:.2f} s")
    for key, meaning in _FIGURES.items():
        if key in result.figures:
            table.add_row(meaning, str(result.figures[key]))
    out.print(table)
    for note in result.notes:
        out.print(f"[yellow]note[/]  {escape(note)}")
    for verdict in result.verdicts:
        times = f" ({verdict.count} times)" if verdict.count > 1 else ""
        where = escape(f"{verdict.rule}  {verdict.where}: {verdict.detail}{times}")
        out.print(f"[{_COLOURS[verdict.severity]}]{verdict.severity}[/]  {where}")
    if result.status is None:
        out.print("[red]the guest ended before its script did[/]")
    elif result.status:
        out.print(f"[red]a command in the guest failed with exit code {result.status}[/]")
    tables = f", {DMA}" if result.figures else ""
    if (path / TABLE).exists():
        tables += f", {TABLE}"
    out.print(f"\nresult: {escape(str(path))} ({CONSOLE}{tables})")
