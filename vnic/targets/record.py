"""The recorder: writes what a run did into a directory, as it happens, and all of it or nothing.

The files and their columns are described in ``vnic.checks.records``. Events are kept as they come and
turned into columns some thousands at a time: memory stays flat, and a row costs little.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from array import array
from collections.abc import Mapping
from itertools import accumulate, chain
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from vnic.checks.records import (
    BLOCK_BYTES,
    DIGEST_BYTES,
    DMA,
    DMA_COLUMNS,
    FRAME_COLUMNS,
    FRAMES,
    HEAD_BYTES,
    RECORD_JSON,
    SCHEMA,
    TAIL_BYTES,
    Column,
    RecordError,
)
from vnic.memory import HostMemory
from vnic.nic.events import DescriptorWord, DmaEvent, FrameEvent

DMA_ROWS: Final = 16384
"""Rows of a row group of ``dma.parquet``: 2 MB while they wait."""

FRAME_ROWS: Final = 2048
"""Rows of a row group of ``frames.parquet``; their frames wait with them, 18 MB at an MTU of 9000."""

_TYPECODE: Final = {"int64": "q", "uint64": "Q", "int32": "i", "int8": "b"}


class RunRecord:
    """Records one run into ``directory``, which appears when ``finish`` has been called and not before.

    Used as a context manager it leaves nothing behind when the run fails.

    Args:
        directory: where the record shall be; must not exist, or be empty.
        target: name of the NIC that runs.

    Raises:
        RecordError: the directory has something in it or cannot be written.
    """

    def __init__(self, directory: Path, target: str) -> None:
        directory = directory.absolute()  # "." has no name to put a partial one beside
        self._directory = directory
        self._target = target
        self._partial = directory.with_name(f".{directory.name}.partial-{os.getpid()}")
        self._dma_rows: list[DmaEvent] = []
        self._frame_rows: list[FrameEvent] = []
        self._frames = self._dma = 0
        try:
            if directory.exists() and any(directory.iterdir()):
                raise RecordError(f"{directory}: not empty; name another directory or remove it")
            self._partial.mkdir(parents=True)
            self._dma_file = _File(self._partial / DMA, DMA_COLUMNS)
            self._frame_file = _File(self._partial / FRAMES, FRAME_COLUMNS)
        except OSError as error:
            self.discard()
            raise _failed(directory, error) from error

    def on_dma(self, event: DmaEvent) -> None:
        """Record one DMA access. Raises RecordError when the disk is full."""
        rows = self._dma_rows
        rows.append(event)
        if len(rows) >= DMA_ROWS:
            self._flush_dma()

    def on_frame(self, event: FrameEvent) -> None:
        """Record one received frame. Raises RecordError when the disk is full."""
        rows = self._frame_rows
        rows.append(event)
        if len(rows) >= FRAME_ROWS:
            self._flush_frames()

    def _flush_dma(self) -> None:
        rows = self._dma_rows
        if rows:
            self._dma += len(rows)
            self._write(self._dma_file, list(zip(*rows, strict=True)))
            rows.clear()

    def _flush_frames(self) -> None:
        rows = self._frame_rows
        if rows:
            self._frames += len(rows)
            times, data, descriptors = zip(*rows, strict=True)
            blake2b = hashlib.blake2b
            words: list[DescriptorWord] = list(chain.from_iterable(descriptors))
            fields = list(zip(*words, strict=True)) or [()] * len(DescriptorWord._fields)
            offsets = [0, *accumulate(map(len, descriptors))]
            columns: list[Any] = [
                times,
                list(map(len, data)),
                [blake2b(frame[:-TAIL_BYTES], digest_size=DIGEST_BYTES).digest() for frame in data],
                list(map(itemgetter(slice(-TAIL_BYTES, None)), data)),
                list(map(itemgetter(slice(HEAD_BYTES)), data)),
                *((offsets, field) for field in fields),
            ]
            self._write(self._frame_file, columns)
            rows.clear()

    def _write(self, file: _File, columns: list[Any]) -> None:
        try:
            file.write(columns)
        except OSError as error:
            raise _failed(self._directory, error) from error

    def finish(
        self,
        memory: HostMemory,
        *,
        registers: Mapping[str, int],
        statistics: Mapping[str, int],
        cycles: int = 0,
        time_ns: int = 0,
        extra: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write what is left and the summary, put the record in its place and return where that is.

        Args:
            memory: summed up as it is now.
            registers: final values by name.
            statistics: counters by name.
            cycles: clock cycles of the run.
            time_ns: the target's time at the end, in nanoseconds.
            extra: anything else that JSON can hold: kernel, seed, options.

        Raises:
            RecordError: the disk is full, or someone has put something into the directory meanwhile.
        """
        self._flush_dma()
        self._flush_frames()
        summary = {
            "schema": SCHEMA,
            "target": self._target,
            "frames": self._frames,
            "dma": self._dma,
            "cycles": cycles,
            "time_ns": time_ns,
            "registers": dict(registers),
            "statistics": dict(statistics),
            "memory": _memory_summary(memory),
            "extra": dict(extra or {}),
        }
        try:
            self._dma_file.close()
            self._frame_file.close()
            (self._partial / RECORD_JSON).write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
            if self._directory.exists():
                self._directory.rmdir()  # empty, or it would not have been accepted
            self._partial.rename(self._directory)
        except OSError as error:
            self.discard()
            raise _failed(self._directory, error) from error
        return self._directory

    def discard(self) -> None:
        """Remove what was written so far. Harmless after ``finish``."""
        for name in ("_dma_file", "_frame_file"):
            file = getattr(self, name, None)
            if file is not None:
                file.abandon()
        shutil.rmtree(self._partial, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def _failed(directory: Path, error: OSError) -> RecordError:
    reason = error.strerror or str(error)
    return RecordError(f"{directory}: cannot write the run record: {reason}; make room or name another --out")


def _memory_summary(memory: HostMemory) -> dict[str, Any]:
    """One SHA-256 and a CRC-32 per block; blocks that are all zero, most of a memory, cost a comparison."""
    total = hashlib.sha256()
    blocks: dict[str, int] = {}
    zero = bytes(BLOCK_BYTES)
    for region in memory.regions:
        for address in range(region.base, region.base + region.size, BLOCK_BYTES):
            block = memory.read(address, min(BLOCK_BYTES, region.base + region.size - address))
            if block != zero[: len(block)]:
                total.update(address.to_bytes(8, "little"))
                total.update(block)
                blocks[f"{address:#x}"] = zlib.crc32(block)
    return {"sha256": total.hexdigest(), "block_bytes": BLOCK_BYTES, "blocks": blocks}


class _File:
    """One parquet file that grows by row groups."""

    def __init__(self, path: Path, columns: tuple[Column, ...]) -> None:
        # pyarrow takes a quarter of a second to import, which a run without a record need not pay.
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._pa = pa
        self._columns = columns
        self._schema = pa.schema(
            [
                pa.field(c.name, self._arrow_type(c.type), nullable=False, metadata={"doc": c.doc})
                for c in columns
            ]
        )
        # Addresses and times never repeat, digests never compress: only the rest pays for a dictionary.
        self._sink = pa.OSFile(str(path), "wb")
        self._writer = pq.ParquetWriter(
            self._sink, self._schema, compression="zstd", use_dictionary=False, write_statistics=False
        )

    def _arrow_type(self, name: str) -> Any:
        pa = self._pa
        if name.startswith("list<"):
            return pa.list_(pa.field("item", self._arrow_type(name[5:-1]), nullable=False))
        if name == "digest":
            return pa.binary(DIGEST_BYTES)
        return getattr(pa, name)()

    def write(self, columns: list[Any]) -> None:
        """Write one row group: a sequence per column, (offsets, values) for a list. Raises OSError."""
        arrays = [self._array(c.type, values) for c, values in zip(self._columns, columns, strict=True)]
        self._writer.write_table(self._pa.Table.from_arrays(arrays, schema=self._schema))

    def _array(self, name: str, values: Any) -> Any:
        pa = self._pa
        if name.startswith("list<"):
            offsets, items = values
            inner = self._array(name[5:-1], items)
            return pa.ListArray.from_arrays(self._array("int32", offsets), inner, type=self._arrow_type(name))
        code = _TYPECODE.get(name)
        if code is None:
            return pa.array(values, self._arrow_type(name))
        # A typed array is filled at a third of the cost of pa.array on Python integers.
        packed = array(code, values)
        return pa.Array.from_buffers(self._arrow_type(name), len(packed), [None, pa.py_buffer(packed)])

    def close(self) -> None:
        """Write the footer. Raises OSError."""
        self._writer.close()
        self._sink.close()

    def abandon(self) -> None:
        """Give the file up, whatever state it is in; it is about to be removed."""
        try:
            self.close()
        except (OSError, ValueError):
            # Nothing more can be written, which is why the file is given up.
            return
