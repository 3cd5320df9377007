"""What goes into a guest, unpacked by somebody else's cpio."""

from __future__ import annotations

import lzma
import shutil
import subprocess
from pathlib import Path

import pytest

from vnic.errors import UsageError
from vnic.guests.initramfs import Files, add_files, cpio_newc, put
from vnic.guests.kernel import GuestKernel, dependencies, given_kernel
from vnic.guests.script import BootOptions, initramfs

BUSYBOX = shutil.which("busybox", path="/bin:/usr/bin")
needs_busybox = pytest.mark.skipif(BUSYBOX is None, reason="busybox not installed")


def unpack(archive: bytes, folder: Path) -> Path:
    folder.mkdir()
    assert BUSYBOX is not None
    subprocess.run([BUSYBOX, "cpio", "-i", "-d"], cwd=folder, input=archive, check=True, capture_output=True)
    return folder


def module(depends: str) -> bytes:
    return b"\x7fELF license=GPL\0depends=" + depends.encode() + b"\0name=x\0"


@pytest.fixture
def kernel(tmp_path: Path) -> GuestKernel:
    folder = tmp_path / "modules" / "kernel" / "drivers"
    folder.mkdir(parents=True)
    (folder / "e1000.ko").write_bytes(module(""))
    (folder / "upper-half.ko").write_bytes(module("lower_half"))
    (folder / "lower-half.ko.xz").write_bytes(lzma.compress(module("")))
    image = tmp_path / "vmlinuz"
    image.write_bytes(b"kernel")
    return given_kernel(image, tmp_path / "modules")


@needs_busybox
def test_an_archive_unpacks_to_what_went_in(tmp_path: Path) -> None:
    files: Files = {}
    put(files, "a/b/odd.bin", b"\0\1\2")
    put(files, "a/run", b"#!/bin/sh\n", 0o100755)
    there = unpack(cpio_newc(files), tmp_path / "root")
    assert (there / "a/b/odd.bin").read_bytes() == b"\0\1\2"
    assert (there / "a/run").stat().st_mode & 0o777 == 0o755


def test_a_program_brings_its_libraries(tmp_path: Path) -> None:
    files: Files = {}
    add_files(files, [Path("/bin/ls")])
    assert "bin/ls" in files
    assert any(name.startswith("lib") and "libc.so" in name for name in files)
    assert any("ld-linux" in name or "ld-" in name for name in files)


def test_other_files_go_to_the_top(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"data")
    files: Files = {}
    add_files(files, [tmp_path / "data.bin"])
    assert files == {"data.bin": (0o100644, b"data")}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--add .*nothing: No such file"):
        add_files({}, [tmp_path / "nothing"])


def test_modules_come_after_what_they_need(kernel: GuestKernel) -> None:
    assert list(kernel.module_files(["upper_half", "e1000"])) == ["lower_half", "upper_half", "e1000"]
    assert kernel.module_files(["lower-half"])["lower-half"] == module("")


def test_a_module_that_is_not_there(kernel: GuestKernel) -> None:
    with pytest.raises(UsageError, match="has no module e1001"):
        kernel.module_files(["e1001"])


@pytest.mark.parametrize(("depends", "names"), [("", []), ("mii,ptp", ["mii", "ptp"])])
def test_dependencies(depends: str, names: list[str]) -> None:
    assert dependencies(module(depends)) == names


def test_a_kernel_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such kernel image"):
        given_kernel(tmp_path / "vmlinuz", tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        given_kernel(Path(__file__), tmp_path / "modules")


@needs_busybox
def test_the_guests_script(kernel: GuestKernel, tmp_path: Path) -> None:
    options = BootOptions(commands=("echo 'it is'", "false"), modules=("upper_half",), mtu=9000)
    there = unpack(initramfs(options, kernel), tmp_path / "root")
    script = (there / "init").read_text()
    assert script.index("lower_half.ko") < script.index("upper_half.ko")
    assert "mtu 9000" in script
    assert "ping -c 1" in script
    assert BUSYBOX is not None
    subprocess.run([BUSYBOX, "sh", "-n", there / "init"], check=True)


@needs_busybox
def test_nobody_is_pinged_where_nobody_is(kernel: GuestKernel, tmp_path: Path) -> None:
    there = unpack(initramfs(BootOptions(netdev="none"), kernel), tmp_path / "root")
    assert "ping -c" not in (there / "init").read_text()


@pytest.mark.parametrize("mtu", [45, 16111])
def test_an_mtu_that_the_driver_refuses(kernel: GuestKernel, mtu: int) -> None:
    with pytest.raises(UsageError, match=f"MTU {mtu}"):
        initramfs(BootOptions(mtu=mtu), kernel)


def test_options_cross_into_another_process() -> None:
    options = BootOptions(
        nic="icarus", commands=("a", "b"), add=(Path("/x"),), replay=Path("/y"), modules=("z",), gsi=11
    )
    assert BootOptions.from_json(options.as_json()) == options
