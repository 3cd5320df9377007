"""The table of a guest's DMA accesses: `dma.parquet`, with the columns of `vnic.checks.records`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from vnic.checks.records import DMA_COLUMNS, RecordError
from vnic.nic.events import DmaEvent

ROWS: Final = 16384
"""Rows of a row group: 2 MB while they wait."""

_SCHEMA: Final = pa.schema([(column.name, pa.type_for_alias(column.type)) for column in DMA_COLUMNS])


class DmaTable:
    """Writes one row per access as the run goes on; memory stays flat.

    Raises:
        RecordError: from every method, when the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[DmaEvent] = []
        self.count = 0
        try:
            self._writer = pq.ParquetWriter(path, _SCHEMA, compression="zstd")
        except OSError as error:
            raise self._failed(error) from error

    def add(self, event: DmaEvent) -> None:
        """One access."""
        self._rows.append(event)
        if len(self._rows) >= ROWS:
            self._flush()

    def _flush(self) -> None:
        rows, self._rows = self._rows, []
        if not rows:
            return
        self.count += len(rows)
        columns = [
            pa.array(map(int, values), type=field.type)
            for values, field in zip(zip(*rows, strict=True), _SCHEMA, strict=True)
        ]
        try:
            self._writer.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA))
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        try:
            self._writer.close()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> RecordError:
        return RecordError(f"{self._path}: cannot write the table: {error.strerror or error}")
