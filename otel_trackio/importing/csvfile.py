"""A run from a CSV file: a header, and a row a step."""

from __future__ import annotations

import csv
import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, zip_longest
from pathlib import Path
from typing import Final, TextIO

import numpy as np

from otel_trackio.errors import ConfigError, StoreError
from otel_trackio.importing.cells import LONGEST_INTEGER, Numbers, all_numbers, numbers, whole
from otel_trackio.importing.gathering import BATCH, until_failure
from otel_trackio.importing.left import Left
from otel_trackio.importing.moment import EPOCH, ns_of
from otel_trackio.importing.origin import Batch, Column, Origin, Positions
from otel_trackio.model import NO_STEP, Ints, Points
from otel_trackio.text import storable

STEPS: Final = ("step", "_step", "global_step", "epoch")
"""Columns that hold the step, in any case; the first one that is there."""

TIMES: Final = ("timestamp", "_timestamp", "wall time", "wall_time", "time", "datetime", "date")
"""Columns that may hold the time; one does if it begins with a moment of this century."""

DELIMITERS: Final = ",;\t|"

LONGEST_CELL: Final = 10_000_000
"""Characters of one cell at most: a quote that is never closed holds all the rest of a file."""

LONG: Final = "a long text"
"""What stands for a text that is too long for a number."""

ROWS: Final = "rows"
"""The one part of a file, whose position counts rows."""

