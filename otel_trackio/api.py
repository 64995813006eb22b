"""Reading runs: what is in a directory, by id or by project and name."""

from __future__ import annotations

import difflib
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from otel_trackio import layout
from otel_trackio.diagnostics import logger
from otel_trackio.errors import NewerFormat, StoreError, UnknownRun
from otel_trackio.facts import Facts
from otel_trackio.piece import Span
from otel_trackio.query import MAX_POINTS, Axis, Curve, query
from otel_trackio.settings import resolve
from otel_trackio.storedrun import StoredRun
from otel_trackio.text import storable

SUGGESTIONS: Final = 5
"""How many near names an error offers."""

SHORTEST_ID: Final = 6
"""Characters of an id that may stand for all of it."""

MAX_OPEN: Final = 32
"""Runs whose files stay open; those of the others are opened again when they are read."""


class Api:
    """The runs of a directory; without one, of that which the settings name.

    Nothing but open files is kept between calls: what is read is what is there. Safe from any
    thread.
    """

    def __init__(self, dir: str | os.PathLike[str] | None = None) -> None:
        self.dir: Path = resolve({"dir": dir}, os.environ).dir
        self._runs: dict[Path, StoredRun] = {}
        self._open: dict[Path, StoredRun] = {}
        self._lock = threading.Lock()

    def projects(self) -> list[str]:
        """The names of all projects that have runs, sorted."""
        return sorted({facts.project for _, facts in self._readable()})

    def runs(self, project: str | None = None) -> list[StoredRun]:
        """All runs, or those of one project, oldest first; deleted ones are left out."""
        found = [
            (facts.created, run.path, run)
            for run, facts in self._readable()
            if project is None or facts.project == project
        ]
        return [run for *_, run in sorted(found, key=lambda each: each[:2])]

    def run(self, name: str) -> StoredRun:
        """The run of that id, or `project/name`, or name, or whose id alone begins like that.

        Raises UnknownRun, with near names, or with the ids where several runs are meant.
        """
        name = storable(name)
        known = self.by_id(name)
        if known is not None:
            return known
        runs = list(self._readable())
        found = [
            run for run, facts in runs if name in (f"{facts.project}/{facts.name}", facts.name)
        ]
        if not found and len(name) >= SHORTEST_ID:
            found = [run for run, _ in runs if run.id.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise _ambiguous(name, [run.id for run in found])
        raise _unknown(name, [f"{facts.project}/{facts.name}" for _, facts in runs], self.dir)

    def query(
        self,
        runs: Sequence[StoredRun],
        keys: Sequence[str],
        axis: Axis = "step",
        span: Span | None = None,
        max_points: int = MAX_POINTS,
        rank: int | None = None,
    ) -> list[Curve]:
        """Aligned buckets of many runs and metrics at once; see `query.query`."""
        return query(runs, keys, axis, span, max_points, rank)

    def by_id(self, run_id: str) -> StoredRun | None:
        """The run of that id, if there is one and it is not deleted."""
        folder = layout.run_dir(self.dir, storable(run_id))
        if not layout.run_files(folder):
            return None
        run = self._stored(folder)
        return None if run.facts().deleted else run

    def _readable(self) -> Iterator[tuple[StoredRun, Facts]]:
        for folder in layout.run_dirs(self.dir):
            run = self._stored(folder)
            try:
                facts = run.facts()
            except NewerFormat as error:
                logger.warning("%s", error)
            except StoreError:
                continue  # An empty folder, or files whose damage was reported when opened.
            else:
                if not facts.deleted:
                    yield run, facts

    def _stored(self, folder: Path) -> StoredRun:
        with self._lock:
            run = self._runs.setdefault(folder, StoredRun(folder))
            self._open.pop(folder, None)
            self._open[folder] = run
            full = len(self._open) > MAX_OPEN
            unused = self._open.pop(next(iter(self._open))) if full else None
        if unused is not None:
            unused.close()  # Not under our lock: another thread may be reading it, and ask us.
        return run


def _ambiguous(name: str, ids: list[str]) -> UnknownRun:
    more = f" or {len(ids) - SUGGESTIONS} more" if len(ids) > SUGGESTIONS else ""
    offered = ", ".join(ids[:SUGGESTIONS])
    return UnknownRun(f"{name!r} may be {len(ids)} runs", f"give one of the ids {offered}{more}")


def _unknown(name: str, known: list[str], dir: Path) -> UnknownRun:
    if not known:
        return UnknownRun(f"no run {name!r}", f"there are no runs in {dir}")
    names = {each.split("/", 1)[1]: each for each in known} | {each: each for each in known}
    near = difflib.get_close_matches(name, names, n=SUGGESTIONS, cutoff=0.5)
    if near:
        offered = dict.fromkeys(names[each] for each in near)
        return UnknownRun(f"no run {name!r}", f"did you mean {' or '.join(offered)}?")
    return UnknownRun(f"no run {name!r}", "otel-trackio ls shows what there is")
