"""`python -m vnic.nic.regmap [--check]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vnic.nic.regmap.html import html_pages
from vnic.nic.regmap.python import python_module
from vnic.nic.regmap.read import compile_rdl, read_registers
from vnic.nic.regmap.verilog import verilog_header

PROJECT = Path(__file__).parents[3]
SOURCE = Path("rtl/vnic_regs.rdl")
PAGES = Path("docs/registers")


def generated(project: Path) -> dict[Path, bytes]:
    """Path below `project` to content, of every generated file."""
    top = compile_rdl(project / SOURCE)
    registers = read_registers(top)
    files = {
        Path("rtl/vnic_regs.vh"): verilog_header(registers).encode(),
        Path("vnic/nic/registers.py"): python_module(registers).encode(),
    }
    return files | {PAGES / name: content for name, content in html_pages(top).items()}


def stale(project: Path, files: dict[Path, bytes]) -> list[Path]:
    """The files below `project` that are missing or differ from `files`, and pages of no register."""
    different = [
        path
        for path, content in files.items()
        if not (project / path).is_file() or (project / path).read_bytes() != content
    ]
    pages = (path.relative_to(project) for path in (project / PAGES).rglob("*") if path.is_file())
    return sorted(different + [path for path in pages if path not in files])


def write(project: Path, files: dict[Path, bytes]) -> None:
    """Bring the files below `project` up to date; untouched files keep their time."""
    for path in stale(project, files):
        target = project / path
        if path in files:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(files[path])
        else:
            target.unlink()


def main(arguments: list[str] | None = None, project: Path = PROJECT) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m vnic.nic.regmap",
        description=f"Write the Verilog header, the Python constants and the HTML pages from {SOURCE}.",
    )
    parser.add_argument("--check", action="store_true", help="name stale files, write nothing, exit 1 if any")
    options = parser.parse_args(arguments)
    files = generated(project)
    if not options.check:
        write(project, files)
        return 0
    old = stale(project, files)
    for path in old:
        sys.stderr.write(f"{path}: stale; run `python -m vnic.nic.regmap`\n")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
