"""`otel-trackio replay`: stored runs to a collector, or any OTLP backend."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import click

from otel_trackio.api import Api
from otel_trackio.cli.document import print_document
from otel_trackio.cli.invocation import Invocation, complete_runs, pass_invocation, shared_options
from otel_trackio.cli.progress import progress
from otel_trackio.cli.quantity import count
from otel_trackio.cli.table import note
from otel_trackio.diagnostics import Diagnostics, logger
from otel_trackio.endpoint import Headers, endpoint, shown
from otel_trackio.errors import (
    ConfigError,
    OtelTrackioError,
    RemoteRefused,
    RemoteUnavailable,
    StoreError,
)
from otel_trackio.settings import resolve
from otel_trackio.storedrun import StoredRun


@click.command()
@click.argument("which", metavar="[RUN|PROJECT]...", nargs=-1, shell_complete=complete_runs)
@click.option("--all", "every", is_flag=True, help="Every run there is.")
@click.option("--to", metavar="URL", help="Where to; else OTEL_TRACKIO_OTLP_ENDPOINT.")
@click.option("--again", is_flag=True, help="What was sent before, too.")
@shared_options
@pass_invocation
def replay(
    invocation: Invocation, which: tuple[str, ...], every: bool, to: str | None, again: bool
) -> None:
    """Send runs to a collector, or any OTLP backend: only what is new.

    With neither RUN nor PROJECT those that were recorded for URL, such as
    http://localhost:4318. Every point goes with its own time and step. Runs of
    a remote are brought here by `otel-trackio pull` first.
    OTEL_TRACKIO_OTLP_HEADERS are sent along to the endpoint that they are for.
    """
    if which and every:
        raise ConfigError("what to send is not clear", "name runs or projects, or give --all")
    url, headers = _destination(to)
    runs = list(_runs(invocation.api, which))
    sent = _sent(runs, url, headers, only_wanted=not (which or every), again=again)
    if invocation.json:
        told = {"runs": sent.runs, "points": sent.points, "refused": sent.refused}
        print_document({"endpoint": url, **told, "live": sent.live})
    elif sent.points or sent.refused:
        click.echo(f"{url}: {count(sent.runs, 'run')}, {count(sent.points, 'point')} sent")
    else:
        click.echo(f"{url}: nothing new to send")
    if sent.live:
        note(f"left to live processes: {count(sent.live, 'file')}")
    if sent.refused:
        raise OtelTrackioError(f"{count(sent.refused, 'point')} refused", "see the warnings above")


@dataclass
class Sent:
    """What came of it: runs of which something was sent, points, and files that live processes
    hold."""

    runs: int = 0
    points: int = 0
    refused: int = 0
    live: int = 0


def _destination(to: str | None) -> tuple[str, Headers]:
    settings = resolve({}, os.environ)
    try:
        url = settings.otlp_endpoint if to is None else endpoint(to)
    except ValueError as error:
        raise ConfigError(f"--to is {shown(to or '')!r}", f"give {error}") from None
    if not url:
        hint = "give --to URL, or set OTEL_TRACKIO_OTLP_ENDPOINT"
        raise ConfigError("no endpoint is named", hint)
    if settings.otlp_endpoint not in ("", url):
        if settings.otlp_headers.pairs:
            note(f"OTEL_TRACKIO_OTLP_HEADERS are for {settings.otlp_endpoint}: not sent here")
        return url, Headers()
    return url, settings.otlp_headers


def _runs(api: Api, which: Iterable[str]) -> Iterator[StoredRun]:
    if not which:
        yield from api.runs()
    projects = api.projects() if which else []
    for name in which:
        yield from api.runs(name) if name in projects else [api.run(name)]


def _sent(
    runs: list[StoredRun], url: str, headers: Headers, only_wanted: bool, again: bool
) -> Sent:
    from otel_trackio.courier import Courier  # Loads protobuf, which is not light.
    from otel_trackio.otlphttp import peer_of
    from otel_trackio.peer import Retryable, Unwelcome
    from otel_trackio.replay import is_wanted, send_stored, sources_of

    found, failures = Sent(), list[StoreError]()
    courier = Courier(url, peer_of(url, headers, os.environ), Diagnostics())

    def send(path: Path) -> None:
        if not only_wanted or is_wanted(path, url):
            found.live += send_stored(path, courier, again) is None

    with closing(courier), progress(f"sending to {url}") as status:
        for run in runs:
            before = courier.brought.points
            for path in sources_of(run):
                points = count(courier.brought.points, "point")
                status.update(f"sending to {url}: {count(found.runs, 'run')}, {points}")
                try:
                    send(path)
                except StoreError as error:
                    logger.warning("%s", error)
                    failures.append(error)
                except Retryable as error:
                    raise RemoteUnavailable(f"{url}: {error}", "call it again later") from error
                except Unwelcome as error:
                    raise RemoteRefused(f"{url}: {error}", "then call it again") from error
            found.runs += courier.brought.points > before
    found.points, found.refused = courier.brought.points, courier.brought.refused
    if failures:
        raise failures[0]
    return found
