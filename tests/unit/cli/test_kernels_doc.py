"""docs/kernels.md: its example profile loads, and the commands that show its findings run and say so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run

TEXT = (Path(__file__).parents[3] / "docs/kernels.md").read_text(encoding="utf-8")
FINDINGS = re.findall(r"\| `(vnic [^`]*)` \|$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("command", FINDINGS)
def test_each_finding_has_a_command_that_runs(vnic: Run, command: str) -> None:
    done = vnic(*shlex.split(command)[1:])
    assert (done.returncode, done.stderr) == (0, "")


def test_there_are_findings() -> None:
    assert len(FINDINGS) >= 10


def test_the_example_profile_is_a_kernel(vnic: Run, tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert example is not None
    (tmp_path / "mine.toml").write_text(example[1])
    shown = vnic("buffer", "--compare", "mine.toml,6.3").stdout
    printed = re.search(r"\$ vnic buffer --compare mine.toml,6.3\n(.*?)\n…", TEXT, re.DOTALL)
    assert printed is not None
    assert [line.rstrip() for line in shown.splitlines()][: printed[1].count("\n") + 1] == printed[1].split(
        "\n"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--kernel", "2.6.32"), "SPILL kmalloc-2048 → kmalloc-4096"),
        (("--kernel", "2.6.32"), "hold to the byte"),
        (("--kernel", "2.6.36"), "hold, with 17 to spare"),
        (("--kernel", "2.6.18/x86_64-k8", "--path", "gre,vlan"), ", 2 heads copied"),
        (("--kernel", "3.3", "--path", "gre,vlan"), ", 1 head copied"),
        (("--kernel", "3.5", "--path", "gre,vlan"), ", 0 heads copied"),
        (("--kernel", "6.1", "--path", "vxlan"), ", 1 head copied"),
        (("--kernel", "2.6.35", "--path", "vxlan"), ", 0 heads copied"),
        (("--kernel", "2.6.32", "--mapping", "swiotlb"), "DMA start  byte 0 of its cache line"),
        (("--kernel", "2.6.36"), "10 of 10 loads of IP and TCP header misaligned"),
        (("--kernel", "6.1", "--driver", "e1000e"), "The first fill may sleep: 1522 bytes by skb take 2048"),
    ],
)
def test_what_the_findings_say(vnic: Run, arguments: tuple[str, ...], says: str) -> None:
    assert says in vnic("buffer", *arguments).stdout
