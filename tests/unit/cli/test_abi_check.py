"""`vnic abi check`: silence's one line when they agree, both layouts and exit code 1 when not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.linux.kernel_files import elf

GOOD = """
typedef unsigned long long __le64; typedef unsigned short __le16; typedef unsigned char u8;
struct rx_desc { __le64 buffer_addr; __le16 length; __le16 csum; u8 status; u8 errors; __le16 special; };
struct rx_desc ring[4];
"""
CONSTRUCT = """import construct as c
DESC = c.Struct("address" / c.Int64ul, "length" / c.Int16ul, "csum" / c.Int16ul, "status" / c.Int8ul,
                "errors" / c.Int8ul, "special" / c.Int16ul)
"""
RDL = """addrmap desc { littleendian; lsb0;
  reg { regwidth = 64; field { sw = rw; } data[63:0]; } address @ 0;
  reg { regwidth = 16; field { sw = rw; } data[15:0]; } length @ 8;
  reg { regwidth = 16; field { sw = rw; } data[15:0]; } csum @ 10;
  reg { regwidth = 8; field { sw = rw; } data[7:0]; } status @ 12;
  reg { regwidth = 8; field { sw = rw; } data[7:0]; } errors @ 13;
  reg { regwidth = 16; field { sw = rw; } data[15:0]; } special @ 14;
};
"""


def compile_to(path: Path, text: str, *flags: str) -> Path:
    source = path.with_suffix(".c")
    source.write_text(text)
    subprocess.run(["gcc", *flags, "-c", "-o", path, source], check=True, timeout=60)
    return path


@pytest.mark.parametrize("against", ["rx_legacy", "mine.py:DESC", "mine.rdl:desc"])
def test_what_agrees_is_one_line(vnic: Run, tmp_path: Path, against: str) -> None:
    compile_to(tmp_path / "driver.o", GOOD, "-g")
    (tmp_path / "mine.py").write_text(CONSTRUCT)
    (tmp_path / "mine.rdl").write_text(RDL)
    done = vnic("abi", "check", "driver.o", "--struct", "rx_desc", "--against", against)
    assert (done.returncode, done.stderr) == (0, "")
    name = against.rpartition(":")[2]
    assert done.stdout == f"rx_desc is {name}: 16 bytes, 6 fields (DWARF of driver.o)\n"


def test_a_mismatch_draws_both_and_exits_1(vnic: Run, tmp_path: Path) -> None:
    swapped = GOOD.replace("__le16 length; __le16 csum; u8 status;", "__le16 csum; u8 status; __le16 length;")
    compile_to(tmp_path / "driver.o", swapped, "-g")
    arguments = ("abi", "check", "driver.o", "--struct", "rx_desc", "--against", "rx_legacy")
    done = vnic(*arguments)
    assert (done.returncode, done.stderr) == (1, "")
    assert "hardware: rx_legacy, 16 bytes" in done.stdout
    assert "driver:   rx_desc, 24 bytes" in done.stdout
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "0 address 8 bytes le │ buffer_addr 8 bytes le" in lines
    assert "end ≠ 16 bytes │ 24 bytes" in lines
    assert any(line.startswith("10 padding") or line.startswith("11 padding") for line in lines)
    found = json.loads(vnic(*arguments, "--json").stdout)
    assert (found["schema"], found["agree"], found["found"]["size"]) == (1, False, 24)
    assert {"size", "shape", "padding"} <= {each["kind"] for each in found["differences"]}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("plain.o", "--struct", "rx_desc"), "has no debug information: compile it with -g"),
        (("absent.o", "--struct", "rx_desc"), "No such file or directory"),
        (("driver.c", "--struct", "rx_desc"), "is no sound ELF object"),
        (("driver.o", "--struct", "rx_dsec"), "has no struct or union rx_dsec; did you mean rx_desc?"),
        (
            ("driver.o", "--struct", "rx_desc", "--against", "rx_legcy"),
            "give rx_legacy, tx_legacy, FILE.py:NAME",
        ),
        (("driver.o", "--struct", "rx_desc", "--against", "no.py:DESC"), "no.py: no such file"),
        (("module.ko", "--struct", "rx_desc"), "module.ko is a module of 0.0.1-none, whose BTF it needs"),
    ],
)
def test_bad_requests(vnic: Run, tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    compile_to(tmp_path / "driver.o", GOOD, "-g")
    compile_to(tmp_path / "plain.o", GOOD)
    (tmp_path / "module.ko").write_bytes(elf(b"\x9f\xeb", text=b"\0vermagic=0.0.1-none SMP\0"))
    against = () if "--against" in arguments else ("--against", "rx_legacy")
    done = vnic("abi", "check", *arguments, *against)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
