"""A table as a Parquet file: columns by their place, since several may have one name. Pure."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from otel_trackio.attachments import TooLarge
from otel_trackio.cell import MAX_CELL_BYTES, MAX_ROWS, CellType, from_parquet, to_parquet
from otel_trackio.errors import StoreError

ROW_GROUP: Final = 1_000
"""Rows that are read together: a page of a table takes no more than what is around it."""

_TYPES: Final = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}


def encode(columns: Sequence[str], types: Sequence[CellType], cells: Sequence[list[Any]]) -> bytes:
    """The Parquet file of columns, whose cells are normal. Raises TooLarge."""
    arrays = [
        pa.array([to_parquet(cell, type) for cell in each], _TYPES.get(type, pa.string()))
        for type, each in zip(types, cells, strict=True)
    ]
    schema = pa.schema([(name, array.type) for name, array in zip(columns, arrays, strict=True)])
    if (size := sum(array.nbytes for array in arrays)) > MAX_CELL_BYTES:
        message = f"has cells of {size:,} bytes, of at most {MAX_CELL_BYTES:,}"
        raise TooLarge(message, "log a part of it")
    out = io.BytesIO()
    with pq.ParquetWriter(out, schema, compression="zstd", store_schema=False) as file:
        file.write_table(pa.Table.from_arrays(arrays, schema=schema), ROW_GROUP)
    return out.getvalue()


def rows(data: Any, types: Sequence[CellType], start: int, amount: int) -> list[list[Any]]:
    """So many rows from `start` on, of a path or a file. Raises StoreError where it is no table."""
    try:
        with pq.ParquetFile(data) as file:
            groups, before = _groups(file, start, start + amount)
            table = file.read_row_groups(groups) if groups else file.schema_arrow.empty_table()
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"a table cannot be read: {error}", "pull the run again") from error
    if len(types) != table.num_columns:
        raise StoreError(f"a table has {table.num_columns} columns of {len(types)}", "pull again")
    part = table.slice(max(0, start - before), amount)
    columns = [
        [from_parquet(cell, type) for cell in column.to_pylist()]
        for type, column in zip(types, part.columns, strict=True)
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def _groups(file: pq.ParquetFile, start: int, end: int) -> tuple[list[int], int]:
    """The row groups that hold rows from `start` to before `end`, and how many rows precede."""
    chosen: list[int] = []
    before = number = 0
    room = 2 * MAX_CELL_BYTES  # What Parquet adds is no cell.
    for group in range(file.metadata.num_row_groups):
        about = file.metadata.row_group(group)
        amount = about.num_rows
        if number < end and number + amount > start:
            chosen.append(group)
            room -= about.total_byte_size
            if room < 0 or number + amount - before > MAX_ROWS:
                raise StoreError("a table is larger than any of ours", "read its file yourself")
        elif not chosen:
            before += amount
        number += amount
    return chosen, before
