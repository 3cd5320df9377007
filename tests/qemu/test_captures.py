"""The captures in tests/data can be made again: two Debian guests boot, talk, and the recording holds."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.data import make_captures as maker


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_capture_is_recorded_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        kernel, modules = maker.fetch_kernel(tmp_path)
    except (subprocess.CalledProcessError, FileNotFoundError, StopIteration) as error:
        pytest.skip(f"the distribution's kernel package cannot be had here: {error}")
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(maker, "HERE", out)
    (capture,) = (capture for capture in maker.CAPTURES if capture.name == "vlan")
    work = tmp_path / "work"
    work.mkdir()
    assert "60…1518 bytes" in maker.record(capture, work, kernel, modules)
    assert (out / "vlan.pcap").read_bytes() == (work / "wire.pcap").read_bytes()


def test_the_initramfs_is_a_cpio_archive_that_unpacks(tmp_path: Path) -> None:
    files = {"bin": (0o40755, b""), "bin/tool": (0o100755, b"abc"), "init": (0o100755, b"#!/bin/sh\n" * 7)}
    subprocess.run(
        ["busybox", "cpio", "-i", "-d"],
        input=maker.cpio_newc(files),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == {
        "tool": b"abc",
        "init": b"#!/bin/sh\n" * 7,
    }
    assert (tmp_path / "init").stat().st_mode & 0o777 == 0o755
