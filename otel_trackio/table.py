"""A table to log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from otel_trackio import cell
from otel_trackio.attachments import Attachments, TooLarge
from otel_trackio.cell import MAX_ROWS, CellType
from otel_trackio.image import Image
from otel_trackio.media import INLINE_BYTES, Media, NotShown
from otel_trackio.text import storable

MAX_COLUMNS: Final = 1_000
"""Columns of one table at most."""

MAX_IMAGES: Final = 1_000
"""Images in the cells of one table at most."""


class Table(Media):
    """A table to log: `log({"samples": Table(["prompt", "reward"], [["1 + 1 =", 0.5]])})`.

    `data` (`rows` is the same) are the rows: sequences, or dicts, whose keys are the columns where
    `columns` does not name them. `dataframe` is one of pandas, or what has its `columns` and `iloc`
    too; its index is left out. A cell is None, a bool, a number, text, an `Image` or a list of
    them; of anything else what JSON can hold of it. It is read when it is logged.
    """

    kind = "table"

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        data: Any = None,
        dataframe: Any = None,
        rows: Any = None,
    ) -> None:
        self.columns = columns
        self.rows = data if rows is None else rows
        self.dataframe = dataframe
        if dataframe is None and _is_frame(self.rows):
            self.rows, self.dataframe = None, self.rows

    def data(self, files: Attachments) -> dict[str, Any]:
        columns, cells = self._cells()
        used: dict[str, dict[str, Any]] = {}
        kept = [_kept(each, files, used) for each in cells]
        types = [type for type, _ in kept]
        count = len(cells[0]) if cells else 0
        document: dict[str, Any] = {"columns": columns, "types": types, "count": count}
        if used:
            document["files"] = list(used.values())
        rows = _inline(kept, count)
        if rows is not None:
            return {**document, "rows": rows}
        from otel_trackio.tablefile import encode  # Loads pyarrow, which is not light.

        content = encode(columns, types, [values for _, values in kept])
        return {**document, "file": files.put(content, "parquet").document()}

    def _cells(self) -> tuple[list[str], list[list[Any]]]:
        """Names of the columns, and what they hold."""
        if self.dataframe is not None:
            return self._of_frame(self.dataframe)
        rows = _listed(self.rows)
        _check(len(rows), "rows", MAX_ROWS)
        names = _names(rows) if self.columns is None else list(self.columns)
        _check(len(names), "columns", MAX_COLUMNS)
        made: list[list[Any]] = [[] for _ in names]
        for row in rows:
            by_name = isinstance(row, Mapping)
            if not by_name and len(row) > len(names):
                raise NotShown(f"has a row of {len(row)} cells and {len(names)} columns")
            for place, column in enumerate(made):
                if by_name:
                    column.append(row.get(names[place]))
                else:
                    column.append(row[place] if place < len(row) else None)
        return [storable(str(name)) for name in names], made

    def _of_frame(self, frame: Any) -> tuple[list[str], list[list[Any]]]:
        if not _is_frame(frame):
            raise NotShown(f"is no table: {type(frame).__name__} is no dataframe")
        names = list(frame.columns)
        _check(len(names), "columns", MAX_COLUMNS)
        _check(len(frame), "rows", MAX_ROWS)
        places = list(range(len(names)))
        if self.columns is not None:
            places_of = {name: place for place, name in enumerate(names)}
            absent = [name for name in self.columns if name not in places_of]
            if absent:
                raise NotShown(f"has no column {absent[0]!r}")
            names = list(self.columns)
            places = [places_of[name] for name in names]
        found = [frame.iloc[:, place].tolist() for place in places]
        return [storable(str(name)) for name in names], found

    def __repr__(self) -> str:
        return f"Table(columns={self.columns!r})"


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "iloc")


def _listed(rows: Any) -> list[Any]:
    """Rows as sequences or mappings."""
    if rows is None:
        return []
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        raise NotShown(f"is no table: its rows are a {type(rows).__name__}; give a list of rows")
    found = list(rows)
    if bad := [row for row in found if isinstance(row, str | bytes) or not hasattr(row, "__len__")]:
        raise NotShown(f"is no table: a row is a {type(bad[0]).__name__}; give lists or dicts")
    return found


def _names(rows: Sequence[Any]) -> list[Any]:
    """The columns of rows that come without."""
    if all(isinstance(row, Mapping) for row in rows):
        return list(dict.fromkeys(key for row in rows for key in row))
    return list(range(max(map(len, rows))))


def _check(amount: int, what: str, most: int) -> None:
    if amount > most:
        raise TooLarge(f"has {amount:,} {what} of at most {most:,}", "log a part of it")


def _kept(
    cells: list[Any], files: Attachments, used: dict[str, dict[str, Any]]
) -> tuple[CellType, list[Any]]:
    """A column's type and normal cells; images are put beside the run and noted in `used`."""
    if any(map(_is_image, cells)):
        if all(each is None or _is_image(each) for each in cells):
            return "image", [_pictured(each, files, used) for each in cells]
        raise NotShown("has a column of images and other values: give them a column of their own")
    values = [cell.normal(each) for each in cells]
    return cell.type_of(values), values


def _is_image(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return bool(value) and all(isinstance(each, Image) for each in value)
    return isinstance(value, Image)


def _pictured(value: Any, files: Attachments, used: dict[str, dict[str, Any]]) -> Any:
    if value is None:
        return None
    if not isinstance(value, Image):
        return [_pictured(each, files, used) for each in value]
    document = value.data(files)
    used[document["file"]["name"]] = document["file"]
    _check(len(used), "images", MAX_IMAGES)
    return document


def _inline(columns: list[tuple[CellType, list[Any]]], count: int) -> list[list[Any]] | None:
    """The rows as JSON holds them; None where that is more than stands in a record."""
    if count * len(columns) * 2 > INLINE_BYTES:  # A cell and what parts it from the next.
        return None
    cells = [[cell.to_json(each, type) for each in values] for type, values in columns]
    rows = [list(row) for row in zip(*cells, strict=True)]
    return rows if len(json.dumps(rows)) <= INLINE_BYTES else None
