"""`otel-trackio watch`: a run as it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

import click
import numpy as np
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from otel_trackio.cli import table
from otel_trackio.cli.document import jsonable, print_document
from otel_trackio.cli.invocation import Invocation, complete_runs, pass_invocation, shared_options
from otel_trackio.cli.plot import plot
from otel_trackio.cli.quantity import count, duration, rounded, visible
from otel_trackio.cli.table import Column, coloured
from otel_trackio.cli.view import View, Watched
from otel_trackio.query import Curve

PLOT_HEIGHT: Final = 10
MAX_WIDTH: Final = 120
PLAIN_WIDTH: Final = 80
"""Characters of a plot where there is no terminal."""

COLUMNS: Final = (
    Column("METRIC", narrow="cut"),
    Column("LAST", "right"),
    Column("MIN", "right"),
    Column("MAX", "right"),
)


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.argument("metrics", metavar="[METRIC]...", nargs=-1)
@click.option("--once", is_flag=True, help="Show the run as it is now, and end.")
@click.option(
    "--interval",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1),
    default=1.0,
    help="From one look to the next; 1 unless given.",
)
@shared_options
@pass_invocation
def watch(
    invocation: Invocation, run: str, metrics: tuple[str, ...], once: bool, interval: float
) -> None:
    """Follow a run, with a plot of each METRIC, until it ends.

    Ctrl-C ends the watching, not the run. METRIC may be a pattern, such as 'train/*'. Without a
    terminal it prints a line for each change.
    """
    with invocation.api.run(run) as stored:
        watched = Watched(stored, metrics)
        if once:
            _show_once(watched.look(), invocation.json)
            return
        try:
            _follow(watched.looks(interval), invocation.json)
        except KeyboardInterrupt:
            return


def _show_once(view: View, as_json: bool) -> None:
    if as_json:
        print_document(view.document())
        return
    console = table.console()
    width = console.width if console.is_terminal else PLAIN_WIDTH
    table.show(*_parts(view, width, table.UNBOUNDED))


def _follow(views: Iterator[View], as_json: bool) -> None:
    console = table.console()
    if as_json:
        for view in views:
            click.echo(json.dumps(jsonable(view.document()), ensure_ascii=False))
    elif console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            for view in views:
                live.update(Group(*_parts(view, *console.size)), refresh=True)
    else:
        said = ""
        for view in views:
            if (line := _line(view)) != said:
                click.echo(line)
            said = line


def _line(view: View) -> str:
    values = [f"{each.key} {_row(each)[1]}" for each in view.drawn]
    return visible("  ".join([view.about.title, _state(view), *values]))


def _state(view: View) -> str:
    standing = view.about.standing
    step = "" if standing.last_step is None else f", step {count(standing.last_step)}"
    return f"{standing.state}{step}, {count(standing.points, 'point')}"


def _parts(view: View, width: int, height: int) -> Iterator[RenderableType]:
    """What fits so many lines: the state, plots, then the other metrics."""
    head = list(_head(view))
    yield from head
    left = height - len(head) - 1
    drawn = view.drawn[: max(1, left // (PLOT_HEIGHT + 2))]
    for curve in drawn:
        yield from ("", _title(curve))
        lines = plot(curve, min(width, MAX_WIDTH), PLOT_HEIGHT, view.about.standing.last_step)
        yield Text.from_ansi(lines)
    left -= len(drawn) * (PLOT_HEIGHT + 2) + 2
    others = (*view.drawn[len(drawn) :], *view.others)[: max(left, 0)]
    if others:
        yield from ("", table.table(COLUMNS, [_row(each) for each in others]))


def _head(view: View) -> Iterator[Text]:
    about, state = view.about, view.about.standing.state
    yield Text.assemble(
        (visible(about.title), "bold"),
        "  ",
        coloured(state),
        _state(view).removeprefix(state),
        (f", {duration(about.length)}", "dim"),
    )
    if about.error:
        yield Text(visible(about.error), "red")
    for warning in ("; ".join(about.complaints()), view.waiting):
        if warning:
            yield Text(visible(warning), "yellow")


def _title(curve: Curve) -> Text:
    key, last, least, greatest = _row(curve)
    buckets = curve.buckets
    lost = int((buckets.nan + buckets.pos_inf + buckets.neg_inf).sum())
    return Text.assemble(
        (visible(key), "bold"),
        f"  {last}",
        (f"  from {least} to {greatest}" if least else "", "dim"),
        (f"  {count(lost)} not finite" if lost else "", "yellow"),
    )


def _row(curve: Curve) -> tuple[str, str, str, str]:
    buckets = curve.buckets
    finite = np.isfinite(buckets.min)
    ends = (buckets.min[finite].min(), buckets.max[finite].max()) if finite.any() else ()
    least, greatest = (rounded(float(each)) for each in ends) if ends else ("", "")
    return curve.key, rounded(float(buckets.last[-1])), least, greatest
