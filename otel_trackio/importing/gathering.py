"""Gathers what comes value by value into batches of columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

import numpy as np

from otel_trackio.attachments import Attachments, TooLarge
from otel_trackio.chunk import column_of
from otel_trackio.errors import StoreError
from otel_trackio.importing.left import Left
from otel_trackio.importing.origin import Batch, Column
from otel_trackio.media import Media, NotShown, shown
from otel_trackio.model import Histogram, Points, Record
from otel_trackio.text import storable

BATCH: Final = 200_000
"""Values that are in memory at once, and stored in one transaction."""

VALUE_CHARACTERS: Final = 32
"""Characters of a record's JSON that take as much memory as a value."""

NONSENSE: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the content of a source does to the code that meets it where it makes no sense."""

_Item = TypeVar("_Item")

_Lists = tuple[list[int], list[int], list[int], list[float | int]]


class Gathering:
    """What was read of one part of a source and is not stored yet; `left` is what never will be."""

    def __init__(self, part: str, left: Left, files: Attachments) -> None:
        self.left = left
        self._part = part
        self._files = files
        self._begin()

    def _begin(self) -> None:
        self._count = self._more = 0
        self._columns: dict[tuple[str, bool], _Lists] = {}
        self._histograms: list[tuple[int, str, Histogram]] = []
        self._records: list[tuple[int, Record]] = []
        self._told: list[tuple[str, dict[str, Any]]] = []

    @property
    def full(self) -> bool:
        return self._count + self._more >= BATCH

    def add(self, key: str, step: int, time: int, value: float | int, system: bool = False) -> None:
        lists = self._columns.get((key, system))
        if lists is None:
            lists = self._columns[key, system] = ([], [], [], [])
        places, steps, times, values = lists
        places.append(self._count)
        steps.append(step)
        times.append(time)
        values.append(value)
        self._count += 1

    def add_histogram(self, key: str, histogram: Histogram) -> None:
        self._histograms.append((self._count, key, histogram))
        self._count += 1
        self._more += len(histogram.data["counts"])

    def add_media(self, key: str, step: int, time: int, media: Media) -> None:
        """Takes a table, an image or a text, unless it is too large or not what it says.

        Raises StoreError where there is no room for its files.
        """
        try:
            data = shown(media, self._files)
        except (NotShown, TooLarge):
            self.left.add(f"{media.kind}s", key)
        except OSError as error:
            message = f"cannot write to {self._files.folder}: {error}"
            raise StoreError(message, "free the disk, then import again") from error
        else:
            self.add_record(Record(media.kind, storable(key), step, time, data))

    def add_record(self, record: Record) -> None:
        self._records.append((self._count, record))
        self._count += 1
        self._more += len(json.dumps(record.data)) // VALUE_CHARACTERS

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        """Notes a fact, by the kind of its event."""
        self._told.append((kind, data))

    def batch(self, position: int) -> Batch:
        """All of it, as a batch that ends at `position`; begins anew."""
        columns = tuple(
            Column(
                storable(key),
                np.array(places, np.int64),
                Points(np.array(steps, np.int64), np.array(times, np.int64), column_of(values)),
                system,
            )
            for (key, system), (places, steps, times, values) in self._columns.items()
        )
        made = Batch(
            self._part,
            position,
            columns,
            tuple(self._histograms),
            tuple(self._records),
            tuple(self._told),
        )
        self._begin()
        return made


def gathered(
    items: Iterable[tuple[int, _Item]],
    start: int,
    take: Callable[[_Item], None],
    gathering: Gathering,
    batch: Callable[[int], Batch] | None = None,
) -> Iterator[Batch]:
    """The batches of a part: `take` is given its items, each of which comes with the position after
    it. What makes no sense is counted; what came before an error is there before that is raised.
    """
    made = batch or gathering.batch
    kept = position = start
    failures: list[Exception] = []
    for after, item in until_failure(items, failures):
        try:
            take(item)
        except NONSENSE:
            gathering.left.add("entries that make no sense")
        position = max(position, after)
        if gathering.full:
            yield made(position)
            kept = position
    if position > kept:
        yield made(position)
    if failures:
        raise failures[0]


def until_failure(items: Iterable[_Item], failures: list[Exception]) -> Iterator[_Item]:
    """All items, up to an error, which is noted."""
    try:
        yield from items
    except Exception as error:  # noqa: BLE001 (it is raised when what came before is stored)
        failures.append(error)
