"""The result directory of a run: written aside and renamed into place, so it is whole or not there.

| file | content |
|---|---|
| `result.json` | what `vnic sim --json` prints: options, verdicts, figures; `schema` is its version |
| `frames.parquet` | a row for each received frame (columns: `vnic.checks.records`) |
| `targets/NAME/` | the record of each NIC: `record.json`, `frames.parquet`, `dma.parquet` |
| `received.pcap` | what the driver handed up, nanosecond pcap |
| `results.xml` | JUnit XML: a test case for each rule of `vnic.checks.catalogue` |
| `vnic.log` | what was done, with times |
| `waves.fst` | signals of the Verilog NIC, if asked for |

Tables and reports are made from these files, never from live objects.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from vnic.checks.verdict import Verdict
from vnic.errors import UsageError, VnicError

SCHEMA: Final = 1
RESULT: Final = "result.json"
FRAMES: Final = "frames.parquet"
RECEIVED: Final = "received.pcap"
JUNIT: Final = "results.xml"
LOG: Final = "vnic.log"
WAVES: Final = "waves.fst"
TARGETS: Final = "targets"


class ResultError(VnicError):
    """The result directory cannot be written; the message names it and the reason."""


class ResultDirectory:
    """A result directory in the making; used as a context manager it leaves nothing behind unless published.

    Args:
        path: where it shall be.
        replace: take the place of an older result of vnic; anything else is never removed.
        another: nobody asked for this very name: where it is taken, one with a number behind it will do.

    Raises:
        UsageError: `path` exists and may not be replaced.
        ResultError: its folder cannot be written.
    """

    def __init__(self, path: Path, *, replace: bool = False, another: bool = False) -> None:
        self.path = path.absolute()
        self._replace = replace
        self._another = another
        if not another:
            self._refuse_foreign()
        self._made = [folder for folder in self.path.parents if not folder.exists()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            name = f".{self.path.name}.partial-"
            self.scratch = Path(tempfile.mkdtemp(prefix=name, dir=self.path.parent))
        except OSError as error:
            self._remove_made()
            raise cannot_write(self.path, error) from error
        # mkdtemp keeps others out; a result is as readable as any file the user makes.
        umask = os.umask(0)
        os.umask(umask)
        self.scratch.chmod(0o777 & ~umask)
        self._started = time.monotonic()
        self._log: list[str] = []

    def _refuse_foreign(self) -> None:
        path = self.path
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise UsageError(f"{path}: is not a directory; give --out another name")
        if not path.exists():
            return
        try:
            names = {entry.name for entry in path.iterdir()}
        except OSError as error:
            raise cannot_write(path, error) from error
        if names and not self._replace:
            raise UsageError(f"{path}: not empty; give --out another name, or --force to replace a result")
        if names and RESULT not in names:
            raise UsageError(f"{path}: not a result of vnic, so --force leaves it; give --out another name")

    def log(self, line: str) -> None:
        """Add a line to the log, with the seconds since the start."""
        self._log.append(f"{time.monotonic() - self._started:9.3f} s  {line}")

    def publish(self, result: Mapping[str, Any], verdicts: Sequence[Verdict], rules: Iterable[str]) -> Path:
        """Write `result.json`, JUnit XML and log, and put the directory in its place.

        Args:
            result: JSON object; gets `schema`.
            verdicts: all of the run.
            rules: ids of the rules that were looked at.

        Raises:
            ResultError: the disk is full, or someone has put something into the directory meanwhile.
        """
        try:
            text = json.dumps({"schema": SCHEMA, **result}, indent=1) + "\n"
            (self.scratch / RESULT).write_text(text, encoding="utf-8")
            (self.scratch / JUNIT).write_bytes(junit(verdicts, rules, time.monotonic() - self._started))
            (self.scratch / LOG).write_text("\n".join(self._log) + "\n", encoding="utf-8")
            for file in self.scratch.rglob("*"):
                if file.is_file():
                    # Data that a full disk would lose at write-back must fail now, not after the rename.
                    with file.open("rb") as opened:
                        os.fsync(opened.fileno())
            self._swap_in()
        except OSError as error:
            raise cannot_write(self.path, error) from error
        return self.path

    def _swap_in(self) -> None:
        if self._another:
            self._take_free_name()
            return
        if not self.path.exists():
            self.scratch.rename(self.path)
            return
        self._refuse_foreign()
        old = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.old-", dir=self.path.parent))
        self.path.rename(old / "result")
        try:
            self.scratch.rename(self.path)
        except OSError:
            (old / "result").rename(self.path)
            raise
        finally:
            shutil.rmtree(old, ignore_errors=True)

    def _take_free_name(self) -> None:
        """Looked for now and not before the run: of two that began in the same second neither loses."""
        wanted = self.path
        for number in count(2):
            try:
                self.scratch.rename(self.path)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
                self.path = wanted.with_name(f"{wanted.name}-{number}")

    def _remove_made(self) -> None:
        """Take back the folders made for a result that did not come about."""
        for folder in self._made:
            try:
                folder.rmdir()
            except OSError:
                # It holds something, be it the result: so do those above it.
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
        self._remove_made()
        # A full disk names no file; an error about one that is not ours is not about the result.
        if isinstance(error, OSError) and str(error.filename or self.scratch).startswith(str(self.scratch)):
            raise cannot_write(self.path, error) from error


def cannot_write(path: Path, error: OSError) -> ResultError:
    """What to tell the user when the file system refuses."""
    reason = error.strerror or str(error)
    return ResultError(f"{path}: cannot write the result: {reason}; give --out a place with room")


def junit(verdicts: Sequence[Verdict], rules: Iterable[str], seconds: float) -> bytes:
    """JUnit XML: a case for each rule; an error fails it, warnings and notes are its output."""
    found: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        found.setdefault(verdict.rule, []).append(verdict)
    names = list(dict.fromkeys((*rules, *found)))
    failed = sum(any(v.severity == "error" for v in found.get(name, ())) for name in names)
    counts = {"tests": str(len(names)), "failures": str(failed), "errors": "0", "time": f"{seconds:.3f}"}
    suite = ET.Element("testsuite", name="vnic sim", attrib=counts)
    for name in names:
        case = ET.SubElement(suite, "testcase", classname="vnic.checks", name=name)
        lines = []
        for verdict in found.get(name, ()):
            times = f" ({verdict.count} times)" if verdict.count > 1 else ""
            line = f"{verdict.where}: {verdict.detail}{times}"
            if verdict.severity == "error":
                ET.SubElement(case, "failure", message=line).text = "\n".join(verdict.examples)
            else:
                lines.append(f"{verdict.severity}: {line}")
        if lines:
            ET.SubElement(case, "system-out").text = "\n".join(lines)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"