CENTURY: Final = tuple(
    int((datetime(year, 1, 1, tzinfo=UTC) - EPOCH).total_seconds()) * 10**9 for year in (2000, 2100)
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file and what its columns are. Without a step column rows are counted from 0."""

    path: Path
    delimiter: str
    width: int
    step: int | None
    time: int | None
    metrics: tuple[tuple[int, str], ...]


def csv_run(path: Path, step: str | None = None, time: str | None = None) -> Origin:
    """The run in a CSV file; `step` and `time` name the columns that hold them.

    Raises ConfigError where there is no such file or column, or no row.
    """
    with _opened(path) as file:
        line = next(filter(str.strip, file), "")
    if not line:
        raise ConfigError(f"{path} is empty", "give a CSV file with a header")
    delimiter = max(DELIMITERS, key=lambda each: len(next(csv.reader([line], delimiter=each))))
    with _rows(path, delimiter) as rows:
        header, first = next(rows), next(rows, None)
    if first is None:
        raise ConfigError(f"{path} has no rows", "give a CSV file with a header and rows")
    names = [storable(name) for name in header]
    step_at = _step_column(path, delimiter, names, step)
    time_at = _time_column(path, names, first, time)
    metrics = tuple(
        (place, name) for place, name in enumerate(names) if place not in (step_at, time_at)
    )
    sheet = Sheet(path, delimiter, len(names), step_at, time_at, metrics)
    return Origin(
        identity=("csv", str(path.resolve()), *header, "", *first),
        source=f"csv {path.name}",
        read=lambda positions, left, _: _batches(sheet, positions, left),
        name=path.stem,
    )


def _step_column(path: Path, delimiter: str, names: Sequence[str], wish: str | None) -> int | None:
    if wish is not None:
        return _place(path, names, wish)
    folded = [name.strip().casefold() for name in names]
    found = next((folded.index(each) for each in STEPS if each in folded), None)
    if found is None or folded[found] != "epoch":
        return found
    with _rows(path, delimiter) as rows:  # Many count epochs in fractions: no step, but a metric.
        next(rows)
        cells = (row[found] for row in rows if len(row) > found)
        return found if all(whole(cell) is not None for cell in cells) else None


def _time_column(
    path: Path, names: Sequence[str], first: Sequence[str], wish: str | None
) -> int | None:
    if wish is not None:
        return _place(path, names, wish)
    for place, (name, cell) in enumerate(zip(names, first, strict=False)):
        if name.strip().casefold() in TIMES:
            moment = ns_of(cell)
            if moment is not None and CENTURY[0] <= moment < CENTURY[1]:
                return place
    return None


def _place(path: Path, names: Sequence[str], wish: str) -> int:
    if wish not in names:
        raise ConfigError(f"{path} has no column {wish!r}", f"it has {', '.join(names)}")
    return names.index(wish)


def _batches(sheet: Sheet, positions: Positions, left: Left) -> Iterator[Batch]:
    position = positions.get(ROWS, 0)
    if position == 0:
        _count_unnamed(sheet, left)
    clock = _Clock(sheet.path.stat().st_mtime_ns)
    height = max(1, BATCH // max(1, sheet.width))
    with _rows(sheet.path, sheet.delimiter) as rows:
        failures: list[Exception] = []
        rows = until_failure(map(_shortened, _unbroken(rows, sheet)), failures)
        for _ in islice(rows, 1 + position):
            pass
        while block := list(islice(rows, height)):
            columns = [list(cells) for cells in zip_longest(*block, fillvalue="")]
            columns += [[""] * len(block)] * (sheet.width - len(columns))
            for beyond in columns[sheet.width :]:
                left.add("cells beyond the header", amount=sum(map(bool, beyond)))
            yield _batch(sheet, columns, position, clock, left)
            position += len(block)
        if failures:
            raise failures[0]


def _count_unnamed(sheet: Sheet, left: Left) -> None:
    """Counts columns that no name tells apart; of those that share one the first is taken."""
    names = [name for _, name in sheet.metrics]
    for name in names:
        if not name:
            left.add("columns without a name")
    for name in set(names) - {""}:
        if names.count(name) > 1:
            left.add("columns of the same name", name, names.count(name) - 1)


class _Clock:
    """The times of rows; a row that has none is of the time of the row before."""

    def __init__(self, time: int) -> None:
        self._time = time

    def times(self, cells: Sequence[str] | None, count: int) -> Ints:
        if cells is None:
            return np.full(count, self._time, np.int64)
        times = []
        for cell in cells:
            moment = ns_of(cell) if cell else None
            if moment is not None:
                self._time = moment
            times.append(self._time)
        return np.array(times, np.int64)


def _batch(
    sheet: Sheet, columns: list[list[str]], position: int, clock: _Clock, left: Left
) -> Batch:
    count = len(columns[0])
    steps, stepped = _steps(sheet, columns, position, left)
    times = clock.times(None if sheet.time is None else columns[sheet.time], count)
    found: dict[str, Numbers] = {}
    for place, name in sheet.metrics:
        if name and name not in found:
            found[name] = numbers(columns[place])
            if found[name].texts:
                left.add("texts", name, found[name].texts)
    if not found:
        return Batch(ROWS, position + count)
    present = np.column_stack([each.present for each in found.values()]) & stepped[:, None]
    places = (np.cumsum(present.ravel()) - 1).reshape(present.shape)
    made = []
    for column, (name, each) in enumerate(found.items()):
        taken = present[:, column]
        if taken.any():
            values = each.values[stepped[each.present]]
            points = Points(steps[taken], times[taken], values)
            made.append(Column(name, places[taken, column], points))
    return Batch(ROWS, position + count, tuple(made))


def _steps(
    sheet: Sheet, columns: list[list[str]], position: int, left: Left
) -> tuple[Ints, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The step of each row, and which rows have one."""
    if sheet.step is None:
        count = len(columns[0])
        return np.arange(position, position + count), np.ones(count, bool)
    quick = all_numbers(columns[sheet.step])
    if quick is not None and quick.dtype == np.int64 and quick.min() > NO_STEP:
        return quick, np.ones(len(quick), bool)
    found = [whole(cell) for cell in columns[sheet.step]]
    stepped = np.array([step is not None for step in found])
    if not stepped.all():
        left.add("rows without a whole step", amount=int((~stepped).sum()))
    return np.array([step or 0 for step in found], np.int64), stepped


def _shortened(row: list[str]) -> list[str]:
    """A row without the texts that are too long for a number: many would fill the memory."""
    if max(map(len, row)) <= LONGEST_INTEGER:
        return row
    return [cell if len(cell) <= LONGEST_INTEGER else LONG for cell in row]


def _unbroken(rows: Iterator[list[str]], sheet: Sheet) -> Iterator[list[str]]:
    """All rows but the last where that is being written: it lacks its newline, and cells."""
    with sheet.path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        whole = file.read() in (b"\n", b"\r")
    return rows if whole else _but_broken(rows, sheet.width)


def _but_broken(rows: Iterator[list[str]], width: int) -> Iterator[list[str]]:
    held: list[str] | None = None
    for row in rows:
        if held is not None:
            yield held
        held = row
    if held is not None and len(held) >= width:
        yield held


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        encoding = _encoding(path)
        file = path.open(encoding=encoding, errors="backslashreplace", newline="")
    except IsADirectoryError as error:
        raise ConfigError(f"{path} is a folder", "give a CSV file") from error
    except FileNotFoundError as error:
        raise ConfigError(f"no file {path}", "give a CSV file") from error
    with file:
        yield file


def _encoding(path: Path) -> str:
    """UTF-8, unless the file begins as those do that spreadsheets write in UTF-16."""
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig"


@contextmanager
def _rows(path: Path, delimiter: str) -> Iterator[Iterator[list[str]]]:
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        with _opened(path) as file:
            yield filter(None, csv.reader(file, delimiter=delimiter))  # Not the blank lines.
    except csv.Error as error:
        raise StoreError(f"cannot read {path}: {error}", "see that it is CSV") from error
    finally:
        csv.field_size_limit(before)
