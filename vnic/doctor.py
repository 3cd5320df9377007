"""What a machine has of what vnic uses: programs, Python packages, libpython, a writable cache.

Nothing is installed or changed; the command line prints what is found here.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TIMEOUT_S: Final = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        name: program or package.
        needed_for: what does not work without it.
        required: `vnic sim` on the Verilog NIC needs it.
        found: its version and place; None if it is not there or does not answer.
        remedy: how to get it, for a Debian user.
    """

    name: str
    needed_for: str
    required: bool
    found: str | None
    remedy: str

    def as_json(self) -> dict[str, object]:
        """The finding under the documented keys of ``vnic doctor --json``."""
        return {
            "name": self.name,
            "found": self.found,
            "required": self.required,
            "needed_for": self.needed_for,
            "remedy": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class _Program:
    name: str
    needed_for: str
    required: bool
    package: str
    arguments: tuple[str, ...] = ("--version",)


_PROGRAMS: Final = (
    _Program("iverilog", "vnic sim --target icarus", True, "iverilog", ("-V",)),
    _Program("vvp", "vnic sim --target icarus", True, "iverilog", ("-V",)),
    _Program("gcc", "vnic sim --target icarus (host memory in the simulator)", True, "gcc libc6-dev"),
    _Program("verilator", "make lint", False, "verilator"),
    _Program("yosys", "make lint (synthesis check)", False, "yosys", ("-V",)),
    _Program("qemu-system-x86_64", "vnic boot, vnic sim --target qemu", False, "qemu-system-x86"),
    _Program("busybox", "vnic boot, make captures", False, "busybox-static", ("--help",)),
    _Program("gtkwave", "looking at waves.fst", False, "gtkwave"),
)
# With what pip is asked for: what vnic cannot be installed without, or one of its extras
_PACKAGES: Final = (
    ("cocotb", "vnic sim --target icarus", True, "cocotb"),
    ("pyarrow", "vnic sim (result tables)", True, "pyarrow"),
    ("scapy", "vnic sim (captures)", True, "scapy"),
    ("construct", "vnic sim (descriptors)", True, "construct"),
    ("cocotbext-axi", "the independent witness", False, "'vnic[witness]'"),
    ("altair", "vnic report", False, "'vnic[lab]'"),
    ("distributed", "vnic sweep --executor dask", False, "'vnic[lab]'"),
)


def examine() -> Iterator[Finding]:
    """Look for everything, one finding at a time."""
    yield Finding(
        "Python",
        "everything",
        True,
        f"{sys.version.split()[0]} {sys.executable}" if sys.version_info >= (3, 11) else None,
        "install Python 3.11 or newer",
    )
    yield _libpython()
    for program in _PROGRAMS:
        yield Finding(
            program.name,
            program.needed_for,
            program.required,
            _version(program.name, program.arguments),
            f"apt install {program.package}",
        )
    for package, needed_for, required, wanted in _PACKAGES:
        try:
            found: str | None = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found = None
        yield Finding(package, needed_for, required, found, f"pip install {wanted}")
    yield _cache()


def _version(name: str, arguments: tuple[str, ...]) -> str | None:
    """The first number with a dot in what the program says of itself, and where it is."""
    path = shutil.which(name)
    if path is None:
        return None
    try:
        said = subprocess.run(
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        # There, but not usable: the same to the user as not there.
        return None
    number = re.search(r"\d+\.\d[\w.+~-]*", said)
    return f"{number.group() if number else '?'} {path}"


def _libpython() -> Finding:
    """cocotb loads libpython into the simulator; some Pythons are built without it."""
    try:
        import find_libpython

        path = os.environ.get("LIBPYTHON_LOC") or find_libpython.find_libpython()
    except ImportError:
        path = None
    return Finding(
        "libpython",
        "vnic sim --target icarus",
        True,
        path,
        "apt install libpython3-dev, or a Python built with --enable-shared",
    )


def _cache() -> Finding:
    """The folder that compiled simulations are kept in."""
    from vnic.targets.build import cache_dir

    folder = cache_dir()
    there: Path = next(parent for parent in (folder, *folder.parents) if parent.exists())
    writable = os.access(there, os.W_OK | os.X_OK)
    return Finding(
        "build cache",
        "vnic sim --target icarus",
        True,
        str(folder) if writable else None,
        f"make {there} writable or set XDG_CACHE_HOME",
    )
