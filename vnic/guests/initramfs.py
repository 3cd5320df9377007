"""A guest without a disk: busybox, kernel modules, the user's files and an init script, as a cpio archive."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from vnic.errors import UsageError

DIRECTORY: Final = stat.S_IFDIR | 0o755
PROGRAM: Final = stat.S_IFREG | 0o755
FILE: Final = stat.S_IFREG | 0o644
BUSYBOX: Final = "bin/busybox"

Files = dict[str, tuple[int, bytes]]
"""Path without the leading slash: mode with its file type, content (empty for a directory)."""


def cpio_newc(files: Mapping[str, tuple[int, bytes]]) -> bytes:
    """A cpio archive in the newc format (Linux driver-api/early-userspace/buffer-format.rst)."""
    archive = bytearray()
    for inode, (path, (mode, content)) in enumerate([*files.items(), ("TRAILER!!!", (0, b""))], start=1):
        name = path.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
        archive += b"070701" + b"".join(b"%08x" % field for field in fields) + name
        archive += bytes(-len(archive) % 4) + content
        archive += bytes(-len(archive) % 4)
    return bytes(archive)


def base_files(script: str) -> Files:
    """Folders, busybox and `/init`.

    Raises:
        UsageError: there is no busybox, or it needs libraries.
    """
    found = shutil.which("busybox", path="/bin:/usr/bin")
    if found is None:
        raise UsageError("busybox is not installed; apt-get install busybox-static")
    busybox = Path(found)
    if libraries(busybox):
        raise UsageError(f"{busybox} needs libraries, a guest has none; apt-get install busybox-static")
    files: Files = dict.fromkeys(("bin", "dev", "proc", "sys", "etc", "tmp", "modules"), (DIRECTORY, b""))
    files[BUSYBOX] = (PROGRAM, busybox.read_bytes())
    files["init"] = (PROGRAM, script.encode())
    return files


def add_files(files: Files, paths: Iterable[Path]) -> None:
    """Put programs into /bin, with the libraries they need where they look for them; other files into /.

    Raises:
        UsageError: a file cannot be read, or one of its libraries is not there.
    """
    for path in paths:
        try:
            content, mode = path.read_bytes(), path.stat().st_mode
        except OSError as error:
            raise UsageError(f"--add {path}: {error.strerror}; name a file") from error
        runs = bool(mode & 0o111)
        files[f"bin/{path.name}" if runs else path.name] = (PROGRAM if runs else FILE, content)
        for library in libraries(path) if runs else ():
            put(files, str(library).lstrip("/"), library.read_bytes(), PROGRAM)


def put(files: Files, path: str, content: bytes, mode: int = FILE) -> None:
    """Add a file and the folders above it; a folder comes before what is in it."""
    for folder in reversed(Path(path).parents[:-1]):
        files.setdefault(str(folder), (DIRECTORY, b""))
    files[path] = (mode, content)


def libraries(program: Path) -> list[Path]:
    """The shared libraries and the loader that `ldd` names; none for a static program or a script.

    Raises:
        UsageError: one of them is missing.
    """
    if program.read_bytes()[:4] != b"\x7fELF":
        return []
    try:
        done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    except OSError as error:
        raise UsageError(
            f"ldd: {error.strerror}; it is part of libc-bin, apt-get install libc-bin"
        ) from error
    if missing := re.findall(r"(\S+) => not found", done.stdout):
        raise UsageError(
            f"{program} needs {', '.join(missing)}, which is not here; install it or leave it out"
        )
    return [Path(found) for found in re.findall(r"(/\S+) \(0x", done.stdout)]
