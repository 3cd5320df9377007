"""Driver, kernel and checks on the RTL: the same session as on the behavioural NIC, and on foreign buses."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from typing import Any

import pytest

from vnic.checks.scoreboard import compare
from vnic.errors import VnicError
from vnic.nic.port import WireFrame
from vnic.targets.icarus import IcarusResult
from vnic.targets.run import RunSpec, read_frames, read_received, run_on_icarus, run_on_model, write_frames

STALLS = {"stall": 70, "rx_stall": 40, "tx_stall": 80, "line_penalty": 3}


def spec_for(out: Path, count: int, profile: str, mode: str, **driver: Any) -> RunSpec:
    """A run over `count` random frames that suit the MTU."""
    rng = random.Random(count)
    longest = driver.get("mtu", 1500)
    frames = [
        WireFrame(rng.randbytes(12) + b"\x08\x00" + rng.randbytes(rng.choice((46, rng.randint(46, longest)))))
        for _ in range(count)
    ]
    write_frames(out / "frames", frames)
    return RunSpec(profile, str(out / "frames"), count, driver, mode, checks=True)


def both(out: Path, spec: RunSpec, **job: Any) -> IcarusResult:
    """Run on model and RTL; the scoreboard must find nothing and no check may find an error."""
    expected = run_on_model(dataclasses.replace(spec, record=str(out / "model")))
    result = run_on_icarus(dataclasses.replace(spec, record=str(out / "icarus")), out, silence_s=120, **job)
    assert compare([out / "model", out / "icarus"]) == []
    for value in (expected, result.value):
        assert value["received"] == spec.count
        assert [verdict for verdict in value["verdicts"] if verdict["severity"] == "error"] == []
    for key in ("registers", "hardware", "stats", "buffer", "strategy"):
        assert result.value[key] == expected[key], key
    return result


@pytest.mark.parametrize(
    ("width", "profile", "mode", "driver"),
    [
        (64, "6.1/x86_64", "receive", {}),
        (128, "2.6.18/x86_64-generic", "reflect", {"mtu": 9000}),
        (256, "2.6.9/i386-686", "reflect", {"buffer": 256, "mtu": 4000}),
        (512, "3.3/x86_64", "loopback", {"loopback": True}),
    ],
)
def test_model_and_rtl_agree(
    tmp_path: Path, width: int, profile: str, mode: str, driver: dict[str, Any]
) -> None:
    spec = spec_for(tmp_path, 60, profile, mode, **driver)
    both(tmp_path, spec, parameters={"DATA_WIDTH": width}, plusargs=STALLS, seed=3)


def test_more_frames_than_ring_and_fifo_hold(tmp_path: Path) -> None:
    spec = spec_for(tmp_path, 300, "6.1/x86_64", "receive", rx_ring=64)
    both(tmp_path, spec, parameters={"DATA_WIDTH": 512}, plusargs={"stall": 200})


def test_foreign_buses_tell_the_same(tmp_path: Path) -> None:
    spec = spec_for(tmp_path, 12, "6.1/x86_64", "reflect")
    native = both(tmp_path, spec, parameters={"DATA_WIDTH": 128})
    witness = run_on_icarus(
        dataclasses.replace(spec, record=str(tmp_path / "witness")),
        tmp_path,
        parameters={"DATA_WIDTH": 128},
        bus="cocotbext",
        silence_s=120,
    )
    assert compare([tmp_path / "icarus", tmp_path / "witness"]) == []
    for key in ("received", "transmitted", "registers", "hardware", "stats", "verdicts"):
        assert witness.value[key] == native.value[key], key


def test_received_frames_can_be_kept(tmp_path: Path) -> None:
    spec = dataclasses.replace(spec_for(tmp_path, 5, "6.1/x86_64", "receive"), received=str(tmp_path / "got"))
    run_on_icarus(spec, tmp_path)
    sent = [frame.data for frame in read_frames(tmp_path / "frames")]
    got = list(read_received(tmp_path / "got"))
    assert [frame.data[: len(data)] for frame, data in zip(got, sent, strict=True)] == sent
    assert 0 < got[0].time_ns <= got[-1].time_ns


def test_a_full_disk_is_one_line_and_leaves_no_record(tmp_path: Path) -> None:
    spec = spec_for(tmp_path, 60, "6.1/x86_64", "receive")
    spec = dataclasses.replace(spec, received="/dev/full", record=str(tmp_path / "record"))
    with pytest.raises(VnicError, match=r"^/dev/full: No space left on device; make room") as raised:
        run_on_model(spec)
    assert "\n" not in str(raised.value)
    with pytest.raises(VnicError, match=r"^/dev/full: No space left on device; make room"):
        run_on_icarus(spec, tmp_path)
    assert not (tmp_path / "record").exists()
