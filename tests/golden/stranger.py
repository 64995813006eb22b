"""A reader written from FORMAT.md alone: no code of ours, nothing but the standard library.

Slow and plain on purpose. It shows that the page is complete, and what a reader has to do.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

APPLICATION_ID = 0x0E7AC410
NO_STEP = -(2**63)
HEADER = struct.Struct("<IIQqqI")
NOT_FINITE = {float("inf"), float("-inf")}

Number: TypeAlias = int | float


class Refused(Exception):
    """The file is none that this reader may read."""


class Point(NamedTuple):
    seq: int
    step: int | None
    time: int
    value: Number


class Series(NamedTuple):
    key: str
    kind: str
    temporality: str
    unit: str
    description: str
    attributes: str
    scope: str
    scope_version: str
    rank: int

    @property
    def metric(self) -> str:
        shown = json.loads(self.attributes).items()
        pairs = [f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in shown]
        return f"{self.key}{{{','.join(pairs)}}}" if pairs else self.key

    @property
    def increments(self) -> bool:
        return self.temporality == "delta" and self.kind != "histogram"


class Chunk(NamedTuple):
    series: Series
    base: Number
    points: list[Point]
    rollups: dict[tuple[str, int], list[tuple[Number, ...]]]


class Frame(NamedTuple):
    time: int
    step: int | None
    layout: int
    body: bytes


def is_finite(value: Number) -> bool:
    return value == value and value not in NOT_FINITE


# Section 5: columns and buckets.


def words(data: bytes) -> list[int]:
    raw = zlib.decompress(data)
    n = len(raw) // 8
    return [sum(raw[byte * n + i] << 8 * byte for byte in range(8)) for i in range(n)]


def i8(data: bytes) -> list[int]:
    values, value = [], 0
    for word in words(data):
        value = (value + ((word >> 1) ^ -(word & 1))) % 2**64
        values.append(value - 2**64 if value >= 2**63 else value)
    return values


def f8(data: bytes) -> list[float]:
    values, bits = [], 0
    for word in words(data):
        bits = (bits + word) % 2**64
        values.append(float(struct.unpack("<d", struct.pack("<Q", bits))[0]))
    return values


def text(data: bytes) -> list[Number]:
    lines = zlib.decompress(data).decode("ascii").splitlines()
    return [float.fromhex(x) if "p" in x or "n" in x else int(x, 16) for x in lines]


FORMS: dict[str, Callable[[bytes], list[Any]]] = {"i8": i8, "f8": f8, "text": text}


def buckets(data: bytes) -> tuple[int, list[tuple[Number, ...]]]:
    """The width, and a row for each bucket: index, count, nan, pos_inf, neg_inf, last_seq, ..."""
    width, n, size = struct.unpack_from("<QII", data)
    values: list[Number] = [*i8(data[16 : 16 + size]), *f8(data[16 + size :])]
    return width, list(zip(*(values[n * i : n * (i + 1)] for i in range(10)), strict=True))


# Section 3: values in SQL and JSON.


def from_sql(value: Number | str | None) -> Number:
    if value is None:
        return float("nan")
    return int(value) if isinstance(value, str) else value


def from_json(value: Number | str) -> Number:
    if not isinstance(value, str):
        return value
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else int(value)


def or_none(step: int) -> int | None:
    return None if step == NO_STEP else step


# Section 7: the journal.


@dataclass
class Tail:
    """The whole frames from a position on, and whether something was after them that is lost."""

    frames: list[Frame]
    torn: bool


def read_tail(path: Path, meta: dict[str, Any]) -> Tail:
    found = Tail([], False)
    if not path.exists():
        return found
    ring, size, number = path.read_bytes(), meta["journal_size"], meta["journal_number"]
    found.torn = len(ring) < size
    start = meta["journal_position"] % size
    stream, at = ring[start:] + (ring[:start] if len(ring) == size else b""), 0
    while at + HEADER.size <= len(stream):
        crc, length, numbered, time, step, layout = HEADER.unpack_from(stream, at)
        if numbered != number or length == crc == 0:
            break
        frame = stream[at : at + length]
        possible = HEADER.size <= length <= size // 4 and len(frame) == length
        if not possible or zlib.crc32(frame[4:]) != crc:
            found.torn = True
            break
        found.frames.append(Frame(time, or_none(step), layout, frame[HEADER.size :]))
        at, number = at + length, number + 1
    return found


# Section 4: one file.


@dataclass
class File:
    """What one writer recorded: everything in the run file, then the tail."""

    meta: dict[str, Any]
    series: list[Series] = field(default_factory=list)
    points: dict[Series, list[Point]] = field(default_factory=dict)
    events: list[tuple[int, int, str, Any]] = field(default_factory=list)
    histograms: dict[Series, list[dict[str, Any]]] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    torn: bool = False

    @property
    def order(self) -> tuple[int, str]:
        return self.meta["attempt"], self.meta["writer"]

    @property
    def heartbeat(self) -> int:
        times = [point.time for points in self.points.values() for point in points]
        beat: int = self.meta.get("heartbeat_ns", self.meta["created_ns"])
        return max([beat, *times])

    def state(self, now: int) -> str:
        """As a reader on another machine sees it, where no lease tells anything."""
        states = [data["state"] for _, _, kind, data in sorted_by_seq(self.events, "state")]
        state = states[-1] if states else "running"
        if state == "running":
            return "running" if now - self.heartbeat < 60 * 10**9 else "crashed"
        return state if state in ("finished", "failed") else "crashed"


def sorted_by_seq(
    events: list[tuple[int, int, str, Any]], kind: str
) -> list[tuple[int, int, str, Any]]:
    return sorted((each for each in events if each[2] == kind), key=lambda each: each[1])


def open_file(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        db.close()
        raise Refused(f"{path} is no run file")
    if db.execute("PRAGMA user_version").fetchone()[0] > 1:
        db.close()
        raise Refused(f"{path} is newer: upgrade the reader")
    return db


def read_file(path: Path) -> File:
    db = open_file(path)
    try:
        db.execute("BEGIN")
        file = File(dict(db.execute("SELECT key, value FROM meta")))
        names = f"id, {', '.join(Series._fields)}"
        rows = db.execute(f"SELECT {names} FROM series ORDER BY id")
        series = {key: Series(*row) for key, *row in rows}
        file.series.extend(series.values())
        read_points(db, file, series)
        read_facts(db, file, series)
        layouts = {row[0]: json.loads(row[1]) for row in db.execute("SELECT * FROM layout")}
    finally:
        db.close()
    tail = read_tail(path.with_suffix(".journal"), file.meta)
    file.torn = tail.torn
    Overlay(file, layouts).add(tail.frames)
    return file


def read_points(db: sqlite3.Connection, file: File, series: dict[int, Series]) -> None:
    query = (
        "SELECT chunk.id, series, base, seqs, steps, times, form, vals FROM chunk"
        " JOIN axis ON axis.id = chunk.axis ORDER BY first_seq"
    )
    for chunk, key, base, seqs, steps, times, form, vals in db.execute(query).fetchall():
        columns = i8(seqs), map(or_none, i8(steps)), i8(times), FORMS[form](vals)
        points = [Point(*row) for row in zip(*columns, strict=True)]
        file.points.setdefault(series[key], []).extend(points)
        total = from_sql(base) if series[key].increments else 0
        file.chunks.append(Chunk(series[key], total, points, read_rollups(db, chunk)))
    for seq, key, step, time, value in db.execute("SELECT * FROM point ORDER BY seq"):
        file.points.setdefault(series[key], []).append(Point(seq, step, time, from_sql(value)))


def read_rollups(
    db: sqlite3.Connection, chunk: int
) -> dict[tuple[str, int], list[tuple[Number, ...]]]:
    found = {}
    query = "SELECT axis, width, data FROM rollup WHERE chunk = ?"
    for axis, width, data in db.execute(query, (chunk,)):
        inside, found[axis, width] = buckets(data)
        assert inside == width
    return found


def read_facts(db: sqlite3.Connection, file: File, series: dict[int, Series]) -> None:
    for seq, lamport, kind, data in db.execute("SELECT seq, lamport, kind, data FROM event"):
        file.events.append((lamport, seq, kind, json.loads(data)))
    for key, step, time, start, data in db.execute(
        "SELECT series, step, time_ns, start_ns, data FROM histogram ORDER BY seq"
    ):
        one = {"step": step, "time": time, "start": start, "data": json.loads(data)}
        file.histograms.setdefault(series[key], []).append(one)
    for kind, key, step, time, data in db.execute(
        "SELECT kind, key, step, time_ns, data FROM record ORDER BY seq"
    ):
        one = {"kind": kind, "key": key, "step": step, "time": time, "data": json.loads(data)}
        file.records.append(one)


@dataclass
class Overlay:
    """Adds a tail to a file, under provisional numbers."""

    file: File
    layouts: dict[int, Any]
    not_finite: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.seq = self.file.meta["next_seq"]
        self.lamport = self.file.meta["lamport"]

    def add(self, frames: list[Frame]) -> None:
        for frame in frames:
            if frame.layout == 1:
                definition = json.loads(frame.body)
                self.layouts[definition["id"]] = definition
            elif frame.layout == 2:
                self.add_entry(frame, json.loads(frame.body))
            elif frame.layout in self.layouts:
                layout = self.layouts[frame.layout]
                values = struct.unpack("<" + layout["codes"], frame.body)
                self.add_values(frame, layout["scope"], zip(layout["keys"], values, strict=True))
        now = self.file.meta.get("heartbeat_ns", 0)
        for key, amount in self.not_finite.items():
            about = json.dumps({"otel_trackio.key": key})
            series = self.plain("training.nonfinite", "otel_trackio", "counter")
            series = series._replace(temporality="delta", unit="{point}", attributes=about)
            self.add_point(series, None, now, amount)

    def add_values(self, frame: Frame, scope: str, values: Iterator[tuple[str, Any]]) -> None:
        for key, value in values:
            if not is_finite(value):
                self.not_finite[key] += 1
            value = int(value) if isinstance(value, bool) else value
            self.add_point(self.plain(key, scope), frame.step, frame.time, value)

    def plain(self, key: str, scope: str, kind: str = "gauge") -> Series:
        return Series(key, kind, "", "", "", "{}", scope, "", self.file.meta["rank"])

    def known(self, series: Series) -> Series:
        if series not in self.file.series:
            self.file.series.append(series)
        return series

    def add_point(self, series: Series, step: int | None, time: int, value: Number) -> None:
        self.known(series)
        self.file.points.setdefault(series, []).append(Point(self.next_seq(), step, time, value))

    def next_seq(self) -> int:
        self.seq += 1
        return int(self.seq - 1)

    def add_entry(self, frame: Frame, entry: Any) -> None:
        kind = entry["entry"]
        if kind == "points":
            values = ((key, from_json(value)) for key, value in entry["values"])
            self.add_values(frame, entry["scope"], values)
        elif kind in ("event", "record", "histogram"):
            self.add_single(frame, entry, self.next_seq())

    def add_single(self, frame: Frame, entry: Any, seq: int) -> None:
        kind, shown = entry["entry"], {"step": frame.step, "time": frame.time}
        if kind == "event":
            lamport = entry.get("lamport", 0)
            self.lamport += lamport == 0
            number = self.lamport if lamport == 0 else max(lamport, 0)
            self.file.events.append((number, seq, entry["kind"], entry["data"]))
        elif kind == "record":
            about = {"kind": entry["kind"], "key": entry["key"]}
            self.file.records.append({**about, **shown, "data": entry["data"]})
        else:
            series = self.known(self.plain(entry["key"], "otel_trackio.log", "histogram"))
            one = {**shown, "start": frame.time, "data": entry["data"]}
            self.file.histograms.setdefault(series, []).append(one)
