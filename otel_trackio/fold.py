"""Folding: a series' points leave the log and become columnar chunks with their rollups.

A chunk is immutable and holds consecutive points of one series. Sizes grow geometrically, so that
each point is rewritten a logarithmic number of times and a long series has few chunks.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from otel_trackio import chunk, pointlog, rollup
from otel_trackio.model import NO_STEP, Columns, Ints, Points, Values

CHUNK_POINTS: Final = 65536
"""Points in a chunk at most."""

LEAST_POINTS: Final = 256
"""A series with fewer unfolded points stays in the log while there is room."""

WORTHWHILE_POINTS: Final = 16
"""Fewer points of a series take less room as rows than as a chunk with its rollups."""

STEP_AXIS: Final = "step"
TIME_AXIS: Final = "time"


def fold(db: sqlite3.Connection, fresh: Sequence[Columns], least: int, room: int) -> dict[int, int]:
    """Folds the log and `fresh` points of every series that has `least` of them or more.

    The rest stays in the log, unless that would leave more than `room` points there: then all
    that gain by it are folded. Returns how many points of which series stay. Runs inside the
    caller's transaction.
    """
    pending = {key: [columns] for key, columns in pointlog.read(db).items()}
    for each in fresh:
        pending.setdefault(each.series, []).append(each)
    counts = {key: sum(map(len, parts)) for key, parts in pending.items()}
    small = {key: count for key, count in counts.items() if count < least}
    if sum(small.values()) > room:
        small = {key: count for key, count in small.items() if count < WORTHWHILE_POINTS}
    chunks = ChunkWriter(db)
    for key, parts in pending.items():
        if key not in small:
            chunks.write(joined(parts))
    folded = json.dumps([key for key in pending if key not in small])
    db.execute("DELETE FROM point WHERE series IN (SELECT value FROM json_each(?))", (folded,))
    pointlog.insert(db, [each for each in fresh if each.series in small])
    return small


def joined(parts: Sequence[Columns]) -> Columns:
    """Consecutive columns of one series as one."""
    if len(parts) == 1:
        return parts[0]
    return Columns(
        parts[0].series,
        np.concatenate([part.seq for part in parts]),
        end_to_end([part.points for part in parts]),
    )


def end_to_end(parts: Sequence[Points]) -> Points:
    """Points of one metric one after the other."""
    if len(parts) == 1:
        return parts[0]
    return Points(
        np.concatenate([part.step for part in parts]),
        np.concatenate([part.time for part in parts]),
        chunk.concat([part.value for part in parts]),
    )


def interleaved(parts: Sequence[Columns]) -> Columns:
    """Columns that are one series to their readers, in the order of their numbers."""
    whole = joined(parts)
    if (whole.seq[1:] > whole.seq[:-1]).all():
        return whole
    order = np.argsort(whole.seq)
    points = whole.points
    in_order = Points(points.step[order], points.time[order], points.value[order])
    return Columns(whole.series, whole.seq[order], in_order)


def totals(base: float | int, increments: Values) -> Values:
    """Running totals of a delta counter's increments, from `base` on; integers stay exact."""
    if increments.dtype == np.float64:
        return np.cumsum(increments) + base
    total, out = base, []
    for increment in increments.tolist():
        total += increment
        out.append(total)
    return chunk.column_of(out)


