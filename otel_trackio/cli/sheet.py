"""Rows and columns of points, written as a table, CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Final

from otel_trackio.cli.document import jsonable
from otel_trackio.cli.quantity import SECOND, exact, visible

if TYPE_CHECKING:
    import pyarrow as pa

HEAD, TAIL = 10, 30
"""Rows that a terminal shows of a table that has many more."""

GAP: Final = "..."


@dataclass(frozen=True, slots=True)
class Sheet:
    """Columns of one length: exact numbers, None where there is none, or lists and dicts of them.

    The column `time`, where there is one, is in ns since the epoch.
    """

    columns: Mapping[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def to_arrow(self) -> pa.Table:
        """As an Arrow table; a column of integers beyond int64 becomes decimal text."""
        import pyarrow as pa

        return pa.table({name: _arrow(name, column) for name, column in self.columns.items()})


def _arrow(name: str, column: Sequence[Any]) -> pa.Array:
    import pyarrow as pa

    if name == "time":
        return pa.array(column, pa.timestamp("ns", "UTC"))
    if _types(column) <= {int, float, type(None)} and not _fits(column):
        return pa.array([None if value is None else exact(value) for value in column], pa.string())
    return pa.array(column, from_pandas=False)


def _types(column: Sequence[Any]) -> set[type]:
    return set(map(type, column))


def _fits(column: Sequence[Any]) -> bool:
    """Whether Arrow has one type that holds all of the numbers as they are."""
    if {int, float} <= _types(column):
        return False
    return all(type(value) is not int or -(2**63) <= value < 2**63 for value in column)


def write_csv(sheet: Sheet, out: IO[str]) -> None:
    """One line a row, after the names; nothing between commas where there is no value."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(sheet.columns)
    texts = [[_text(value) for value in column] for column in sheet.columns.values()]
    writer.writerows(zip(*texts, strict=True))


def write_json(sheet: Sheet, out: IO[str]) -> None:
    """A list of objects, one a row and line."""
    names = [json.dumps(name, ensure_ascii=False) for name in sheet.columns]
    row = "{" + ", ".join(f"{name.replace('%', '%%')}: %s" for name in names) + "}"
    columns = [[_json(value) for value in column] for column in sheet.columns.values()]
    separator = "[\n"
    for values in zip(*columns, strict=True):
        out.write(separator + row % values)
        separator = ",\n"
    out.write("\n]\n" if len(sheet) else "[]\n")


def _json(value: Any) -> str:
    if type(value) is float and math.isfinite(value):
        return repr(value)  # As json has it, at a third of the cost.
    return json.dumps(jsonable(value))


def write_table(sheet: Sheet, out: IO[str], whole: bool) -> None:
    """Aligned columns of numbers; unless `whole`, the middle of many rows is left out."""
    long = len(sheet) > HEAD + TAIL and not whole
    columns = []
    for name, column in sheet.columns.items():
        if _types(column) & {list, dict}:
            continue
        shown = [*column[:HEAD], *column[-TAIL:]] if long else column
        cells = [_clock(value) if name == "time" else _text(value) for value in shown]
        if long:
            cells.insert(HEAD, GAP)
        columns.append(list(_aligned(visible(name), cells)))
    for line in zip(*columns, strict=True):
        out.write("  ".join(line).rstrip() + "\n")


def write_parquet(sheet: Sheet, out: IO[bytes]) -> None:
    """Compressed Parquet."""
    from pyarrow import parquet

    parquet.write_table(sheet.to_arrow(), out, compression="zstd")


def _text(value: Any) -> str:
    return json.dumps(jsonable(value)) if isinstance(value, list | dict) else exact(value)


def _clock(moment: int) -> str:
    seconds, rest = divmod(moment, SECOND)
    return f"{datetime.fromtimestamp(seconds).isoformat(' ')}.{rest // 10**6:03}"


def _aligned(name: str, cells: Sequence[str]) -> Iterator[str]:
    width = max(map(len, [name, *cells]))
    yield name.rjust(width)
    for cell in cells:
        yield cell.rjust(width)
