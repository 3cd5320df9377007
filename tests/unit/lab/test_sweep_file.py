"""Experiment files: what they mean, and on which line they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from vnic.errors import UsageError
from vnic.lab.sweep import plan
from vnic.lab.sweep_file import BadExperiment, SweepFile, load_sweep
from vnic.lab.sweep_params import PARAMETERS


def load(folder: Path, text: str) -> SweepFile:
    path = folder / "e.toml"
    path.write_text(text)
    return load_sweep(path)


def test_lists_and_ranges_are_multiplied_and_the_last_runs_fastest(tmp_path: Path) -> None:
    sweep = load(
        tmp_path,
        """
        [parameters]
        frames = 3
        net_ip_align = [0, 2]
        line_penalty = { from = 0, to = 20, step = 10 }
        """,
    )
    points = sweep.checked_points()
    assert [(p["net_ip_align"], p["line_penalty"]) for p in points] == [
        (align, penalty) for align in (0, 2) for penalty in (0, 10, 20)
    ]
    assert {p["frames"] for p in points} == {3}
    assert sweep.count == 6
    assert sweep.varied == ("net_ip_align", "line_penalty")
    assert set(points[0]) == set(PARAMETERS)


def test_a_range_by_factor_and_a_table_of_its_own(tmp_path: Path) -> None:
    sweep = load(tmp_path, "[parameters.read_latency]\nfrom = 8\nto = 100\ntimes = 2\n")
    assert [p["read_latency"] for p in sweep.points()] == [8, 16, 32, 64]


def test_what_changes_together_is_not_multiplied_with_itself(tmp_path: Path) -> None:
    sweep = load(
        tmp_path,
        "[parameters]\nseed = [1, 2]\n[[together]]\nmtu = [1500, 9000]\nframe_bytes = [1514, 9014]\n",
    )
    assert [(p["seed"], p["mtu"], p["frame_bytes"]) for p in sweep.points()] == [
        (1, 1500, 1514),
        (1, 9000, 9014),
        (2, 1500, 1514),
        (2, 9000, 9014),
    ]


def test_a_capture_is_named_from_where_the_experiment_is(tmp_path: Path) -> None:
    (point,) = load(tmp_path, '[parameters]\ncapture = "x.pcap"\n').points()
    assert point["capture"] == str(tmp_path / "x.pcap")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (
            "[parameters]\nframes = 3\nnet_ip_algn = 0\n",
            3,
            "unknown key net_ip_algn; did you mean net_ip_align?",
        ),
        ("titel = 'x'\n", 1, "did you mean title"),
        ("title = 'x'\n\n[paramters]\n", 3, "did you mean parameters"),
        ("[parameters]\nseed = 1\n[[together]]\nmtuu = [1]\n", 4, "did you mean mtu"),
        ("[parameters]\nframes = 0\n", 2, "give 1 to"),
        ("[parameters]\nframes = true\n", 2, "whole number"),
        ("[parameters]\ndata_width = [64, 65]\n", 2, "64, 128, 256, 512"),
        ("[parameters]\nseed = []\n", 2, "zero points"),
        ("[parameters]\nseed = [1, 1]\n", 2, "twice"),
        ("[parameters]\nseed = { from = 5, to = 1 }\n", 2, "zero points"),
        ("[parameters]\nseed = { from = 0, to = 8, times = 2 }\n", 2, "never ends"),
        ("[parameters]\nseed = { from = 0, to = 8, stpe = 2 }\n", 2, "stpe"),
        ("[parameters]\nseed = { from = 0, to = 2000000000 }\n", 2, "larger step"),
        ("[parameters]\nmtu = 1500\n[[together]]\nmtu = [1]\n", 4, "already"),
        ("[[together]]\nmtu = [1500, 9000]\nseed = [1]\n", 2, "differ in length"),
        ("[[together]]\n", 1, "empty"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(BadExperiment) as raised:
        load(tmp_path, text)
    assert f"e.toml:{line}: " in str(raised.value)
    assert words in str(raised.value)
    assert raised.value.exit_code == 2


def test_no_toml_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadExperiment, match=r"not TOML.*line 1"):
        load(tmp_path, "x = \n")
    with pytest.raises(BadExperiment, match="No such file"):
        load_sweep(tmp_path / "nothing.toml")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("mtu = [1500, 900]\nframe_bytes = 1514", r"point 2 \(mtu = 900\): frame_bytes 1514 at mtu 900"),
        ("seed = [1, 2]\nrx_ring = 12", r"point 1 .*multiple of 8"),
        ('kernel = "6.1/x86_46"', "point 1 .*6.1/x86_64"),
        ('encapsulation = "vxlna"', "point 1 .*vxlan"),
        ("l1_cache_bytes = 48", "power of two"),
        ('capture = "a"\nframe_bytes = 60', "played or made up"),
    ],
)
def test_a_point_that_contradicts_itself_is_named(tmp_path: Path, parameters: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan(load(tmp_path, f"[parameters]\n{parameters}\n"), yes=False)


def test_contradictions_can_be_left_out_but_not_all_of_them(tmp_path: Path) -> None:
    skip = 'contradictory = "skip"\n[parameters]\nframe_bytes = 1514\n'
    assert [p["mtu"] for p in plan(load(tmp_path, f"{skip}mtu = [900, 1500]"), yes=False)] == [1500]
    with pytest.raises(UsageError, match="no point is left"):
        plan(load(tmp_path, f"{skip}mtu = [900, 901]"), yes=False)


def test_a_million_points_want_to_be_meant(tmp_path: Path) -> None:
    sweep = load(
        tmp_path, "[parameters]\nseed = { from = 1, to = 1000 }\nline_penalty = { from = 0, to = 999 }\n"
    )
    with pytest.raises(UsageError, match=r"1,000,000 points.*--yes"):
        plan(sweep, yes=False)


def test_every_default_is_a_value_that_could_be_given(tmp_path: Path) -> None:
    assert len(load(tmp_path, "").checked_points()) == 1
