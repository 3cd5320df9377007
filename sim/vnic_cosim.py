"""What cocotb runs inside the simulator: one test that carries out the job in $VNIC_JOB.

The answer, or the error, goes to a file in the output folder, written aside and renamed; progress goes to
the pipe $VNIC_PROGRESS as lines "done total".
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import random
import signal
import traceback
import warnings
from pathlib import Path
from typing import Any

import cocotb

from vnic.errors import VnicError
from vnic.memory import HostMemory

_PR_SET_PDEATHSIG = 1

# cocotbext-axi 0.1.28 uses names that cocotb 2 renamed; nothing a user could do about it.
warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"cocotbext\..*")

# A parent that is killed outright cannot end us: ask the kernel to.
ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


async def _carry_out(dut: Any, job: dict[str, Any]) -> Any:
    """Build memory and target, run the entry, return its JSON value."""
    module_name, _, name = job["entry"].partition(":")
    entry = getattr(importlib.import_module(module_name), name)
    pipe = int(os.environ["VNIC_PROGRESS"])

    def progress(done: int, total: int) -> None:
        os.write(pipe, b"%d %d\n" % (done, total))

    random.seed(job["seed"])
    # Before this edge an initial block of the bench could still overwrite what Python sets.
    await dut.rst.falling_edge
    holes = [(start, length) for start, length in job["memory_holes"]]
    with HostMemory(job["memory_size"], base=job["memory_base"], holes=holes) as memory:
        target: Any
        if job["bus"] == "native":
            from vnic.targets.icarus_target import IcarusTarget

            target = IcarusTarget(dut, memory, Path(job["module"]), job["parameters"])
        else:
            from vnic.targets.witness import WitnessTarget

            target = WitnessTarget(dut, memory, job["parameters"], watch=job["watch"])
        # What is imported by now stays: no need for the collector to look at it again and again.
        gc.freeze()
        try:
            return await entry(target, memory, job["spec"], progress)
        finally:
            target.close()


@cocotb.test()
async def job(dut: Any) -> None:
    """The job: every error becomes an answer, so that the parent can say it in one line."""
    request = json.loads(os.environ["VNIC_JOB"])
    try:
        answer = {"value": await _carry_out(dut, request)}
    except VnicError as error:
        answer = {"error": str(error), "exit_code": error.exit_code, "expected": True}
    except Exception as error:  # noqa: BLE001  whatever it is, the parent has to hear of it
        traceback.print_exc()
        answer = {"error": f"{type(error).__name__}: {error}", "exit_code": 1, "expected": False}
    path = Path(request["out"]) / request["result"]
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(answer))
    aside.rename(path)
