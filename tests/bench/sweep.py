"""Sweeps as a user starts them, by the clock: what a point costs, what a second core gains, and the report.

The seconds are those of the whole command, Python's start included. Compiled Verilog is kept from run to run,
finished points are not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.unit.lab.chromium import Chromium
from tests.unit.lab.made_up import measured, results
from vnic.cli.report import report_command
from vnic.lab.results import read_results

REPO = Path(__file__).resolve().parents[2]
Line = tuple[str, str, str, bool | None]


def _seconds(folder: Path, parameters: str, jobs: int) -> float:
    """Seconds of `vnic sweep` over these parameters, with nothing kept from before."""
    shutil.rmtree(folder / "cache" / "vnic" / "points", ignore_errors=True)
    (folder / "e.toml").write_text(f"[parameters]\n{parameters}\n")
    command = [sys.executable, "-m", "vnic", "sweep", "e.toml", "--jobs", str(jobs)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPATH": str(REPO)}
    began = time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    return time.monotonic() - began


LOOP = """
import time
end, turns = time.perf_counter() + 3, 0
while time.perf_counter() < end:
    turns += sum(range(1000)) > 0
print(turns)
"""


def _turns(processes: int) -> int:
    """Turns that so many processes together make of a loop that needs nothing but a core."""
    command = [sys.executable, "-c", LOOP]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    return sum(int(each.communicate()[0]) for each in running)


def _one_and_two(folder: Path, name: str, points: int, parameters: str, limit_s: int) -> Iterator[Line]:
    """An experiment on one worker and on two."""
    parameters += f"\nseed = {{ from = 1, to = {points} }}"
    alone, two = (_seconds(folder, parameters, jobs) for jobs in (1, 2))
    yield f"sweep of {points:,} {name}", f"{two:.0f} s on two workers", f"<= {limit_s} s", two <= limit_s
    yield (
        "  points a minute: one worker, two",
        f"{60 * points / alone:,.0f}, {60 * points / two:,.0f} = {alone / two:.2f} x",
        ">= 1.8 x",
        alone >= 1.8 * two,
    )


def sweeps(folder: Path) -> Iterator[Line]:
    """Rows for the table: what, measured, target, reached."""
    _seconds(folder, "frames = 1", 1)
    cores = max(_turns(2) / _turns(1) for _ in range(2))
    yield "two processes that share nothing, against one", f"{cores:.2f} x", "", None
    yield from _one_and_two(folder, "Verilog points of 50 frames", 200, "frames = 50", 300)
    points = 100
    one = f"frames = 1\nframe_bytes = 60\nseed = {{ from = 1, to = {points} }}"
    whole = _seconds(folder, one, 1)
    simulated = sum(row["wall_s"] for row in read_results(folder / "out" / "e.parquet").rows)
    overhead = 1000 * (whole - simulated) / points
    yield "  overhead of a point beyond simulation", f"{overhead:.0f} ms", "<= 150 ms", overhead <= 150
    yield (
        "  a point of one 60-byte frame, reset and probe included",
        f"{1000 * whole / points:.0f} ms",
        "",
        None,
    )
    builds = len(list((folder / "cache" / "vnic" / "icarus").iterdir()))
    yield "  compilations for all of them", str(builds), "1", builds == 1
    model = 'target = "model"\nframes = 200'
    yield from _one_and_two(folder, "behavioural points of 200 frames", 1000, model, 120)
    yield from _report(folder)


def _report(folder: Path) -> Iterator[Line]:
    """The page of ten thousand points: its size, and how long a browser takes to draw it."""
    found = folder / "r.parquet"
    results(found, measured(), 1250)
    report_command(found, None)
    page = found.with_suffix(".html")
    seconds = min(_opened(folder / str(run), page) for run in range(2))
    size = page.stat().st_size / 1e6
    yield (
        "report of 10,000 points, opened in Chromium",
        f"{size:.1f} MB, {seconds:.1f} s",
        "<= 10 MB, <= 3 s",
        size <= 10 and seconds <= 3,
    )


def _opened(folder: Path, page: Path) -> float:
    """Seconds until a browser that never saw the page has drawn its charts."""
    folder.mkdir()
    with Chromium(folder) as browser:
        browser.show(1000, 800)
        seconds = browser.open(page, "document.documentElement.dataset.drawn")
        assert browser.errors == []
    return seconds
