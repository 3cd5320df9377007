"""`vnic report`: a page out of a results file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from rich.markup import escape

from vnic.cli.console import console, print_json
from vnic.errors import UsageError
from vnic.lab.report import report
from vnic.lab.result import cannot_write
from vnic.lab.results import read_results


def report_command(path: Path, out: Path | None, *, as_json: bool = False) -> int:
    """Write the page, whole or not at all, and say where it is."""
    out = out or path.with_suffix(".html")
    if out.is_dir():
        raise UsageError(f"{out}: is a directory; give -o the name of a file")
    page = report(read_results(path)).encode()
    aside: Path | None = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
        aside = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(page)
        umask = os.umask(0)
        os.umask(umask)
        aside.chmod(0o666 & ~umask)
        aside.rename(out)
    except OSError as error:
        raise cannot_write(out, error) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)
    if as_json:
        print_json({"schema": 1, "page": str(out), "bytes": len(page)})
        return 0
    console().print(f"report: {escape(str(out))} ({len(page) / 1e6:.1f} MB)")
    return 0
