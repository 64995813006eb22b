"""`otel-trackio tag`, `mv` and `rm`: changing runs that are stored."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import click

from otel_trackio import edit, layout
from otel_trackio.api import Api
from otel_trackio.cli.document import print_document
from otel_trackio.cli.invocation import Invocation, complete_runs, pass_invocation, shared_options
from otel_trackio.cli.overview import Overview, overview
from otel_trackio.cli.quantity import age, count, visible
from otel_trackio.cli.table import note
from otel_trackio.errors import NewerFormat, OtelTrackioError, StoreBusy, StoreError

# `-name` is a tag to take away, so no short option may be one.
_TAGS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


@click.command(context_settings=_TAGS)
@click.argument("run", shell_complete=complete_runs)
@click.argument("changes", metavar="[+TAG|-TAG|TAG]...", nargs=-1)
@shared_options
@pass_invocation
def tag(invocation: Invocation, run: str, changes: tuple[str, ...]) -> None:
    """Add tags to a run, take tags away, or show those it has.

    TAG and +TAG add one, -TAG takes one away.
    """
    unknown = [change for change in changes if change.startswith("--") or change in ("+", "-", "")]
    if unknown:
        raise click.UsageError(f"{unknown[0]!r} is no tag; give TAG, +TAG or -TAG")
    stored = invocation.api.run(run)
    if changes:
        added = [change.removeprefix("+") for change in changes if not change.startswith("-")]
        removed = [change[1:] for change in changes if change.startswith("-")]
        stored.tag(added, removed)
    about = overview(stored)
    if invocation.json:
        print_document(_named(about))
    else:
        click.echo("\n".join(map(visible, about.facts.tags)) or "no tags", err=not about.facts.tags)


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.argument("to", metavar="PROJECT[/NAME]")
@shared_options
@pass_invocation
def mv(invocation: Invocation, run: str, to: str) -> None:
    """Give a run another project, another name, or both.

    PROJECT moves it and keeps its name; PROJECT/NAME says both; /NAME keeps the project.
    """
    stored = invocation.api.run(run)
    facts = stored.facts()
    project, _, name = to.partition("/")
    project, name = project or facts.project, name or facts.name
    taken = [each.id for each in invocation.api.runs(project) if each.facts().name == name]
    if stored.id in taken:
        note(f"{project}/{name} is its name already")
    elif taken:
        message = f"{project}/{name} is the name of run {taken[0]}"
        raise OtelTrackioError(message, "choose another")
    if project != facts.project:
        stored.move(project)
    if name != facts.name:
        stored.rename(name)
    if invocation.json:
        print_document(_named(overview(stored)))
    elif stored.id not in taken:
        click.echo(visible(f"{facts.project}/{facts.name} is now {project}/{name}"))


@click.command()
@click.argument("runs", metavar="RUN...", shell_complete=complete_runs, nargs=-1, required=True)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Even if it is still recorded, or cannot be read.")
@shared_options
@pass_invocation
@click.pass_context
def rm(
    context: click.Context,
    invocation: Invocation,
    runs: tuple[str, ...],
    yes: bool,
    force: bool,
) -> None:
    """Delete runs and their data, for good."""
    doomed = {each.id: each for each in (_doomed(invocation.api, run, force) for run in runs)}
    found = list(doomed.values())
    busy = [each.title for each in found if each.running]
    if busy and not force:
        raise StoreBusy(f"{busy[0]} is still being recorded", "finish it first, or pass --force")
    if not yes and not _agreed(found):
        note("nothing was deleted")
        context.exit(1)
    for each in found:
        each.delete()
        if not invocation.json:
            click.echo(f"deleted {visible(each.title)}")
    if invocation.json:
        print_document([{**each.document, "deleted": True} for each in found])


@dataclass(frozen=True, slots=True)
class Doomed:
    """A run to delete, as people and as programs know it, and how to delete it."""

    id: str
    title: str
    about: str
    document: dict[str, Any]
    running: bool
    delete: Callable[[], None]


def _doomed(api: Api, name: str, force: bool) -> Doomed:
    """The run to delete; one that cannot be read goes by its id alone, and by force."""
    run_id, folder = name, layout.run_dir(api.dir, name)
    try:
        run = api.run(name)
        run_id, folder = run.id, run.path
        found = overview(run)
    except NewerFormat:
        raise
    except StoreError:
        if not force:
            raise
        bury = partial(edit.bury, folder, run_id, 0)
        return Doomed(run_id, run_id, "cannot be read", {"id": run_id}, False, bury)
    standing = found.standing
    about = f"{count(standing.points, 'point')}, started {age(standing.started)}"
    return Doomed(
        *(run.id, found.title, about, _named(found), standing.state == "running"),
        delete=partial(run.delete, force),
    )


def _agreed(found: Sequence[Doomed]) -> bool:
    for each in found:
        note(f"  {each.title}  {each.about}")
    try:
        return click.confirm(f"delete {count(len(found), 'run')} for good?", err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        note("")
        raise click.UsageError("nobody is there to confirm; pass --yes") from None


def _named(about: Overview) -> dict[str, Any]:
    facts = about.facts
    return {
        "id": about.id,
        "project": facts.project,
        "name": facts.name,
        "tags": list(facts.tags),
    }
