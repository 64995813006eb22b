"""Changing runs from the dashboard: where they lie, here or in the remote that is followed."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from otel_trackio import edit, layout
from otel_trackio.diagnostics import logger
from otel_trackio.errors import OtelTrackioError, StoreBusy
from otel_trackio.pull import pull
from otel_trackio.remote import Remote
from otel_trackio.storedrun import StoredRun
from otel_trackio.sync import sync
from otel_trackio.text import storable
from otel_trackio.withdraw import withdraw


class Editor(Protocol):
    """What a person can do to a run. Raises StoreError, RemoteError."""

    def rename(self, run: StoredRun, name: str) -> None: ...

    def move(self, run: StoredRun, project: str) -> None: ...

    def tag(self, run: StoredRun, add: Sequence[str], remove: Sequence[str]) -> None: ...

    def delete(self, run: StoredRun, force: bool) -> None:
        """Raises StoreBusy where it is still being recorded, unless forced."""
        ...


class Here:
    """Edits of runs of this machine; a later sync brings them to wherever the run is synced."""

    def rename(self, run: StoredRun, name: str) -> None:
        run.rename(name)

    def move(self, run: StoredRun, project: str) -> None:
        run.move(project)

    def tag(self, run: StoredRun, add: Sequence[str], remove: Sequence[str]) -> None:
        run.tag(add, remove)

    def delete(self, run: StoredRun, force: bool) -> None:
        run.delete(force)


class There:
    """Edits of runs that are followed: the remote gets them, and the copy has them from there.

    So the copy never says what the remote does not, and one that may not be written refuses.
    """

    def __init__(self, remote: Remote, copy: Path) -> None:
        self._remote = remote
        self._copy = copy

    def rename(self, run: StoredRun, name: str) -> None:
        self._say(run, {"name": storable(name)})

    def move(self, run: StoredRun, project: str) -> None:
        self._say(run, {"project": storable(project)})

    def tag(self, run: StoredRun, add: Sequence[str], remove: Sequence[str]) -> None:
        gone = set(remove)
        left = [each for each in run.facts().tags if each not in gone]
        self._say(run, {"tags": list(dict.fromkeys([*left, *map(storable, add)]))})

    def delete(self, run: StoredRun, force: bool) -> None:
        standing = run.standing()
        if standing.state == "running" and not force:
            raise StoreBusy(f"run {run.id} is still recorded", "finish it first, or force it")
        self._send(run, "delete", {})

    def _say(self, run: StoredRun, data: dict[str, Any]) -> None:
        self._send(run, "run", data)

    def _send(self, run: StoredRun, kind: str, data: dict[str, Any]) -> None:
        run_id, lamport = run.id, run.standing().lamport
        with tempfile.TemporaryDirectory(prefix="otel-trackio-edit-") as name:
            aside = Path(name)
            folder = layout.run_dir(aside, run_id)
            edit.add_event(folder, run_id, lamport, kind, data)
            if kind == "delete":
                withdraw(aside, run_id, self._remote)
            else:
                sync(aside, [folder], self._remote)
        try:
            pull(self._remote, self._copy, run=run_id)
        except OtelTrackioError as error:
            # It is done, and comes with the next look at the remote.
            logger.warning("%s", error)
