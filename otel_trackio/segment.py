"""Segments: a range of one writer's numbers as Parquet files, one a table. Pure.

Rows carry their run and writer, so each file is whole by itself; equal rows give equal bytes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from otel_trackio.chunk import column_of, floats_of
from otel_trackio.errors import StoreError
from otel_trackio.frames import step_or_none
from otel_trackio.model import (
    NO_STEP,
    Columns,
    Event,
    Histogram,
    Ints,
    Points,
    Record,
    Series,
    Values,
)

INTRODUCTION: Final = "writer"
"""Kind of the event, numbered 0, that says what a writer is: its `meta`."""

ROW_GROUP: Final = 131_072
"""Rows of a row group: as rows are sorted by series, a reader of one passes over most of them."""

_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
_TIME: Final = pa.timestamp("ns", tz="UTC")
_OWNER: Final = [
    ("run", _TEXT),
    ("writer", _TEXT),
    ("attempt", pa.int32()),
    ("rank", pa.int32()),
    ("seq", pa.int64()),
]
SERIES: Final = (
    "key",
    "kind",
    "temporality",
    "name",
    "unit",
    "description",
    "attributes",
    "scope",
    "scope_version",
)
_OF_SERIES: Final = [(name, _TEXT) for name in SERIES]

POINTS: Final = pa.schema(
    [
        *_OWNER,
        *_OF_SERIES,
        ("step", pa.int64()),
        ("time", _TIME),
        ("value", pa.float64()),
        ("integer", pa.int64()),
        ("digits", pa.string()),
    ]
)
"""`value` is the nearest float64 of every point; an integer is exact in `integer`, or, beyond
int64, in `digits`. A point without a step has none; a NaN is a value, not a null."""

EVENTS: Final = pa.schema(
    [*_OWNER, ("lamport", pa.int64()), ("time", _TIME), ("kind", _TEXT), ("data", pa.string())]
)
HISTOGRAMS: Final = pa.schema(
    [
        *_OWNER,
        *_OF_SERIES,
        ("step", pa.int64()),
        ("time", _TIME),
        ("start", _TIME),
        ("data", pa.string()),
    ]
)
RECORDS: Final = pa.schema(
    [
        *_OWNER,
        ("kind", _TEXT),
        ("key", _TEXT),
        ("step", pa.int64()),
        ("time", _TIME),
        ("data", pa.string()),
    ]
)
TABLES: Final[Mapping[str, pa.Schema]] = {
    "points": POINTS,
    "events": EVENTS,
    "histograms": HISTOGRAMS,
    "records": RECORDS,
}

_DICTIONARIES: Final = sorted(
    {field.name for schema in TABLES.values() for field in schema if field.type == _TEXT}
)
_DELTAS: Final = ("seq", "step", "time", "start", "lamport", "integer")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose rows these are."""

    run: str
    writer: str
    attempt: int
    rank: int


@dataclass(frozen=True, slots=True, eq=False)
class Extract:
    """What a writer recorded under a range of numbers, in their order."""

    owner: Owner
    points: tuple[tuple[Series, Columns], ...] = ()
    events: tuple[Event, ...] = ()
    histograms: tuple[tuple[int, Series, Histogram], ...] = ()
    records: tuple[tuple[int, Record], ...] = ()

    def introduced(self, event: Event) -> Extract:
        """The same, with `event` before all others."""
        return replace(self, events=(event, *self.events))


def taken_after(extract: Extract, number: int) -> Extract:
    """What of an extract is numbered above `number`; its introduction is not."""
    points = ((series, after(columns, number)) for series, columns in extract.points)
    return Extract(
        extract.owner,
        tuple((series, columns) for series, columns in points if len(columns)),
        tuple(event for event in extract.events if event.seq > number),
        tuple(each for each in extract.histograms if each[0] > number),
        tuple(each for each in extract.records if each[0] > number),
    )


def after(columns: Columns, number: int) -> Columns:
    """The points numbered above `number`."""
    kept, points = columns.seq > number, columns.points
    if kept.all():
        return columns
    later = Points(points.step[kept], points.time[kept], points.value[kept])
    return Columns(columns.series, columns.seq[kept], later)


def tables(extract: Extract) -> dict[str, pa.Table]:
    """The tables of an extract that have rows, by name."""
    made = {
        "points": _points(extract),
        "events": _rows(EVENTS, map(_event, extract.events), extract.owner),
        "histograms": _rows(
            HISTOGRAMS, (_histogram(*h) for h in extract.histograms), extract.owner
        ),
        "records": _rows(RECORDS, (_record(*r) for r in extract.records), extract.owner),
    }
    return {name: table for name, table in made.items() if len(table)}


