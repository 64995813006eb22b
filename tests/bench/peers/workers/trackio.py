"""Trackio, local: one SQLite database of JSON rows a project, in TRACKIO_DIR."""

from __future__ import annotations

from pathlib import Path

import trackio
from trackio.sqlite_storage import SQLiteStorage

_run: trackio.Run


def start(directory: Path) -> None:
    global _run
    _run = trackio.init("bench", auto_log_cpu=False, auto_log_gpu=False)


def log(metrics: dict[str, float], step: int) -> None:
    _run.log(metrics, step=step)


def finish() -> None:
    _run.finish()


def steps_in(directory: Path) -> int:
    runs = SQLiteStorage.get_runs("bench")
    return len({row["step"] for run in runs for row in SQLiteStorage.get_logs("bench", run)})
