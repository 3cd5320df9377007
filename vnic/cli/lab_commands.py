"""The commands of the lab: experiments, their results and reports. What they do is in the module of each."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vnic.cli.app import Json, app

__all__ = ["app"]


class ExecutorName(StrEnum):
    """Where the points of a sweep run."""

    PROCESSES = "processes"
    DASK = "dask"


@app.command()
def sweep(
    experiment: Annotated[Path, typer.Argument(help="TOML file that says which parameters are varied.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Results; out/EXPERIMENT.parquet if not given.")
    ] = None,
    executor: Annotated[
        ExecutorName, typer.Option(help="processes of this machine, or a dask cluster.")
    ] = ExecutorName.PROCESSES,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDR", help="The dask scheduler: tcp://HOST:8786.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; one for each core if not given.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Run more than 20,000 points.")] = False,
    json: Json = False,
) -> int:
    """Run an experiment: every combination of its parameters, each point once.

    Points run in parallel, and each finished one is kept: a sweep that was stopped goes on where it was, and
    a point that was measured before, by this or another sweep, costs nothing. A point that fails is in the
    table with its reason. Exit code 1 if one did.

    Examples:

    - `vnic sweep docs/experiments/ip-align.toml`

    - `vnic sweep my.toml --executor dask --scheduler tcp://10.0.0.1:8786 --out my.parquet`
    """
    from vnic.cli.sweep import Request as SweepRequest
    from vnic.cli.sweep import sweep_command

    return sweep_command(SweepRequest(experiment, out, executor.value, scheduler, jobs, yes), as_json=json)
