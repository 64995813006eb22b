"""`otel-trackio alerts`: what runs asked people to look at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import click
from rich.table import Table
from rich.text import Text

from otel_trackio.api import Api
from otel_trackio.cli import table
from otel_trackio.cli.document import print_document
from otel_trackio.cli.invocation import Invocation, complete_runs, pass_invocation, shared_options
from otel_trackio.cli.quantity import count, local, utc
from otel_trackio.cli.table import Column, coloured, note
from otel_trackio.frames import step_or_none
from otel_trackio.model import Record
from otel_trackio.storedrun import StoredRun

COLUMNS: Final = (
    Column("TIME", style="dim", narrow="left out"),
    Column("LEVEL"),
    Column("RUN", narrow="cut inside"),
    Column("STEP", "right"),
    Column("ALERT", narrow="folded"),
)


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert, and the run that gave it."""

    run: str
    project: str
    name: str
    record: Record

    @property
    def level(self) -> str:
        return str(self.record.data.get("level", "warn"))

    @property
    def step(self) -> int | None:
        return step_or_none(self.record.step)

    @property
    def line(self) -> str:
        title, text = (str(self.record.data.get(part, "")) for part in ("title", "text"))
        return f"{title}: {text}" if text else title

    def document(self) -> dict[str, Any]:
        data = self.record.data
        return {
            "run": self.run,
            "project": self.project,
            "name": self.name,
            "time": utc(self.record.time),
            "step": self.step,
            "level": self.level,
            "title": data.get("title", ""),
            "text": data.get("text", ""),
        }


@click.command()
@click.argument("which", metavar="[RUN|PROJECT]", shell_complete=complete_runs, required=False)
@shared_options
@pass_invocation
def alerts(invocation: Invocation, which: str | None) -> None:
    """List what runs asked you to look at, the latest last.

    Of one run, of all runs of a project, or of all there are.
    """
    found = [alert for run in _runs(invocation.api, which) for alert in alerts_of(run)]
    found.sort(key=lambda each: each.record.time)
    if invocation.json:
        print_document([each.document() for each in found])
    elif found:
        table.show(alerts_table(found))
    else:
        note("no alerts")


def _runs(api: Api, which: str | None) -> Iterable[StoredRun]:
    if which is None or which in api.projects():
        return api.runs(which)
    return [api.run(which)]


def alerts_of(run: StoredRun) -> list[Alert]:
    """The alerts of a run, in the order given."""
    with run.sources():
        facts = run.facts()
        return [Alert(run.id, facts.project, facts.name, record) for record in run.alerts()]


def alerts_table(found: Sequence[Alert], of_one_run: bool = False) -> Table:
    """One line an alert; without the run's name where that is plain."""
    return table.table(COLUMNS, [_row(each, of_one_run) for each in found])


def _row(alert: Alert, of_one_run: bool) -> Sequence[str | Text]:
    return (
        local(alert.record.time),
        coloured(alert.level),
        "" if of_one_run else f"{alert.project}/{alert.name}",
        "" if alert.step is None else count(alert.step),
        alert.line,
    )
