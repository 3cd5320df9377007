"""Results files: a table of points as Parquet, with the experiment and its provenance in the file's
metadata."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vnic.errors import UsageError
from vnic.lab.result import cannot_write
from vnic.lab.results_columns import COLUMNS, SCHEMA

META: Final = b"vnic"
_NAMES: Final = tuple(column.name for column in COLUMNS)


class ResultsError(UsageError):
    """A results file that cannot be read; the message names it and what to do."""


@dataclass(frozen=True, slots=True)
class Results:
    """A results file read back.

    Attributes:
        path: the file.
        rows: a mapping for each point, under the names of `vnic.lab.results_columns`.
        meta: what `vnic.lab.sweep` wrote beside them: experiment, versions, machine, command.
    """

    path: Path
    rows: list[dict[str, Any]]
    meta: Mapping[str, Any]

    @property
    def finished(self) -> list[dict[str, Any]]:
        """The points that were measured."""
        return [row for row in self.rows if row["status"] == "ok"]

    @property
    def varied(self) -> list[str]:
        """The parameters that have more than one value, in the experiment's order."""
        names: list[str] = self.meta["varied"]
        return names


def table_of(rows: Sequence[Mapping[str, Any]], meta: Mapping[str, Any] | None = None) -> Any:
    """The rows as an Arrow table with every column, absent values null."""
    import pyarrow as pa

    types = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    fields = [
        pa.field(column.name, types[column.type], metadata={"unit": column.unit, "doc": column.doc})
        for column in COLUMNS
    ]
    schema = pa.schema(fields, metadata={META: json.dumps({"schema": SCHEMA, **(meta or {})})})
    columns = [
        pa.array([row.get(name) for row in rows], field.type)
        for name, field in zip(_NAMES, fields, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def write_results(path: Path, rows: Sequence[Mapping[str, Any]], meta: Mapping[str, Any]) -> None:
    """Write a results file, whole or not at all. Raises ResultError when the disk is full."""
    import pyarrow.parquet as pq

    aside: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        aside = Path(name)
        with os.fdopen(handle, "wb") as file:
            pq.write_table(table_of(rows, meta), file)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        aside.chmod(0o666 & ~umask)
        aside.rename(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


def read_results(path: Path) -> Results:
    """Read a results file.

    Raises:
        ResultsError: it is missing, damaged, not of a sweep, or of another version.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except FileNotFoundError as error:
        raise ResultsError(f"{path}: no such file; `vnic sweep EXPERIMENT --out {path}` makes one") from error
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise ResultsError(
            f"{path}: cannot be read ({reason}); run the sweep again: what it had is kept"
        ) from error
    raw = (table.schema.metadata or {}).get(META)
    if raw is None:
        raise ResultsError(f"{path}: not the results of a sweep; give what `vnic sweep --out` wrote")
    try:
        meta = json.loads(raw)
        version = meta["schema"]
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path}: its description is damaged ({error}); run the sweep again") from error
    if version != SCHEMA:
        raise ResultsError(f"{path}: schema {version}, this version reads {SCHEMA}; run the sweep again")
    missing = [name for name in _NAMES if name not in table.column_names]
    if missing:
        raise ResultsError(f"{path}: column {missing[0]} is missing; run the sweep again")
    return Results(path, table.select(_NAMES).to_pylist(), meta)