def encode(table: pa.Table) -> bytes:
    """The Parquet file of a table."""
    names = set(table.column_names)
    encodings = {name: "DELTA_BINARY_PACKED" for name in _DELTAS if name in names}
    if "value" in names:
        encodings["value"] = "BYTE_STREAM_SPLIT"
    out = io.BytesIO()
    with pq.ParquetWriter(
        out,
        table.schema,
        compression="zstd",
        use_dictionary=[name for name in _DICTIONARIES if name in names],
        column_encoding=encodings,
        write_page_index=True,
        store_schema=False,
    ) as file:
        if len(table):  # A row group without rows is one that `datasets` refuses.
            file.write_table(table, ROW_GROUP)
    return out.getvalue()


def decode(files: Mapping[str, bytes]) -> Extract:
    """The extract whose tables have these files. Raises StoreError where they are no segments."""
    return extracted({name: read(name, data) for name, data in files.items()})


def extracted(read: Mapping[str, pa.Table]) -> Extract:
    """The extract of tables that were read. Raises StoreError where they are not one writer's."""
    found = {owner for table in read.values() for owner in owners(table)}
    if len(found) != 1:
        raise StoreError(f"segments of {len(found)} writers where one was expected", "pull again")
    events = read.get("events", EVENTS.empty_table()).to_pylist()
    histograms = read.get("histograms", HISTOGRAMS.empty_table()).to_pylist()
    records = read.get("records", RECORDS.empty_table()).to_pylist()
    owner = found.pop()
    return Extract(
        owner,
        tuple(_series_columns(read.get("points", POINTS.empty_table()), owner)),
        tuple(_to_event(row) for row in events),
        tuple(_to_histogram(row) for row in histograms),
        tuple(_to_record(row) for row in records),
    )


def read(name: str, data: bytes) -> pa.Table:
    """The rows of a file of the table of that name, times in ns. Raises StoreError for another."""
    release()
    try:
        lacking = set(TABLES[name].names) - set(shape(data).names)
        if lacking:
            raise StoreError(f"a segment of {name} has no {min(lacking)}", "pull again")
        table = pq.read_table(
            pa.BufferReader(data), schema=TABLES[name], read_dictionary=_DICTIONARIES
        )
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"a segment of {name} cannot be read: {error}", "pull again") from error
    times = [field.name for field in table.schema if field.type == _TIME]
    for time in times:
        place = table.schema.get_field_index(time)
        table = table.set_column(place, time, table[time].cast(pa.int64()))
    return table


def release() -> None:
    """Gives back the memory of tables that are gone, which Arrow would keep for later ones."""
    pa.default_memory_pool().release_unused()


def shape(data: bytes) -> pa.Schema:
    """The columns of a Parquet file, and their types."""
    return pq.read_schema(pa.BufferReader(data)).remove_metadata()


def _points(extract: Extract) -> pa.Table:
    parts = sorted(extract.points, key=lambda part: _of_series(part[0]))
    lengths = [len(columns) for _, columns in parts]
    steps = _end_to_end([columns.points.step for _, columns in parts])
    arrays = {
        **_owner_arrays(extract.owner, sum(lengths)),
        "seq": pa.array(_end_to_end([columns.seq for _, columns in parts])),
        "step": pa.array(steps, mask=steps == NO_STEP),
        "time": pa.array(_end_to_end([columns.points.time for _, columns in parts])).cast(_TIME),
        **_value_arrays([columns.points.value for _, columns in parts]),
    }
    for place, name in enumerate(SERIES):
        arrays[name] = _repeated([_of_series(series)[place] for series, _ in parts], lengths)
    return pa.table([arrays[field.name] for field in POINTS], schema=POINTS)


def _of_series(series: Series) -> tuple[str, ...]:
    return tuple(getattr(series, name) for name in SERIES)


