"""`vnic sim` on the Verilog NIC: agreement, cycles that repeat, and every way a simulator can fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.conftest import vnic as vnic  # the fixture
from tests.unit.cli.test_capture import pcap
from tests.unit.cli.test_sim import assert_refused, left

FRAMES = [bytes.fromhex("525400123456525400123401 0800") + bytes([n]) * (46 + 97 * n) for n in range(15)]


@pytest.fixture
def few(tmp_path: Path) -> Path:
    path = tmp_path / "few.pcap"
    path.write_bytes(pcap(FRAMES))
    return path


def simulators() -> set[int]:
    """Processes of this user that are vvp."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "comm").read_text().strip() == "vvp":
                    found.add(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def children(pid: int) -> set[int]:
    """The simulators that process `pid` started."""
    mine = set()
    for simulator in simulators():
        try:
            fields = Path(f"/proc/{simulator}/stat").read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            mine.add(simulator)
    return mine


def test_the_default_run_agrees_and_finds_the_spill(vnic: Run, tmp_path: Path) -> None:
    done = vnic("sim", "--out", "run", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["agree"] is True
    assert result["received"] == result["frames"] == 283
    assert [v["id"] for v in result["verdicts"] if v["severity"] == "warning"] == ["slab-spill"]
    assert all(verdict["targets"] == ["model", "icarus"] for verdict in result["verdicts"])
    assert result["cycles_per_frame"] > 0
    assert result["beats_per_frame"] > 0
    assert (tmp_path / "run" / "targets" / "icarus" / "dma.parquet").is_file()
    assert not (tmp_path / "run" / "icarus.work").exists()


@pytest.mark.parametrize("mode", ["reflect", "loopback"])
def test_what_is_sent_agrees_too(vnic: Run, few: Path, mode: str) -> None:
    result = json.loads(vnic("sim", few, "--mode", mode, "--data-width", "128", "--json").stdout)
    assert result["agree"] is True
    assert result["received"] == len(FRAMES)


def test_the_same_seed_gives_the_same_cycles_and_compiles_once(vnic: Run, few: Path) -> None:
    runs = [
        json.loads(vnic("sim", few, "--target", "icarus", "--seed", "3", "--json").stdout) for _ in range(2)
    ]
    assert runs[0]["cycles_per_frame"] == runs[1]["cycles_per_frame"]
    assert runs[1]["targets"]["icarus"]["compiled"] is False


def test_waves_are_written_and_named(vnic: Run, few: Path, tmp_path: Path) -> None:
    done = vnic("sim", few, "--target", "icarus", "--out", "run", env={"WAVES": "1"})
    assert done.returncode == 0, done.stderr
    waves = tmp_path / "run" / "waves.fst"
    assert str(waves) in done.stdout
    # An FST begins with a header block: type 0, then its length 329 (GTKWave's fstapi).
    assert waves.read_bytes()[:9] == b"\x00" + (329).to_bytes(8, "big")


def test_no_simulator_on_the_path(vnic: Run, few: Path, tmp_path: Path) -> None:
    done = vnic("sim", few, env={"PATH": str(tmp_path)})
    assert_refused(done, 1, "iverilog is not on PATH")
    assert left(tmp_path) == ["few.pcap"]


def fake(folder: Path, script: str) -> dict[str, str]:
    """A PATH on which vvp is a shell script."""
    folder.mkdir()
    (folder / "vvp").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "vvp").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo something broke; kill -SEGV $$", "was ended by SIGSEGV"),
        ("echo something broke; exit 3", "exit code 3"),
        ("echo something broke", "exit code 0"),
    ],
)
def test_a_simulator_that_crashes(vnic: Run, few: Path, tmp_path: Path, script: str, says: str) -> None:
    environment = fake(tmp_path / "bin", script) | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = vnic("sim", few, "--target", "icarus", env=environment)
    assert_refused(done, 1, says)
    log = tmp_path / "cache" / "vnic" / "failed-simulation.log"
    assert str(log) in done.stderr
    assert "something broke" in log.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"few.pcap", "bin", "cache"}


def long_run(tmp_path: Path) -> subprocess.Popen[str]:
    """A run that is inside the simulator, for minutes."""
    content = pcap(FRAMES)
    (tmp_path / "long.pcap").write_bytes(content[:24] + content[24:] * 2000)
    process = subprocess.Popen(
        [sys.executable, "-m", "vnic", "sim", "long.pcap", "--target", "icarus", "--out", "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".run.partial-*/targets/.icarus.partial-*/dma.parquet")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def finish(process: subprocess.Popen[str], tmp_path: Path) -> str:
    """What it said; and that neither files nor processes are left of it."""
    mine = children(process.pid)
    out, err = process.communicate(timeout=60)
    assert out == ""
    assert err.startswith("vnic: ")
    assert err.count("\n") == 1
    assert left(tmp_path) == ["long.pcap"]
    deadline = time.monotonic() + 10
    while mine & simulators() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not mine & simulators()
    return err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_simulator_too(tmp_path: Path, number: signal.Signals) -> None:
    process = long_run(tmp_path)
    assert children(process.pid)
    process.send_signal(number)
    finish(process, tmp_path)
    assert process.returncode == 128 + number


def test_a_simulator_that_is_killed(tmp_path: Path) -> None:
    process = long_run(tmp_path)
    for simulator in children(process.pid):
        os.kill(simulator, signal.SIGKILL)
    assert "was ended by SIGKILL" in finish(process, tmp_path)
    assert process.returncode == 1


def test_a_simulator_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    process = long_run(tmp_path)
    mine = children(process.pid)
    assert mine
    process.kill()
    process.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while mine & simulators() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not mine & simulators()


def test_a_profile_in_a_file_reaches_the_simulator(vnic: Run, few: Path, tmp_path: Path, repo: Path) -> None:
    """By a path relative to where the command runs, which the simulator does not."""
    shipped = repo / "vnic/linux/profiles/6.1/x86_64.toml"
    (tmp_path / "mine.toml").write_text(shipped.read_text())
    done = vnic("sim", few, "--target", "icarus", "--kernel", "mine.toml", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kernel"] == "mine.toml"
