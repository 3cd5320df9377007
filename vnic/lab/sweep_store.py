"""Finished points, kept under the hash of all that went into them: a point is never measured twice.

The key covers the parameters, the bytes of the capture, and every source that has a part in the result. So
nothing is ever stale; a sweep that was stopped goes on where it was, and another sweep takes what they share.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import vnic
from vnic.errors import UsageError
from vnic.lab.result import cannot_write
from vnic.lab.results_columns import SCHEMA
from vnic.targets.build import cache_dir, find_sources, read_filelist
from vnic.targets.qemu import find_qemu

# What decides a point's numbers: command, report and bookkeeping do not.
_ROOMS: Final = ("linux", "nic", "driver", "checks", "targets")
_MODULES: Final = (
    "memory.py", "capture.py", "lab/cost.py", "lab/metrics*.py", "lab/sweep_p*.py", "lab/sweep_simulator.py",
)  # fmt: skip


@cache
def source_version(target: str) -> str:
    """Hash of the sources behind a result: Python and profiles, for `icarus` the Verilog and the bench, for
    `qemu` its program. Raises QemuError when there is none."""
    package = Path(vnic.__file__).resolve().parent
    files = [path for pattern in _MODULES for path in sorted(package.glob(pattern))]
    for room in _ROOMS:
        files += sorted(path for path in (package / room).rglob("*") if path.suffix in (".py", ".toml"))
    if target == "icarus":
        sources = find_sources()
        files += read_filelist(sources.rtl / "vnic.f") + sorted(sources.rtl.glob("*.vh"))
        files += sorted(path for path in sources.sim.iterdir() if path.suffix in (".v", ".c", ".py"))
    if target == "qemu":
        files.append(Path(find_qemu()))
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:32]


@cache
def _content(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give a pcap or pcapng file") from error


def point_key(point: Mapping[str, Any]) -> str:
    """The key of a point: 32 hexadecimal digits. Raises UsageError when a file it names cannot be read."""
    inputs = dict(point)
    if point["capture"] is not None:
        inputs["capture"] = _content(point["capture"])
    if point["kernel"].endswith(".toml"):
        inputs["kernel"] = _content(point["kernel"])
    text = json.dumps([SCHEMA, source_version(point["target"]), inputs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class PointStore:
    """Rows of finished points in `folder`, one file each; several sweeps may use it at the same time."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_dir() / "points"

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.json"

    def get(self, key: str) -> dict[str, Any] | None:
        """The row kept under `key`, or None. A damaged file counts as none."""
        try:
            row = json.loads(self._path(key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return row if isinstance(row, dict) else None

    def put(self, key: str, row: Mapping[str, Any]) -> None:
        """Keep a row. Raises ResultError when the disk is full."""
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(row, file)
                Path(name).rename(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise cannot_write(path, error) from error
