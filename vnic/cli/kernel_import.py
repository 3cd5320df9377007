"""`vnic kernel import`: a real kernel's constants, written as a profile that every command takes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from vnic.cli.console import console, print_json
from vnic.cli.kernels import profile_json, show_profile
from vnic.errors import UsageError
from vnic.linux.kernel_import import RUNNING, import_kernel


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """The options of `vnic kernel import` as given; see its help."""

    image: Path
    config: Path | None
    out: Path | None
    arch: str | None
    release: str | None
    force: bool


def import_command(request: ImportRequest, *, as_json: bool) -> int:
    """Write the profile and show it. Raises VnicError for a file that will not do, UsageError for a name."""
    if request.image.is_dir():
        raise UsageError(f"kernel image {request.image}: is a directory; name the file in it")
    out = request.out or Path(f"{_release(request.image)}.toml")
    if out.suffix != ".toml":
        raise UsageError(f"--out {out}: give a name that ends in .toml, by which --kernel knows a file")
    if out.exists() and not request.force:
        raise UsageError(f"{out} exists: give --force to replace it, or another --out")
    profile = import_kernel(
        request.image, out, config=request.config, arch=request.arch, version=request.release
    )
    if as_json:
        print_json({"schema": 1, "out": str(out), **profile_json(profile)})
        return 0
    show_profile(profile)
    console().print(f"\nprofile: {escape(str(out))}, for --kernel {escape(str(out))}")
    return 0


def _release(image: Path) -> str:
    """The name of a profile by its image: `vmlinuz-6.1.0-56-amd64` is 6.1.0-56-amd64."""
    if image == RUNNING:
        return os.uname().release
    return re.sub(r"^(vmlinuz|vmlinux|bzImage)-(?=.)", "", image.name).removesuffix(".toml")
