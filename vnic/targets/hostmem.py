"""Python's side of sim/hostmem*.c: memory, burst log and frame queues of the bench, reached by ctypes.

cocotb runs Python inside the simulator's process, so opening the VPI module again gives the very instance
that the simulator calls.
"""

from __future__ import annotations

import ctypes
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vnic.errors import VnicError
from vnic.memory import HostMemory
from vnic.nic.events import DmaEvent, Master
from vnic.nic.port import WireFrame

_IDS = 16
# struct burst_record in hostmem.h: time, address, axaddr, length, strobes, beats, id, flags, reserved
_RECORD = struct.Struct("<QQQIIHBBI")
_MASTERS: tuple[Master | None, ...] = tuple(
    Master(number) if number in set(Master) else None for number in range(_IDS)
)
MIN_FRAME = 60


class _Counters(ctypes.Structure):
    """struct counters in hostmem.h."""

    _fields_ = (
        ("write_beats", ctypes.c_uint64 * _IDS),
        ("read_beats", ctypes.c_uint64 * _IDS),
        ("first_write", ctypes.c_uint64),
        ("last_write", ctypes.c_uint64),
        ("write_bursts", ctypes.c_uint64),
        ("read_bursts", ctypes.c_uint64),
        ("partial_lines", ctypes.c_uint64),
        ("rx_frames", ctypes.c_uint64),
        ("tx_frames", ctypes.c_uint64),
    )


@dataclass(frozen=True)
class Traffic:
    """Bus traffic since the last reset. Beats are accepted data beats by master; times are nanoseconds of the
    first and the last write beat (0 = none)."""

    write_beats: dict[Master, int]
    read_beats: dict[Master, int]
    first_write_ns: int
    last_write_ns: int
    write_bursts: int
    read_bursts: int
    partial_lines: int
    rx_frames: int
    tx_frames: int


def line_bytes(frame: WireFrame) -> bytes:
    """The frame as the line carries it: padded to 60 bytes unless raw, then the FCS (IEEE 802.3 clause 3.2.9,
    least significant byte first), inverted if it is to be bad."""
    data = frame.data
    if len(data) < MIN_FRAME and not frame.raw:
        data = data.ljust(MIN_FRAME, b"\0")
    crc = zlib.crc32(data)
    return data + (crc ^ 0xFFFFFFFF if frame.bad_fcs else crc).to_bytes(4, "little")


