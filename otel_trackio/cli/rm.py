"""`otel-trackio rm`: deleting runs, here and in a remote."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import click

from otel_trackio.api import SHORTEST_ID, Api
from otel_trackio.cli.destination import destination
from otel_trackio.cli.document import print_document
from otel_trackio.cli.edit import named
from otel_trackio.cli.invocation import Invocation, complete_runs, pass_invocation, shared_options
from otel_trackio.cli.overview import overview
from otel_trackio.cli.quantity import age, count, size, visible
from otel_trackio.cli.table import note
from otel_trackio.errors import NewerFormat, RemoteError, StoreBusy, StoreError, UnknownRun
from otel_trackio.holding import Holding, holdings
from otel_trackio.remote import Remote
from otel_trackio.text import storable
from otel_trackio.withdraw import destinations_of, withdraw


class _Equated(click.Command):
    """A command whose `--remote` takes no word that stands apart: that is a run to delete."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, ["--remote=" if a == "--remote" else a for a in args])


@click.command(cls=_Equated)
@click.argument("runs", metavar="RUN...", shell_complete=complete_runs, nargs=-1, required=True)
@click.option(
    "--remote",
    "elsewhere",
    metavar="[=REMOTE]",
    help="From a remote, too, even what is only there; alone it means the configured one.",
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Even if it is still recorded, or cannot be read.")
@shared_options
@pass_invocation
@click.pass_context
def rm(
    context: click.Context,
    invocation: Invocation,
    runs: tuple[str, ...],
    elsewhere: str | None,
    yes: bool,
    force: bool,
) -> None:
    """Delete runs and their data, for good.

    Other machines that pulled a run from the remote delete it when they pull again.
    """
    if places := [name for name in runs if "://" in name]:
        raise click.UsageError(f"{places[0]!r} is no run; did you mean --remote={places[0]}?")
    remote = None if elsewhere is None else destination(elsewhere, "--remote=REMOTE")
    doomed = {
        each.id: each for each in (_doomed(invocation.api, run, force, remote) for run in runs)
    }
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
        if remote is not None:
            _withdraw(invocation.api, each, remote)
        for url in sorted(each.places - ({remote.url} if remote else set())):
            note(f"{url} holds it still; otel-trackio rm {each.id} --remote={url} deletes it there")
    if invocation.json:
        print_document([{**each.document, "deleted": True} for each in found])


def _withdraw(api: Api, doomed: Doomed, remote: Remote) -> None:
    try:
        withdraw(api.store, doomed.id, remote)
    except (RemoteError, StoreBusy) as error:
        again = f"then otel-trackio rm --remote={remote.url} {doomed.id}"
        raise type(error)(error.message, f"{error.hint}; {again}") from error


@dataclass(frozen=True, slots=True)
class Doomed:
    """A run to delete, as people and as programs know it, and how to delete it.

    `places` are the remotes that hold it, as far as this machine knows.
    """

    id: str
    title: str
    about: str
    document: dict[str, Any]
    running: bool
    delete: Callable[[], None]
    places: frozenset[str] = frozenset()


def _doomed(api: Api, name: str, force: bool, remote: Remote | None) -> Doomed:
    """The run to delete, here or in the remote."""
    try:
        here = _here(api, name, force)
    except UnknownRun:
        there = None if remote is None else _there(remote, name)
        if there is None:
            raise
        document = named(there)
        bury = partial(api.bury, there.id)
        return Doomed(there.id, there.title, _held(there), document, there.live, bury)
    if remote is not None and (held := holdings(remote, here.id)):
        about = f"{here.about}; {_held(held[0])}"
        return replace(here, about=about, running=here.running or held[0].live)
    return here


def _here(api: Api, name: str, force: bool) -> Doomed:
    """A run of this machine; one that cannot be read goes by its id alone, and by force."""
    run_id = name
    try:
        run = api.run(name)
        run_id = run.id
        found = overview(run)
        places = frozenset(destinations_of(run))
    except NewerFormat:
        raise
    except StoreError:
        if not force:
            raise
        bury = partial(api.bury, run_id)
        return Doomed(run_id, run_id, "cannot be read", {"id": run_id}, False, bury)
    if api.exchange is not None:
        places -= {api.exchange.remote.url}
    standing = found.standing
    about = f"{count(standing.points, 'point')}, started {age(standing.started)}"
    document = named(found)
    running = standing.state == "running"
    return Doomed(run.id, found.title, about, document, running, partial(run.delete, force), places)


def _there(remote: Remote, name: str) -> Holding | None:
    """The run of the remote that is called so, as runs of this machine are."""
    name = storable(name)
    every = holdings(remote, name) or holdings(remote)
    left = [
        each for each in every if not each.facts.deleted or each.writers.keys() - each.tombstones
    ]
    found = (
        [each for each in left if each.id == name]
        or [each for each in left if name in (each.title, each.facts.name)]
        or [each for each in left if len(name) >= SHORTEST_ID and each.id.startswith(name)]
    )
    if len(found) > 1:
        ids = ", ".join(each.id for each in found)
        raise UnknownRun(f"{name!r} may be {len(found)} runs in {remote.url}", f"give an id: {ids}")
    return found[0] if found else None


def _held(there: Holding) -> str:
    files = f"{count(len(there.paths), 'file')}, {size(there.bytes)}"
    return f"{files} in {there.url}, newest {age(there.newest)}"


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
