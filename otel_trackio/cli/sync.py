"""`otel-trackio sync` and `pull`: to a remote, and back."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from otel_trackio import layout
from otel_trackio.api import Api
from otel_trackio.cli.destination import destination
from otel_trackio.cli.document import print_document
from otel_trackio.cli.invocation import Invocation, complete_runs, pass_invocation, shared_options
from otel_trackio.cli.progress import progress
from otel_trackio.cli.quantity import count, size
from otel_trackio.cli.table import note
from otel_trackio.errors import ConfigError, UnknownRun
from otel_trackio.pull import Pulled, Total
from otel_trackio.pull import pull as pull_runs
from otel_trackio.remote import Remote
from otel_trackio.remotes import remote_of
from otel_trackio.settings import resolve
from otel_trackio.storedrun import StoredRun
from otel_trackio.sync import is_meant
from otel_trackio.sync import sync as sync_runs


@click.command()
@click.argument("which", metavar="[RUN|PROJECT]", shell_complete=complete_runs, required=False)
@click.option("--all", "every", is_flag=True, help="Every run there is.")
@click.option("--to", metavar="REMOTE", envvar="OTEL_TRACKIO_REMOTE", help="Where to.")
@click.option("--public", is_flag=True, help="What has to be made there is for everybody to see.")
@shared_options
@pass_invocation
def sync(
    invocation: Invocation, which: str | None, every: bool, to: str | None, public: bool
) -> None:
    """Bring runs to a remote, as Parquet, and only what is new.

    With neither RUN nor PROJECT those that were recorded for REMOTE, which is
    hf://datasets/USER/NAME, hf://buckets/USER/NAME, or a folder. Unless given it is the directory
    itself, where a scratch stands in for that on this machine.
    """
    exchange = invocation.api.exchange
    if which is not None and every:
        raise ConfigError("what to sync is not clear", "name a run or a project, or give --all")
    if to is None and exchange is not None:
        remote: Remote = exchange.remote
    else:
        remote = destination(to, "--to REMOTE", _is_private(public))
    with progress(f"syncing to {remote.url}") as status:
        done = sync_runs(
            invocation.api.store,
            _folders(invocation.api, which, remote if which is None and not every else None),
            remote,
            lambda pushed: status.update(f"syncing to {remote.url}: {count(pushed.files, 'file')}"),
            replicas=exchange is not None,  # DIR is no remote: what came from there is ours.
        )
    if invocation.json:
        pushed = {"files": done.pushed.files, "bytes": done.pushed.bytes}
        print_document(
            {"remote": remote.url, "new": done.numbers, "live": len(done.live), **pushed}
        )
        return
    sent = f"{count(done.pushed.files, 'file')}, {count(done.pushed.bytes, 'byte')} sent"
    click.echo(f"{remote.url}: {sent}")
    if done.live:
        note(f"left to live processes, which sync by themselves: {count(len(done.live), 'file')}")


@click.command()
@click.argument("remote", metavar="REMOTE")
@click.argument("project", required=False)
@shared_options
@pass_invocation
def pull(invocation: Invocation, remote: str, project: str | None) -> None:
    """Bring runs back from a remote, all or those of a project.

    Only what is missing is fetched; it may be interrupted and called again.
    """
    source = remote_of(remote)
    if invocation.dir is not None:
        Path(invocation.dir).expanduser().mkdir(parents=True, exist_ok=True, mode=0o700)
    exchange = invocation.api.exchange
    if exchange is not None:
        exchange.scratch.make()
    with progress(f"pulling from {source.url}") as status:
        done = pull_runs(
            source,
            invocation.api.store,
            project,
            lambda done, of: status.update(f"pulling from {source.url}: {_progressed(done, of)}"),
        )
    if exchange is not None:
        exchange.settle()
    if project is not None and not (done.runs or done.numbers):
        hint = f"otel-trackio remote ls {source.url} shows what there is"
        raise UnknownRun(f"no runs of {project!r} in {source.url}", hint)
    if invocation.json:
        read = {"files": done.files, "bytes": done.bytes, "unfinished": done.unfinished}
        busy = [str(path) for path in done.busy]
        brought = {"runs": done.runs, "new": done.numbers}
        print_document({"remote": source.url, **brought, **read, "busy": busy})
    else:
        new = "new value or event" if done.numbers == 1 else "new values and events"
        click.echo(f"{source.url}: {count(done.runs, 'run')}, {done.numbers:,} {new}")
    if done.busy:
        note(f"left as they are while live processes hold them: {count(len(done.busy), 'file')}")
    if done.unfinished:
        writers = count(done.unfinished, "writer")
        note(f"not all there yet, so pull again later: the newest of {writers}")


def _progressed(done: Pulled, of: Total) -> str:
    files = f"{count(done.files)} of {count(of.files, 'file')}"
    return f"{count(done.runs)} of {count(of.runs, 'run')}, {files}, {size(done.bytes)}"


def _is_private(public: bool) -> bool:
    return resolve({"private": False if public else None}, os.environ).private


def _is_meant(run: StoredRun, url: str) -> bool:
    return run.facts().deleted or any(is_meant(path, url) for path in layout.run_files(run.path))


def _folders(api: Api, which: str | None, meant_for: Remote | None) -> Sequence[Path]:
    if meant_for is not None and api.exchange is None:
        return [run.path for run in api.every() if _is_meant(run, meant_for.url)]
    if which is None:
        runs = list(api.every())  # Deleted runs too: that they are is synced as well.
    else:
        runs = api.runs(which) if which in api.projects() else [api.run(which)]
    return [folder for run in runs for folder in run.folders]