def _end_to_end(parts: list[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def _owner_arrays(owner: Owner, rows: int) -> dict[str, pa.Array]:
    return {
        "run": _repeated([owner.run], [rows]),
        "writer": _repeated([owner.writer], [rows]),
        "attempt": pa.array(np.full(rows, owner.attempt, dtype=np.int32)),
        "rank": pa.array(np.full(rows, owner.rank, dtype=np.int32)),
    }


def _repeated(texts: list[str], lengths: list[int]) -> pa.DictionaryArray:
    known, codes = np.unique(np.array(texts, dtype=object), return_inverse=True)
    indices = np.repeat(codes.astype(np.int32), lengths)
    return pa.DictionaryArray.from_arrays(indices, pa.array(known.tolist(), pa.string()))


def _value_arrays(parts: list[Values]) -> dict[str, pa.Array]:
    if all(part.dtype == np.float64 for part in parts):
        value = np.concatenate(parts) if parts else np.zeros(0)
        nothing = pa.nulls(len(value), pa.int64())
        return {"value": pa.array(value), "integer": nothing, "digits": nothing.cast(pa.string())}
    values = [value for part in parts for value in part.tolist()]
    whole = [value if isinstance(value, int) else None for value in values]
    return {
        "value": pa.array(np.concatenate([floats_of(part) for part in parts])),
        "integer": pa.array([n if n is not None and _fits(n) else None for n in whole], pa.int64()),
        "digits": pa.array([None if n is None or _fits(n) else str(n) for n in whole], pa.string()),
    }


def _fits(number: int) -> bool:
    return -(2**63) <= number < 2**63


def _rows(schema: pa.Schema, rows: Iterable[dict[str, Any]], owner: Owner) -> pa.Table:
    whole = [{**asdict(owner), **row} for row in rows]
    return pa.Table.from_pylist(whole, schema=schema)


def _event(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "lamport": event.lamport,
        "time": event.time,
        "kind": event.kind,
        "data": json.dumps(event.data),
    }


def _histogram(seq: int, series: Series, histogram: Histogram) -> dict[str, Any]:
    return {
        **dict(zip(SERIES, _of_series(series), strict=True)),
        "seq": seq,
        "step": step_or_none(histogram.step),
        "time": histogram.time,
        "start": histogram.start,
        "data": json.dumps(histogram.data),
    }


def _record(seq: int, record: Record) -> dict[str, Any]:
    return {
        "seq": seq,
        "kind": record.kind,
        "key": record.key,
        "step": step_or_none(record.step),
        "time": record.time,
        "data": json.dumps(record.data),
    }


def owners(table: pa.Table) -> set[Owner]:
    """Whose the rows are: one's, in a segment that is sound."""
    distinct = table.group_by(["run", "writer", "attempt", "rank"]).aggregate([])
    return {Owner(**row) for row in distinct.to_pylist()}


def _series_columns(table: pa.Table, owner: Owner) -> Iterator[tuple[Series, Columns]]:
    """Rows of one series lie together."""
    if not len(table):
        return
    begins = np.zeros(len(table), dtype=bool)
    begins[0] = True
    for name in SERIES:
        codes = np.asarray(table[name].combine_chunks().dictionary_encode().indices)
        begins[1:] |= codes[1:] != codes[:-1]
    starts = np.flatnonzero(begins)
    seq, time = table["seq"].to_numpy(), table["time"].to_numpy()
    step = table["step"].fill_null(NO_STEP).to_numpy()
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(table)], strict=True):
        named = {name: table[name][start].as_py() for name in SERIES}
        value = _values(table.slice(start, stop - start))
        points = Points(step[start:stop], time[start:stop], value)
        yield Series(**named, rank=owner.rank), Columns(0, seq[start:stop], points)


def _values(table: pa.Table) -> Values:
    integer, digits = table["integer"], table["digits"]
    if integer.null_count == len(table) and digits.null_count == len(table):
        return np.asarray(table["value"])
    if integer.null_count == 0:
        return np.asarray(integer)
    triples = zip(table["value"].to_pylist(), integer.to_pylist(), digits.to_pylist(), strict=True)
    return column_of([_value(*triple) for triple in triples])


def _value(value: float, integer: int | None, digits: str | None) -> float | int:
    if digits is not None:
        return int(digits)
    return value if integer is None else integer


def _to_event(row: dict[str, Any]) -> Event:
    data = json.loads(row["data"])
    return Event(row["kind"], row["time"], data, row["lamport"], row["writer"], row["seq"])


def _to_histogram(row: dict[str, Any]) -> tuple[int, Series, Histogram]:
    series = Series(**{name: row[name] for name in SERIES}, rank=row["rank"])
    when = _step(row), row["time"], row["start"]
    return row["seq"], series, Histogram(*when, json.loads(row["data"]))


def _to_record(row: dict[str, Any]) -> tuple[int, Record]:
    data = json.loads(row["data"])
    return row["seq"], Record(row["kind"], row["key"], _step(row), row["time"], data)


def _step(row: dict[str, Any]) -> int:
    return NO_STEP if row["step"] is None else int(row["step"])
