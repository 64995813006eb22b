"""The HTTP API of what runs show beside curves: tables by the page, texts, and files.

A file may hold anything, whatever its name says, as runs come from elsewhere, too. So it is sent as
the media type that its name stands for, which no browser may doubt, and nothing in it runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request, Response

from otel_trackio import attachment
from otel_trackio.attachment import MAX_FILE_BYTES
from otel_trackio.errors import UnknownFile, UnknownMetric
from otel_trackio.exhibit import TableShown, table_shown
from otel_trackio.model import Record
from otel_trackio_space import answers, lists
from otel_trackio_space.answers import Text
from otel_trackio_space.entry import Entry
from otel_trackio_space.failures import Refused
from otel_trackio_space.policy import HEADER
from otel_trackio_space.readers import Readers
from otel_trackio_space.shelf import Shelf
from otel_trackio_space.wire import exact

MAX_ROWS: Final = 1_000
"""Rows of a table that one answer may hold."""

MAX_CELL: Final = 20_000
"""Characters of a cell that are sent."""

MAX_START: Final = 2**31
"""The greatest place in a table."""

NOTHING_RUNS: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""The policy of a file that somebody opens by itself."""

FOR_EVER: Final = "private, max-age=31536000, immutable"
"""A file is named for its content."""

router = APIRouter(prefix="/api")


async def _reading(request: Request, work: Callable[[Shelf], bytes]) -> bytes:
    """What is read on a thread for that."""
    shelf: Shelf = request.app.state.shelf
    readers: Readers = request.app.state.readers
    return await readers.run(lambda: work(shelf))


@router.get("/runs/{run_id:path}/files/{name}", response_class=Response)
async def files(request: Request, run_id: str, name: str) -> Response:
    """A file that a record of a run names. Images are shown, all else is for keeping."""
    kind = attachment.type_of(name) or ""

    def content(shelf: Shelf) -> bytes:
        return _content(shelf.look().run(run_id).run.file(name))

    body = await _reading(request, content)
    shown = "inline" if kind.startswith("image/") else "attachment"
    headers = {
        HEADER: NOTHING_RUNS,
        "cache-control": FOR_EVER,
        "content-disposition": f'{shown}; filename="{name}"',
        "cross-origin-resource-policy": "same-origin",
    }
    return Response(body, media_type=kind, headers=headers)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_FILE_BYTES:
                raise Refused(413, f"{path.name} is larger than any file of ours")
            return file.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        raise UnknownFile(f"no file {path.name!r} is here", "its run was deleted") from None


@router.get("/runs/{run_id:path}/records/{kind}/{id}", response_model=answers.Record)
async def record(request: Request, run_id: str, kind: str, id: str, key: Text) -> Response:
    """All of one record."""

    def content(shelf: Shelf) -> bytes:
        return orjson.dumps(lists.record(_record(shelf, shelf.look().run(run_id), kind, key, id)))

    return Response(await _reading(request, content), media_type="application/json")


@router.get("/runs/{run_id:path}/rows/{id}", response_model=answers.Rows)
async def rows(
    request: Request,
    run_id: str,
    id: str,
    key: Text,
    start: Annotated[int, Query(ge=0, le=MAX_START)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = MAX_ROWS,
) -> Response:
    """Rows of a table."""

    def content(shelf: Shelf) -> bytes:
        entry = shelf.look().run(run_id)
        table = table_shown(_record(shelf, entry, "table", key, id), entry.run.file)
        return orjson.dumps(_rows(table, start, limit))

    return Response(await _reading(request, content), media_type="application/json")


def _record(shelf: Shelf, entry: Entry, kind: str, key: str, id: str) -> Record:
    time = int(id[:20]) if id.isascii() and id.isdecimal() else -1
    if 0 <= time < 2**63:
        with shelf.sources(entry):
            found = entry.run.records(kind, time=time)
        if own := [each for each in found if each.key == key]:
            return own[0]
    raise UnknownMetric(f"run {entry.id} has no such {kind} {key!r}", "it may have been deleted")


def _rows(table: TableShown, start: int, limit: int) -> dict[str, Any]:
    found = table.rows(start, limit)
    shown = [[_cell(cell) for cell in row] for row in found]
    return {
        "columns": table.columns,
        "types": table.types,
        "start": start,
        "count": table.count,
        "rows": shown,
    }


def _cell(cell: Any) -> Any:
    """What a page shows of a cell."""
    if isinstance(cell, str) and len(cell) > MAX_CELL:
        return f"{cell[:MAX_CELL]}…"
    return exact(cell)
