"""Who may know whom, and how long a module may be."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MAX_LINES = 300
GENERATED = {"vnic/nic/registers.py"}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [tool, "--no-cache", "--config", folder / "pyproject.toml"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def copy(repo: Path, tmp_path: Path) -> Path:
    shutil.copytree(repo / "vnic", tmp_path / "vnic", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repo / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_rooms_keep_to_the_import_rule(repo: Path) -> None:
    done = lint_imports(repo)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "imports"),
    [
        ("linux/eras.py", "vnic.nic.events"),
        ("nic/events.py", "vnic.linux.eras"),
        ("checks/verdict.py", "vnic.driver.options"),
        ("driver/options.py", "vnic.checks.verdict"),
        ("memory.py", "vnic.linux.profile"),
        ("targets/base.py", "vnic.lab.result"),
        ("lab/result.py", "vnic.cli.console"),
        ("errors.py", "vnic.memory"),
    ],
)
def test_a_forbidden_import_is_caught(copy: Path, module: str, imports: str) -> None:
    path = copy / "vnic" / module
    path.write_text(f"{path.read_text()}\nimport {imports}\n")
    done = lint_imports(copy)
    assert done.returncode == 1
    assert imports in done.stdout


def test_a_room_nobody_placed_is_caught(copy: Path) -> None:
    (copy / "vnic" / "attic.py").write_text('"""Nobody knows where this belongs."""\n')
    assert lint_imports(copy).returncode == 1


def test_no_module_is_too_long_to_read_at_a_sitting(repo: Path) -> None:
    lengths = {
        str(path.relative_to(repo)): len(path.read_text().splitlines())
        for folder in ("vnic", "sim")
        for path in (repo / folder).rglob("*.py")
    }
    assert {name: n for name, n in lengths.items() if n > MAX_LINES and name not in GENERATED} == {}
