"""The command line: `otel-trackio`."""

from __future__ import annotations

import click

import otel_trackio
from otel_trackio.cli.alerts import alerts
from otel_trackio.cli.application import PROGRAM, Application
from otel_trackio.cli.demo import demo
from otel_trackio.cli.doctor import doctor
from otel_trackio.cli.edit import mv, tag
from otel_trackio.cli.get import get
from otel_trackio.cli.imports import import_
from otel_trackio.cli.info import info
from otel_trackio.cli.invocation import Invocation, shared_options
from otel_trackio.cli.ls import ls
from otel_trackio.cli.remote import remote
from otel_trackio.cli.rm import rm
from otel_trackio.cli.run import run
from otel_trackio.cli.sync import pull, sync
from otel_trackio.cli.watch import watch

__all__ = ["main"]

EPILOG = """\
RUN is a run's id, six or more characters that begin it, PROJECT/NAME, or NAME.

Exit codes:
  0  all is well
  1  what was asked for is not there, or could not be done
  2  the command line or a setting is wrong
  3  doctor found problems"""


SECTIONS = {
    "Record": [run],
    "Look": [ls, info, get, watch, alerts],
    "Change": [tag, mv, rm],
    "Share": [sync, pull, remote, import_],
    "More": [doctor, demo],
}


@click.group(
    PROGRAM,
    cls=Application,
    sections=SECTIONS,
    epilog=EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@shared_options
@click.version_option(otel_trackio.__version__, message=f"{PROGRAM} %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """Look at recorded runs, and look after them."""
    context.call_on_close(context.ensure_object(Invocation).close)
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
