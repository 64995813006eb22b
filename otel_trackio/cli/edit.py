"""`otel-trackio tag` and `mv`: changing runs that are stored."""

from __future__ import annotations

from typing import Any

import click

from otel_trackio.cli.document import print_document
from otel_trackio.cli.invocation import Invocation, complete_runs, pass_invocation, shared_options
from otel_trackio.cli.overview import Overview, overview
from otel_trackio.cli.quantity import visible
from otel_trackio.cli.table import note
from otel_trackio.errors import OtelTrackioError
from otel_trackio.holding import Holding

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
        print_document(named(about))
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
        print_document(named(overview(stored)))
    elif stored.id not in taken:
        click.echo(visible(f"{facts.project}/{facts.name} is now {project}/{name}"))


def named(about: Overview | Holding) -> dict[str, Any]:
    """A run as the JSON of these commands."""
    facts = about.facts
    return {
        "id": about.id,
        "project": facts.project,
        "name": facts.name,
        "tags": list(facts.tags),
    }
