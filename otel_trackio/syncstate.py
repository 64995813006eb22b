"""How syncing to a remote has gone, kept beside its outbox for whoever asks."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from otel_trackio.errors import RemoteError
from otel_trackio.remote import write_whole


@dataclass(frozen=True, slots=True)
class SyncState:
    """Counts since the outbox was made, over all processes of this machine; times in ns.

    `failures` counts by kind: an HTTP status, `timeout`, `unreachable`, `refused`, `failed`.
    `error` is what the last attempt failed with, and empty after one that went well.
    """

    url: str = ""
    attempts: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0
    tried: int = 0
    succeeded: int = 0
    error: str = ""

    def after_success(self, files: int, size: int) -> SyncState:
        now = time.time_ns()
        return replace(
            self,
            attempts=self.attempts + 1,
            files=self.files + files,
            bytes=self.bytes + size,
            tried=now,
            succeeded=now,
            error="",
        )

    def after_failure(self, error: Exception) -> SyncState:
        kind = error.kind if isinstance(error, RemoteError) else "failed"
        return replace(
            self,
            attempts=self.attempts + 1,
            failures={**self.failures, kind: self.failures.get(kind, 0) + 1},
            tried=time.time_ns(),
            error=str(error),
        )


def read(path: Path, url: str = "") -> SyncState:
    """The state kept at `path`; a fresh one, of that url, where there is none to be read."""
    try:
        kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return SyncState(**kept)
    except (OSError, ValueError, TypeError):
        return SyncState(url)


def write(path: Path, state: SyncState) -> None:
    """Keeps the state at `path`; a disk that is full is no reason to stop a sync."""
    with suppress(OSError):
        write_whole(path, json.dumps(asdict(state)).encode())
