"""Runs from the databases of Trackio: one a project, read as they lie there, live ones too."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from otel_trackio import database
from otel_trackio.attachments import Attachments
from otel_trackio.diagnostics import logger
from otel_trackio.errors import ConfigError, StoreError
from otel_trackio.image import Image
from otel_trackio.importing.gathering import NONSENSE, Gathering, gathered
from otel_trackio.importing.left import Left
from otel_trackio.importing.logged import TYPE, MediaOf, inside, log, step_of
from otel_trackio.importing.moment import ns_of
from otel_trackio.importing.origin import Batch, Origin, Positions
from otel_trackio.media import Markdown, Media, Trace
from otel_trackio.model import Record
from otel_trackio.table import Table

METRICS, SYSTEM, ALERTS, TRACES = "metrics", "system_metrics", "alerts", "traces"
"""The tables of what runs logged, which are the parts of a run."""

REGISTRY: Final = "registry-"
"""What the names of databases begin with that hold no runs."""

INBOX: Final = "inbox"
"""Folder of what Trackio has not brought into its databases yet."""

LEVELS: Final = ("info", "warn", "error")

OWN: Final = ("_Created", "_Group", "_Username")
"""Keys that Trackio adds to a config."""


def trackio_runs(path: Path) -> Sequence[Origin]:
    """The runs in a database, or in all databases of a folder, oldest first.

    Raises ConfigError where there are none, and StoreError for a file that is no such database.
    """
    if not path.exists():
        raise ConfigError(f"no file {path}", "give a database of Trackio, or its TRACKIO_DIR")
    if any((path / INBOX).rglob("*.jsonl")):
        logger.warning("%s holds rows that `trackio show` has yet to store", path / INBOX)
    files = [path] if path.is_file() else sorted(path.glob("*.db"))
    files = [each for each in files if not each.name.startswith(REGISTRY)]
    if not files:
        raise ConfigError(f"no database in {path}", "give the folder that TRACKIO_DIR names")
    found: list[Origin] = []
    for file in files:
        try:
            found += _runs(file)
        except StoreError as error:
            if len(files) == 1:
                raise
            logger.warning("%s", error)
    return sorted(found, key=lambda run: run.created)


def _runs(path: Path) -> Iterator[Origin]:
    with _opened(path) as db:
        tables = _tables(db)
        if METRICS not in tables:
            raise StoreError(f"{path} is no database of Trackio", "give one, or its folder")
        # Before 0.24 a run had no id, and was told by its name alone.
        column = "run_id" if "run_id" in tables[METRICS] else "run_name"
        queries = [
            f"SELECT DISTINCT {column} FROM {table}"
            for table in (METRICS, SYSTEM, "configs", ALERTS)
            if column in tables.get(table, ())
        ]
        keys = [key for (key,) in db.execute(" UNION ".join(queries))]
        for key in keys:
            yield _run(db, path, tables, column, str(key))


def _run(
    db: sqlite3.Connection, path: Path, tables: dict[str, list[str]], column: str, key: str
) -> Origin:
    config, name, began = _described(db, tables, column, key)
    created = ns_of(str(config.get("_Created") or began)) or 0
    project = path.stem
    named = column == "run_name"
    return Origin(
        identity=("trackio", project, key, began) if named else ("trackio", key),
        source=f"trackio {path.name}",
        read=lambda *reading: _batches(path, column, key, *reading),
        name=name,
        project=project,
        group=str(config.get("_Group") or ""),
        config={k: v for k, v in config.items() if k not in OWN or (k == OWN[-1] and v)},
        created=created,
    )


def _described(
    db: sqlite3.Connection, tables: dict[str, list[str]], column: str, key: str
) -> tuple[dict[str, Any], str, str]:
    """A run's config, name, and when it began, in Trackio's words."""
    config: dict[str, Any] = {}
    name, times = key, []
    if "config" in tables.get("configs", ()):
        query = f"SELECT config, run_name FROM configs WHERE {column} = ?"
        for text, called in db.execute(query, (key,)):
            config, name = _object(text), called
    for table in (METRICS, SYSTEM, ALERTS):
        if column in tables.get(table, ()):
            query = f"SELECT run_name, timestamp FROM {table} WHERE {column} = ? LIMIT 1"
            for called, began in db.execute(query, (key,)):
                name = called
                times.append(str(began))
    return config, str(name), min(times, default="")


def _batches(
    path: Path, column: str, key: str, positions: Positions, left: Left, files: Attachments
) -> Iterator[Batch]:
    media = partial(_media, path.parent / "media")
    with _opened(path) as db:
        tables = _tables(db)
        for table in _COLUMNS:
            if column in tables.get(table, ()):
                reading = _Reading(table, Gathering(table, left, files), media)
                start = positions.get(table, 0)
                rows = ((row[0], row) for row in _rows(db, table, column, key, start))
                yield from gathered(rows, start, reading.take, reading.gathering)


_COLUMNS: Final = {
    METRICS: "step, metrics",
    SYSTEM: "NULL, metrics",
    ALERTS: "step, title, text, level",
    TRACES: "step, key, messages, metadata, spans",
}


def _rows(
    db: sqlite3.Connection, table: str, column: str, key: str, position: int
) -> Iterator[tuple[Any, ...]]:
    # An index has the rows of a run, but not in their order: their numbers are sorted alone.
    return db.execute(
        f"WITH own AS MATERIALIZED (SELECT rowid AS row FROM {table} WHERE {column} = ?"
        f" AND rowid > ? ORDER BY rowid) SELECT own.row, timestamp, {_COLUMNS[table]}"
        f" FROM own CROSS JOIN {table} ON {table}.rowid = own.row",
        (key, position),
    )


class _Reading:
    """One table, row by row."""

    def __init__(self, table: str, gathering: Gathering, media: MediaOf) -> None:
        self.gathering = gathering
        self._table = table
        self._media = media
        self._at = ""
        self._time = 0

    def take(self, row: tuple[Any, ...]) -> None:
        _, timestamp, number, *logged = row
        if timestamp != self._at:
            self._at, self._time = timestamp, ns_of(str(timestamp)) or self._time
        step = step_of(number)
        if self._table == ALERTS:
            self.gathering.add_record(_alert(self._time, step, *logged))
        elif self._table == TRACES:
            name, *parts = logged
            self.gathering.add_media(name, step, self._time, Trace(*map(json.loads, parts)))
        else:
            system = self._table == SYSTEM
            metrics = json.loads(logged[0])
            log(metrics, step, self._time, self.gathering, self._media, system)


def _alert(time: int, step: int, title: str, text: str | None, level: str) -> Record:
    data = {"title": title, "text": text or "", "level": level if level in LEVELS else "warn"}
    return Record("alert", title, step, time, data)


def _object(text: Any) -> dict[str, Any]:
    """What JSON says that should be an object; nothing where it is none."""
    with suppress(*NONSENSE):
        if isinstance(found := json.loads(text), dict):
            return found
    return {}


def _media(folder: Path, value: Mapping[str, Any]) -> Sequence[Media]:
    """What is kept of Trackio's media, whose files lie in a folder."""
    kind = value[TYPE]
    if kind == "trackio.markdown":
        return [Markdown(value.get("_value", ""))]
    if kind == "trackio.table":
        rows = value.get("_value") or []
        return [Table(rows=[{k: _cell(folder, v) for k, v in row.items()} for row in rows])]
    image = _image(folder, value)
    return [image] if image else []


def _image(folder: Path, value: Any) -> Image | None:
    if not isinstance(value, dict) or value.get(TYPE) != "trackio.image":
        return None
    path = inside(folder, value.get("file_path"))
    return Image(path, value.get("caption")) if path else None


def _cell(folder: Path, value: Any) -> Any:
    if isinstance(value, list) and value and all(_image(folder, each) for each in value):
        return [_image(folder, each) for each in value]
    return _image(folder, value) or value


def _tables(db: sqlite3.Connection) -> dict[str, list[str]]:
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    query = "SELECT name FROM pragma_table_info(?)"
    return {name: [column for (column,) in db.execute(query, (name,))] for name in names}


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(database.connect_reading(path)) as db:
            yield db
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise StoreError(
            f"cannot read {path}: {error}", "see that it is a database of Trackio"
        ) from error
