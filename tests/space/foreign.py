"""Runs that somebody else has written, as a remote brings them: they may say anything."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from otel_trackio import layout
from otel_trackio.model import Event
from otel_trackio.runfile import RunFile


def written(dir: Path, run_id: str, kind: str, data: Any, state: str = "finished") -> None:
    """A run of another machine, as a remote may bring it, of which an event says `data`."""
    now = time.time_ns()
    meta: dict[str, Any] = {
        "run_id": run_id,
        "writer": "w",
        "part": "main",
        "attempt": 1,
        "rank": 0,
        "created_ns": now,
        "heartbeat_ns": now,
        "host": "elsewhere",
        "boot_id": "elsewhere",
        "pid": 0,
    }
    file = RunFile.create(layout.run_file(dir, run_id, "w"), meta)
    about = {"name": run_id, "project": "remote", "created": now}
    with file.transaction():
        for each in (("run", about), (kind, data), ("state", {"state": state})):
            file.add_event(file.take_numbers(1), Event(each[0], now, each[1]))
    file.close()
