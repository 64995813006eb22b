"""`otel-trackio demo`: real models on real data, to see what there is to see."""

from __future__ import annotations

import click

from otel_trackio.cli.invocation import Invocation, directory_option, pass_invocation


@click.command()
@directory_option
@pass_invocation
def demo(invocation: Invocation) -> None:
    """Train small models on real images, and look at their runs."""
    from otel_trackio import demo as program

    program.main(invocation.dir)
