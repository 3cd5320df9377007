"""`docs/registers/`: the map as PeakRDL's HTML pages, made reproducible and small enough to check in."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from peakrdl_html import HTMLExporter
from systemrdl.node import AddrmapNode

#: PeakRDL stamps the pages with the time of the build, which would make them stale at once.
_TIME = re.compile(rb"(BUILD_TS = |\?ts=)\d+")
#: Fonts in five formats are 8 MB; browsers read woff2, and text falls back to the reader's own font.
_KEPT_FONTS = {"fa-regular-400.woff2", "fa-solid-900.woff2"}


def html_pages(top: AddrmapNode) -> dict[str, bytes]:
    """Path below docs/registers to content, of every page and every file they need."""
    with TemporaryDirectory() as folder:
        # Links to the source's public address would differ from clone to clone.
        exporter = HTMLExporter(extra_doc_properties=["section"], generate_source_links=False)
        exporter.export(top, folder, title="vnic registers")
        root = Path(folder)
        names = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return {name.as_posix(): _stable(name, (root / name).read_bytes()) for name in names if _wanted(name)}


def _wanted(name: Path) -> bool:
    if name.suffix == ".bat" or name.parts[0] == ".launcher_data":
        return False
    return name.parts[0] != "fonts" or name.name in _KEPT_FONTS


def _stable(name: Path, content: bytes) -> bytes:
    return _TIME.sub(rb"\g<1>0", content) if name.suffix == ".html" else content
