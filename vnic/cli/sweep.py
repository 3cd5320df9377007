"""`vnic sweep`: an experiment file run, with a bar that says how far it is."""

from __future__ import annotations

import os
import shlex
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from vnic.cli import Stopped
from vnic.cli.console import console, plain_table, print_json
from vnic.errors import UsageError
from vnic.lab.executor import Dask, Processes
from vnic.lab.results import write_results
from vnic.lab.sweep import Done, Outcome, Pool, plan, run_sweep
from vnic.lab.sweep_file import load_sweep
from vnic.lab.sweep_store import PointStore


@dataclass(frozen=True, slots=True)
class Request:
    """The options of `vnic sweep` as given; see its help."""

    experiment: Path
    out: Path | None
    executor: str
    scheduler: str | None
    jobs: int | None
    yes: bool


class _Bar:
    """Points done, failed, left, and time to go, on stderr while that is a terminal."""

    def __init__(self) -> None:
        self.last = Done(0, 0, 0, 0)
        self._progress = Progress(
            TextColumn("{task.completed} done, {task.fields[failed]} failed, {task.fields[left]} left"),
            BarColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._progress.add_task("points", failed=0, left=0)

    def __call__(self, done: Done) -> None:
        self.last = done
        self._progress.update(
            self._task, total=done.total, completed=done.done, failed=done.failed, left=done.total - done.done
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


def sweep_command(request: Request, *, as_json: bool) -> int:
    """Run it, write the table, print the summary; 1 if a point failed."""
    sweep = load_sweep(request.experiment)
    points = plan(sweep, yes=request.yes)
    out = request.out or Path("out") / f"{request.experiment.stem}.parquet"
    if out.is_dir():
        raise UsageError(f"{out}: is a directory; give --out the name of a file")
    store = PointStore()
    pool = _pool(request, store)
    command = shlex.join(["vnic", *sys.argv[1:]])
    with _Bar() as bar:
        try:
            outcome = run_sweep(sweep, points, pool, store, bar, command)
        except Stopped as stopped:
            done = bar.last
            kept = f"{done.done - done.failed} of {len(points)} points are kept"
            stopped.kept = f"{kept}, the same command goes on from there"
            raise
    write_results(out, outcome.rows, outcome.meta)
    if as_json:
        counts = {"points": outcome.done.total, "failed": outcome.done.failed, "reused": outcome.done.reused}
        print_json({"schema": 1, **counts, "seconds": outcome.meta["seconds"], "out": str(out)})
    else:
        _print(outcome, out)
    return int(outcome.done.failed > 0)


def _pool(request: Request, store: PointStore) -> Pool:
    if request.executor == "dask":
        if request.scheduler is None:
            raise UsageError("--executor dask needs --scheduler ADDR, for example tcp://127.0.0.1:8786")
        if request.jobs is not None:
            raise UsageError("--jobs is for --executor processes; a dask cluster has the workers it has")
        return Dask(request.scheduler, store)
    if request.scheduler is not None:
        raise UsageError("--scheduler is for --executor dask: give both or neither")
    jobs = len(os.sched_getaffinity(0)) if request.jobs is None else request.jobs
    if not 1 <= jobs <= 1024:
        raise UsageError(f"--jobs {request.jobs}: give 1 to 1024")
    return Processes(jobs, store)


def _print(outcome: Outcome, out: Path) -> None:
    screen, done, seconds = console(), outcome.done, outcome.meta["seconds"]
    measured = f"{done.total - done.failed} measured ({done.reused} kept from before)"
    screen.print(
        f"[bold]{escape(str(outcome.meta['title']))}[/]: {done.total} points, {measured}, "
        f"{done.failed} failed, {seconds} s"
    )
    reasons = Counter(row["reason"] for row in outcome.rows if row["status"] != "ok")
    if reasons:
        table = plain_table("points#", "failed because")
        for reason, count in reasons.most_common(5):
            table.add_row(str(count), escape(str(reason)))
        screen.print(table)
    broken = sum(bool(row.get("errors")) for row in outcome.rows)
    if broken:
        look = escape(f"vnic results {out} --where 'errors>0' --columns point,worst_verdict")
        screen.print(f"[red]{broken} points broke a rule[/]: {look}")
    screen.print(f"results: {escape(str(out))}")
