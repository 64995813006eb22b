"""Gathers what comes value by value into batches of columns."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from otel_trackio.attachments import Attachments, TooLarge
from otel_trackio.chunk import column_of
from otel_trackio.importing.left import Left
from otel_trackio.importing.origin import Batch, Column
from otel_trackio.media import Media, NotShown
from otel_trackio.model import Histogram, Points, Record
from otel_trackio.text import storable

BATCH: Final = 200_000
"""Values that are in memory at once, and stored in one transaction."""

_Lists = tuple[list[int], list[int], list[int], list[float | int]]


class Gathering:
    """What was read of one part of a source and is not stored yet; `left` is what never will be."""

    def __init__(self, part: str, left: Left, files: Attachments) -> None:
        self.left = left
        self._part = part
        self._files = files
        self._begin()

    def _begin(self) -> None:
        self._count = 0
        self._columns: dict[tuple[str, bool], _Lists] = {}
        self._histograms: list[tuple[int, str, Histogram]] = []
        self._records: list[tuple[int, Record]] = []
        self._told: list[tuple[str, dict[str, Any]]] = []

    @property
    def full(self) -> bool:
        return self._count >= BATCH

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

    def add_media(self, key: str, step: int, time: int, media: Media) -> None:
        """Takes a table, an image or a text, unless it is too large or not what it says."""
        try:
            data = media.data(self._files)
        except (NotShown, TooLarge):
            self.left.add(f"{media.kind}s", key)
        else:
            self.add_record(Record(media.kind, storable(key), step, time, data))

    def add_record(self, record: Record) -> None:
        self._records.append((self._count, record))
        self._count += 1

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
