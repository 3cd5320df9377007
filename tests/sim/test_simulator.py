"""Starting, following and ending the simulator: whatever happens, one line, and nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.sim.helpers import REPO, icarus
from vnic.errors import UsageError, VnicError
from vnic.targets.icarus import SimulatorFailed


def orphans(out: Path) -> list[int]:
    """Processes that still run in `out`, as the simulator does."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink() == out:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def gone(out: Path) -> bool:
    """Whether the simulator disappears within a few seconds."""
    until = time.monotonic() + 5
    while orphans(out) and time.monotonic() < until:
        time.sleep(0.05)
    return not orphans(out)


def test_an_answer_comes_back_and_progress_on_the_way(tmp_path: Path) -> None:
    result = icarus(tmp_path, "trouble:misbehave", {"how": "well"}, memory_size=1 << 20)
    assert result.value["how"] == "well"
    assert result.value["size"] == 1 << 20
    assert result.waves is None
    assert result.cpu_s > 0
    assert gone(tmp_path)


def test_waves_are_an_fst_file(tmp_path: Path) -> None:
    result = icarus(tmp_path, "trouble:misbehave", {"how": "well"}, waves=True)
    assert result.waves is not None
    assert result.waves.stat().st_size > 1000


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("usage", UsageError, "mtu 7: the driver takes"),
        ("bug", SimulatorFailed, "KeyError: 'nothing here'"),
        ("crash", SimulatorFailed, "SIGABRT"),
        ("exit", SimulatorFailed, "exit code 3"),
    ],
)
def test_trouble_inside_is_one_line(tmp_path: Path, how: str, kind: type[VnicError], message: str) -> None:
    with pytest.raises(VnicError) as caught:
        icarus(tmp_path, "trouble:misbehave", {"how": how})
    assert type(caught.value) is kind
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    if kind is SimulatorFailed:
        assert str(tmp_path / "cosim.log") in str(caught.value)
    assert gone(tmp_path)


def test_a_silent_simulator_is_ended(tmp_path: Path) -> None:
    with pytest.raises(SimulatorFailed, match="no progress for 3 s"):
        icarus(tmp_path, "trouble:misbehave", {"how": "hang"}, silence_s=3.0)
    assert gone(tmp_path)


HANG = """
from pathlib import Path
from tests.sim.helpers import icarus
icarus(Path({out!r}), "trouble:misbehave", {{"how": "hang"}})
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_simulator_goes_when_its_parent_does(tmp_path: Path, number: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", HANG.format(out=str(tmp_path))], cwd=REPO, stderr=subprocess.PIPE
    )
    try:
        until = time.monotonic() + 30
        # The log names Python once the death signal has been asked for.
        while b"vpi_iterate" not in _log(tmp_path) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.5)
        assert orphans(tmp_path)
        parent.send_signal(number)
        parent.communicate(timeout=10)
    finally:
        parent.kill()
    assert gone(tmp_path)


def _log(out: Path) -> bytes:
    path = out / "cosim.log"
    return path.read_bytes() if path.exists() else b""


def test_an_output_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cosim.log").mkdir()
    with pytest.raises(VnicError, match=r"cosim\.log: Is a directory"):
        icarus(tmp_path, "trouble:misbehave", {"how": "well"})


def test_unknown_bus(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="native or cocotbext"):
        icarus(tmp_path, "trouble:misbehave", {"how": "well"}, bus="pci")


def test_shared_memory_is_as_it_was(tmp_path: Path) -> None:
    shared = Path("/dev/shm")
    before = set(shared.iterdir())
    icarus(tmp_path, "trouble:misbehave", {"how": "well"})
    assert set(shared.iterdir()) == before
