"""Any capture a user gives is read frame by frame, or refused with one line that says why."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from vnic.capture import MAX_FRAME, CapturedFrame, read_capture, write_capture
from vnic.errors import UsageError

HEADER = bytes.fromhex("525400123456 525400123401 8100 0064 0800")
FRAMES = [HEADER + bytes([n]) * (50 + n) for n in range(5)]
TIME = 1_700_000_000_123_456_789


def pcap(
    frames: Sequence[bytes], *, endian: str = "<", nano: bool = False, linktype: int = 1, snaplen: int = 65535
) -> bytes:
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = struct.pack(f"{endian}IHHiIII", magic, 2, 4, 0, 0, snaplen, linktype)
    for n, frame in enumerate(frames):
        seconds, ns = divmod(TIME + n, 10**9)
        kept = frame[:snaplen]
        out += struct.pack(f"{endian}IIII", seconds, ns if nano else ns // 1000, len(kept), len(frame)) + kept
    return out


def pcapng(frames: Sequence[bytes], *, endian: str = "<", linktype: int = 1, nano: bool = True) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        length = struct.pack(f"{endian}I", len(body) + 12)
        return struct.pack(f"{endian}I", kind) + length + body + length

    out = block(0x0A0D0D0A, struct.pack(f"{endian}IHHq", 0x1A2B3C4D, 1, 0, -1))
    resolution = struct.pack(f"{endian}HHB3xHH", 9, 1, 9, 0, 0) if nano else b""
    out += block(1, struct.pack(f"{endian}HHI", linktype, 0, 65535) + resolution)
    for n, frame in enumerate(frames):
        ticks = (TIME + n) // (1 if nano else 1000)
        times = struct.pack(f"{endian}II", ticks >> 32, ticks & 0xFFFFFFFF)
        body = struct.pack(f"{endian}I", 0) + times + struct.pack(f"{endian}II", len(frame), len(frame))
        out += block(6, body + frame)
    return out


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("form", [pcap, pcapng])
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_of_file_gives_the_same_frames(
    tmp_path: Path, endian: str, nano: bool, form: type, packed: bool
) -> None:
    content = form(FRAMES, endian=endian, nano=nano)
    path = tmp_path / "in.pcap"
    path.write_bytes(gzip.compress(content) if packed else content)
    capture = read_capture(path)
    assert [frame.data for frame in capture.frames] == FRAMES
    unit = 1 if nano else 1000
    assert [frame.time_ns for frame in capture.frames] == [(TIME + n) // unit * unit for n in range(5)]
    assert capture.cut == 0


def test_frames_cut_by_the_snap_length_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap(FRAMES, snaplen=70))
    capture = read_capture(path)
    assert [len(frame.data) for frame in capture.frames] == [68, 69, 70]
    assert capture.cut == 2


def test_an_fcs_in_the_file_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap([frame + b"fcs!" for frame in FRAMES], linktype=1 | 1 << 26 | 2 << 28))
    assert [frame.data for frame in read_capture(path).frames] == FRAMES


WHOLE = pcap(FRAMES)
WHOLE_NG = pcapng(FRAMES)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"\xd4\xc3", "not a pcap"),
        (WHOLE[:20], "cut off in its header"),
        (WHOLE[:24], "no frames"),
        (WHOLE[:30], "cut off after frame 0"),
        (WHOLE[:40], "cut off after frame 0"),
        (WHOLE[:-1], "cut off after frame 4"),
        (gzip.compress(WHOLE, mtime=0)[:-20], "cut off"),
        (WHOLE_NG[:-3], "cut off after frame 4"),
        (WHOLE_NG[:-60], "cut off after frame 4"),
        (WHOLE_NG + struct.pack("<IIIII", 6, 4, 0, 0, 0), "damaged after frame 5"),
        (b"Not a capture but a letter of some length, with words.", "not a pcap or pcapng file"),
        (pcap(FRAMES, linktype=101), "raw IP, not Ethernet"),
        (pcap(FRAMES, linktype=147), "link type 147, not Ethernet"),
        (pcapng(FRAMES, linktype=113), "Linux cooked, `tcpdump -i any`, not Ethernet"),
        (pcap([FRAMES[0], bytes(MAX_FRAME + 1)]), "frame 2 has 16381 bytes, an 82540EM stores at most 16380"),
        (pcap([bytes(70000)], snaplen=262144), "frame 1 has 65535 bytes"),
        (pcap([b"short"]), "frame 1 has 5 bytes"),
        (pcap(FRAMES, snaplen=60), "all 5 frames were cut by the snap length"),
    ],
)
def test_a_bad_file_is_one_usage_error(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "bad.pcap"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_capture(path)
    message = str(caught.value)
    assert says in message
    assert message.startswith(f"{path}: ")
    assert "\n" not in message


def test_every_truncation_of_a_file_is_an_error_or_whole_frames(tmp_path: Path) -> None:
    """No prefix of a capture is taken for a shorter capture, except where it ends between two records."""
    path = tmp_path / "in"
    for content, boundaries in ((WHOLE, 5), (WHOLE_NG, 5)):
        whole = 0
        for length in range(len(content) + 1):
            path.write_bytes(content[:length])
            try:
                capture = read_capture(path)
            except UsageError:
                continue
            whole += 1
            assert [frame.data for frame in capture.frames] == FRAMES[: len(capture.frames)]
        assert whole == boundaries


def test_a_missing_file_or_a_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_capture(tmp_path / "nothing.pcap")
    with pytest.raises(UsageError, match="Is a directory"):
        read_capture(tmp_path)


def test_what_is_written_is_a_nanosecond_ethernet_pcap(tmp_path: Path) -> None:
    path = tmp_path / "out.pcap"
    frames = tuple(CapturedFrame(TIME + n, frame) for n, frame in enumerate(FRAMES))
    assert write_capture(path, frames) == 5
    magic, major, minor, _, _, _, linktype = struct.unpack("<IHHiIII", path.read_bytes()[:24])
    assert (magic, major, minor, linktype) == (0xA1B23C4D, 2, 4, 1)
    assert read_capture(path).frames == frames


def test_nothing_received_is_still_a_capture_file(tmp_path: Path) -> None:
    write_capture(tmp_path / "out.pcap", ())
    assert len((tmp_path / "out.pcap").read_bytes()) == 24
