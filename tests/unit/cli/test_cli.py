"""Help, kernels, doctor, and how the command takes its leave."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from vnic.linux.profile import profile_names

COMMANDS = ["sim", "buffer", "kernels", "boot", "doctor", "sweep", "results", "compare", "report"]


@pytest.mark.parametrize("command", [*COMMANDS, "kernel import", "abi check"])
def test_help_has_examples(vnic: Run, command: str) -> None:
    done = vnic(*command.split(), "--help")
    assert done.returncode == 0
    assert "Examples:" in done.stdout
    assert f"vnic {command}" in done.stdout
    assert "--json" in done.stdout
    assert "\x1b" not in done.stdout


def test_every_command_is_among_them(vnic: Run) -> None:
    listed = set(re.findall(r"^│ ([a-z]+) ", vnic("--help").stdout, re.MULTILINE))
    assert listed == {*COMMANDS, "kernel", "abi"}


@pytest.mark.parametrize(
    ("arguments", "named"), [((), ("sim", "buffer", "sweep")), (("kernel",), ("import",))]
)
def test_no_arguments_show_the_commands(
    vnic: Run, arguments: tuple[str, ...], named: tuple[str, ...]
) -> None:
    done = vnic(*arguments)
    assert done.returncode == 2
    assert all(command in done.stdout for command in named)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sim", "--nosuch"), "see `vnic sim --help`"),
        (("kernel", "import"), "see `vnic kernel import --help`"),
        (("kernel", "import", "."), "is a directory"),
        (("nosuch",), "No such command 'nosuch'; see `vnic --help`"),
        (("boot", "--gsi", "24"), "inputs 0 to 23"),
        (("boot", "--data-width", "65"), "64, 128, 256, 512"),
        (("boot", "--memory", "95"), "at least 96 MiB"),
        (("boot", "--timeout", "0"), "more than 0"),
    ],
)
def test_a_wrong_request_is_one_line(vnic: Run, arguments: tuple[str, ...], says: str) -> None:
    done = vnic(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert says in line


def test_version(vnic: Run) -> None:
    import vnic as package

    assert vnic("--version").stdout == f"vnic {package.__version__}\n"


def test_kernels_lists_every_profile_with_its_sources(vnic: Run) -> None:
    listed = json.loads(vnic("kernels", "--json").stdout)
    assert [profile["name"] for profile in listed] == list(profile_names())
    required = {
        "linux-2.4/i386-P4",
        "2.6.9/i386-686",
        "2.6.18/x86_64-generic",
        "2.6.18/ppc64",
        "2.6.36/x86_64",
    }
    assert {profile["name"] for profile in listed} >= required | {"3.3/x86_64", "6.1/x86_64"}
    for profile in listed:
        assert profile["constants"]["NET_SKB_PAD"]["source"]
        assert profile["constants"]["sizeof_skb_shared_info"]["source"]
    text = vnic("kernels").stdout
    assert all(name in text for name in profile_names())


def test_one_kernel_shows_where_each_constant_was_read(vnic: Run) -> None:
    text = vnic("kernels", "6.1/x86_64").stdout
    assert "NET_SKB_PAD" in text
    assert "include/linux/skbuff.h" in text


def test_doctor_finds_what_is_here_and_says_how_to_get_the_rest(vnic: Run, tmp_path: Path) -> None:
    found = {item["name"]: item for item in json.loads(vnic("doctor", "--json").stdout)}
    assert found["Python"]["found"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}")
    assert found.keys() >= {
        "iverilog",
        "gcc",
        "verilator",
        "yosys",
        "qemu-system-x86_64",
        "cocotb",
        "libpython",
    }
    empty = vnic("doctor", env={"PATH": str(tmp_path)})
    assert empty.returncode == 1
    assert "missing" in empty.stdout
    assert "apt install iverilog" in empty.stdout


@pytest.mark.parametrize(
    "arguments", [("--bogus",), ("simulate",), ("sim", "--mtu"), ("kernels", "7.0/x86_64"), ("sim", "a", "b")]
)
def test_a_wrong_request_is_one_line_and_2(vnic: Run, arguments: tuple[str, ...]) -> None:
    done = vnic(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("vnic: ")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    command = f"{sys.executable} -m vnic kernels --json | head -c 1"
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
