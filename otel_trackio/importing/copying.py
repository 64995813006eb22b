"""Copies runs from elsewhere into the store, each point once, however often it is called.

A run's id is made from what it was elsewhere, and an event beside every batch says how far its
source was read: the next import goes on there, on this machine or on one that has pulled the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

from otel_trackio import edit, layout, remotes
from otel_trackio.api import Api
from otel_trackio.errors import StoreBusy
from otel_trackio.facts import Facts
from otel_trackio.importing.arrival import Arrival, Before, before, began_of
from otel_trackio.importing.left import Left
from otel_trackio.importing.origin import Batch, Origin
from otel_trackio.lease import Lease
from otel_trackio.settings import Settings
from otel_trackio.storedrun import StoredRun
from otel_trackio.text import storable

FROM: Final = "imported from"
"""Key of the config that says where a run is from."""

ID_LENGTH: Final = 26
"""Characters of the id of a run that was imported, as of any other."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run is to be called here, where that is not what it was called; empty for no wish."""

    project: str = ""
    name: str = ""
    group: str = ""


@dataclass(slots=True)
class Copied:
    """What came of a run: how many points, histograms and records, such as alerts, are new here.

    `left` is what could not be taken of what was read now; `is_new` whether none of it was here.
    """

    id: str
    project: str
    name: str
    is_new: bool
    points: int = 0
    histograms: int = 0
    records: int = 0
    left: Left = field(default_factory=Left)


def copy(
    origin: Origin,
    api: Api,
    settings: Settings,
    wish: Wish,
    progress: Callable[[int], None] = lambda points: None,
) -> Copied:
    """Brings what is new of a run; all of it, the first time. One that was deleted comes back as
    another.

    `progress` is told how many points are new so far. Raises StoreError, and what reading the
    source raises: what was stored until then stays, and the next call goes on behind it.
    """
    if api.exchange is not None:
        api.exchange.scratch.make()
    run_id = _home(origin, api)
    folder = layout.run_dir(api.store, run_id)
    with _alone(folder):
        known = api.by_id(run_id)
        facts = known.facts() if known else _facts(origin, wish, settings)
        name, project = storable(wish.name or facts.name), storable(wish.project or facts.project)
        copied = Copied(run_id, project, name, is_new=known is None)
        if known:
            _rename(known, facts, wish)
        earlier = before(known) if known else Before()
        arrival = Arrival(origin, folder, run_id, earlier, remotes.named(settings))
        try:
            introduced = known is not None
            for batch in origin.read(earlier.positions, copied.left, arrival.files):
                arrival.take(batch, [] if introduced else _introduction(origin, facts, batch))
                introduced = True
                copied.points += batch.points
                copied.histograms += len(batch.histograms)
                copied.records += len(batch.records)
                progress(copied.points)
            if not introduced:  # A run without a point is a run.
                nothing = Batch("", 0)
                arrival.take(nothing, _introduction(origin, facts, nothing))
            arrival.end()
        finally:
            arrival.close()
    if api.exchange is not None:
        api.exchange.publish(folder)
    return copied


def _home(origin: Origin, api: Api) -> str:
    """The id of the run here, now or soon; those of deleted ones are passed over."""
    for generation in count():
        parts = "\0".join([*origin.identity, str(generation)])
        digest = hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()
        run_id = digest[:ID_LENGTH]
        known = api.by_id(run_id, deleted=True)
        if known is None or not known.facts().deleted:
            return run_id
    raise AssertionError(origin)


def _facts(origin: Origin, wish: Wish, settings: Settings) -> Facts:
    return Facts(
        name=storable(wish.name or origin.name),
        project=storable(wish.project or origin.project or settings.project),
        group=storable(wish.group or origin.group),
        notes=storable(origin.notes),
        tags=tuple(map(storable, origin.tags)),
        created=origin.created,
    )


def _introduction(
    origin: Origin, facts: Facts, first: Batch
) -> Iterator[tuple[str, dict[str, Any]]]:
    about = {
        "name": facts.name,
        "project": facts.project,
        "group": facts.group,
        "tags": list(facts.tags),
        "created": facts.created or began_of(first),
    }
    yield "run", {**about, "notes": facts.notes} if facts.notes else about
    yield "config", {**origin.config, FROM: storable(origin.source)}


def _rename(run: StoredRun, facts: Facts, wish: Wish) -> None:
    """A run that is here already is called as it is wished now."""
    wished = {"project": wish.project, "name": wish.name, "group": wish.group}
    changes = {
        key: storable(value)
        for key, value in wished.items()
        if value and storable(value) != getattr(facts, key)
    }
    if changes:
        edit.add_event(run.path, run.id, run.standing().lamport, "run", changes)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While the block lasts nobody else imports the run, whose folder is made if it is missing."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lease = Lease.take(folder / "import.lock")
    if lease is None:
        raise StoreBusy("the run is being imported by another process", "wait until it has ended")
    try:
        yield
    finally:
        lease.remove()
        lease.release()
        with suppress(OSError):  # Nothing is left of a run of which nothing could be read.
            folder.rmdir()
