"""What a run file holds already, so that what comes twice is stored once.

Points of our own processes are told apart by the numbers that their origin gave them, all others
by series, time and step.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from otel_trackio import chunk
from otel_trackio.model import NO_STEP
from otel_trackio.runfile import HELD, RunFile
from otel_trackio_collector.measurement import NUMBER, STEP, TIME, Row


class Numbers:
    """A set of numbers that hardly has gaps."""

    def __init__(self, ranges: Iterable[Sequence[int]] = ()) -> None:
        self._firsts = [first for first, _ in ranges]
        self._lasts = [last for _, last in ranges]

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._firsts, number) - 1
        return place >= 0 and number <= self._lasts[place]

    def ranges(self) -> list[list[int]]:
        """In order, both ends included."""
        return [list(each) for each in zip(self._firsts, self._lasts, strict=True)]

    def add(self, numbers: Iterable[int]) -> None:
        """Takes in numbers, none of which it has."""
        found: list[list[int]] = []
        for number in sorted(numbers):
            if found and number == found[-1][1] + 1:
                found[-1][1] = number
            else:
                found.append([number, number])
        if found and self._firsts and found[0][0] <= self._lasts[-1]:
            found = sorted([*self.ranges(), *found])
            self._firsts, self._lasts = [], []
        for first, last in found:
            if self._lasts and first == self._lasts[-1] + 1:
                self._lasts[-1] = last
            else:
                self._firsts.append(first)
                self._lasts.append(last)


class Held:
    """What one run file holds. Reads the file only for what is not newer than all of its series."""

    def __init__(self, file: RunFile) -> None:
        self._file = file
        self._numbers = Numbers(json.loads(file.meta(HELD, "[]")))
        self._latest: dict[int, int] = {}
        for table, time in (
            ("point", "time_ns"),
            ("chunk", "max_time_ns"),
            ("histogram", "time_ns"),
        ):
            query = f"SELECT series, max({time}) FROM {table} GROUP BY series"
            for series, latest in file.connection.execute(query):
                self._latest[series] = max(latest, self._latest.get(series, latest))
        self.begin()

    def begin(self) -> None:
        """A transaction begins: what is read of the file is remembered until the next one."""
        self._axes: dict[int, list[tuple[int, int]]] = {}
        self._log: dict[int, list[tuple[int, int]]] | None = None
        self._fresh: set[int] = set()

    def store(self) -> None:
        """Writes down, in the transaction, which numbers have come."""
        if self._fresh:
            self._numbers.add(self._fresh)
            self._file.set_meta(HELD, json.dumps(self._numbers.ranges()))

    def fresh(self, series: int, rows: list[Row], numbered: bool) -> list[Row]:
        """Those of the rows of a series that are not held; once a transaction for each series.

        Rows that have a number are told apart by it where `numbered`.
        """
        latest = self._latest.get(series, 0)
        for row in rows:
            if row[TIME] <= latest or (numbered and row[NUMBER]):
                rows = self._new(series, rows, numbered)
                break
            latest = row[TIME]
        times = [row[TIME] for row in rows]
        self._latest[series] = max([self._latest.get(series, 0), *times])
        return rows

    def _new(self, series: int, rows: list[Row], numbered: bool) -> list[Row]:
        latest = self._latest.get(series, 0)
        known: set[tuple[int, int]] | None = None
        new = []
        for row in rows:
            if numbered and (number := row[NUMBER]):
                if number not in self._fresh and number not in self._numbers:
                    self._fresh.add(number)
                    new.append(row)
                continue
            if known is None:
                times = [each[TIME] for each in rows if each[TIME] <= latest]
                known = self._identities(series, min(times), max(times)) if times else set()
            identity = row[TIME], row[STEP]
            if identity not in known:
                known.add(identity)
                new.append(row)
        return new

    def _identities(self, series: int, least: int, most: int) -> set[tuple[int, int]]:
        """Times and steps of a series' points in that span, and maybe of others."""
        found = set(self._in_log().get(series, ()))
        db = self._file.connection
        query = (
            "SELECT axis, count FROM chunk"
            " WHERE series = ? AND max_time_ns >= ? AND min_time_ns <= ?"
        )
        for axis, count in db.execute(query, (series, least, most)):
            found.update(self._axis(axis, count))
        query = (
            "SELECT time_ns, coalesce(step, ?) FROM histogram"
            " WHERE series = ? AND time_ns BETWEEN ? AND ?"
        )
        found.update(db.execute(query, (NO_STEP, series, least, most)))
        return found

    def _in_log(self) -> dict[int, list[tuple[int, int]]]:
        if self._log is None:
            self._log = {}
            query = "SELECT series, time_ns, coalesce(step, ?) FROM point"
            for series, time, step in self._file.connection.execute(query, (NO_STEP,)):
                self._log.setdefault(series, []).append((time, step))
        return self._log

    def _axis(self, axis: int, count: int) -> list[tuple[int, int]]:
        known = self._axes.get(axis)
        if known is None:
            query = "SELECT steps, times FROM axis WHERE id = ?"
            packed = self._file.connection.execute(query, (axis,)).fetchone()
            steps, times = (chunk.decode_ints(each, count).tolist() for each in packed)
            known = self._axes[axis] = list(zip(times, steps, strict=True))
        return known
