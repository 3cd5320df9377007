"""`vnic buffer` answers at once, to scale, with the verdict and its reason."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.unit.cli.conftest import Run
from vnic.cli.buffer_draw import scale

KEYS = {"size", "request", "allocated", "size_class", "spill", "waste", "headroom", "dma_offset", "truesize"}


def test_the_comment_of_the_drivers(vnic: Run) -> None:
    done = vnic("buffer", "--json")
    assert done.returncode == 0
    layout = json.loads(done.stdout)
    assert layout.keys() >= KEYS
    assert set(layout["cpu"]) >= {"ip_misaligned", "misaligned", "rps_lines", "header_lines", "trapped"}
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


def test_a_driver_of_its_era(vnic: Run) -> None:
    """e1000 of 2.6.32 has no small buffer for an MTU below 1500."""
    done = vnic("buffer", "--driver", "e1000", "--kernel", "2.6.32", "--mtu", "1400", "--json")
    layout = json.loads(done.stdout)
    assert (layout["kernel"], layout["size"], layout["size_class"]) == ("2.6.32/x86_64", 2048, "kmalloc-4096")
    e1000e = json.loads(vnic("buffer", "--driver", "e1000e", "--kernel", "6.1", "--json").stdout)
    assert (e1000e["size_class"], e1000e["first_fill"]["size_class"]) == ("page_frag", "kmalloc-2k")
    split = json.loads(
        vnic("buffer", "--driver", "e1000e", "--kernel", "6.1", "--mtu", "9000", "--json").stdout
    )
    assert (split["strategy"], split["size_class"], split["allocated"]) == (
        "packet-split",
        "kmalloc-512",
        12800,
    )


@pytest.mark.parametrize(("mapping", "offset"), [("direct", 34), ("iommu", 34), ("swiotlb", 0)])
def test_what_stands_between(vnic: Run, mapping: str, offset: int) -> None:
    layout = json.loads(vnic("buffer", "--kernel", "2.6.32", "--mapping", mapping, "--json").stdout)
    assert (layout["mapping"], layout["dma_offset"]) == (mapping, offset)


def test_transmit_headroom_and_cpu(vnic: Run) -> None:
    shown = vnic("buffer", "--kernel", "2.6.32").stdout
    assert "up to 32 bytes more go in front without a copy" in shown
    assert "hold to the byte" in shown
    assert re.search(r"gre over vlan +2 +1 +1548 +2160", shown)
    assert "0 of 10 loads of IP and TCP header misaligned" in shown
    assert "kmalloc-2048 1502" in shown
    steps = vnic("buffer", "--kernel", "2.6.18/x86_64-k8", "--path", "gre,vlan").stdout
    assert re.search(r"gre +24 +56 +48 +copies the head", steps)
    assert "2 heads copied: 3080 bytes copied, 3888 allocated" in steps
    assert "do not hold here" in steps


EIGHT = "linux-2.4,2.6.9,2.6.18/ppc64,2.6.32,3.2,3.5,6.1,6.18"


def test_eight_kernels_side_by_side(vnic: Run, tmp_path: Path) -> None:
    done = vnic("buffer", "--compare", EIGHT, "--svg", "eight.svg")
    assert done.returncode == 0
    assert re.search(r"2\.6\.32/x86_64 +1522 +skb +2096 +4096 +kmalloc-4096, SPILL +63 % +1832", done.stdout)
    assert re.search(r"2\.6\.32/x86_64 +0 +478 +1502 +3550 +7646 +-", done.stdout)
    assert max(map(len, done.stdout.splitlines())) <= 110
    drawing = ElementTree.parse(tmp_path / "eight.svg").getroot()
    assert drawing is not None
    text = "".join(drawing.itertext())
    assert "largest buffer that fits: kmalloc-512 0, kmalloc-1024 478, kmalloc-2048 1502" in text


def test_compared_as_json(vnic: Run) -> None:
    found = json.loads(vnic("buffer", "--compare", "2.6.32,6.1", "--mtu", "1400", "--json").stdout)
    assert found["schema"] == 1
    assert [(each["kernel"], each["allocated"]) for each in found["kernels"]] == [
        ("2.6.32/x86_64", 4096),
        ("6.1/x86_64", 2432),
    ]
    assert {"fits", "cpu", "transmit"} <= found["kernels"][0].keys()


def test_a_drawing_that_cannot_be_written(vnic: Run) -> None:
    done = vnic("buffer", "--svg", "absent/one.svg")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "vnic: cannot write absent/one.svg: No such file or directory; give another --svg\n"


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
    slow = {
        "scapy",
        "pyarrow",
        "cocotb",
        "numpy",
        "xml.etree.ElementTree",
        "construct",
        "vnic.driver.e1000",
        "xml.sax",
    }
    assert not loaded & slow


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--mtu", "45"), "mtu 45: e1000 takes 46 to 16110"),
        (("--mtu", "1500", "--size", "2048"), "not both"),
        (("--size", "63"), "--size 63: give 64 to 16384 bytes"),
        (("--strategy", "packet-split"), "packet-split"),
        (("--strategy", "build_skb"), "no page fragments"),
        (("--kernel", "6.2/x86_64"), "unknown kernel '6.2/x86_64': did you mean"),
        (("--size", "many"), "valid int"),
        (
            ("--kernel", "2.6.18"),
            "one of several: give 2.6.18/ppc64, 2.6.18/x86_64-generic or 2.6.18/x86_64-k8",
        ),
        (("--driver", "igb"), "unknown driver 'igb': give one of e1000, e1000e"),
        (("--driver", "e1000e"), "e1000e is not in Linux 2.6.9 (2.6.9/i386-686); it came with 2.6.24"),
        (("--driver", "e1000e", "--size", "2048"), "give --mtu with it, not --size"),
        (("--mapping", "none"), "unknown DMA mapping 'none': give one of direct, swiotlb, iommu"),
        (("--path", "gre,"), "--path 'gre,': give names with commas between"),
        (("--path", "ppp"), "unknown encapsulation 'ppp'"),
        (("--hardware-header", "257"), "hardware headers up to 256"),
        (("--compare", "6.1,,3.2"), "--compare '6.1,,3.2': give kernels with commas between"),
        (("--compare", "6.1", "--kernel", "3.2"), "--kernel or --compare, not both"),
        (("--compare", "6.1", "--path", "gre"), "give them without --compare"),
        (("--compare", "6.1,9.9"), "unknown kernel '9.9': did you mean 6.18/x86_64?"),
        (("--kernel", "absent.toml"), "kernel profile absent.toml: No such file or directory"),
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
