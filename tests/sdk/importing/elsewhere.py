"""What other trackers leave, made by code: CSV files, images, databases with Trackio's tables."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLES = """
CREATE TABLE metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, timestamp TEXT NOT NULL,
    run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL,
    log_id TEXT, space_id TEXT);
CREATE INDEX idx_metrics_run_step ON metrics(run_id, step);
CREATE TABLE configs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, run_name TEXT NOT NULL,
    config TEXT NOT NULL, created_at TEXT NOT NULL, UNIQUE(run_id));
CREATE TABLE system_metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, timestamp TEXT NOT NULL,
    run_name TEXT NOT NULL, metrics TEXT NOT NULL, log_id TEXT, space_id TEXT);
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, timestamp TEXT NOT NULL,
    run_name TEXT NOT NULL, title TEXT NOT NULL, text TEXT, level TEXT NOT NULL DEFAULT 'warn',
    step INTEGER, alert_id TEXT);
CREATE TABLE traces (
    id TEXT PRIMARY KEY, run_id TEXT NOT NULL, timestamp TEXT NOT NULL, run_name TEXT NOT NULL,
    step INTEGER NOT NULL, key TEXT NOT NULL, trace_index INTEGER, messages TEXT NOT NULL,
    metadata TEXT NOT NULL, search_text TEXT NOT NULL, log_id TEXT, space_id TEXT,
    spans TEXT NOT NULL DEFAULT '[]');
PRAGMA user_version = 2;
"""
"""What Trackio 0.43 makes of a new project."""


@dataclass(frozen=True, slots=True)
class Project:
    """A database of Trackio, written to as Trackio does."""

    path: Path

    def __post_init__(self) -> None:
        if not self.path.exists():
            with closing(sqlite3.connect(self.path)) as db:
                db.executescript(TABLES)

    def log(self, run: str, rows: Iterable[tuple[int, Mapping[str, Any]]], second: int = 0) -> None:
        """Rows of (step, metrics) of a run, whose id is its name's."""
        self._add(
            "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics)"
            " VALUES (?, ?, ?, ?, ?)",
            [
                (f"id-{run}", stamp(second + place), run, step, json.dumps(metrics).encode())
                for place, (step, metrics) in enumerate(rows)
            ],
        )

    def log_system(self, run: str, metrics: Mapping[str, Any], second: int = 0) -> None:
        self._add(
            "INSERT INTO system_metrics (run_id, timestamp, run_name, metrics) VALUES (?, ?, ?, ?)",
            [(f"id-{run}", stamp(second), run, json.dumps(metrics))],
        )

    def configure(self, run: str, config: Mapping[str, Any]) -> None:
        row = (f"id-{run}", run, json.dumps(config).encode(), stamp(0))
        self._add(
            "INSERT INTO configs (run_id, run_name, config, created_at) VALUES (?, ?, ?, ?)", [row]
        )

    def alert(self, run: str, title: str, text: str | None, level: str, step: int | None) -> None:
        self._add(
            "INSERT INTO alerts (run_id, timestamp, run_name, title, text, level, step)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(f"id-{run}", stamp(0), run, title, text, level, step)],
        )

    def trace(self, run: str, key: str, messages: list[Any], step: int) -> None:
        self._add(
            "INSERT INTO traces (id, run_id, timestamp, run_name, step, key, messages, metadata,"
            " search_text) VALUES (?, ?, ?, ?, ?, ?, ?, '{}', '')",
            [(f"{run}:{key}:{step}", f"id-{run}", stamp(0), run, step, key, json.dumps(messages))],
        )

    def write(self, run: str, step: object, text: object) -> None:
        """A row with anything in it."""
        self._add(
            "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics)"
            " VALUES (?, ?, ?, ?, ?)",
            [(f"id-{run}", stamp(0), run, step, text)],
        )

    def _add(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        with closing(sqlite3.connect(self.path)) as db, db:
            db.executemany(statement, rows)


def stamp(second: int) -> str:
    """A moment as Trackio writes it, so many seconds after `BEGAN`."""
    return f"2025-06-01T12:{second // 60 % 60:02}:{second % 60:02}.123456+00:00"


BEGAN = 1_748_779_200_123_456_000
"""`stamp(0)` in ns since the epoch."""


PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\b\0\0\0\0:~\x9bU"
    b"\0\0\0\nIDATx\x9cc`\0\0\0\2\0\1H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82"
)
"""An image of one pixel."""


def write_csv(path: Path, rows: Iterable[tuple[object, ...]], mode: str = "w") -> Path:
    with path.open(mode) as file:
        file.writelines(",".join(map(str, row)) + "\n" for row in rows)
    return path
