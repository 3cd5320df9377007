"""Captures in and out: any pcap or pcapng of Ethernet frames, read through scapy; pcap written for Wireshark.

scapy's readers take both byte orders, micro- and nanoseconds, gzip and pcapng's several interfaces, but they
end quietly where a file is damaged. What they consumed is watched here, so that a file cut off in the middle
is an error and not a shorter capture.

Frames that the recording cut (captured length below wire length, `tcpdump -s`) cannot be sent again: their
missing bytes are unknown. They are left out and counted.

scapy is imported where it is used: a command that reads no capture does not wait for it.
"""

from __future__ import annotations

import gzip
import logging
import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from vnic.errors import UsageError

LINKTYPE_ETHERNET: Final = 1
# The P bit of a pcap's link type says that the top four bits give the FCS length in 16-bit words
# (draft-ietf-opsawg-pcap, 4).
_FCS_PRESENT: Final = 1 << 26
ETH_HLEN: Final = 14
# An 82540EM stores frames of up to 16384 bytes, FCS included (8254x SDM 13.4.22, RCTL.LPE).
MAX_FRAME: Final = 16384 - 4
# What tcpdump calls the link types people meet most.
_LINKTYPES: Final = {
    0: "BSD loopback",
    101: "raw IP",
    105: "IEEE 802.11",
    113: "Linux cooked, `tcpdump -i any`",
    127: "IEEE 802.11 with radiotap",
    276: "Linux cooked v2, `tcpdump -i any`",
}


class CapturedFrame(NamedTuple):
    """When a frame was recorded (ns since 1970; 0 where the file has no times), and its bytes without FCS."""

    time_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Capture:
    """What a capture file held.

    Attributes:
        path: the file.
        frames: the whole frames, in the file's order.
        cut: frames left out because the recording cut them at its snap length.
    """

    path: Path
    frames: tuple[CapturedFrame, ...]
    cut: int


class _Watched:
    """A file that remembers how its reads ended, which scapy does not report."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, name: str) -> None:
        self._file = file
        self.name = name
        self.partial = False
        self.recent: deque[bytes] = deque(maxlen=3)

    def read(self, size: int = -1) -> bytes:
        """As a file's read; a compressed stream that breaks off reads as cut short."""
        try:
            data = self._file.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            self.partial = True
            return b""
        if data:
            self.partial |= 0 < size != len(data)
            self.recent.append(data)
        return data

    def ends_with_block(self, endian: str) -> bool:
        """The last reads were a pcapng block's length, its body and its length again."""
        if len(self.recent) < 3:
            return False
        length, body, again = self.recent
        return length == again == struct.pack(f"{endian}I", len(body) + 12)

    def at_end(self) -> bool:
        """Nothing is left to read."""
        return not self._file.read(1)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_capture(path: Path) -> Capture:
    """Read a pcap or pcapng file (gzip too) of Ethernet frames.

    Raises:
        UsageError: the file cannot be read, is not a capture, holds no whole frame, is cut off or damaged, is
            not Ethernet, or has a frame longer than an 82540EM can store (16380 bytes without FCS).
    """
    try:
        raw = path.open("rb")
        with raw:
            magic = raw.read(4)
            raw.seek(0)
            if magic[:2] == b"\x1f\x8b":
                with gzip.open(raw) as unpacked:
                    return _read(path, _Watched(unpacked, str(path)), has_bytes=True)
            return _read(path, _Watched(raw, str(path)), has_bytes=bool(magic))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; give a pcap or pcapng file") from error


def _read(path: Path, file: _Watched, has_bytes: bool) -> Capture:
    if not has_bytes:
        raise UsageError(f"{path}: the file is empty; give a pcap or pcapng file")
    # scapy warns on its logger about what is reported here in one line.
    logging.getLogger("scapy").setLevel(logging.CRITICAL)
    from scapy.error import Scapy_Exception
    from scapy.utils import RawPcapReader

    try:
        reader: Any = RawPcapReader(file)  # type: ignore[arg-type]  # it asks for no more than read and name
    except Scapy_Exception as error:
        what = "is cut off in its header" if file.partial else "is not a pcap or pcapng file"
        raise UsageError(f"{path}: {what}; record it with `tcpdump -w` or Wireshark") from error
    frames: list[CapturedFrame] = []
    cut = 0
    number = 0
    for number, (time_ns, data, wire_length) in enumerate(_records(path, reader, file), start=1):
        if len(data) > MAX_FRAME:
            raise UsageError(
                f"{path}: frame {number} has {len(data)} bytes, an 82540EM stores at most {MAX_FRAME}; "
                "record with segmentation offloads off (`ethtool -K IFACE gro off gso off tso off`)"
            )
        if len(data) < wire_length:
            cut += 1
            continue
        if len(data) < ETH_HLEN:
            raise UsageError(
                f"{path}: frame {number} has {len(data)} bytes, less than an Ethernet header; remove it "
                f"(`editcap {path} out.pcap {number}`)"
            )
        frames.append(CapturedFrame(time_ns, data))
    damaged = not file.partial and not file.at_end()
    if damaged or file.partial or (hasattr(reader, "interfaces") and not file.ends_with_block(reader.endian)):
        how = "is damaged" if damaged else "is cut off"
        raise UsageError(f"{path}: {how} after frame {number}; record it again, or mend it with `editcap`")
    if not frames:
        why = f"all {cut} frames were cut by the snap length (`tcpdump -s 0`)" if cut else "no frames in it"
        raise UsageError(f"{path}: {why}; give a capture with whole Ethernet frames")
    return Capture(path, tuple(frames), cut)


def _records(path: Path, reader: Any, file: _Watched) -> Iterator[tuple[int, bytes, int]]:
    """Time in ns, bytes and wire length of each record; checks its link type."""
    if hasattr(reader, "interfaces"):
        for data, meta in reader:
            _ethernet(path, meta.linktype)
            ticks = ((meta.tshigh or 0) << 32) + (meta.tslow or 0)
            yield ticks * 1_000_000_000 // meta.tsresol, data, meta.wirelen
        return
    _ethernet(path, reader.linktype & 0xFFFF)
    fcs = (reader.linktype >> 28) * 2 if reader.linktype & _FCS_PRESENT else 0
    unit = 1 if reader.nano else 1000
    for data, meta in reader:
        if len(data) < meta.caplen <= 0xFFFF:
            file.partial = True
            return
        length = max(meta.wirelen, meta.caplen) - fcs
        yield meta.sec * 1_000_000_000 + meta.usec * unit, data[:length], length


def _ethernet(path: Path, linktype: int) -> None:
    if linktype != LINKTYPE_ETHERNET:
        name = _LINKTYPES.get(linktype, f"link type {linktype}")
        raise UsageError(f"{path}: {name}, not Ethernet; record on an Ethernet interface (`tcpdump -i eth0`)")


def write_capture(path: Path, frames: Iterable[CapturedFrame]) -> int:
    """Write Ethernet frames as a nanosecond pcap, little endian; returns how many.

    Raises OSError where the file system refuses.
    """
    from scapy.utils import RawPcapWriter

    count = 0
    with path.open("wb") as file:
        writer = RawPcapWriter(file, linktype=LINKTYPE_ETHERNET, nano=True, endianness="<", snaplen=262144)
        writer.write_header(None)
        for frame in frames:
            seconds, nanoseconds = divmod(frame.time_ns, 1_000_000_000)
            writer.write_packet(frame.data, sec=seconds, usec=nanoseconds)
            count += 1
        writer.flush()
    return count
