"""`vnic buffer` answers at once, to scale, with the verdict and its reason."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from vnic.cli.buffer import scale

KEYS = {"size", "request", "allocated", "size_class", "spill", "waste", "headroom", "dma_offset", "truesize"}


def test_the_comment_of_the_drivers(vnic: Run) -> None:
    done = vnic("buffer", "--json")
    assert done.returncode == 0
    layout = json.loads(done.stdout)
    assert layout.keys() >= KEYS
    assert {key: layout[key] for key in ("size", "request", "allocated", "size_class", "spill", "waste")} == {
        "size": 2048,
        "request": 2240,
        "allocated": 4096,
        "size_class": "size-4096",
        "spill": True,
        "waste": 2048,
    }
    assert (layout["headroom"], layout["dma_offset"], layout["truesize"]) == (18, 18, 2264)
    assert "skb_shared_info decides, even with no headroom" in layout["decides"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("--kernel", "6.1/x86_64"),
            {"size": 1522, "allocated": 1920, "size_class": "page_frag", "truesize": 2176},
        ),
        (("--kernel", "6.1/x86_64", "--mtu", "1400"), {"size": 2048, "allocated": 2432, "truesize": 2688}),
        (
            ("--kernel", "2.6.18/ppc64", "--size", "1522"),
            {"request": 1976, "allocated": 2048, "dma_offset": 0},
        ),
        (
            ("--kernel", "2.6.18/x86_64-generic", "--size", "2048"),
            {"request": 2488, "size_class": "size-4096"},
        ),
        (
            ("--kernel", "linux-2.4/i386-P4", "--size", "16384"),
            {"request": 16572, "size_class": "size-32768"},
        ),
        (
            ("--kernel", "6.1/x86_64", "--size", "2048", "--strategy", "skb"),
            {"allocated": 2432, "spill": False},
        ),
    ],
)
def test_other_kernels_and_sizes(vnic: Run, arguments: tuple[str, ...], expected: dict[str, object]) -> None:
    layout = json.loads(vnic("buffer", *arguments, "--json").stdout)
    assert {key: layout[key] for key in expected} == expected
    assert sum(segment["length"] for segment in layout["segments"]) == layout["allocated"]


def test_drawn_to_scale_without_colour_when_piped(vnic: Run) -> None:
    done = vnic("buffer", env={"NO_COLOR": ""})
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    bar = done.stdout.splitlines()[2]
    assert len(bar) == 96
    assert bar.count("█") == pytest.approx(96 * 2048 / 4096, abs=2)
    assert bar.count("·") == pytest.approx(96 * 1856 / 4096, abs=2)
    assert bar.startswith("▒i█")
    assert "SPILL size-2048 → size-4096" in done.stdout
    assert "The same MTU on 6.1/x86_64: 1522 bytes by build_skb take 1920" in done.stdout


def test_loads_nothing_that_takes_long(tmp_path: Path) -> None:
    """The half second it may take (`make bench`) is gone with any of these imports."""
    code = "import sys; from vnic.cli import main\ntry: main()\nexcept SystemExit: print(*sys.modules)"
    command = [sys.executable, "-c", code, "buffer"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "vnic.linux.layout" in loaded
    assert not loaded & {"scapy", "pyarrow", "cocotb", "numpy", "xml.etree.ElementTree"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--mtu", "45"), "mtu 45: the e1000 driver takes 46 to 16110 bytes"),
        (("--mtu", "1500", "--size", "2048"), "not both"),
        (("--size", "63"), "--size 63: give 64 to 16384 bytes"),
        (("--strategy", "packet-split"), "packet-split"),
        (("--strategy", "build_skb"), "no page fragments"),
        (("--kernel", "6.2/x86_64"), "unknown kernel '6.2/x86_64': did you mean"),
        (("--size", "many"), "valid integer"),
    ],
)
def test_bad_requests(vnic: Run, arguments: tuple[str, ...], says: str) -> None:
    done = vnic("buffer", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert says in done.stderr
    assert done.stderr.startswith("vnic: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("columns", [20, 96])
@pytest.mark.parametrize("lengths", [[1, 1, 1, 4093], [0, 0, 7], [16, 2, 2048, 14, 160, 1856]])
def test_scale_fills_the_line_and_hides_nothing(lengths: list[int], columns: int) -> None:
    widths = scale(lengths, columns)
    assert sum(widths) == columns
    assert all((width > 0) == (length > 0) for width, length in zip(widths, lengths, strict=True))
