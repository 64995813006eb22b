"""`otel-trackio remote`: what a remote holds, whether it is sound, and tidying it up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import click
from rich.text import Text

from otel_trackio.cli import table
from otel_trackio.cli.destination import destination
from otel_trackio.cli.document import print_document
from otel_trackio.cli.invocation import Invocation, pass_invocation, shared_options
from otel_trackio.cli.progress import progress
from otel_trackio.cli.quantity import age, count, size, utc, visible
from otel_trackio.cli.table import Column, coloured, note
from otel_trackio.holding import Holding, holdings
from otel_trackio.merge import merge as merge_remote
from otel_trackio.verify import verify as verify_remote

COLUMNS: Final = (
    Column("STATE"),
    Column("RUN", narrow="cut inside"),
    Column("ID", style="dim"),
    Column("WRITERS", "right", narrow="left out"),
    Column("FILES", "right", narrow="left out"),
    Column("SIZE", "right", narrow="left out"),
    Column("NEWEST", style="dim"),
)

named = click.argument("name", metavar="[REMOTE]", required=False)


@click.group(invoke_without_command=True)
@click.pass_context
def remote(context: click.Context) -> None:
    """List, verify or merge what a remote holds.

    REMOTE is hf://datasets/USER/NAME, hf://buckets/USER/NAME, or a folder; unless given, the one
    that the settings name.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@remote.command()
@named
@shared_options
@pass_invocation
def ls(invocation: Invocation, name: str | None) -> None:
    """List the runs that a remote holds, the newest last.

    A run that did not end is "running?" when its news are late, and crashed an hour later.
    """
    there = destination(name, "REMOTE")
    with progress(f"reading {there.url}") as status:
        every = holdings(
            there,
            progress=lambda done, of: status.update(
                f"reading {there.url}: {count(done)} of {count(of, 'run')}"
            ),
        )
    found = [each for each in every if not each.facts.deleted]
    if invocation.json:
        print_document([_document(each) for each in found])
    elif found:
        table.show(table.table(COLUMNS, [_row(each) for each in found]))
    if deleted := len(every) - len(found):
        note(f"{count(deleted, 'deleted run')} not shown")


def _document(each: Holding) -> dict[str, Any]:
    return {
        "id": each.id,
        "project": each.facts.project,
        "name": each.facts.name,
        "state": each.state,
        "writers": len(each.writers),
        "files": len(each.paths),
        "bytes": each.bytes,
        "newest": utc(each.newest) if each.newest else None,
    }


def _row(each: Holding) -> Sequence[str | Text]:
    return (
        coloured(each.state),
        each.title,
        each.id,
        count(len(each.writers)),
        count(len(each.paths)),
        size(each.bytes),
        age(each.newest) if each.newest else "",
    )


@remote.command()
@named
@shared_options
@pass_invocation
@click.pass_context
def verify(context: click.Context, invocation: Invocation, name: str | None) -> None:
    """Read all that a remote holds, and say what is missing or damaged.

    Every number of every writer has to be there once, in files that can be read and have the
    columns that they should have. With problems the exit code is 1.
    """
    there = destination(name, "REMOTE")
    with progress(f"verifying {there.url}") as status:
        found = verify_remote(
            there,
            lambda done, of: status.update(
                f"verifying {there.url}: {count(done.files)} of {count(of, 'file')}"
            ),
        )
    if invocation.json:
        print_document({"remote": there.url, **asdict(found)})
    else:
        files = f"{count(found.files, 'file')}, {size(found.bytes)}"
        held = f"{count(found.points, 'point')} of {count(found.runs, 'run')}"
        sound = "all is well" if not found.problems else count(len(found.problems), "problem")
        click.echo(visible(f"{there.url}: {files}, {held}: {sound}"))
        for each in found.problems:
            click.echo(visible(f"  {each.what}; {each.remedy}"))
    if found.spare:
        note(f"{count(found.spare, 'file')} that a merge left; otel-trackio remote merge tidies up")
    if found.problems:
        context.exit(1)


@remote.command()
@named
@shared_options
@pass_invocation
def merge(invocation: Invocation, name: str | None) -> None:
    """Make few large files of many small ones, for runs that have ended.

    What they replace is deleted, and so is what is left of runs that were deleted. It may be
    interrupted and called again, on any machine.
    """
    there = destination(name, "REMOTE")
    with progress(f"merging in {there.url}") as status:
        done = merge_remote(
            there,
            lambda runs, of: status.update(
                f"merging in {there.url}: {count(runs)} of {count(of, 'run')}"
            ),
        )
    if invocation.json:
        print_document({"remote": there.url, **asdict(done)})
    else:
        became = f"became {count(done.added)}" if done.added else "deleted"
        said = f"{count(done.deleted, 'file')} {became}" if done.deleted else "nothing to merge"
        click.echo(visible(f"{there.url}: {said}"))
    if done.live:
        note(f"left alone, as more may come: {count(done.live, 'run')}")
    if done.broken:
        note(
            f"not whole: {count(done.broken, 'writer')}; otel-trackio remote verify says what is"
            " missing"
        )
