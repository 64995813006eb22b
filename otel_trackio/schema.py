"""The run file's tables. FORMAT.md explains them; change both, the version and the golden file."""

from __future__ import annotations

from typing import Final

APPLICATION_ID: Final = 0x0E7AC410
"""Marks a SQLite file as one of ours (PRAGMA application_id)."""

FORMAT_VERSION: Final = 1
"""PRAGMA user_version. Readers refuse what is newer."""

TABLES: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE event (
    seq INTEGER PRIMARY KEY, lamport INTEGER NOT NULL, time_ns INTEGER NOT NULL,
    kind TEXT NOT NULL, data TEXT NOT NULL
);
CREATE TABLE series (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, kind TEXT NOT NULL, temporality TEXT NOT NULL,
    name TEXT NOT NULL, unit TEXT NOT NULL, description TEXT NOT NULL, attributes TEXT NOT NULL,
    scope TEXT NOT NULL, scope_version TEXT NOT NULL, rank INTEGER NOT NULL
);
CREATE TABLE point (
    seq INTEGER PRIMARY KEY, series INTEGER NOT NULL, step INTEGER, time_ns INTEGER NOT NULL, value
);
CREATE TABLE histogram (
    seq INTEGER PRIMARY KEY, series INTEGER NOT NULL, step INTEGER, time_ns INTEGER NOT NULL,
    start_ns INTEGER NOT NULL, data TEXT NOT NULL
);
CREATE TABLE record (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, step INTEGER,
    time_ns INTEGER NOT NULL, data TEXT NOT NULL
);
CREATE INDEX histogram_series ON histogram (series, seq);
CREATE INDEX record_kind ON record (kind, seq);
CREATE TABLE axis (
    id INTEGER PRIMARY KEY AUTOINCREMENT, steps BLOB NOT NULL, times BLOB NOT NULL
);
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY AUTOINCREMENT, series INTEGER NOT NULL, first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL, count INTEGER NOT NULL, axis INTEGER NOT NULL,
    min_step INTEGER, max_step INTEGER, min_time_ns INTEGER NOT NULL, max_time_ns INTEGER NOT NULL,
    base, form TEXT NOT NULL, vals BLOB NOT NULL, seqs BLOB NOT NULL
);
CREATE INDEX chunk_series ON chunk (series, first_seq);
CREATE INDEX chunk_axis ON chunk (axis);
CREATE INDEX chunk_seq ON chunk (last_seq);
CREATE TABLE rollup (
    chunk INTEGER NOT NULL, axis TEXT NOT NULL, width INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE UNIQUE INDEX rollup_place ON rollup (chunk, axis, width);

CREATE TABLE layout (id INTEGER PRIMARY KEY, definition TEXT NOT NULL);
CREATE TABLE cursor (
    name TEXT PRIMARY KEY, position INTEGER NOT NULL, time_ns INTEGER NOT NULL
) WITHOUT ROWID;
"""
