"""The captures in tests/data can be made again: two Debian guests boot, talk, and the recording holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data import make_captures as maker
from tests.qemu.guests import kernel


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_capture_is_recorded_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(maker, "HERE", out)
    (capture,) = (capture for capture in maker.CAPTURES if capture.name == "vlan")
    work = tmp_path / "work"
    work.mkdir()
    assert "60…1518 bytes" in maker.record(capture, work, kernel())
    assert (out / "vlan.pcap").read_bytes() == (work / "wire.pcap").read_bytes()
