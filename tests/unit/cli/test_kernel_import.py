"""`vnic kernel import`: a profile that every command takes, and one line for each file that will not do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.linux.kernel_files import bzimage, elf, kernel_btf

NAME = "vmlinuz-6.1.0-9-amd64"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(bzimage(elf(kernel_btf().bytes())))
    (tmp_path / "config-6.1.0-9-amd64").write_text("CONFIG_SLUB=y\nCONFIG_X86_L1_CACHE_SHIFT=6\n")
    return path


def test_a_profile_for_every_command(vnic: Run, image: Path, tmp_path: Path) -> None:
    done = vnic("kernel", "import", image)
    assert done.returncode == 0, done.stderr
    assert "CONFIG_X86_L1_CACHE_SHIFT=6 in config-6.1.0-9-amd64" in done.stdout
    assert "not seen in this very kernel" in done.stdout
    profile = "6.1.0-9-amd64.toml"
    assert (tmp_path / profile).is_file()
    shown = json.loads(vnic("kernels", profile, "--json").stdout)
    assert shown["constants"]["sizeof_sk_buff"] == {
        "value": 232,
        "source": f"BTF of {NAME}",
        "established": True,
    }
    assert shown["constants"]["NET_SKB_PAD"]["established"] is False
    buffer = json.loads(vnic("buffer", "--kernel", profile, "--driver", "e1000", "--json").stdout)
    assert (buffer["kernel"], buffer["allocated"]) == (profile, 1920)
    both = vnic("buffer", "--compare", f"{profile},6.1", "--svg", "both.svg")
    assert both.returncode == 0
    assert "6.1.0-9-amd64<" in (tmp_path / "both.svg").read_text()
    run = vnic("sim", "--target", "model", "--kernel", profile, "--out", "result", "--json")
    assert json.loads(run.stdout)["kernel"] == profile


def test_as_json_and_never_over_an_older_one(vnic: Run, image: Path, tmp_path: Path) -> None:
    found = json.loads(vnic("kernel", "import", image, "--out", "mine.toml", "--json").stdout)
    assert (found["schema"], found["out"], found["version"], found["arch"]) == (
        1,
        "mine.toml",
        "6.1.0",
        "x86_64",
    )
    before = (tmp_path / "mine.toml").read_bytes()
    again = vnic("kernel", "import", image, "--out", "mine.toml")
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == "vnic: mine.toml exists: give --force to replace it, or another --out\n"
    assert vnic("kernel", "import", image, "--out", "mine.toml", "--force").returncode == 0
    assert (tmp_path / "mine.toml").read_bytes() == before


def test_raw_btf_needs_words(vnic: Run, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(kernel_btf().bytes())
    assert "give --arch, such as x86_64" in vnic("kernel", "import", "raw").stderr
    assert "give --release, such as 6.1.192" in vnic("kernel", "import", "raw", "--arch", "x86_64").stderr
    done = vnic("kernel", "import", "raw", "--arch", "x86_64", "--release", "6.12.3", "--out", "a.toml")
    assert done.returncode == 0, done.stderr


def _bad(folder: Path) -> dict[str, Path]:
    good = bzimage(elf(kernel_btf().bytes()))
    files = {
        "truncated": good[: len(good) // 2],
        "foreign": b"#!/bin/sh\nexit 0\n" * 100,
        "empty": b"",
        "no-btf": bzimage(elf(None)),
        "big-endian": kernel_btf(">").bytes(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in (*files, "absent")}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("truncated", "is truncated: 278 bytes of kernel announced, 0 there"),
        ("foreign", "has no HdrS header: give an x86 vmlinuz, a vmlinux"),
        ("empty", "has no HdrS header: give an x86 vmlinuz, a vmlinux"),
        ("no-btf", "no .BTF section: its kernel was built without CONFIG_DEBUG_INFO_BTF"),
        ("big-endian", "big-endian: is of a big endian machine, which x86_64 is not"),
        ("absent", "No such file or directory; check the path"),
    ],
)
def test_a_file_that_will_not_do(vnic: Run, tmp_path: Path, name: str, says: str) -> None:
    path = _bad(tmp_path)[name]
    done = vnic("kernel", "import", path, "--arch", "x86_64", "--release", "6.1", "--out", "mine.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr
    assert not (tmp_path / "mine.toml").exists()


def test_a_configuration_that_is_not_there(vnic: Run, image: Path) -> None:
    done = vnic("kernel", "import", image, "--config", "absent", "--out", "mine.toml")
    assert (done.returncode, done.stderr) == (
        2,
        "vnic: kernel configuration absent: No such file or directory; check the path\n",
    )


def test_names_that_will_not_do(vnic: Run, image: Path) -> None:
    done = vnic("kernel", "import", image, "--out", "mine.txt")
    assert (done.returncode, done.stderr) == (
        2,
        "vnic: --out mine.txt: give a name that ends in .toml, by which --kernel knows a file\n",
    )
    done = vnic("kernel", "import", image, "--out", "absent/mine.toml")
    assert done.returncode == 1
    assert "cannot write absent/mine.toml: No such file or directory" in done.stderr


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("NET_SKB_PAD = { value = 1, source = 'x' }", "constant NET_SKB_PAD is 1; it must be 16 to 1024"),
        ("", "constant NET_SKB_PAD is missing; give its value and source"),
        ("NET_SKB_PADS = { value = 64, source = 'x' }", "unknown constant NET_SKB_PADS; did you mean"),
    ],
)
@pytest.mark.parametrize(
    "command", [("buffer", "--kernel"), ("kernels",), ("sim", "--target", "model", "--kernel")]
)
def test_a_wrong_profile_is_one_line_everywhere(
    vnic: Run, image: Path, tmp_path: Path, command: tuple[str, ...], line: str, says: str
) -> None:
    assert vnic("kernel", "import", image, "--out", "mine.toml").returncode == 0
    path = tmp_path / "mine.toml"
    lines = [line if each.startswith("NET_SKB_PAD ") else each for each in path.read_text().splitlines()]
    path.write_text("\n".join(lines))
    done = vnic(*command, "mine.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("vnic: kernel profile mine.toml: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
