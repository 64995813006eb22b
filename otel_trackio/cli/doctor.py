"""`otel-trackio doctor`: finds out what is wrong, and recovers what dead processes left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

import click
from rich.console import Console, RenderableType
from rich.text import Text

from otel_trackio.cli import table
from otel_trackio.cli.document import print_document
from otel_trackio.cli.invocation import Invocation, pass_invocation, shared_options
from otel_trackio.cli.quantity import age, count, local, size, utc, visible
from otel_trackio.cli.table import Column
from otel_trackio.doctor import Clock, Directory, InForce, Report, examine
from otel_trackio.lag import Destination

PROBLEMS_FOUND: Final = 3

SETTINGS: Final = (Column("SETTING"), Column("VALUE", narrow="folded"), Column("FROM", style="dim"))


@click.command()
@click.option("--dry-run", is_flag=True, help="Tell what would be recovered, and leave it.")
@shared_options
@pass_invocation
@click.pass_context
def doctor(context: click.Context, invocation: Invocation, dry_run: bool) -> None:
    """Find out what is wrong, and recover what dead processes left.

    Reads every file of the directory. Exits with 3 where there is something for you to do.
    """
    with Console(stderr=True).status("reading every file"):
        report = examine(invocation.dir, recover=not dry_run)
    if invocation.json:
        print_document(_document(report))
    else:
        table.show(*_parts(report))
    if report.problems:
        context.exit(PROBLEMS_FOUND)


def _parts(report: Report) -> Iterator[RenderableType]:
    sections = {
        "versions": report.versions.items(),
        "directory": _directory(report.directory),
        "clock": _clock(report.clock),
        **{f"sync to {visible(each.url)}": _sync(each) for each in report.destinations},
    }
    for heading, pairs in sections.items():
        yield from (Text(heading, "bold"), table.pairs(pairs), "")
    rows = [(each.name, _shown(each.value), _source(each)) for each in report.settings]
    yield from (table.table(SETTINGS, rows), "")
    for each in report.recovered:
        torn = "; its last record was torn, and is left out" if each.torn else ""
        line = f"{count(each.points, 'point')} of {each.path}{torn}"
        yield Text.assemble(("recovered: ", "green"), visible(line))
    for problem in report.problems:
        line = f"{problem.message}; {problem.hint}"
        yield Text.assemble(("problem: ", "red"), visible(line))
    if not report.problems:
        yield Text("all is well", "green")


def _directory(directory: Directory) -> Iterator[tuple[str, str]]:
    yield "path", str(directory.path) + ("" if directory.exists else " (not there yet)")
    if directory.scratch:
        yield "scratch", str(directory.scratch)
    if directory.filesystem:
        where = "on a network, or may be" if directory.network else "local"
        yield "file system", f"{directory.filesystem}, {where}"
    yield "free space", size(directory.free)
    files = f"{count(directory.runs, 'run')} in {count(directory.files, 'file')}"
    yield "holds", f"{files}, {size(directory.used)}"


def _clock(clock: Clock) -> Iterator[tuple[str, str]]:
    yield "now", local(clock.now)
    if clock.newest:
        yield "latest point", local(clock.newest)
    if clock.ahead is not None:
        yield "ahead of files", f"{clock.ahead:.2f} s"


def _sync(to: Destination) -> Iterator[tuple[str, str]]:
    state = to.state
    yield "last success", age(state.succeeded) if state.succeeded else "never"
    files = f"{count(len(to.waiting), 'file')}, {size(to.bytes)}"
    yield "waiting", files if to.waiting else "nothing"
    yield "sent", f"{count(state.files, 'file')}, {size(state.bytes)}"
    kinds = ", ".join(f"{amount:,} {kind}" for kind, amount in state.failures.items())
    yield "attempts", f"{state.attempts:,}" + (f", failed: {kinds}" if kinds else "")


def _shown(value: object) -> str:
    if value is None:
        return ""
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _document(report: Report) -> dict[str, Any]:
    return {
        "versions": report.versions,
        "directory": {each: _plain(value) for each, value in asdict(report.directory).items()},
        "clock": {
            "now": utc(report.clock.now),
            "newest": utc(report.clock.newest) if report.clock.newest else None,
            "seconds_ahead_of_files": report.clock.ahead,
        },
        "settings": [
            {"name": each.name, "value": _plain(each.value), "source": each.source}
            for each in report.settings
        ],
        "remotes": [
            {
                **asdict(each.state),
                "tried": utc(each.state.tried),
                "succeeded": utc(each.state.succeeded) if each.state.succeeded else None,
                "waiting": {"files": len(each.waiting), "bytes": each.bytes},
            }
            for each in report.destinations
        ],
        "recovered": [
            {"path": str(each.path), "points": each.points, "torn": each.torn}
            for each in report.recovered
        ],
        "orphans": [str(path) for path in report.orphans],
        "problems": [asdict(problem) for problem in report.problems],
    }


def _source(setting: InForce) -> str:
    return f"--{setting.name}" if setting.source == "argument" else setting.source


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | float) else str(value)