class Hostmem:
    """The bench's host memory module, after the simulator has loaded it.

    Args:
        module: path of hostmem.vpi, exactly as the simulator was given it.
        memory: what the NIC shall see.
        beat_bytes: data bus width in bytes, told on in every DmaEvent.

    Raises:
        VnicError: the memory cannot be mapped by the module.
    """

    def __init__(self, module: Path, memory: HostMemory, beat_bytes: int) -> None:
        library = ctypes.CDLL(str(module))
        library.hostmem_counters.restype = ctypes.POINTER(_Counters)
        library.hostmem_fault.restype = ctypes.c_char_p
        library.hostmem_now.restype = ctypes.c_uint64
        library.hostmem_log.restype = ctypes.c_size_t
        library.hostmem_tx_peek.restype = ctypes.c_size_t
        library.hostmem_rx_times.restype = ctypes.c_size_t
        library.hostmem_add_region.argtypes = (
            ctypes.c_int,
            ctypes.c_uint64,
            ctypes.c_uint64,
            ctypes.c_uint64,
        )
        library.hostmem_permit.argtypes = (ctypes.c_uint64, ctypes.c_uint64)
        library.hostmem_rx_push.argtypes = (
            ctypes.c_char_p,
            ctypes.POINTER(ctypes.c_uint32),
            ctypes.c_char_p,
            ctypes.c_size_t,
        )
        self._library = library
        self._counters: _Counters = library.hostmem_counters().contents
        self._records = ctypes.c_void_p()
        self._tx_bytes = ctypes.c_void_p()
        self._tx_lengths = ctypes.POINTER(ctypes.c_uint32)()
        self._beat_bytes = beat_bytes
        self.attach(memory)

    def attach(self, memory: HostMemory) -> None:
        """Let the NIC see `memory`. Raises VnicError when the module cannot map it."""
        for region in memory.regions:
            error = self._library.hostmem_add_region(memory.fileno(), region.base, region.size, region.offset)
            if error:
                raise VnicError(
                    f"hostmem.vpi cannot map {region.size} bytes at {region.base:#x}: {os.strerror(error)}"
                )

    def permit(self, windows: Sequence[tuple[int, int]]) -> None:
        """Let the NIC reach of its memory no more than `windows` (base, size), from its next burst on.

        Raises VnicError when they are more than the module takes.
        """
        self._library.hostmem_restrict()
        for base, size in windows:
            error = self._library.hostmem_permit(base, size)
            if error:
                raise VnicError(f"hostmem.vpi takes no {len(windows)} windows: {os.strerror(error)}")

    @property
    def now_ns(self) -> int:
        """Simulated time in nanoseconds."""
        now: int = self._library.hostmem_now()
        return now

    @property
    def fault(self) -> str:
        """What the bench found illegal and stopped for; empty if nothing."""
        message: bytes = self._library.hostmem_fault()
        return message.decode()

    def detach(self) -> None:
        """Take the memory away; later accesses of the NIC answer with an error."""
        self._library.hostmem_detach()

    def push(self, frames: Sequence[WireFrame]) -> None:
        """Queue frames towards the NIC. Raises VnicError when the process is out of memory."""
        lines = [line_bytes(frame) for frame in frames]
        lengths = (ctypes.c_uint32 * len(lines))(*map(len, lines))
        errors = bytes(frame.bad_fcs for frame in frames)
        if self._library.hostmem_rx_push(b"".join(lines), lengths, errors, len(lines)):
            raise VnicError(f"out of memory while queueing {len(lines)} frames: offer fewer at once")

    def pop(self) -> list[bytes]:
        """The frames the NIC has sent in full since the last call."""
        count: int = self._library.hostmem_tx_peek(
            ctypes.byref(self._tx_bytes), ctypes.byref(self._tx_lengths)
        )
        if not count:
            return []
        lengths = self._tx_lengths[:count]
        data = ctypes.string_at(self._tx_bytes.value or 0, sum(lengths))
        self._library.hostmem_tx_clear()
        frames, at = [], 0
        for length in lengths:
            frames.append(data[at : at + length])
            at += length
        return frames

    def watch_arrivals(self) -> None:
        """Forget the arrivals so far, and keep the time of each frame from now on."""
        self._library.hostmem_rx_watch(1)

    def arrivals(self) -> list[int]:
        """When the last beat of each frame went into the NIC, in nanoseconds, since watch_arrivals."""
        times = ctypes.POINTER(ctypes.c_uint64)()
        count: int = self._library.hostmem_rx_times(ctypes.byref(times))
        return times[:count]

    def events(self) -> list[DmaEvent]:
        """The bursts since the last call, in the order in which they became visible.

        Raises VnicError for an AXI id that stands for no master.
        """
        count: int = self._library.hostmem_log(ctypes.byref(self._records))
        if not count:
            return []
        data = ctypes.string_at(self._records.value or 0, count * _RECORD.size)
        self._library.hostmem_log_clear()
        events = []
        for time, address, axaddr, length, strobes, beats, number, flags, _ in _RECORD.iter_unpack(data):
            master = _MASTERS[number]
            if master is None:
                raise VnicError(f"the NIC used AXI id {number} at {axaddr:#x}, which stands for no master")
            events.append(
                DmaEvent(
                    time,
                    master,
                    bool(flags & 1),
                    address,
                    length,
                    strobes,
                    axaddr,
                    beats,
                    self._beat_bytes,
                    bool(flags & 2),
                )
            )
        return events

    def traffic(self) -> Traffic:
        """Beat counters since the last reset_traffic."""
        counters = self._counters
        return Traffic(
            {master: int(counters.write_beats[master]) for master in Master},
            {master: int(counters.read_beats[master]) for master in Master},
            int(counters.first_write),
            int(counters.last_write),
            int(counters.write_bursts),
            int(counters.read_bursts),
            int(counters.partial_lines),
            int(counters.rx_frames),
            int(counters.tx_frames),
        )

    def reset_traffic(self) -> None:
        """Set the beat counters to zero."""
        ctypes.memset(ctypes.byref(self._counters), 0, ctypes.sizeof(_Counters))
