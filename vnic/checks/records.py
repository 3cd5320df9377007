"""The files of a run record: what is in them, and how to read them back.

A record is a directory with ``record.json``, ``frames.parquet`` and ``dma.parquet``. The columns, their types
and units are here and nowhere else: the recorder writes them, the scoreboard and the reports read them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from vnic.errors import VnicError

SCHEMA: Final = 1
"""Version of the files; a reader refuses another one."""

RECORD_JSON: Final = "record.json"
FRAMES: Final = "frames.parquet"
DMA: Final = "dma.parquet"

HEAD_BYTES: Final = 64
"""Leading bytes of a frame that are kept as they are; the digest stands for the rest."""

TAIL_BYTES: Final = 4
"""Trailing bytes of a frame that are kept apart: not every NIC writes the FCS."""

DIGEST_BYTES: Final = 8

BLOCK_BYTES: Final = 1 << 16
"""Memory is summed up in blocks of this size, so that a difference has an address."""


class Column(NamedTuple):
    """One column: its name, its type in the file, and what it says, with the unit."""

    name: str
    type: str
    doc: str


FRAME_COLUMNS: Final = (
    Column("time_ns", "int64", "when the driver took the frame, in nanoseconds of the target's time"),
    Column("length", "int32", "bytes received, FCS included where it is not stripped"),
    Column("digest", "digest", "BLAKE2b of all bytes received but the last four, 8 bytes long"),
    Column("tail", "binary", "the last four bytes: the FCS, where it is not stripped"),
    Column("head", "binary", f"the first {HEAD_BYTES} bytes of the frame, or all of it"),
    Column("ring_index", "list<int32>", "descriptors in ring order: index in the ring"),
    Column("address", "list<uint64>", "buffer address in each descriptor, physical"),
    Column("desc_length", "list<int32>", "length in each descriptor, in bytes"),
    Column("checksum", "list<int32>", "checksum field of each descriptor"),
    Column("status", "list<int32>", "status field of each descriptor"),
    Column("errors", "list<int32>", "errors field of each descriptor"),
    Column("special", "list<int32>", "special field of each descriptor"),
)
DMA_COLUMNS: Final = (
    Column("time_ns", "int64", "when the access was complete, in nanoseconds of the target's time"),
    Column("master", "int8", "0 rx data, 1 rx write-back, 2 tx write-back, 4 rx desc, 5 tx desc, 6 tx data"),
    Column("write", "int8", "1 for a write, 0 for a read"),
    Column("address", "uint64", "first byte written or wanted, physical"),
    Column("length", "int32", "bytes from the first to the last one"),
    Column("strobes", "int32", "byte lanes enabled"),
    Column("burst_address", "uint64", "AxADDR; the same as address where there is no bus"),
    Column("beats", "int32", "bus beats; 0 where there is no bus"),
    Column("beat_bytes", "int32", "bytes of a beat; 0 where there is no bus"),
    Column("ok", "int8", "0 for an access outside memory, 1 otherwise"),
)


class RecordError(VnicError):
    """A run record that cannot be written or read; the message names the file."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What ``record.json`` says.

    Attributes:
        target: name of the NIC that ran.
        frames: frames received.
        dma: DMA accesses.
        cycles: clock cycles; 0 where there is no clock.
        time_ns: the target's time at the end.
        registers: final value by name.
        statistics: counters by name, as the driver read them.
        memory_sha256: of address (8 bytes, little endian) and bytes of each block below, in order.
        memory_blocks: CRC-32 of each block of BLOCK_BYTES that is not all zero, by physical address.
        extra: what the session wrote besides.
    """

    target: str
    frames: int
    dma: int
    cycles: int
    time_ns: int
    registers: Mapping[str, int]
    statistics: Mapping[str, int]
    memory_sha256: str
    memory_blocks: Mapping[int, int]
    extra: Mapping[str, Any]


def load_summary(directory: Path) -> RunSummary:
    """Read ``record.json`` of the record in ``directory``.

    Raises:
        RecordError: it is missing, cut short, or of another version.
    """
    path = directory / RECORD_JSON
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["schema"] != SCHEMA:
            raise RecordError(f"{path}: schema {raw['schema']}, this version reads {SCHEMA}; run it again")
        return RunSummary(
            target=raw["target"],
            frames=raw["frames"],
            dma=raw["dma"],
            cycles=raw["cycles"],
            time_ns=raw["time_ns"],
            registers=raw["registers"],
            statistics=raw["statistics"],
            memory_sha256=raw["memory"]["sha256"],
            memory_blocks={int(address, 16): crc for address, crc in raw["memory"]["blocks"].items()},
            extra=raw["extra"],
        )
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}; is this the directory of a finished run?") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{path}: not a run record ({error}); run it again") from error
