"""A simulator that measures points one after the other, as long as it is asked to.

To start one takes longer than many a point. A worker keeps the one it has for the points of the same build
that come next; a point that fails costs its simulator, which may be in the middle of something.
"""

from __future__ import annotations

import atexit
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from vnic.errors import VnicError
from vnic.lab.result import cannot_write
from vnic.lab.sweep_params import BUILD, Value, bench_settings
from vnic.lab.sweep_point import MEMORY_BYTES, Point, Row, failed, measure_point
from vnic.memory import HostMemory
from vnic.targets.icarus import LOG, IcarusJob, Simulator, SimulatorFailed

ENTRY: Final = f"{__name__}:serve"


class PointSimulator:
    """The simulator of this process, for whatever build the next point wants.

    Args:
        scratch: folder for the simulator's files, which are removed again; the system's if not given.
    """

    def __init__(self, scratch: str | None = None) -> None:
        self._scratch = scratch
        self._build: tuple[Value, ...] = ()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._simulator: Simulator | None = None

    def measure(self, point: Point) -> Row:
        """The point's row, with its reason if it failed.

        Raises:
            BuildError: no point of its build can run. ResultError: the disk is full.
        """
        simulator = self._for(tuple(point[name] for name in BUILD))
        began = time.perf_counter()
        row: Row
        try:
            simulator.tell(json.dumps(dict(point)).encode())
            lines = simulator.listen()
            if lines:
                row = json.loads(lines[0])
            else:
                simulator.result()
                raise SimulatorFailed("the simulator ended before the point did")
        except VnicError as error:
            # The log goes with the folder; its last line is in the message already.
            text = str(error).replace(f"see {self._log}, which ends", "its log ends")
            row = failed(SimulatorFailed(text)) | {"wall_s": time.perf_counter() - began}
        if row["status"] != "ok":
            self.close()
        return row

    @property
    def _log(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name) / LOG

    def _for(self, build: tuple[Value, ...]) -> Simulator:
        """The simulator that is there, if it is of that build, or else a new one."""
        if self._simulator is None or self._build != build:
            self.close()
            try:
                self._folder = tempfile.TemporaryDirectory(prefix="vnic-sweep-", dir=self._scratch)
            except OSError as error:
                raise cannot_write(Path(self._scratch or tempfile.gettempdir()), error) from error
            parameters = {
                name.upper(): value
                for name, value in zip(BUILD, build, strict=True)
                if isinstance(value, int)
            }
            self._simulator = Simulator(
                IcarusJob(ENTRY, {}, Path(self._folder.name), parameters, memory_size=1 << 20)
            )
            self._build = build
        return self._simulator

    def close(self) -> None:
        """End the simulator and remove its files."""
        if self._simulator is not None:
            self._simulator.end()
            self._simulator = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


_kept: dict[str, PointSimulator] = {}


def kept(scratch: str) -> PointSimulator:
    """The simulator that this process keeps until it ends."""
    if scratch not in _kept:
        _kept[scratch] = PointSimulator(scratch)
        atexit.register(_kept[scratch].close)
    return _kept[scratch]


async def serve(
    target: Any, memory: HostMemory, spec: Mapping[str, Any], progress: Callable[[int, int], None]
) -> None:
    """Inside the simulator: a point for each line on standard input, a row for each on the progress pipe.

    While it waits for the next line, the simulation stands still.
    """
    del memory, spec, progress  # each point has its own memory, and the row is the progress
    pipe = int(os.environ["VNIC_PROGRESS"])
    with open(0, "rb", closefd=False) as requests:
        for line in requests:
            row = await _measure(target, json.loads(line))
            os.write(pipe, json.dumps(row).encode() + b"\n")


async def _measure(target: Any, point: Point) -> Row:
    began = time.perf_counter()
    row: Row = {"status": "ok", "reason": None}
    try:
        with HostMemory(MEMORY_BYTES) as fresh:
            random.seed(point["seed"])
            await target.restart(fresh, bench_settings(point))
            row |= await measure_point(target, fresh, point, target.clock_ns)
    except Exception as error:  # noqa: BLE001  it belongs to this point and stops no other
        row = failed(error)
    return row | {"wall_s": time.perf_counter() - began}
