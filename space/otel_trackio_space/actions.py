"""The HTTP API of what changes something, and of exports."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from otel_trackio.errors import OtelTrackioError, UnknownMetric
from otel_trackio.storedrun import StoredRun
from otel_trackio.text import storable
from otel_trackio_space import export
from otel_trackio_space.access import Access
from otel_trackio_space.answers import MAX_KEYS, MAX_RUNS, Failure, Text
from otel_trackio_space.edits import Editor
from otel_trackio_space.entry import Entry
from otel_trackio_space.failures import Refused, failure
from otel_trackio_space.follow import Follow
from otel_trackio_space.rulebook import shown
from otel_trackio_space.rules import Rule
from otel_trackio_space.shelf import Shelf
from otel_trackio_space.watch import Watch
from otel_trackio_space.webhook import check, masked, plain_allowed
from otel_trackio_space.wishes import Delivery, Move, Named, PutRules, Rename, Retag, Rules

MAX_EXPORTS: Final = 4
"""Exports that are under way at once."""

STALL_SECONDS: Final = 60.0
"""How long whoever downloads may take nothing."""


def _writable(request: Request) -> None:
    access: Access = request.app.state.access
    if access.readonly:
        raise Refused(403, "this server only shows", "start it without --read-only")


async def looked(request: Request) -> None:
    """Somebody looks: what is followed is kept up to date."""
    follow: Follow | None = request.app.state.follow
    if follow is not None:
        follow.looked()


router = APIRouter(prefix="/api")
writing = APIRouter(prefix="/api", dependencies=[Depends(_writable)])


def _shelf(request: Request) -> Shelf:
    shelf: Shelf = request.app.state.shelf
    return shelf


def _editor(request: Request) -> Editor:
    editor: Editor = request.app.state.editor
    return editor


def _watch(request: Request) -> Watch:
    watch: Watch = request.app.state.watch
    return watch


def _entry(request: Request, run_id: str) -> Entry:
    """Raises UnknownRun: an id is looked up among runs, never in a folder."""
    return _shelf(request).look().run(run_id)


def _named(request: Request, run: StoredRun) -> Named:
    facts = run.facts()
    _shelf(request).look()
    return Named(id=run.id, project=facts.project, name=facts.name, tags=list(facts.tags))


@writing.post("/runs/{run_id:path}/name")
def rename(request: Request, run_id: str, asked: Rename) -> Named:
    entry = _entry(request, run_id)
    _refuse_taken(request, entry, entry.facts.project, asked.name)
    _editor(request).rename(entry.run, asked.name)
    return _named(request, entry.run)


@writing.post("/runs/{run_id:path}/project")
def move(request: Request, run_id: str, asked: Move) -> Named:
    entry = _entry(request, run_id)
    _refuse_taken(request, entry, asked.project, entry.facts.name)
    _editor(request).move(entry.run, asked.project)
    return _named(request, entry.run)


@writing.post("/runs/{run_id:path}/tags")
def tag(request: Request, run_id: str, asked: Retag) -> Named:
    entry = _entry(request, run_id)
    _editor(request).tag(entry.run, asked.add, asked.remove)
    return _named(request, entry.run)


@writing.delete("/runs/{run_id:path}", status_code=204)
def delete(request: Request, run_id: str, force: bool = False) -> Response:
    """Deletes a run for good. One that is still being recorded needs `force`, else it is 409."""
    entry = _entry(request, run_id)
    if entry.standing.state == "running" and not force:
        raise Refused(
            409,
            f"{entry.facts.project}/{entry.facts.name} is still being recorded",
            "finish it first, or delete it with force=true; what it goes on to record is lost",
        )
    _editor(request).delete(entry.run, force)
    _shelf(request).look()
    return Response(status_code=204)


def _refuse_taken(request: Request, entry: Entry, project: str, name: str) -> None:
    for other in _shelf(request).shown.of(storable(project)):
        if other.id != entry.id and other.facts.name == storable(name):
            message = f"{project}/{name} is the name of run {other.id}"
            raise Refused(409, message, "choose another")


@router.get("/rules")
def rules(request: Request, project: Text) -> Rules:
    return _rules(request, project)


@writing.put("/rules")
def put_rules(request: Request, asked: PutRules) -> Rules:
    watch = _watch(request)
    known = {each.id: each.webhook for each in _known(watch, asked.project)}
    if len({each.id for each in asked.rules if each.id}) < sum(bool(e.id) for e in asked.rules):
        raise Refused(422, "two rules have one id", "leave the id of a new rule out")
    for rule in asked.rules:
        before = known.get(rule.id)
        if rule.webhook is not None and (before is None or rule.webhook != masked(before)):
            check(rule.webhook, plain_allowed())
    watch.put(storable(asked.project), asked.rules)
    return _rules(request, asked.project)


def _known(watch: Watch, project: str) -> Sequence[Rule]:
    try:
        return watch.rulebook.rules(project)
    except OtelTrackioError:
        return ()


def _rules(request: Request, project: str) -> Rules:
    watch = _watch(request)
    problem = watch.problem
    try:
        found = watch.rulebook.rules(storable(project))
    except OtelTrackioError as error:
        found, problem = (), error
    return Rules(
        project=project,
        rules=[shown(each) for each in found],
        deliveries={
            each.id: Delivery(**asdict(watch.delivery(each.id))) for each in found if each.webhook
        },
        problem=None if problem is None else Failure(error=problem.message, hint=problem.hint),
    )


class _Download(StreamingResponse):
    """A stream of which only so many run at once, and none for somebody who does not read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            async with asyncio.timeout(STALL_SECONDS):
                await send(message)

        if not _slots.acquire(blocking=False):
            busy = failure(503, f"{MAX_EXPORTS} exports are under way", "try again in a moment")
            await busy(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, sending)
        finally:
            _slots.release()


_slots = threading.BoundedSemaphore(MAX_EXPORTS)


@router.get("/export", response_class=StreamingResponse)
def exported(
    request: Request,
    project: Text,
    keys: Annotated[list[Text], Query(min_length=1, max_length=MAX_KEYS)],
    runs: Annotated[list[Text] | None, Query(max_length=MAX_RUNS)] = None,
    format: Literal["csv", "parquet"] = "csv",
) -> Response:
    """The points of metrics as they were recorded, of all runs of a project or of some.

    `keys` and `runs` are given once for each, as either may hold commas.
    """
    shelf = _shelf(request)
    entries = shelf.look().of(project)
    known = {each.id: each for each in entries}
    chosen = [shelf.shown.run(each) for each in dict.fromkeys(runs)] if runs else entries
    chosen = [each for each in chosen if each.id in known]
    keys = list(dict.fromkeys(keys))
    has = {key for each in chosen for key in each.metrics}
    if missing := [key for key in keys if key not in has]:
        raise UnknownMetric(f"no run has {missing[0]!r}", "/api/runs lists what there is")
    parts = export.stretches(shelf, chosen, keys)
    made, kind = (
        (export.csv_of, "text/csv; charset=utf-8")
        if format == "csv"
        else (export.parquet_of, "application/vnd.apache.parquet")
    )
    name = export.file_name(project, keys, format)
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "no-store",
    }
    return _Download(made(parts), media_type=kind, headers=headers)
