"""Tables and images of a run as they are read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, get_args

from otel_trackio import attachment, cell
from otel_trackio.cell import MAX_ROWS, CellType
from otel_trackio.errors import UnknownFile
from otel_trackio.frames import step_or_none
from otel_trackio.model import Record

Find: TypeAlias = Callable[[str], Path]
"""Where the file of a name lies. Raises UnknownFile."""


@dataclass(frozen=True, slots=True)
class TableShown:
    """A table that was logged: `count` rows of `columns`, which have `types`; see `cell.CellType`.

    `time` is in ns since the epoch.
    """

    key: str
    step: int | None
    time: int
    columns: tuple[str, ...]
    types: tuple[CellType, ...]
    count: int
    inline: list[Any] | None
    file: str | None
    find: Find

    def rows(self, start: int = 0, amount: int | None = None) -> list[list[Any]]:
        """All rows, or so many from one on; the cells are as they were logged.

        Raises UnknownFile where its file is not here, StoreError where that cannot be read.
        """
        amount = max(0, self.count - start) if amount is None else amount
        if self.inline is not None:
            return [self._row(row) for row in self.inline[start : start + amount]]
        if self.file is None:
            raise UnknownFile(f"table {self.key!r} names no file", "it was written by another")
        from otel_trackio.tablefile import rows  # Loads pyarrow, which is not light.

        return rows(self.find(self.file), self.types, start, amount)

    def _row(self, row: Any) -> list[Any]:
        cells = row if isinstance(row, list) else []
        filled = [*cells, *[None] * (len(self.types) - len(cells))]
        return [cell.from_json(*each) for each in zip(filled, self.types, strict=False)]


@dataclass(frozen=True, slots=True)
class ImageShown:
    """An image that was logged. `time` is in ns since the epoch, `type` its media type."""

    key: str
    step: int | None
    time: int
    caption: str
    type: str
    file: str
    find: Find

    @property
    def path(self) -> Path:
        """Where it lies. Raises UnknownFile where it is not here."""
        return self.find(self.file)


def table_shown(record: Record, find: Find) -> TableShown:
    """What a record of a table says; of one that others wrote, as much as makes sense."""
    data = record.data
    columns = tuple(map(str, _listed(data.get("columns"))))
    given: list[Any] = [
        each if each in get_args(CellType) else "json" for each in _listed(data.get("types"))
    ]
    types: tuple[CellType, ...] = (*given, *["json"] * len(columns))[: len(columns)]
    rows = data.get("rows")
    inline = rows if isinstance(rows, list) else None
    count = data.get("count")
    told = min(max(0, count), MAX_ROWS) if isinstance(count, int) else 0
    amount = told if inline is None else len(inline)
    file = None if inline is not None else _file(data)
    when = record.key, step_or_none(record.step), record.time
    return TableShown(*when, columns, types, amount, inline, file, find)


def image_shown(record: Record, find: Find) -> ImageShown:
    """What a record of an image says."""
    name = _file(record.data) or ""
    type = attachment.type_of(name) or ""
    when = record.key, step_or_none(record.step), record.time
    return ImageShown(*when, str(record.data.get("caption") or ""), type, name, find)


def _file(data: dict[str, Any]) -> str | None:
    return next(attachment.named({"file": data.get("file")}), None)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
