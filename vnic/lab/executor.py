"""Where points run: processes of this machine, or the workers of a dask cluster. Both are executors of
concurrent.futures, and both run the same function.

A worker that is lost takes nothing with it but the points it had in hand: dask gives them to another worker,
and here a new pool takes them, those in question one at a time, so that a point that kills its worker every
time is found and fails alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import signal
import tempfile
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vnic.errors import UsageError, VnicError
from vnic.lab.sweep_point import Point, Row, failed, run_point
from vnic.lab.sweep_store import PointStore

_PR_SET_PDEATHSIG: Final = 1
CONNECT_S: Final = 10


class WorkerLost(VnicError):
    """The process that ran a point is gone: ended by somebody, or out of memory."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Points that one worker runs one after the other, and where they stand in the table."""

    places: tuple[int, ...]
    keys: tuple[str, ...]
    points: tuple[Point, ...]

    def single(self) -> list[Chunk]:
        """The same points, each on its own."""
        rows = zip(self.places, self.keys, self.points, strict=True)
        return [Chunk((place,), (key,), (point,)) for place, key, point in rows]


def work(keys: Sequence[str], points: Sequence[Point], store: str | None, scratch: str | None) -> list[Row]:
    """What a worker does: run the points, and keep each as soon as it is there.

    Args:
        keys, points: of the chunk.
        store: folder of the PointStore; None where this machine does not reach it.
        scratch: folder for the simulator's files; the simulator is kept for the next chunk then. None: the
            system's folder, and the chunk has a simulator of its own.

    Raises:
        VnicError: no point can be run here, or the disk is full.
    """
    from vnic.lab.sweep_simulator import PointSimulator, kept

    keep = PointStore(Path(store)) if store else None
    simulator = kept(scratch) if scratch else PointSimulator()
    rows = []
    try:
        for key, point in zip(keys, points, strict=True):
            row = simulator.measure(point) if point["target"] == "icarus" else run_point(point)
            if keep is not None and row["status"] == "ok":
                keep.put(key, row)
            rows.append(row)
    finally:
        if not scratch:
            simulator.close()
    return rows


Finished = Iterator[tuple[Chunk, list[Row]]]


class Processes:
    """Worker processes of this machine.

    Args:
        jobs: how many.
        store: finished points are kept there by the workers themselves.
    """

    def __init__(self, jobs: int, store: PointStore) -> None:
        self.name = f"{jobs} processes"
        self.jobs = jobs
        self._store = store

    def run(self, chunks: Sequence[Chunk]) -> Finished:
        """Each chunk with its rows, as they come. Raises VnicError as `work` does."""
        with tempfile.TemporaryDirectory(prefix="vnic-sweep-") as scratch:
            left = list(chunks)
            while left:
                lost = yield from self._round(left, self.jobs, scratch)
                # A pool hands out chunks in order: those a dead worker can have had are the first ones.
                suspects, left = lost[: self.jobs + 1], lost[self.jobs + 1 :]
                yield from self._one_by_one([each for chunk in suspects for each in chunk.single()], scratch)

    def _one_by_one(self, chunks: Sequence[Chunk], scratch: str) -> Finished:
        """Single points under suspicion. With one worker, the first without an answer is what ended it."""
        left = []
        for chunk in chunks:
            row = self._store.get(chunk.keys[0])
            if row is None:
                left.append(chunk)
            else:
                yield chunk, [row]
        while left:
            lost = yield from self._round(left, 1, scratch)
            if lost:
                yield lost[0], [failed(WorkerLost("its worker was lost twice; is there memory enough?"))]
            left = lost[1:]

    def _round(
        self, chunks: Sequence[Chunk], jobs: int, scratch: str
    ) -> Generator[tuple[Chunk, list[Row]], None, list[Chunk]]:
        """Run chunks in one pool; returns those without an answer because a worker was lost."""
        lost: list[Chunk] = []
        with _pool(min(jobs, len(chunks))) as pool:
            futures = {
                pool.submit(work, chunk.keys, chunk.points, str(self._store.folder), scratch): chunk
                for chunk in chunks
            }
            for future in as_completed(futures):
                try:
                    rows = future.result()
                except BrokenProcessPool:
                    lost.append(futures[future])
                    continue
                yield futures[future], rows
        return sorted(lost, key=list(chunks).index)


@contextlib.contextmanager
def _pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """A pool that does not outlive an error or Ctrl-C by what it has in hand."""
    others = set(multiprocessing.active_children())
    # Not fork: the progress bar has a thread, and a lock that it holds would be held in the child for ever.
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin_worker)
    try:
        yield pool
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin_worker() -> None:
    """Ctrl-C reaches the whole terminal; the parent decides. And a parent killed outright takes us along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Dask:
    """The workers of a dask cluster; vnic and Icarus Verilog must be installed where they run.

    Args:
        scheduler: its address, `tcp://host:8786`.
        store: finished points are kept there by this process as they come back.

    Raises:
        UsageError: dask.distributed is not installed, or nothing answers at the address.
    """

    def __init__(self, scheduler: str, store: PointStore) -> None:
        try:
            import distributed
        except ImportError as error:
            raise UsageError("--executor dask needs dask.distributed: pip install 'vnic[lab]'") from error
        connect: Any = distributed.Client
        try:
            self._client: Any = connect(scheduler, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = f"no dask scheduler answers at {scheduler}"
            raise UsageError(f"{reason} ({error}); start `dask scheduler` and give its address") from error
        self.name = f"dask at {scheduler}"
        self.jobs = max(1, sum(self._client.nthreads().values()))
        self._store = store

    def run(self, chunks: Sequence[Chunk]) -> Finished:
        """Each chunk with its rows, as they come. Raises VnicError as `work` does."""
        from distributed.scheduler import KilledWorker

        executor: Executor = self._client.get_executor(pure=False)
        futures: dict[Future[list[Row]], Chunk] = {
            executor.submit(work, chunk.keys, chunk.points, None, None): chunk for chunk in chunks
        }
        try:
            for future in as_completed(futures):
                chunk = futures[future]
                try:
                    rows = future.result()
                except KilledWorker as error:
                    # Workers died under it as often as the scheduler's allowed-failures says.
                    rows = [failed(WorkerLost(f"its workers were lost: {error}"))] * len(chunk.points)
                for key, row in zip(chunk.keys, rows, strict=True):
                    if row["status"] == "ok":
                        self._store.put(key, row)
                yield chunk, rows
        finally:
            for future in futures:
                future.cancel()
            self._client.close()
