"""The commands of the lab: experiments, their results and reports. What they do is in the module of each."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vnic.cli.app import app
from vnic.cli.options import Json

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


@app.command()
def results(
    path: Annotated[Path, typer.Argument(metavar="RESULTS", help="What `vnic sweep` wrote.")],
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COND", help="NAME=VALUE, or != < <= > >=; may be repeated, all must hold."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Columns; `all`, or `help` to list them with units and meaning."),
    ] = None,
    sort: Annotated[
        str | None, typer.Option(metavar="NAME", help="By this column; -NAME: largest first.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Rows at most.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV, all columns if not told which.")] = False,
    json: Json = False,
) -> int:
    """Query the table of a sweep.

    Examples:

    - `vnic results ip-align.parquet --where data_width=64 --sort -cycles_per_frame`

    - `vnic results ip-align.parquet --columns net_ip_align,efficiency --csv > table.csv`

    - `vnic results ip-align.parquet --columns help`
    """
    from vnic.cli.results import results_command

    return results_command(path, where or [], columns, sort, limit, as_csv=csv, as_json=json)


@app.command()
def compare(
    base: Annotated[Path, typer.Argument(metavar="BASE", help="Results from before.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Results of now.")],
    fail_on: Annotated[
        list[str] | None,
        typer.Option(metavar="LIMIT", help="'cycles_per_frame>+2%' or 'efficiency<-0.01'; may be repeated."),
    ] = None,
    summary: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Append the Markdown there too.")
    ] = None,
    json: Json = False,
) -> int:
    """Compare two runs of one experiment point by point, in Markdown for a pull request.

    Exit code 1 if a limit is broken at any point, or a point that was measured before fails now.

    Examples:

    - `vnic compare main.parquet branch.parquet --fail-on 'cycles_per_frame>+2%'`

    - `vnic compare main.parquet branch.parquet --fail-on 'errors>0' --summary "$GITHUB_STEP_SUMMARY"`
    """
    from vnic.cli.results import compare_command

    return compare_command(base, new, fail_on or [], summary, as_json=json)


@app.command()
def report(
    path: Annotated[Path, typer.Argument(metavar="RESULTS", help="What `vnic sweep` wrote.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The page; RESULTS.html if not given.")
    ] = None,
    json: Json = False,
) -> int:
    """Make one page of a sweep: question, method, answer, charts, buffers drawn to scale, provenance.

    It holds all it needs and works without a network. Needs the packages of `vnic[lab]`.

    Examples:

    - `vnic report ip-align.parquet -o report.html`
    """
    from vnic.cli.report import report_command

    return report_command(path, out, as_json=json)
