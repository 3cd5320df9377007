"""The wheel carries all it needs: installed in an empty environment it runs from an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def wheel(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, repo],
        check=True,
        capture_output=True,
        timeout=200,
    )
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it; ours lends what it depends on, so nothing is downloaded."""
    folder = tmp_path_factory.mktemp("env") / "venv"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    site = next((folder / "lib").glob("python*/site-packages"))
    # A folder named in a .pth file has its own .pth files ignored: our editable vnic stays out of it.
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "-q",
        "--no-deps",
        "--no-index",
    ]
    subprocess.run([*install, wheel], check=True, capture_output=True, timeout=120)
    return python


def test_it_holds_sources_types_and_licence_and_nothing_built(wheel: Path, repo: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"vnic/_data/{path.relative_to(repo)}" for path in (repo / "rtl").glob("*.v*")}
    wanted |= {
        "vnic/_data/rtl/vnic.f",
        "vnic/_data/sim/hostmem.c",
        "vnic/_data/sim/hostmem.h",
        "vnic/_data/sim/vnic_cosim.py",
    }
    wanted |= {"vnic/_data/mixed.pcap", "vnic/py.typed", "vnic/linux/profiles/6.1/x86_64.toml"}
    assert names >= wanted
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.endswith((".vpi", ".vvp", ".fst", ".pyc", ".o"))]


def test_it_runs_from_an_empty_folder(python: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("PYTHONPATH", None)
    where = [str(python), "-c", "import vnic; print(vnic.__file__)"]
    package = subprocess.check_output(where, cwd=work, env=environment, text=True)
    assert Path(package.strip()).is_relative_to(python.parent.parent)
    target = "both" if shutil.which("iverilog") else "model"
    done = subprocess.run(
        [python.with_name("vnic"), "sim", "--target", target, "--json"],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["received"] == result["frames"] > 0
    assert result["agree"] is (True if target == "both" else None)
    (left,) = (work / "out").iterdir()
    assert str(left) == result["out"]
