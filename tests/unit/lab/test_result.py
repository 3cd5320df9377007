"""The result directory where nobody gave it a name."""

from __future__ import annotations

from pathlib import Path

from vnic.lab.result import ResultDirectory


def test_of_two_runs_with_one_name_neither_loses_its_result(tmp_path: Path) -> None:
    wanted = tmp_path / "out/sim-20260101-000000"
    with ResultDirectory(wanted, another=True) as first, ResultDirectory(wanted, another=True) as second:
        published = [each.publish({"run": run}, (), ()) for run, each in enumerate((first, second))]
    assert published == [wanted, wanted.with_name(f"{wanted.name}-2")]
    assert sorted(path.name for path in wanted.parent.iterdir()) == [path.name for path in published]