class ChunkWriter:
    """Writes chunks within one transaction; keys that were logged together share their axis."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._axes: dict[bytes, int] = {}

    def write(self, columns: Columns) -> None:
        """Appends `columns` to its series' chunks, rewriting small ones at the end."""
        base: float | int | None = None
        counter = self._is_counter(columns.series)
        while (last := self._last(columns.series)) is not None:
            chunk_id, count = last
            if count >= 2 * len(columns) or count + len(columns) > CHUNK_POINTS:
                break
            columns = joined([read_chunk(self._db, chunk_id), columns])
            self._delete(chunk_id)
        if counter:
            base = 0 if last is None else self._total_after(last[0])
        for start in range(0, len(columns), CHUNK_POINTS):
            piece = _slice(columns, start, start + CHUNK_POINTS)
            self._insert(piece, base)
            if base is not None:
                base = totals(base, piece.points.value).tolist()[-1]

    def _is_counter(self, series: int) -> bool:
        query = "SELECT temporality = 'delta' AND kind != 'histogram' FROM series WHERE id = ?"
        return bool(self._db.execute(query, (series,)).fetchone()[0])

    def _last(self, series: int) -> tuple[int, int] | None:
        query = "SELECT id, count FROM chunk WHERE series = ? ORDER BY first_seq DESC LIMIT 1"
        row: tuple[int, int] | None = self._db.execute(query, (series,)).fetchone()
        return row

    def _total_after(self, chunk_id: int) -> float | int:
        query = "SELECT base FROM chunk WHERE id = ?"
        base = pointlog.number(self._db.execute(query, (chunk_id,)).fetchone()[0])
        last: float | int = totals(base, read_chunk(self._db, chunk_id).points.value).tolist()[-1]
        return last

    def _delete(self, chunk_id: int) -> None:
        db = self._db
        (axis,) = db.execute("SELECT axis FROM chunk WHERE id = ?", (chunk_id,)).fetchone()
        db.execute("DELETE FROM rollup WHERE chunk = ?", (chunk_id,))
        db.execute("DELETE FROM chunk WHERE id = ?", (chunk_id,))
        if db.execute("SELECT 1 FROM chunk WHERE axis = ? LIMIT 1", (axis,)).fetchone() is None:
            db.execute("DELETE FROM axis WHERE id = ?", (axis,))

    def _axis(self, points: Points) -> int:
        digest = hashlib.blake2b(points.step.tobytes(), digest_size=16)
        digest.update(points.time.tobytes())
        known = self._axes.get(digest.digest())
        if known is None:
            row = (chunk.encode_ints(points.step), chunk.encode_ints(points.time))
            cursor = self._db.execute("INSERT INTO axis (steps, times) VALUES (?, ?)", row)
            known = self._axes[digest.digest()] = int(cursor.lastrowid or 0)
        return known

    def _insert(self, columns: Columns, base: float | int | None) -> None:
        points = columns.points
        form, vals = chunk.encode_values(points.value)
        steps = points.step[points.step != NO_STEP]
        row: tuple[Any, ...] = (
            columns.series,
            int(columns.seq[0]),
            int(columns.seq[-1]),
            len(columns),
            self._axis(points),
            int(steps.min()) if len(steps) else None,
            int(steps.max()) if len(steps) else None,
            int(points.time.min()),
            int(points.time.max()),
            None if base is None else pointlog.sql_value(base),
            form,
            vals,
            chunk.encode_ints(columns.seq),
        )
        marks = ", ".join("?" * len(row))
        cursor = self._db.execute(f"INSERT INTO chunk VALUES (NULL, {marks})", row)
        shown = points.value if base is None else totals(base, points.value)
        self._roll_up(int(cursor.lastrowid or 0), columns.seq, points, shown)

    def _roll_up(self, chunk_id: int, seq: Ints, points: Points, value: Values) -> None:
        kept = rollup.winners(points.step)
        step, time, seq, value = points.step[kept], points.time[kept], seq[kept], value[kept]
        stepped = step != NO_STEP
        by_step = rollup.pyramid(step[stepped], value[stepped], seq[stepped], rollup.STEP_WIDTHS)
        by_time = rollup.pyramid(time, value, seq, rollup.TIME_WIDTHS)
        rows = [(chunk_id, STEP_AXIS, each.width, rollup.encode(each)) for each in by_step]
        rows += [(chunk_id, TIME_AXIS, each.width, rollup.encode(each)) for each in by_time]
        self._db.executemany("INSERT INTO rollup VALUES (?, ?, ?, ?)", rows)


def read_chunk(db: sqlite3.Connection, chunk_id: int) -> Columns:
    """The points of one chunk, as they were recorded."""
    return next(read_chunks(db, [chunk_id]))


def read_chunks(db: sqlite3.Connection, chunk_ids: Iterable[int]) -> Iterator[Columns]:
    """The points of chunks; of those that follow one another an axis in common is decoded once."""
    query = "SELECT series, count, seqs, axis, form, vals FROM chunk WHERE id = ?"
    known, step, time = None, np.zeros(0, np.int64), np.zeros(0, np.int64)
    for chunk_id in chunk_ids:
        series, count, seqs, axis, form, vals = db.execute(query, (chunk_id,)).fetchone()
        if axis != known:
            row = db.execute("SELECT steps, times FROM axis WHERE id = ?", (axis,)).fetchone()
            step, time = (chunk.decode_ints(packed, count) for packed in row)
            known = axis
        points = Points(step, time, chunk.decode_values(form, vals, count))
        yield Columns(series, chunk.decode_ints(seqs, count), points)


def _slice(columns: Columns, start: int, stop: int) -> Columns:
    points = columns.points
    kept = slice(start, stop)
    return Columns(
        columns.series,
        columns.seq[kept],
        Points(points.step[kept], points.time[kept], points.value[kept]),
    )
