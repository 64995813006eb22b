"""Requests of Prometheus remote write 1.0: series with labels, and samples in order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

import cramjam
import numpy as np
from numpy.typing import NDArray

from otel_trackio_collector.promseries import Family, Samples, Series

FIRST_MS: Final = 1 << 35
"""1971: a time from here on, and before LAST_MS, is six bytes, so that all samples are as long."""

LAST_MS: Final = 1 << 42
"""2109."""

SAMPLE_BYTES: Final = 18

_QUIET_NAN: Final = np.uint64(0x7FF8000000000001)
_STALE: Final = np.uint64(0x7FF0000000000002)

_KINDS: Final = {"counter": 1, "gauge": 2, "histogram": 3, "summary": 5, "info": 6}


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Samples by series, and within one by time: no two of a series at one time."""

    numbers: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    weights: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def points(self) -> int:
        """How many points these samples stand for."""
        return int(self.weights.sum())

    def where(self, mask: NDArray[np.bool_]) -> Self:
        return self._of(mask)

    def pieces(self, size: int) -> Iterator[Self]:
        """The same in pieces of about `size` samples; a series is cut only where it is longer."""
        start, ends = 0, self._ends()
        while start < len(self):
            fitting = ends[np.searchsorted(ends, start, "right") :]
            fitting = fitting[fitting <= start + size]
            end = int(fitting[-1]) if len(fitting) else min(start + size, len(self))
            yield self._of(slice(start, end))
            start = end

    def halves(self) -> tuple[Self, ...]:
        """Two halves, where there are several series: a series is not cut."""
        ends, middle = self._ends(), len(self) // 2
        if len(ends) < 2:
            return ()
        middle = int(ends[:-1][np.abs(ends[:-1] - middle).argmin()])
        return self.cut(middle)

    def cut(self, place: int) -> tuple[Self, Self]:
        """The first so many samples, and the others."""
        return self._of(slice(place)), self._of(slice(place, None))

    def spans(self) -> Iterator[tuple[int, int, int]]:
        """Each series' number, and where its samples begin and end."""
        start = 0
        for end in self._ends().tolist():
            yield int(self.numbers[start]), start, end
            start = end

    def _ends(self) -> NDArray[np.int64]:
        changes = np.flatnonzero(np.diff(self.numbers)) + 1
        return np.append(changes, len(self)) if len(self) else changes

    def _of(self, chosen: slice | NDArray[np.bool_]) -> Self:
        return type(self)(
            self.numbers[chosen], self.times[chosen], self.values[chosen], self.weights[chosen]
        )


def ordered(samples: Samples) -> tuple[Columns, int]:
    """The samples in order, and how many points were folded: of one millisecond the last stays."""
    numbers = np.array(samples.numbers, np.int64)
    times = np.array(samples.times, np.int64)
    order = np.lexsort((times, numbers))
    numbers, times = numbers[order], times[order]
    values = np.array(samples.values, np.float64)[order]
    weights = np.array(samples.weights, np.int64)[order]
    last = np.ones(len(order), np.bool_)
    last[:-1] = (np.diff(numbers) != 0) | (np.diff(times) != 0)
    columns = Columns(numbers, times, values, weights)
    return columns.where(last), int(weights[~last].sum())


def encoded(columns: Columns, heads: Mapping[int, bytes], families: Iterable[Family] = ()) -> bytes:
    """The body of a request, packed with snappy. `heads` are the labels by a series' number."""
    packed = memoryview(_packed(columns).tobytes())
    parts: list[bytes | memoryview] = []
    for number, start, end in columns.spans():
        head = heads[number]
        length = len(head) + (end - start) * SAMPLE_BYTES
        first, last = start * SAMPLE_BYTES, end * SAMPLE_BYTES
        parts += [b"\x0a", _varint(length), head, packed[first:last]]
    parts += [_field(0x1A, _metadata(each)) for each in families]
    return bytes(cramjam.snappy.compress_raw(b"".join(parts)))


def head_of(series: Series) -> bytes:
    """The series' labels as they stand at the head of its samples, sorted by name."""
    labels = sorted([("__name__", series.name), *series.labels])
    return b"".join(
        _field(0x0A, _field(0x0A, _utf8(name)) + _field(0x12, _utf8(value)))
        for name, value in labels
    )


def _packed(columns: Columns) -> NDArray[np.uint8]:
    """A row for each sample: its tags, its value, and its time as a varint of six bytes."""
    rows = np.empty((len(columns), SAMPLE_BYTES), np.uint8)
    rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 11] = 0x12, SAMPLE_BYTES - 2, 0x09, 0x10
    bits = columns.values.view(np.uint64)
    # A NaN that somebody measured must not be taken for the end of the series.
    bits = np.where(np.isnan(columns.values) & (bits != _STALE), _QUIET_NAN, bits)
    rows[:, 3:11] = bits.astype("<u8").reshape(-1, 1).view(np.uint8)
    shifts = 7 * np.arange(6)
    rows[:, 12:18] = (columns.times[:, None] >> shifts) & 127
    rows[:, 12:17] |= 128
    return rows


def _metadata(family: Family) -> bytes:
    kind = b"\x08" + _varint(_KINDS[family.kind])
    name, text = _field(0x12, _utf8(family.name)), _field(0x22, _utf8(family.help))
    return kind + name + text + _field(0x2A, _utf8(family.unit))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _field(tag: int, content: bytes) -> bytes:
    return bytes((tag,)) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)
