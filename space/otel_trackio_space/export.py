"""Exporting points as they were recorded, in CSV or Parquet, a stretch of one metric at a time.

In CSV nothing is put before a key that a spreadsheet would take for a formula: it would be another
key. Whoever opens the file in one imports the columns as text.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from otel_trackio.chunk import floats_of
from otel_trackio.diagnostics import logger
from otel_trackio.errors import StoreError, UnknownMetric
from otel_trackio.history import History
from otel_trackio.model import Ints, Values
from otel_trackio_space.entry import Entry
from otel_trackio_space.shelf import Shelf

ROWS: Final = 16_384
"""Rows that are made at once."""

COLUMNS: Final = ("run", "name", "key", "rank", "step", "time", "value")
"""Of CSV: `time` in ns since the epoch, `step` empty where there is none, `value` exact."""

_TEXT: Final = pa.dictionary(pa.int32(), pa.string())

SCHEMA: Final = pa.schema(
    [
        ("run", _TEXT),
        ("name", _TEXT),
        ("key", _TEXT),
        ("rank", pa.int32()),
        ("step", pa.int64()),
        ("time", pa.timestamp("ns", tz="UTC")),
        ("value", pa.float64()),
        ("integer", pa.int64()),
        ("digits", pa.string()),
    ]
)
"""Of Parquet, as in a remote: integers are exact in `integer`, or, beyond int64, in `digits`."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive points of one metric of a run's rank; `missing` says which have no step."""

    run: str
    name: str
    key: str
    rank: int
    step: Ints
    missing: Any
    time: Ints
    value: Values

    def __len__(self) -> int:
        return len(self.time)


def stretches(shelf: Shelf, entries: Iterable[Entry], keys: Sequence[str]) -> Iterator[Stretch]:
    """The points that count, by run, key and rank, sorted by step; histograms have none.

    Between two of them no run is held. What is deleted meanwhile is left out.
    """
    for entry in entries:
        for metric in filter(None, map(entry.metrics.get, keys)):
            for rank in metric.ranks if metric.kind != "histogram" else ():
                try:
                    with shelf.sources(entry):
                        history = entry.run.history(metric.key, rank)
                except (StoreError, UnknownMetric) as error:
                    logger.warning("not exported: %s", error)
                    continue
                yield from _parted(entry.id, entry.facts.name, metric.key, rank, history)


def _parted(run: str, name: str, key: str, rank: int, history: History) -> Iterator[Stretch]:
    step, time, value = history["step"], history["time"], history["value"]
    missing = np.ma.getmaskarray(step)
    plain = step.data if isinstance(step, np.ma.MaskedArray) else step
    for at in range(0, len(time), ROWS):
        part = slice(at, at + ROWS)
        yield Stretch(run, name, key, rank, plain[part], missing[part], time[part], value[part])


def csv_of(parts: Iterable[Stretch]) -> Iterator[bytes]:
    """A line a point, after the names."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part in parts:
        steps = part.step.astype(object)
        steps[part.missing] = None
        values = map(_exact, part.value.tolist())
        about = (part.run, part.name, part.key, part.rank)
        rows = zip(steps.tolist(), part.time.tolist(), values, strict=True)
        writer.writerows((*about, *row) for row in rows)
        yield _taken(out)
    yield _taken(out)


def _taken(out: io.StringIO) -> bytes:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode("utf-8", "backslashreplace")


def _exact(value: float | int) -> str:
    """A value so that it can be read back without loss."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return repr(value)


def parquet_of(parts: Iterable[Stretch]) -> Iterator[bytes]:
    """A file, a row group a stretch."""
    sink = _Sink()
    with pq.ParquetWriter(pa.PythonFile(sink, "w"), SCHEMA, compression="zstd") as writer:
        for part in parts:
            writer.write_table(_table(part))
            yield sink.taken()
    yield sink.taken()


def _table(part: Stretch) -> pa.Table:
    length = len(part)
    texts = [pa.repeat(pa.scalar(each), length) for each in (part.run, part.name, part.key)]
    integer, digits = _integers(part.value)
    columns = [
        *(each.dictionary_encode() for each in texts),
        pa.repeat(pa.scalar(part.rank, pa.int32()), length),
        pa.array(part.step, mask=part.missing),
        pa.array(part.time).cast(SCHEMA.field("time").type),
        pa.array(floats_of(part.value), pa.float64(), from_pandas=False),
        integer,
        digits,
    ]
    return pa.table(columns, schema=SCHEMA)


def _integers(value: Values) -> tuple[pa.Array, pa.Array]:
    if value.dtype == np.float64:
        return pa.nulls(len(value), pa.int64()), pa.nulls(len(value), pa.string())
    plain = value.tolist()
    fits = [type(v) is int and -(2**63) <= v < 2**63 for v in plain]
    integers = [v if fit else None for v, fit in zip(plain, fits, strict=True)]
    digits = [
        str(v) if type(v) is int and not fit else None for v, fit in zip(plain, fits, strict=True)
    ]
    return pa.array(integers, pa.int64()), pa.array(digits, pa.string())


class _Sink(io.RawIOBase):
    """Takes what is written until that is taken away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._length += len(part)
        return len(part)

    def tell(self) -> int:
        return self._length

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def file_name(project: str, keys: Sequence[str], form: str) -> str:
    """A name that is safe in a header and on any disk."""
    key = keys[0] if len(keys) == 1 else ""
    name = "-".join(_plain(each) for each in (project, key) if each) or "metrics"
    return f"{name[:100]}.{form}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_") or "metrics"
