"""`otel-trackio demo`: real models on real data, to see what there is to see."""

from __future__ import annotations

import click

from otel_trackio.cli.document import print_document
from otel_trackio.cli.invocation import Invocation, pass_invocation, shared_options
from otel_trackio.cli.overview import overview


@click.command()
@click.option("--no-serve", is_flag=True, help="End with the report, without the dashboard.")
@shared_options
@pass_invocation
def demo(invocation: Invocation, no_serve: bool) -> None:
    """Train small models on real images, and see their runs in a browser."""
    from otel_trackio import demo as program

    if invocation.json:
        ids = program.record(invocation.dir)
        print_document([overview(invocation.api.run(each)).document() for each in ids])
    else:
        program.main(invocation.dir, serve=not no_serve)
