"""Journal frames and instrument batches into rows, within the caller's transaction.

The writer thread runs this live, recovery over what a dead process left behind, and readers over
the journal of a live run, to see what is not stored yet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np

from otel_trackio import frames, numbering, semconv
from otel_trackio.chunk import column_of
from otel_trackio.fold import end_to_end, interleaved
from otel_trackio.frames import Drained, Entry, Layout, Rows, Scan
from otel_trackio.model import (
    NO_STEP,
    Batch,
    Columns,
    Event,
    Histogram,
    Ints,
    Kind,
    Points,
    Record,
    Series,
)
from otel_trackio.names import InstrumentNames


@dataclass(slots=True)
class Taken:
    """What one transaction stored: how many points, and what of them others want to know."""

    points: int = 0
    unknown: int = 0
    last: dict[tuple[str, str], float] = field(default_factory=dict)
    nonfinite: dict[str, int] = field(default_factory=dict)


_LOG_SCOPES: Final = (semconv.LOG_SCOPE, semconv.SYSTEM_SCOPE)


class Target(Protocol):
    """Where rows go: a run file, or the memory of somebody who only reads."""

    def layouts(self) -> dict[int, Layout]: ...
    def known_series(self) -> Iterable[Series]: ...
    def add_layout(self, layout: Layout) -> None: ...
    def take_numbers(self, amount: int) -> int: ...
    def series_id(self, series: Series) -> int: ...
    def append(self, columns: Sequence[Columns]) -> None: ...
    def add_event(self, seq: int, event: Event) -> None: ...
    def add_record(self, seq: int, record: Record) -> None: ...
    def add_histogram(self, seq: int, series: int, histogram: Histogram) -> None: ...


class Intake:
    """Numbers what arrives, names its series, and hands it to the target."""

    def __init__(self, target: Target, rank: int) -> None:
        self.target = target
        self._rank = rank
        self._layouts = target.layouts()
        logged = [s for s in target.known_series() if s.scope in _LOG_SCOPES]
        self._series = {(each.key, each.scope, each.kind): each for each in logged}
        self._names = InstrumentNames(each.name for each in logged)

    def store(self, scan: Scan | None, batches: Sequence[Batch], now: int) -> Taken:
        """Stores every frame of `scan` and every batch; `now` (ns) dates what is derived."""
        taken = Taken()
        drained = frames.drain(scan, self._layouts) if scan is not None else Drained()
        taken.unknown = drained.unknown
        for layout in drained.layouts:
            self.target.add_layout(layout)
        measured = _by_series(batches)
        in_journal = np.repeat(np.array(drained.times, np.int64), np.array(drained.widths, int))
        places, measured_places = numbering.places(
            in_journal, [points.time for _, points in measured]
        )
        first = self.target.take_numbers(len(places) + sum(map(len, measured_places)))
        columns = self._journal_columns(drained, first + places, taken)
        for (series, points), where in zip(measured, measured_places, strict=True):
            columns.append(Columns(self.target.series_id(series), first + where, points))
        for series, histogram in (part for batch in batches for part in batch.histograms):
            series_id = self.target.series_id(series)
            self.target.add_histogram(self.target.take_numbers(1), series_id, histogram)
        columns += self._nonfinite_columns(taken, now)
        taken.points = sum(map(len, columns))
        self.target.append(_in_order(columns))
        return taken

    def _journal_columns(self, drained: Drained, numbers: Ints, taken: Taken) -> list[Columns]:
        """`numbers` has the number of each place."""
        columns = []
        for rows in drained.rows:
            columns += self._row_columns(rows, numbers[rows.first], taken)
        for entry in drained.entries:
            columns += self._entry_columns(entry, int(numbers[entry.first]), taken)
        return columns

    def _row_columns(self, rows: Rows, first: Ints, taken: Taken) -> list[Columns]:
        columns = []
        for place, (key, value) in enumerate(zip(rows.layout.keys, rows.values, strict=True)):
            self._look_at(key, rows.layout.scope, value, taken)
            series = self.target.series_id(self.log_series(key, rows.layout.scope))
            columns.append(Columns(series, first + place, Points(rows.step, rows.time, value)))
        return columns

    def _entry_columns(self, entry: Entry, number: int, taken: Taken) -> list[Columns]:
        kind, content = entry.content["entry"], entry.content
        if kind == frames.POINTS:
            return [
                self._single(entry, number + place, key, frames.number_from_json(value), taken)
                for place, (key, value) in enumerate(content["values"])
            ]
        if kind == frames.EVENT:
            event = Event(content["kind"], entry.time, content["data"], content.get("lamport", 0))
            self.target.add_event(number, event)
        elif kind == frames.RECORD:
            record = Record(
                content["kind"], content["key"], entry.step, entry.time, content["data"]
            )
            self.target.add_record(number, record)
        else:
            series = self.log_series(content["key"], semconv.LOG_SCOPE, "histogram")
            histogram = Histogram(entry.step, entry.time, entry.time, content["data"])
            self.target.add_histogram(number, self.target.series_id(series), histogram)
        return []

    def _single(
        self, entry: Entry, number: int, key: str, value: float | int, taken: Taken
    ) -> Columns:
        scope = entry.content["scope"]
        column = column_of([value])
        self._look_at(key, scope, column, taken)
        series = self.target.series_id(self.log_series(key, scope))
        points = Points(_ints(entry.step), _ints(entry.time), column)
        return Columns(series, _ints(number), points)

    def _nonfinite_columns(self, taken: Taken, now: int) -> list[Columns]:
        return [
            Columns(
                self.target.series_id(nonfinite_series(key, self._rank)),
                _ints(self.target.take_numbers(1)),
                Points(_ints(NO_STEP), _ints(now), column_of([amount])),
            )
            for key, amount in taken.nonfinite.items()
        ]

    def _look_at(self, key: str, scope: str, value: Any, taken: Taken) -> None:
        if value.dtype != np.float64:
            taken.last[key, scope] = value.tolist()[-1]
            return
        finite = np.isfinite(value)
        if finite.all():
            taken.last[key, scope] = float(value[-1])
            return
        taken.nonfinite[key] = taken.nonfinite.get(key, 0) + int((~finite).sum())
        if finite.any():
            taken.last[key, scope] = float(value[finite][-1])

    def log_series(self, key: str, scope: str, kind: Kind = "gauge") -> Series:
        """The series that `log()` gives a key."""
        known = self._series.get((key, scope, kind))
        if known is None:
            name = self._names.name_for(key)
            unit = semconv.meaning_of(key, scope).unit
            known = Series(key, kind, name=name, unit=unit, scope=scope, rank=self._rank)
            self._series[key, scope, kind] = known
        return known


def nonfinite_series(key: str, rank: int) -> Series:
    """The counter of points of `key` that were NaN or infinite."""
    return Series(
        semconv.NONFINITE,
        "counter",
        "delta",
        name=semconv.NONFINITE,
        unit="{point}",
        attributes=json.dumps({semconv.TRACKIO_KEY: key}),
        scope=semconv.SELF_SCOPE,
        rank=rank,
    )


def _ints(value: int) -> Ints:
    return np.array([value], dtype=np.int64)


def _by_series(batches: Sequence[Batch]) -> list[tuple[Series, Points]]:
    """The points of each series end to end: their order is that of the batches, not the clock's."""
    found: dict[Series, list[Points]] = {}
    for series, points in (part for batch in batches for part in batch.points):
        found.setdefault(series, []).append(points)
    return [(series, end_to_end(parts)) for series, parts in found.items()]


def _in_order(columns: list[Columns]) -> list[Columns]:
    """Columns of one series must reach the file in the order of their numbers."""
    by_series: dict[int, list[Columns]] = {}
    for each in columns:
        by_series.setdefault(each.series, []).append(each)
    return [interleaved(parts) for parts in by_series.values()]
