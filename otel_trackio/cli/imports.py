"""`otel-trackio import`: runs of other trackers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from otel_trackio.cli.document import print_document
from otel_trackio.cli.invocation import Invocation, pass_invocation, shared_options
from otel_trackio.cli.progress import progress
from otel_trackio.cli.quantity import count, visible
from otel_trackio.cli.table import note
from otel_trackio.errors import ConfigError, OtelTrackioError
from otel_trackio.importing.copying import Copied, Wish, copy
from otel_trackio.importing.left import MOST_NAMES, Left
from otel_trackio.importing.origin import Origin
from otel_trackio.importing.sources import SOURCES, runs_of
from otel_trackio.settings import resolve


@click.command("import")
@click.argument("source", metavar="|".join(SOURCES), type=click.Choice(SOURCES))
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--project", metavar="PROJECT", help="Where to; else what it was called there.")
@click.option("--name", metavar="NAME", help="What to call the run, if there is one.")
@click.option("--group", metavar="GROUP", help="The group to put the runs into.")
@click.option("--step", metavar="COLUMN", help="The column of a CSV file that holds the step.")
@click.option("--time", metavar="COLUMN", help="The column of a CSV file that holds the time.")
@shared_options
@pass_invocation
def import_(
    invocation: Invocation,
    source: str,
    path: Path,
    project: str | None,
    name: str | None,
    group: str | None,
    step: str | None,
    time: str | None,
) -> None:
    """Bring in runs that another tracker recorded.

    PATH is a database of Trackio or its folder, an offline run of W&B or its folder, a folder of
    TensorBoard event files, or a CSV file. Called again it brings what is new there, and nothing
    twice.
    """
    if source != "csv" and (step or time):
        raise click.UsageError("--step and --time are for csv")
    if invocation.dir is not None:
        Path(invocation.dir).expanduser().mkdir(parents=True, exist_ok=True, mode=0o700)
    found = runs_of(source, path, step, time)
    if name and len(found) > 1:
        raise ConfigError(f"--name {name} for {count(len(found), 'run')}", "leave it out")
    copied, errors = _copied(invocation, found, Wish(project or "", name or "", group or ""), path)
    left = Left()
    for each in copied:
        left.merge(each.left)
    if invocation.json:
        runs = [_document(each) for each in copied]
        told = [str(error) for error in errors]
        print_document({"runs": runs, "not_taken": left.document(), "errors": told})
    else:
        for each in copied:
            click.echo(visible(_line(each)))
        for reason, amount in left.counts.items():
            note(f"not taken: {amount:,} {reason}{_named(left.names(reason))}")
    if errors:
        for error in errors[:-1]:
            note(f"error: {error}")
        raise errors[-1]


def _copied(
    invocation: Invocation, found: Sequence[Origin], wish: Wish, path: Path
) -> tuple[list[Copied], list[OtelTrackioError]]:
    """What came of each run; one that cannot be read does not keep the others from coming."""
    settings = resolve({"dir": invocation.dir}, os.environ)
    copied: list[Copied] = []
    errors: list[OtelTrackioError] = []
    with progress(f"importing {path}") as status:
        for number, origin in enumerate(found, 1):
            before = sum(each.points for each in copied)
            where = f"importing {path}: run {count(number)} of {count(len(found))}"

            def tell(points: int, where: str = where, before: int = before) -> None:
                status.update(f"{where}, {count(before + points, 'point')}")

            try:
                copied.append(copy(origin, invocation.api, settings, wish, tell))
            except OtelTrackioError as error:
                errors.append(error)
    return copied, errors


def _line(copied: Copied) -> str:
    amounts = {"point": copied.points, "histogram": copied.histograms, "record": copied.records}
    new = ", ".join(count(amount, thing) for thing, amount in amounts.items() if amount)
    if copied.is_new:
        new = new or "no points"
    else:
        new = f"{new} more" if new else "all of it is here already"
    return f"{copied.project}/{copied.name}: {new}"


def _named(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = ", ..." if len(names) > MOST_NAMES else ""
    return f" ({', '.join(names[:MOST_NAMES])}{more})"


def _document(copied: Copied) -> dict[str, Any]:
    return {
        "id": copied.id,
        "project": copied.project,
        "name": copied.name,
        "new": copied.is_new,
        "points": copied.points,
        "histograms": copied.histograms,
        "records": copied.records,
        "not_taken": copied.left.document(),
    }
