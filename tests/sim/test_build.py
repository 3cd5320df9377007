"""Compiling and caching."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim.helpers import REPO
from vnic.targets.build import BuildError, build, find_sources, read_filelist

RUDE = Path(__file__).parent / "rude"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def copy_of_rude(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RUDE, tmp_path / "rtl"))


def test_second_build_compiles_nothing(tmp_path: Path) -> None:
    first = build({"DATA_WIDTH": 64}, rtl_dir=RUDE)
    second = build({"DATA_WIDTH": 64}, rtl_dir=RUDE)
    assert first.compiled
    assert not second.compiled
    assert (first.vvp, first.vpi) == (second.vvp, second.vpi)
    assert [path.name for path in (tmp_path / "cache/vnic/icarus").iterdir()] == [first.vvp.parent.name]


def test_a_parameter_a_source_or_a_header_makes_another_build(tmp_path: Path) -> None:
    rtl = copy_of_rude(tmp_path)
    seen = {build({"DATA_WIDTH": 64}, rtl_dir=rtl).vvp, build({"DATA_WIDTH": 128}, rtl_dir=rtl).vvp}
    (rtl / "vnic.v").write_text((rtl / "vnic.v").read_text() + "\n")
    seen.add(build({"DATA_WIDTH": 64}, rtl_dir=rtl).vvp)
    (rtl / "extra.vh").write_text("`define EXTRA\n")
    seen.add(build({"DATA_WIDTH": 64}, rtl_dir=rtl).vvp)
    assert len(seen) == 4


def test_an_unknown_parameter_is_an_error_and_not_cached(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(BuildError, match="WIDTH_OF_DATA"):
            build({"WIDTH_OF_DATA": 64}, rtl_dir=RUDE)
    assert not list((tmp_path / "cache/vnic/icarus").iterdir())


def test_a_source_that_does_not_compile_is_named(tmp_path: Path) -> None:
    rtl = copy_of_rude(tmp_path)
    (rtl / "vnic.v").write_text("module vnic; nonsense here; endmodule\n")
    with pytest.raises(BuildError, match=r"vnic\.v:1: .*error") as caught:
        build({}, rtl_dir=rtl)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("missing", "advice"), [("iverilog", "apt install iverilog"), ("gcc", "apt install gcc")]
)
def test_a_missing_tool_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, advice: str
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("iverilog", "iverilog-vpi", "vvp", "gcc"):
        if name != missing:
            (tools / name).symlink_to(shutil.which(name) or "")
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(BuildError, match=f"{missing} is not on PATH: .*{advice}"):
        build({}, rtl_dir=RUDE)


def test_an_unwritable_cache_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(BuildError, match="set XDG_CACHE_HOME elsewhere"):
        build({}, rtl_dir=RUDE)


def test_two_builds_at_once_both_succeed(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from vnic.targets.build import build;"
        f"print(build({{'DATA_WIDTH': 256}}, rtl_dir=Path({str(RUDE)!r})).vvp.is_file())"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code], cwd=REPO, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [run.communicate(timeout=60)[0].strip() for run in runs] == ["True"] * 3
    assert len(list((tmp_path / "cache/vnic/icarus").iterdir())) == 1


@pytest.mark.parametrize("name", sorted(path.name for path in (REPO / "sim").glob("*.c")))
def test_c_compiles_without_a_warning(tmp_path: Path, name: str) -> None:
    flags = subprocess.run(
        ["iverilog-vpi", "--cflags"], capture_output=True, text=True, check=True
    ).stdout.split()
    command = [
        "gcc",
        *flags,
        "-std=gnu11",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-c",
        str(find_sources().sim / name),
    ]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "x.o")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_bench_compiles_without_a_warning(tmp_path: Path) -> None:
    sources = find_sources()
    files = [str(path) for path in read_filelist(sources.rtl / "vnic.f")]
    for top, extra in (
        ("vnic_bench", ["hostmem", "axis_source", "axis_sink", "reg_master"]),
        ("vnic_witness_bench", []),
        ("vnic_pure_bench", ["pure_memory"]),
    ):
        bench = [str(sources.sim / f"{name}.v") for name in (top, *extra)]
        command = [
            "iverilog",
            "-g2005",
            "-Wall",
            "-s",
            top,
            f"-I{sources.rtl}",
            "-o",
            str(tmp_path / "x.vvp"),
        ]
        done = subprocess.run([*command, *files, *bench], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, ""), top


def test_filelist_skips_comments_and_options(tmp_path: Path) -> None:
    (tmp_path / "list.f").write_text("// NIC\n+incdir+.\n\na.v  // first\n# shell\nb.v\n-y lib\n")
    assert read_filelist(tmp_path / "list.f") == [tmp_path / "a.v", tmp_path / "b.v"]
