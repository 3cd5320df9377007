"""Reception through the RTL: all sizes, all widths, any alignment, with and without back-pressure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.sim.helpers import icarus

# All lengths round the first few beats of every width, then both sides of every border up to jumbo.
SHORT = list(range(60, 200))
BORDERS = [
    size + step
    for size in (256, 512, 1024, 1518, 2048, 4096, 6000, 8192, 9000)
    for step in range(-3, 3)
    if size + step <= 9000
]
STALLS = {"stall": 90, "rx_stall": 60, "write_latency": 60, "writeback_latency": 2}


def receive(out: Path, width: int, lengths: list[int], buffer: int, **job: Any) -> dict[str, int]:
    beats = job.get("parameters", {}).get("MAX_BURST_BEATS", 64)
    spec = {
        "seed": width + buffer,
        "lengths": lengths,
        "buffer": buffer,
        "batch": 40,
        "strip": job.pop("strip", False),
        "max_beats": beats,
    }
    value: dict[str, int] = icarus(out, "receive:sizes", spec, width, **job).value
    assert value["frames"] == len(lengths)
    return value


@pytest.mark.parametrize("width", [64, 128, 256, 512])
def test_all_sizes_at_random_alignment(tmp_path: Path, width: int) -> None:
    receive(tmp_path, width, SHORT + BORDERS, 16384)


@pytest.mark.parametrize("width", [64, 512])
def test_all_sizes_under_back_pressure(tmp_path: Path, width: int) -> None:
    receive(tmp_path, width, SHORT[::2] + BORDERS[::2], 16384, plusargs=STALLS, seed=width)


@pytest.mark.parametrize(("width", "buffer"), [(64, 256), (128, 512), (256, 2048), (512, 256)])
def test_frames_span_descriptors(tmp_path: Path, width: int, buffer: int) -> None:
    lengths = [
        factor * buffer + step
        for factor in (1, 2, 3, 4)
        for step in (-5, -4, -3, -1, 0, 1, 4)
        if factor * buffer + step >= 60
    ]
    receive(tmp_path, width, [*lengths, 9000], buffer, plusargs=STALLS, strip=buffer == 512)


@pytest.mark.parametrize("beats", [1, 16])
def test_burst_limit_is_kept(tmp_path: Path, beats: int) -> None:
    value = receive(tmp_path, 64, [60, 61, 128, 1514, 9000], 16384, parameters={"MAX_BURST_BEATS": beats})
    assert value["bursts"] >= 9000 // (8 * beats)


@pytest.mark.parametrize("nowhere", [1 << 26, (1 << 63) + 4096])
def test_buffer_outside_memory_hurts_no_other_frame(tmp_path: Path, nowhere: int) -> None:
    writes = icarus(tmp_path, "receive:outside", {"nowhere": nowhere}, 128).value
    assert [[0x20_0000, True], [nowhere, False], [0x20_1000, True]] == writes
