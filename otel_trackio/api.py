"""Reading runs: what is in a directory, by id or by project and name."""

from __future__ import annotations

import difflib
import os
import shlex
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Self

from otel_trackio import layout
from otel_trackio.diagnostics import logger
from otel_trackio.errors import NewerFormat, StoreError, UnknownRun
from otel_trackio.exchange import Exchange
from otel_trackio.facts import Facts
from otel_trackio.piece import Span
from otel_trackio.query import MAX_POINTS, Axis, Curve, query
from otel_trackio.scratch import scratch_of
from otel_trackio.settings import resolve
from otel_trackio.storedrun import StoredRun
from otel_trackio.text import storable

SUGGESTIONS: Final = 5
"""How many near names an error offers."""

SHORTEST_ID: Final = 6
"""Characters of an id that may stand for all of it."""

NEAR: Final = 0.5
"""How alike a near name is at least, of 1."""

MAX_OPEN: Final = 32
"""Runs whose files stay open; those of the others are opened again when they are read."""


class Api:
    """The runs of a directory; without one, of that which the settings name.

    Nothing but open files is kept between calls: what is read is what is there. Safe from any
    thread. Close it, or use it in a `with` block, to let the files of all its runs go early.

    `store` is the folder of this machine that holds `runs/`: `dir`, or the scratch that stands in
    for it where machines share it.
    """

    def __init__(self, dir: str | os.PathLike[str] | None = None) -> None:
        settings = resolve({"dir": dir}, os.environ)
        self.dir: Path = settings.dir
        scratch = scratch_of(settings.dir, settings.scratch)
        self.exchange = None if scratch is None else Exchange(scratch)
        self.store = self.dir if scratch is None else scratch.folder
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

        Raises UnknownRun, with near names, or with the ids where several runs are meant, and
        StoreError where the run of that id cannot be read; why not is logged.
        """
        name = storable(name)
        try:
            known = self.by_id(name)
        except NewerFormat:
            raise
        except StoreError as error:
            _report(self._stored(layout.run_dir(self.store, name)), error)
            remedy = "otel-trackio doctor says why, rm --force deletes it"
            raise StoreError(f"run {name} cannot be read", remedy) from error
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
        known_names = [(facts.project, facts.name) for _, facts in runs]
        begins = bool(name) and any(run.id.startswith(name) for run, _ in runs)
        raise UnknownRun(*_unknown(name, known_names, begins, self.dir))

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

    def by_id(self, run_id: str, deleted: bool = False) -> StoredRun | None:
        """The run of that id, if there is one; if it is deleted, only where that is asked for.

        Raises StoreError where none of its files can be read.
        """
        folder = layout.run_dir(self.store, storable(run_id))
        if self.exchange is not None:
            self.exchange.fetch(folder.name)
        if not StoredRun(folder, self.exchange).files():
            return None
        run = self._stored(folder)
        return run if deleted or not run.facts().deleted else None

    def close(self) -> None:
        """Lets the files of all runs go; a later call opens them again."""
        with self._lock:
            runs = list(self._runs.values())  # One may have been read without asking us for it.
            self._open.clear()
        for run in runs:
            run.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def every(self) -> Iterator[StoredRun]:
        """All runs, by their folders' names: deleted ones and such as cannot be read, too."""
        if self.exchange is not None:
            self.exchange.fetch()
        folders = [*layout.run_dirs(self.store), *layout.run_dirs(self.dir)]
        for name in sorted({folder.name for folder in folders}):
            yield self._stored(layout.runs_dir(self.store) / name)

    def bury(self, run_id: str) -> None:
        """Deletes the run of that id, even one that cannot be read."""
        self._stored(layout.run_dir(self.store, run_id)).bury(run_id)

    def _readable(self) -> Iterator[tuple[StoredRun, Facts]]:
        for run in self.every():
            try:
                facts = run.facts()
            except NewerFormat as error:
                logger.warning("%s", error)
            except StoreError as error:
                _report(run, error)
            else:
                if not facts.deleted:
                    yield run, facts

    def _stored(self, folder: Path) -> StoredRun:
        with self._lock:
            run = self._runs.setdefault(folder, StoredRun(folder, self.exchange))
            self._open.pop(folder, None)
            self._open[folder] = run
            full = len(self._open) > MAX_OPEN
            unused = self._open.pop(next(iter(self._open))) if full else None
        if unused is not None:
            unused.close()  # Not under our lock: another thread may be reading it, and ask us.
        return run


def _report(run: StoredRun, error: StoreError) -> None:
    # Of an empty folder there is nothing to say; damage seen on opening was told then.
    if run.files() and not run.damaged:
        logger.warning("%s", error)


def _ambiguous(name: str, ids: list[str]) -> UnknownRun:
    more = f" or {len(ids) - SUGGESTIONS} more" if len(ids) > SUGGESTIONS else ""
    offered = ", ".join(ids[:SUGGESTIONS])
    return UnknownRun(f"{name!r} may be {len(ids)} runs", f"give one of the ids {offered}{more}")


def _unknown(
    name: str, known: Sequence[tuple[str, str]], begins: bool, dir: Path
) -> tuple[str, str]:
    """What to say of a name that no run has, of those `known` by project and name.

    `begins` says whether ids begin with it.
    """
    if not known:
        return f"no run {name!r}", f"there are no runs in {dir}"
    if any(name == project for project, _ in known):
        return f"{name!r} is a project", f"otel-trackio ls {shlex.quote(name)}"
    if near := _near(name, known):
        return f"no run {name!r}", f"did you mean {' or '.join(near)}?"
    hint = "ids need six characters" if begins else "otel-trackio ls shows what there is"
    return f"no run {name!r}", hint


def _near(name: str, known: Sequence[tuple[str, str]]) -> list[str]:
    """`project/name` of the runs that may have been meant, the likeliest first."""
    likeness: dict[str, float] = {}
    matcher = difflib.SequenceMatcher()
    for project, own in dict.fromkeys(known):
        title = f"{project}/{own}"
        # Where the project is right, only the name tells how near it is.
        if name.startswith(f"{project}/"):
            meant = [(name.removeprefix(f"{project}/"), own)]
        else:
            meant = [(name, own), (name, title)]
        likeness[title] = max(_ratio(matcher, *each) for each in meant)
    near = sorted(likeness, key=lambda title: -likeness[title])
    return [title for title in near if likeness[title] >= NEAR][:SUGGESTIONS]


def _ratio(matcher: difflib.SequenceMatcher[str], given: str, meant: str) -> float:
    matcher.set_seqs(given, meant)
    # The first two are upper bounds, and cheap.
    if matcher.real_quick_ratio() < NEAR or matcher.quick_ratio() < NEAR:
        return 0.0
    return matcher.ratio()
