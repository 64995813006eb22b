"""The HTTP API: what may be asked, and how it is answered."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from otel_trackio.errors import ConfigError, StoreError
from otel_trackio.version import __version__
from otel_trackio_space import answers, lists
from otel_trackio_space.answers import MAX_KEYS, MAX_TEXT, Text
from otel_trackio_space.attempts import attempts_of
from otel_trackio_space.changes import Changes, Stream
from otel_trackio_space.charts import charts
from otel_trackio_space.distributions import distribution
from otel_trackio_space.figures import Figures
from otel_trackio_space.readers import Readers
from otel_trackio_space.shelf import Shelf

MAX_ALERTS: Final = 5_000
"""Alerts that one answer may hold."""

MAX_RECORDS: Final = 1_000
"""Records that one answer may hold."""

_COMMA: Final = re.compile(r",(?![^{}]*\})")

router = APIRouter(prefix="/api")


async def _answer(request: Request, content: Callable[[Shelf], Any]) -> Response:
    """JSON of what is made on a thread for reading."""
    shelf: Shelf = request.app.state.shelf
    readers: Readers = request.app.state.readers

    def body() -> bytes:
        return orjson.dumps(content(shelf), option=orjson.OPT_SERIALIZE_NUMPY)

    return Response(await readers.run(body), media_type="application/json")


def _figures(request: Request) -> Figures:
    figures: Figures = request.app.state.figures
    return figures


@router.get("/about", response_model=answers.About)
async def about(request: Request) -> Response:
    """What this server shows. Waits for nothing."""
    shelf: Shelf = request.app.state.shelf
    follow = request.app.state.follow
    content = {
        "version": shelf.shown.version,
        "program": __version__,
        "dir": str(shelf.api.dir),
        "remote": None if follow is None else follow.remote.url,
        "readonly": request.app.state.access.readonly,
        "follow": None if follow is None else follow.standing,
    }
    return Response(orjson.dumps(content), media_type="application/json")


@router.get("/projects", response_model=answers.Projects)
async def projects(request: Request) -> Response:
    """All projects that have runs."""

    def content(shelf: Shelf) -> Any:
        shown = shelf.look()
        return {"version": shown.version, "projects": lists.projects(shown.of())}

    return await _answer(request, content)


@router.get("/runs", response_model=answers.Runs)
async def runs(request: Request, project: Text) -> Response:
    """The runs of a project, oldest first, and the metrics that any of them has."""

    def content(shelf: Shelf) -> Any:
        shown = shelf.look()
        entries = shown.of(project)
        return {
            "version": shown.version,
            "runs": [lists.run(each) for each in entries],
            "metrics": lists.metrics(entries),
        }

    return await _answer(request, content)


@router.post("/series", response_model=answers.Charts, response_model_exclude_none=True)
async def series(request: Request, asked: answers.Series) -> Response:
    """Curves of several metrics and runs; runs that are not there are passed over."""

    def content(shelf: Shelf) -> Any:
        shown = shelf.look()
        wanted = None if asked.runs is None else set(asked.runs)
        entries = [each for each in shown.of(asked.project) if wanted is None or each.id in wanted]
        x = asked.x if isinstance(asked.x, str) else asked.x.model_dump()
        return {"version": shown.version, "x": x, "charts": charts(shelf, entries, asked)}

    return await _answer(request, content)


@router.get("/values", response_model=answers.Values)
async def values(
    request: Request,
    project: Text,
    keys: Annotated[str, Query(max_length=MAX_KEYS * (MAX_TEXT + 1))] = "",
    key: Annotated[list[Text], Query()] = [],  # noqa: B006 (nobody changes it)
) -> Response:
    """How metrics stand in each run of a project.

    `keys` are between commas, but for those in braces; each `key` is one, whatever it holds.
    """
    wanted = [each for each in dict.fromkeys([*_COMMA.split(keys), *key]) if each]
    if len(wanted) > MAX_KEYS:
        raise ConfigError(f"{len(wanted)} keys are more than {MAX_KEYS}", "ask for fewer at once")
    figures = _figures(request)

    def content(shelf: Shelf) -> Any:
        shown = shelf.look()
        found: dict[str, Any] = {}
        for entry in shown.of(project):
            with suppress(StoreError):  # It was deleted meanwhile.
                found[entry.id] = {e.key: lists.value(e) for e in figures.of(entry, wanted)}
        return {"version": shown.version, "values": found}

    return await _answer(request, content)


@router.get("/alerts", response_model=answers.Alerts)
async def alerts(request: Request, project: Text | None = None) -> Response:
    """What runs asked people to look at, and what rules found in them: the latest, by time."""
    watch = request.app.state.watch

    def content(shelf: Shelf) -> Any:
        shown = shelf.look()
        found = lists.alerts(shown.of(project)) + watch.told(project)
        found.sort(key=lambda each: each["time"])
        return {"version": shown.version, "alerts": found[-MAX_ALERTS:]}

    return await _answer(request, content)


@router.get("/stream", response_class=StreamingResponse)
async def stream(
    request: Request,
    project: Text | None = None,
    since: int | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Server-sent events `change`: what is other than at version `since`, or than from now on.

    Their data are version, runs (ids of those that are other than before), and structure: whether
    runs or metrics came or went.
    """
    changes: Changes = request.app.state.changes
    if last_event_id is not None and last_event_id.isdecimal():
        since = int(last_event_id[:20])
    return Stream(changes, project, since)


@router.get("/runs/{run_id:path}/records", response_model=answers.Records)
async def records(
    request: Request,
    run_id: str,
    kind: Text,
    limit: Annotated[int, Query(ge=1, le=MAX_RECORDS)] = MAX_RECORDS,
    brief: bool = False,
) -> Response:
    """The latest tables, images, texts, traces, annotations or alerts of a run.

    With `brief`, without rows, texts and messages, which may be asked for one by one.
    """

    def content(shelf: Shelf) -> Any:
        shown = shelf.look()
        entry = shown.run(run_id)
        with shelf.sources(entry):
            found = entry.run.records(kind, latest=limit + 1)
        latest = [lists.record(each, brief) for each in found[-limit:]]
        return {"version": shown.version, "records": latest, "more": len(found) > limit}

    return await _answer(request, content)


@router.get("/runs/{run_id:path}/distributions", response_model=answers.Distribution)
async def distributions(request: Request, run_id: str, key: Text) -> Response:
    """What a histogram metric of a run measured, over its steps, or over time if it has none."""

    def content(shelf: Shelf) -> Any:
        shown = shelf.look()
        return {"version": shown.version, **distribution(shelf, shown.run(run_id), key)}

    return await _answer(request, content)


@router.get("/runs/{run_id:path}", response_model=answers.Detail)
async def run(request: Request, run_id: str) -> Response:
    """All there is to know about a run."""
    figures = _figures(request)

    def content(shelf: Shelf) -> Any:
        shown = shelf.look()
        entry = shown.run(run_id)
        with shelf.sources(entry) as sources:
            attempts = attempts_of(sources)
        return {
            "version": shown.version,
            **lists.run(entry),
            "attempts": [lists.attempt(each) for each in attempts],
            "metrics": [lists.measured(each) for each in figures.of(entry)],
            "python": lists.python(entry, str(shelf.api.dir)),
        }

    return await _answer(request, content)
