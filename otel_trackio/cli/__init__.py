"""The command line: `otel-trackio`."""

from __future__ import annotations

import click

import otel_trackio
from otel_trackio.cli.application import PROGRAM, Application
from otel_trackio.cli.invocation import Invocation, shared_options

__all__ = ["main"]

EPILOG = """\
RUN is a run's id, six or more characters that begin it, PROJECT/NAME, or NAME.

Exit codes:
  0  all is well
  1  what was asked for is not there, or could not be done
  2  the command line or a setting is wrong
  3  doctor found problems"""


SECTIONS = {
    "Record": {"run": "run:run"},
    "Look": {
        "ls": "ls:ls",
        "info": "info:info",
        "get": "get:get",
        "watch": "watch:watch",
        "alerts": "alerts:alerts",
    },
    "Change": {"tag": "edit:tag", "mv": "edit:mv", "rm": "rm:rm"},
    "Share": {
        "sync": "sync:sync",
        "pull": "sync:pull",
        "remote": "remote:remote",
        "replay": "replay:replay",
        "import": "imports:import_",
    },
    "More": {"doctor": "doctor:doctor", "demo": "demo:demo"},
}
"""Commands by heading and name: the module here that has each, and what it is called there."""


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
