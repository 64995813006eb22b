"""`otel-trackio ls`: runs, one a line."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Final

import click
from rich.console import RenderableType
from rich.text import Text

from otel_trackio.api import Api
from otel_trackio.cli import table
from otel_trackio.cli.document import print_document
from otel_trackio.cli.invocation import Invocation, pass_invocation, shared_options
from otel_trackio.cli.overview import Overview, overview
from otel_trackio.cli.quantity import age, count, duration
from otel_trackio.cli.table import Column, coloured, note
from otel_trackio.diagnostics import logger
from otel_trackio.errors import StoreError, UnknownRun
from otel_trackio.lag import Destination, Lag, destinations
from otel_trackio.storedrun import StoredRun

LIMIT: Final = 50
"""Runs that a terminal shows unless asked otherwise."""

STATES: Final = ("running", "finished", "failed", "crashed")

COLUMNS: Final = (
    Column("STATE"),
    Column("RUN", narrow="cut inside"),
    Column("ID", style="dim"),
    Column("ATTEMPT", "right", narrow="left out"),
    Column("STEP", "right"),
    Column("POINTS", "right", narrow="left out"),
    Column("STARTED", style="dim"),
    Column("TOOK", style="dim", narrow="left out"),
    Column("TAGS", narrow="cut"),
    Column("UNSYNCED", "right", style="yellow", narrow="left out"),
    Column("MISSING", style="yellow", narrow="cut"),
)


@click.command()
@click.argument("project", required=False)
@click.option("--state", type=click.Choice(STATES), help="Only runs in that state.")
@click.option("--tag", metavar="TAG", help="Only runs with that tag.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=1),
    help=f"Only the latest N. Unless given {LIMIT} in a terminal, and all elsewhere.",
)
@shared_options
@pass_invocation
def ls(
    invocation: Invocation,
    project: str | None,
    state: str | None,
    tag: str | None,
    limit: int | None,
) -> None:
    """List runs, the newest last.

    With PROJECT only the runs of that one. Ids are shown where the names of runs look the same.
    """
    most = limit or (LIMIT if sys.stdout.isatty() and not invocation.json else None)
    runs = _runs(invocation.api, project)
    remotes = destinations(invocation.api.store)
    found = _overviews(reversed(runs), state, tag, remotes)
    shown = list(islice(found, most))[::-1]
    if invocation.json:
        print_document([each.document() for each in shown])
    elif shown:
        table.show(_table(shown))
    if not runs:
        note(f"no runs in {invocation.api.dir}; otel-trackio demo records some")
    elif not shown:
        note(_nothing(project, state, tag))
    elif next(found, None) is not None and limit is None:
        note(f"older runs are left out; --limit {len(runs)} shows all")


def _runs(api: Api, project: str | None) -> list[StoredRun]:
    runs = api.runs(project)
    if project is None or runs:
        return runs
    near = get_close_matches(project, api.projects(), cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "otel-trackio ls shows what there is"
    raise UnknownRun(f"no project {project!r}", hint)


def _nothing(project: str | None, state: str | None, tag: str | None) -> str:
    """That there are no such runs, in the words of the options that asked for them."""
    asked = [f"{name} {value}" for name, value in (("state", state), ("tag", tag)) if value]
    where = "" if project is None else f" in {project}"
    return f"no runs{where} with {' and '.join(asked)}"


def _overviews(
    runs: Iterable[StoredRun],
    state: str | None,
    tag: str | None,
    remotes: Sequence[Destination],
) -> Iterator[Overview]:
    for run in runs:
        try:
            with run:
                found = overview(run, remotes)
        except StoreError as error:  # Removed, or damaged, since it was found.
            logger.warning("%s", error)
            continue
        if state in (None, found.standing.state) and (tag is None or tag in found.facts.tags):
            yield found


def _table(shown: Sequence[Overview]) -> RenderableType:
    """Ids are shown of runs whose names look the same, in the room that there is for them."""
    names = [each.title for each in shown]
    while True:  # An id takes room from the names, which may then look the same, too: once.
        alike = Counter(names)
        rows = [_row(each, alike[name] > 1) for each, name in zip(shown, names, strict=True)]
        made = table.table(COLUMNS, rows)
        before, names = names, table.texts(made, "RUN")
        if names == before:
            return made


def _unsynced(lags: Sequence[Lag]) -> str:
    """Of the remote that is behind the most."""
    most = max(lags, key=lambda lag: lag.numbers, default=None)
    return count(most.numbers) if most and most.numbers else ""


def _row(each: Overview, ambiguous: bool) -> Sequence[str | Text]:
    standing = each.standing
    return (
        coloured(standing.state),
        each.title,
        each.id if ambiguous else "",
        str(each.attempt) if each.attempt > 1 else "",
        "" if standing.last_step is None else count(standing.last_step),
        count(standing.points),
        age(standing.started) if standing.started else "",
        duration(each.length) if standing.started else "",
        ", ".join(each.facts.tags),
        _unsynced(each.lags),
        "; ".join(each.complaints()),
    )
