"""The bench notices a master that breaks the rules of AXI and says which, in one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.sim.helpers import icarus
from vnic.errors import VnicError

RUDE = Path(__file__).parent / "rude"


def burst(
    out: Path, width: int = 64, *, spec: Mapping[str, int] | None = None, **plusargs: int
) -> dict[str, Any]:
    value: dict[str, Any] = icarus(
        out, "trouble:start_burst", spec or {}, width, rtl_dir=RUDE, plusargs=plusargs
    ).value
    return value


@pytest.mark.parametrize("width", [64, 128, 256, 512])
def test_a_master_with_manners_is_served(tmp_path: Path, width: int) -> None:
    value = burst(tmp_path, width)
    size = width // 8
    assert value["memory"] == "5a" * 16
    assert value["frames"] == ["5a" * 2 * size]
    write, read = value["events"]
    # [time, master, write, address, length, strobes, burst address, beats, beat bytes, ok]
    assert write[1:] == [0, True, 0x1000, 2 * size, 2 * size, 0x1000, 2, size, True]
    assert read[1:] == [6, False, 0x1000, 2 * size, 2 * size, 0x1000, 2, size, True]
    assert write[0] < read[0]
    assert value["traffic"] == (1 if width < 256 else 0)


def test_latencies_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    def times(**plusargs: int) -> tuple[int, int]:
        write, read = burst(tmp_path, 64, spec=None, **plusargs)["events"]
        return write[0], read[0] - write[0]

    base = times(write_latency=10, read_latency=10)
    assert times(write_latency=25, read_latency=10) == (base[0] + 15 * 4, base[1])
    assert times(write_latency=10, read_latency=17) == (base[0], base[1] + 7 * 4)


@pytest.mark.parametrize(
    ("rude", "message"),
    [
        (1, "WLAST set on beat 1 of 2"),
        (2, "WLAST missing on beat 2 of 2"),
        (3, "X or Z in a strobed byte of the write at 0x1000"),
        (4, "AW channel: size 1 burst 1"),
        (5, "write strobe below AWADDR 0x1004"),
        (6, "W changed or was withdrawn"),
        (7, "VALID or READY of the NIC is X or Z"),
        (8, "TKEEP 0xfd on a beat with TLAST 0"),
        (9, "not at rest"),
        (10, "register read is not answered"),
        (11, "AW changed or was withdrawn"),
        (12, "a beat changed or was withdrawn"),
    ],
)
def test_bad_manners_are_named(tmp_path: Path, rude: int, message: str) -> None:
    stalls: dict[str, int] = {"stall": 240, "tx_stall": 240} if rude in (6, 11, 12) else {}
    repeat = {"read": int(rude == 10), "bursts": 8 if stalls else 1}
    with pytest.raises(VnicError) as caught:
        burst(tmp_path, 64, spec=repeat, rude=rude, **stalls)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plusarg_out_of_range_stops_the_bench(tmp_path: Path) -> None:
    with pytest.raises(VnicError, match="latency is below 2"):
        burst(tmp_path, read_latency=1)
