"""The experiments of docs/experiments: they run, cover what they say, and find what is written there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from vnic.lab.report_charts import charts
from vnic.lab.report_layouts import layouts
from vnic.lab.report_words import answer
from vnic.lab.results_columns import COLUMNS
from vnic.lab.sweep_file import load_sweep
from vnic.lab.sweep_params import PARAMETERS, encapsulations
from vnic.lab.sweep_point import kernel_costs
from vnic.linux.profile import profile_names

NAMES = ("ip-align", "spill", "headroom", "buffer-alignment")


@pytest.mark.parametrize("name", NAMES)
def test_each_asks_a_question_and_answers_it(repo: Path, name: str) -> None:
    sweep = load_sweep(repo / "docs" / "experiments" / f"{name}.toml")
    assert sweep.checked_points()
    assert all((sweep.question, sweep.method, sweep.discussion))


@pytest.fixture(scope="module")
def spill() -> list[dict[str, Any]]:
    """The points of the spill with the kernel's figures, which need no frames."""
    empty = dict.fromkeys(column.name for column in COLUMNS)
    path = Path(__file__).parents[3] / "docs" / "experiments" / "spill.toml"
    return [
        {**empty, **point, **kernel_costs(point).metrics(point["mtu"], None, None, (), 1514)}
        for point in load_sweep(path).checked_points()
        if isinstance(point["mtu"], int)
    ]


def test_the_spill_is_asked_of_every_kernel(spill: list[dict[str, Any]]) -> None:
    assert {row["kernel"] for row in spill} == set(profile_names())


def test_what_the_spill_found(spill: list[dict[str, Any]]) -> None:
    assert (len(spill), sum(row["spill"] for row in spill)) == (385, 77)
    told = answer(spill, ["kernel", "mtu"])
    assert "spill into a larger size class: 77 of 385 points." in told
    (kernels,) = [text for text in told if text.startswith("spill by kernel")]
    assert "every point of linux-2.4/i386-P4, 2.6.9/i386-686; some of 2.6.18/ppc64 (10 of 11)" in kernels
    assert kernels.endswith("6.18/x86_64.")
    assert "1500 (3 of 35)" in told[-1]


def test_thirty_kernels_are_a_map_and_not_thirty_lines(spill: list[dict[str, Any]]) -> None:
    titles = {chart.title: chart.spec for chart in charts(spill, ["kernel", "mtu"], [])}
    spec = titles["Waste of every kernel at every MTU"]
    assert spec["encoding"]["y"]["field"] == "kernel"
    assert spec["height"] > 12 * len(profile_names())


def test_the_buffers_drawn_are_of_many_kernels(spill: list[dict[str, Any]]) -> None:
    drawn = [layout for layout, _ in layouts(spill)]
    assert len({layout.kernel for layout in drawn}) == len(drawn) == 12
    shares = [layout.waste / layout.allocated for layout in drawn]
    assert shares == sorted(shares, reverse=True)


def test_the_page_lists_every_parameter(repo: Path) -> None:
    page = (repo / "docs" / "experiments" / "README.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page, flags=re.MULTILINE))
    assert list(rows) == list(PARAMETERS)
    words: dict[object, str] = {None: "", "": "none"}
    for name, parameter in PARAMETERS.items():
        shown = words.get(parameter.default, f"`{parameter.default}`")
        assert rows[name] == shown, name


def test_the_file_on_the_page_is_one(repo: Path, tmp_path: Path) -> None:
    page = (repo / "docs" / "experiments" / "README.md").read_text()
    path = tmp_path / "e.toml"
    path.write_text(page.split("```toml\n")[1].split("```")[0])
    assert len(load_sweep(path).checked_points()) == 2 * 5 * 5 * 2


def test_the_workflow_compares_what_it_ran(repo: Path, tmp_path: Path) -> None:
    """Its steps as the shell runs them, but for checkout and packages, which are those of this run."""
    workflow = yaml.safe_load((repo / "docs" / "experiments" / "compare.yml").read_text())
    steps = {step["name"]: step["run"] for step in workflow["jobs"]["compare"]["steps"] if "name" in step}
    assert (repo / workflow["env"]["EXPERIMENT"]).is_file()
    (tmp_path / "e.toml").write_text('[parameters]\ntarget = "model"\nframes = 2\nseed = [1, 2]\n')
    for side in ("new", "base"):
        program = tmp_path / side / "bin" / "vnic"
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m vnic "$@"\n')
        program.chmod(0o755)
    environment = {
        **os.environ, "EXPERIMENT": "e.toml", "RUNNER_TEMP": str(tmp_path),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }  # fmt: skip
    for name in ("Pull request", "Base", "Compare"):
        lines = re.sub(r".*(git checkout|-m venv|pip install).*\n", "", steps[name])
        subprocess.run(["bash", "-e", "-c", lines], cwd=tmp_path, env=environment, timeout=120, check=True)
    assert "2 points compared" in (tmp_path / "summary.md").read_text()
    assert (tmp_path / "base.parquet").is_file()


def test_lines_are_told_apart_by_what_matters(repo: Path) -> None:
    empty = dict.fromkeys(column.name for column in COLUMNS)
    sweep = load_sweep(repo / "docs" / "experiments" / "headroom.toml")
    rows = [
        {**empty, **point, **kernel_costs(point).metrics(1500, None, None, encapsulations(point), 1514)}
        for point in sweep.checked_points()
    ]
    colours = {
        chart.title: chart.spec["encoding"]["color"]["field"] for chart in charts(rows, sweep.varied, [])
    }
    told = answer(rows, sweep.varied)
    assert any(
        text.startswith("headroom reallocs (copies) by kernel: 0.4688 on average at every v") for text in told
    )
    assert any(
        text.startswith("headroom reallocs (copies) by net_skb_pad: 0.1667 on average at 128")
        for text in told
    )
    assert colours == {"Waste": "kernel", "Copies for want of headroom": "encapsulation"}
