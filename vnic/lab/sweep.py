"""A sweep: the points of an experiment file, run where they have not been run before, and their table."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

import vnic
from vnic.errors import UsageError
from vnic.lab.executor import Chunk
from vnic.lab.sweep_file import MAX_POINTS, SweepFile
from vnic.lab.sweep_params import BUILD, Value
from vnic.lab.sweep_point import Row
from vnic.lab.sweep_store import PointStore, point_key, source_version

CHUNK: Final = 8
"""Points that go to a worker at once at most: enough to share a simulator's start, few enough to wait for."""


class Pool(Protocol):
    """What runs chunks: vnic.lab.executor.Processes or Dask."""

    name: str
    jobs: int

    def run(self, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, list[Row]]]:
        """Each chunk with its rows, as they come."""


@dataclass(frozen=True, slots=True)
class Done:
    """How far a sweep is, in points.

    Attributes:
        total: of the sweep. done: with an answer, failed ones and kept ones included.
        failed: among them. reused: taken from the store.
    """

    total: int
    done: int
    failed: int
    reused: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished sweep: its table (vnic.lab.results), what else the file shall say, and the counts."""

    rows: list[Row]
    meta: Mapping[str, Any]
    done: Done


def plan(sweep: SweepFile, *, yes: bool) -> list[dict[str, Value]]:
    """The points to run.

    Raises:
        UsageError: there are too many for an accident, none, or one contradicts itself.
    """
    if sweep.count > MAX_POINTS and not yes:
        raise UsageError(
            f"{sweep.path}: {sweep.count:,} points, more than {MAX_POINTS:,}; give --yes if that is meant"
        )
    return sweep.checked_points()


def run_sweep(
    sweep: SweepFile,
    points: Sequence[Mapping[str, Value]],
    pool: Pool,
    store: PointStore,
    progress: Callable[[Done], None],
    command: str,
) -> Outcome:
    """Run what is not kept yet.

    Args:
        sweep: the experiment. points: of `plan`.
        pool: where they run. store: where finished ones are kept.
        progress: told after each chunk. command: how the user started it, for the record.

    Raises:
        UsageError: a file that a point names cannot be read.
        VnicError: the Verilog NIC cannot be built, or the disk is full. What was finished is in the store.
    """
    began, started = time.monotonic(), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    keys = [point_key(point) for point in points]
    rows: list[Row | None] = [store.get(key) for key in keys]
    reused = sum(row is not None for row in rows)
    failures = 0
    progress(Done(len(rows), reused, failures, reused))
    chunks = cut(points, keys, [place for place, row in enumerate(rows) if row is None], pool.jobs)
    prebuild(chunks, pool)
    finished = reused
    for chunk, found in pool.run(chunks):
        for place, row in zip(chunk.places, found, strict=True):
            rows[place] = row
        finished += len(found)
        failures += sum(row["status"] != "ok" for row in found)
        progress(Done(len(rows), finished, failures, reused))
    table = [
        {"point": key, **point, **(row or {})} for key, point, row in zip(keys, points, rows, strict=True)
    ]
    done = Done(len(rows), finished, failures, reused)
    return Outcome(
        table, provenance(sweep, points, pool, done, command, started, time.monotonic() - began), done
    )


def cut(
    points: Sequence[Mapping[str, Value]], keys: Sequence[str], places: Sequence[int], jobs: int
) -> list[Chunk]:
    """Chunks of points that one simulator can run, small enough for every worker to have several."""
    groups: dict[tuple[Value, ...], list[int]] = {}
    for place in places:
        kind = tuple(points[place][name] for name in ("target", *BUILD))
        groups.setdefault(kind, []).append(place)
    size = max(1, min(CHUNK, len(places) // (4 * jobs)))
    return [
        Chunk(tuple(part), tuple(keys[place] for place in part), tuple(points[place] for place in part))
        for group in groups.values()
        for part in (group[at : at + size] for at in range(0, len(group), size))
    ]


def prebuild(chunks: Sequence[Chunk], pool: Pool) -> None:
    """Compile each Verilog build once, before two workers of this machine would both begin to.

    Raises:
        BuildError: a tool is missing or a source does not compile.
    """
    from vnic.lab.executor import Processes
    from vnic.targets.build import build

    first = {
        tuple(chunk.points[0][name] for name in BUILD)
        for chunk in chunks
        if chunk.points[0]["target"] == "icarus"
    }
    if not first or not isinstance(pool, Processes):
        return
    wanted = [
        {name.upper(): int(str(value)) for name, value in zip(BUILD, kind, strict=True)}
        for kind in sorted(first, key=str)
    ]
    build(wanted[0])
    with ThreadPoolExecutor(pool.jobs) as threads:
        list(threads.map(build, wanted[1:]))


def provenance(
    sweep: SweepFile,
    points: Sequence[Mapping[str, Value]],
    pool: Pool,
    done: Done,
    command: str,
    started: str,
    seconds: float,
) -> dict[str, Any]:
    """What a reader needs to trust the table and to make it again."""
    return {
        "title": sweep.title,
        "question": sweep.question,
        "method": sweep.method,
        "discussion": sweep.discussion,
        "experiment": sweep.text,
        "varied": list(sweep.varied),
        "command": command,
        "vnic": vnic.__version__,
        "sources": {
            name: source_version(name) for name in sorted({str(point["target"]) for point in points})
        },
        "seeds": sorted({point["seed"] for point in points if isinstance(point["seed"], int)})[:100],
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "executor": pool.name,
        "started": started,
        "seconds": round(seconds, 1),
        "points": done.total,
        "failed": done.failed,
        "reused": done.reused,
    }
