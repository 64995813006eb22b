"""`otel-trackio sync` and `pull`: to a remote, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.status import Status

from otel_trackio import layout
from otel_trackio.api import Api
from otel_trackio.cli.document import print_document
from otel_trackio.cli.invocation import Invocation, complete_runs, pass_invocation, shared_options
from otel_trackio.cli.quantity import count
from otel_trackio.cli.table import note
from otel_trackio.errors import ConfigError
from otel_trackio.pull import pull as pull_runs
from otel_trackio.remotes import remote_of
from otel_trackio.sync import sync as sync_runs


@click.command()
@click.argument("which", metavar="[RUN|PROJECT]", shell_complete=complete_runs, required=False)
@click.option("--all", "every", is_flag=True, help="Every run there is.")
@click.option("--to", metavar="REMOTE", envvar="OTEL_TRACKIO_REMOTE", help="Where to.")
@shared_options
@pass_invocation
def sync(invocation: Invocation, which: str | None, every: bool, to: str | None) -> None:
    """Bring runs to a remote, as Parquet, and only what is new.

    REMOTE is hf://datasets/USER/NAME, hf://buckets/USER/NAME, or a folder.
    """
    if to is None:
        raise ConfigError("no remote is named", "give --to REMOTE, or set OTEL_TRACKIO_REMOTE")
    if (which is None) != every:
        raise ConfigError("what to sync is not clear", "name a run or a project, or give --all")
    remote = remote_of(to)
    with _progress(f"syncing to {remote.url}") as status:
        done = sync_runs(
            invocation.api.dir,
            _folders(invocation.api, which),
            remote,
            lambda pushed: status.update(f"syncing to {remote.url}: {count(pushed.files, 'file')}"),
        )
    if invocation.json:
        pushed = {"files": done.pushed.files, "bytes": done.pushed.bytes}
        print_document({"remote": remote.url, "new": done.numbers, "live": done.live, **pushed})
        return
    sent = f"{count(done.pushed.files, 'file')}, {count(done.pushed.bytes, 'byte')} sent"
    click.echo(f"{remote.url}: {sent}")
    if done.live:
        note(f"left to live processes, which sync by themselves: {count(done.live, 'file')}")


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
    with _progress(f"pulling from {source.url}") as status:
        done = pull_runs(
            source,
            invocation.api.dir,
            project,
            lambda pulled: status.update(f"pulling from {source.url}: {count(pulled.runs, 'run')}"),
        )
    if invocation.json:
        print_document({"remote": source.url, "runs": done.runs, "new": done.numbers})
    else:
        new = "new value or event" if done.numbers == 1 else "new values and events"
        click.echo(f"{source.url}: {count(done.runs, 'run')}, {done.numbers:,} {new}")


def _folders(api: Api, which: str | None) -> Sequence[Path]:
    if which is None:
        return layout.run_dirs(api.dir)  # Deleted runs too: that they are is synced as well.
    if which in api.projects():
        return [run.path for run in api.runs(which)]
    return [api.run(which).path]


def _progress(text: str) -> Status:
    return Console(stderr=True).status(text)
