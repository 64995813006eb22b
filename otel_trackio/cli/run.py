"""`otel-trackio run`: a training as it is, recorded."""

from __future__ import annotations

import os
from typing import Any, Final

import click

from otel_trackio import remotes
from otel_trackio.cli.invocation import Invocation, pass_invocation
from otel_trackio.launcher import launch
from otel_trackio.settings import SETTINGS, resolve

_COMMAND: Final = {"ignore_unknown_options": True, "allow_interspersed_args": False}
"""What follows the first word that is no option of ours belongs to the command."""


@click.command(context_settings=_COMMAND)
@click.option("--project", metavar="PROJECT", help="Groups runs that belong together.")
@click.option("--name", metavar="NAME", help="What the run is called.")
@click.option("--group", metavar="GROUP", help="Groups runs within a project.")
@click.option("--tag", "tags", metavar="TAG", multiple=True, help="Once for each tag.")
@click.option("--id", "run_id", metavar="ID", help="What the run is known by on all ranks.")
@click.option("--resume", type=click.Choice(["never", "allow", "must"]), help="Go on with a run.")
@click.option(
    "--mode",
    type=click.Choice(["online", "offline", "disabled"]),
    help="Whether to sync, and to record.",
)
@click.option("--dir", metavar="DIR", help="The folder that holds runs/; else OTEL_TRACKIO_DIR.")
@click.option("--remote", metavar="REMOTE", help="Where the run is synced, if anywhere.")
@click.option("--dataset", "dataset_id", metavar="NAME", help="The same, a Dataset of the Hub.")
@click.option("--bucket", "bucket_id", metavar="NAME", help="The same, a bucket of the Hub.")
@click.option("--private/--public", default=None, help="How the remote is made; else private.")
@click.argument("command", metavar="COMMAND...", nargs=-1, type=click.UNPROCESSED)
@pass_invocation
def run(invocation: Invocation, /, command: tuple[str, ...], dir: str | None, **given: Any) -> None:
    """Run a training, and record it without a change to its script.

    COMMAND is what starts it: python train.py, torchrun, accelerate launch, -m MODULE, train.py.
    Every trainer of transformers and TRL is recorded, and `import trackio` finds a drop-in where
    Trackio is not installed. Options of ours stand before the command.
    """
    if not command:
        raise click.UsageError("no command; as in: otel-trackio run python train.py")
    if command[0].startswith("-") and command[0] != "-m":
        raise click.UsageError(f"no option {command[0]!r}; see otel-trackio run --help")
    folder = dir or invocation.dir
    given["dir"] = None if folder is None else os.path.abspath(os.path.expanduser(folder))
    given["tags"] = ",".join(given["tags"])
    chosen = {name: value for name, value in given.items() if value not in (None, "")}
    remotes.configured(resolve(chosen, os.environ))  # What cannot be is refused here and now.
    variables = {each.name: each.env[0] for each in SETTINGS}
    wanted = {
        variables[name]: str(value).lower() if value in (True, False) else str(value)
        for name, value in chosen.items()
    }
    launch(command, {**os.environ, **wanted})
