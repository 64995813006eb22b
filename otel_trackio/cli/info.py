"""`otel-trackio info`: all there is to know about one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import click
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from otel_trackio.cli import table
from otel_trackio.cli.alerts import Alert, alerts_of, alerts_table
from otel_trackio.cli.document import jsonable, print_document
from otel_trackio.cli.invocation import Invocation, complete_runs, pass_invocation, shared_options
from otel_trackio.cli.overview import Overview, overview
from otel_trackio.cli.quantity import age, count, duration, local, rounded, size, visible
from otel_trackio.cli.table import Column, coloured
from otel_trackio.doctor import occupied
from otel_trackio.lag import Lag, destinations
from otel_trackio.metric import Metric
from otel_trackio.straggler import Straggler, straggler

METRICS: Final = (
    Column("METRIC", narrow="folded"),
    Column("KIND", style="dim", narrow="left out"),
    Column("LAST", "right"),
    Column("STEP", "right"),
    Column("MIN", "right"),
    Column("MAX", "right"),
    Column("UNIT", narrow="left out"),
    Column("POINTS", "right"),
    Column("NOT FINITE", "right", style="yellow", narrow="left out"),
    Column("RANKS", "right", style="dim", narrow="left out"),
)


@click.command()
@click.argument("run", shell_complete=complete_runs)
@shared_options
@pass_invocation
def info(invocation: Invocation, run: str) -> None:
    """Show all there is to know about a run.

    Its state, config, summary, metrics and alerts, and what of it is missing.
    """
    stored = invocation.api.run(run)
    with stored, stored.sources():
        remotes = destinations(invocation.api.store)
        about, metrics = overview(stored, remotes), stored.metrics()
        told = alerts_of(stored)
        slow = straggler(stored, metrics, about.standing.last_step)
    if invocation.json:
        print_document(_document(about, metrics, told, slow))
        return
    parts: list[RenderableType] = [Text(visible(about.title), "bold"), _facts(about, slow)]
    for heading, values in (("config", about.facts.config), ("summary", about.facts.summary)):
        if values:
            parts += ["", Text(heading, "bold"), table.pairs(flattened(values))]
    if metrics:
        parts += ["", table.table(METRICS, [_row(each) for each in metrics])]
    if told:
        parts += ["", alerts_table(told, of_one_run=True)]
    table.show(*parts)


def _facts(about: Overview, slow: Straggler | None) -> Table:
    return table.pairs((label, text) for label, text in _labelled(about, slow) if str(text))


def _labelled(about: Overview, slow: Straggler | None) -> Iterator[tuple[str, str | Text]]:
    standing, facts = about.standing, about.facts
    state = coloured(standing.state)
    yield "state", state + Text(f": {visible(about.error)}") if about.error else state
    yield "id", about.id
    yield "group", facts.group
    yield "tags", ", ".join(facts.tags)
    yield "notes", facts.notes
    if standing.started:
        began = f"{local(standing.started)} ({age(standing.started)})"
        took = "so far" if standing.state == "running" else "took"
        yield "started", f"{began}, {took} {duration(about.length)}"
    yield "attempts", count(about.attempt) if about.attempt > 1 else ""
    yield "ranks", count(len(standing.attempts)) if len(standing.attempts) > 1 else ""
    yield "straggler", "" if slow is None else Text(_slow(slow, len(standing.attempts)), "yellow")
    yield "last step", "" if standing.last_step is None else count(standing.last_step)
    yield "points", count(standing.points)
    yield "missing", Text("; ".join(about.complaints()), "yellow")
    yield "noticed", "; ".join(about.remarks())
    for why in about.damaged.values():
        yield "damaged", Text(visible(why), "red")
    for lag in about.lags:
        yield "synced to", f"{lag.url}: {_standing(lag)}"
    yield "files", f"{about.path} ({size(occupied(about.path))})"


def _slow(slow: Straggler, ranks: int) -> str:
    return (
        f"rank {slow.rank}: {rounded(slow.seconds)} s a step for {slow.phase},"
        f" the median of {ranks} ranks is {rounded(slow.median)} s"
    )


def _standing(lag: Lag) -> str:
    if not lag.numbers:
        return "all of it"
    return f"{count(lag.numbers)} values and events behind, for {duration(int(lag.seconds * 1e9))}"


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Leaves of nested mappings as text, their keys joined by dots."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, float | int):
        return value if isinstance(value, str) else str(jsonable(value))
    return rounded(value)


def _row(metric: Metric) -> Sequence[str | Text]:
    return (
        metric.key,
        "" if metric.kind == "gauge" else metric.kind.replace("_", " "),
        rounded(metric.last),
        "" if metric.last_step is None else count(metric.last_step),
        rounded(metric.min),
        rounded(metric.max),
        metric.unit,
        count(metric.count),
        count(metric.nonfinite) if metric.nonfinite else "",
        str(len(metric.ranks)) if len(metric.ranks) > 1 else "",
    )


def _document(
    about: Overview, metrics: Sequence[Metric], told: Sequence[Alert], slow: Straggler | None
) -> dict[str, Any]:
    return {
        **about.document(),
        "notes": about.facts.notes,
        "config": about.facts.config,
        "summary": about.facts.summary,
        "resource": about.facts.resource,
        "metrics": [asdict(each) for each in metrics],
        "alerts": [each.document() for each in told],
        "straggler": None if slow is None else asdict(slow),
    }
