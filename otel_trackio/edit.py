"""Changing runs that are stored: rename, move, tag, delete.

An edit is a writer of its own with nothing but events, so that it never touches the file of a
process that records, and travels with the run when that is synced.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from otel_trackio import attachments, identity
from otel_trackio.model import Event
from otel_trackio.runfile import RunFile

EDIT_PAGE: Final = 512
"""Bytes of a page of an edit's file, which holds a few rows."""

EDITOR: Final = "edit"
"""The part of a writer that only edits."""


def add_event(run_dir: Path, run_id: str, lamport: int, kind: str, data: dict[str, Any]) -> None:
    """Adds an event after all that came before, up to `lamport`. Raises StoreError."""
    writer, host, now = identity.new_id(), identity.this_host(), time.time_ns()
    meta = {
        "run_id": run_id,
        "writer": writer,
        "part": EDITOR,
        "attempt": 0,
        "rank": 0,
        "lamport": lamport,
        "created_ns": now,
        "host": host.name,
        "boot_id": host.boot_id,
        "pid": os.getpid(),
    }
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = RunFile.create(run_dir / f"{writer}.db", meta, page_size=EDIT_PAGE)
    try:
        with file.transaction(durable=True):
            file.add_event(file.take_numbers(1), Event(kind, now, data))
    finally:
        file.close()


def bury(run_dir: Path, run_id: str, lamport: int, files: Sequence[Path]) -> None:
    """Removes these run files, and what lies beside the run, and leaves a tombstone.

    So deletion, too, travels with a sync.
    """
    add_event(run_dir, run_id, lamport, "delete", {})
    for path in files:
        remove(path)
    for folder in dict.fromkeys([run_dir, *(path.parent for path in files)]):
        attachments.remove(folder)


def remove(run_file: Path) -> None:
    """Removes a writer's run file, with all that lies beside it."""
    for suffix in (".db", ".db-wal", ".db-shm", ".journal", ".torn", ".lock"):
        run_file.with_suffix(suffix).unlink(missing_ok=True)
