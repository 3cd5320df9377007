"""The captures in tests/data hold what their README says, and nothing that was not on a wire."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.data import make_captures as maker
from vnic.capture import read_capture


@pytest.mark.parametrize("name", ["mixed", "vlan", "jumbo"])
def test_protocols_sizes_and_checksums(data: Path, name: str) -> None:
    (capture,) = (capture for capture in maker.CAPTURES if capture.name == name)
    assert maker.check(capture, data / f"{name}.pcap")


def test_together_they_span_60_to_9000_bytes_in_less_than_a_megabyte(data: Path) -> None:
    files = sorted(data.glob("*.pcap"))
    assert [path.stem for path in files] == ["jumbo", "mixed", "vlan"]
    sizes = Counter(len(frame.data) for path in files for frame in read_capture(path).frames)
    assert min(sizes) == 60
    assert 9000 <= max(sizes) <= 9018
    assert len(sizes) > 50
    assert sum(path.stat().st_size for path in files) < 1_000_000


def test_the_checksum_check_sees_one_changed_byte(data: Path) -> None:
    frames = [frame.data for frame in read_capture(data / "mixed.pcap").frames]
    tcp = next(frame for frame in frames if frame[23:24] == b"\x06" and len(frame) > 200)
    assert maker.bad_checksum(tcp) is None
    assert maker.bad_checksum(tcp[:100] + bytes([tcp[100] ^ 1]) + tcp[101:]) == "TCP"
    assert maker.bad_checksum(tcp[:16] + bytes([tcp[16] ^ 1]) + tcp[17:]) == "IP"
