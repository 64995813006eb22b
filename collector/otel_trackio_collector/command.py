"""`otel-trackio collector`: run one, check a configuration, ask the one that runs."""

from __future__ import annotations

import json
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import click
import httpx

from otel_trackio.diagnostics import logger
from otel_trackio.errors import OtelTrackioError
from otel_trackio_collector import logs
from otel_trackio_collector.building import check
from otel_trackio_collector.collector import RUNNING_FILE, Collector
from otel_trackio_collector.config import GRPC, HEALTH, HTTP, STORE, Config
from otel_trackio_collector.configfile import directory_of, from_file
from otel_trackio_collector.configflags import from_flags

ASK_SECONDS = 10.0
"""How long `status` waits for an answer."""

MAX_FILES = 65_536
"""How many files and connections it asks the system to allow it."""

CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A YAML file in the words of the OpenTelemetry Collector.",
)
DIR = click.option(
    "--dir",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder that holds runs/; else OTEL_TRACKIO_DIR.",
)


@click.group("collector", invoke_without_command=True)
@CONFIG
@click.option(
    "--to",
    multiple=True,
    metavar="KIND=TARGET",
    help="Send there, too: otlp_grpc=HOST:PORT (http://HOST:PORT without TLS), otlp_http=URL, "
    "prometheusremotewrite=URL, prometheus=HOST:PORT or file=PATH. Repeatable.",
)
@click.option("--grpc", metavar="HOST:PORT", help=f"Where OTLP over gRPC is taken; else {GRPC}.")
@click.option("--http", metavar="HOST:PORT", help=f"Where OTLP over HTTP is taken; else {HTTP}.")
@click.option("--health", metavar="HOST:PORT", help=f"Where it answers for itself; else {HEALTH}.")
@DIR
@click.option(
    "--remote", metavar="REMOTE", help="Sync runs there, such as hf://datasets/USER/NAME."
)
@click.option(
    "--log-format",
    type=click.Choice(["json", "text"]),
    help="How it logs; else text to a terminal, JSON elsewhere.",
)
@click.pass_context
def collector(context: click.Context, /, log_format: Any, **given: Any) -> None:
    """Receive OpenTelemetry metrics, keep them as runs, and send them on, until Ctrl-C.

    What is acknowledged is on disk; each destination gets all of it in its own time.
    """
    given["dir"] = given["dir"] or getattr(context.obj, "dir", None)
    if context.invoked_subcommand is None:
        _run(_configured(given), log_format)
    else:
        context.obj = {name: value for name, value in given.items() if value}


@collector.command()
@CONFIG
@click.pass_context
def validate(context: click.Context, /, config: Path | None) -> None:
    """Check a configuration, and say what in it changes nothing here."""
    found = _configured({**context.obj, "config": config or context.obj.get("config")})
    check(found)
    for note in found.notes:
        click.echo(note)
    names = [each.name for each in found.receivers], [each.name for each in found.exporters]
    click.echo(f"valid: {', '.join(names[0])} to {', '.join(names[1])}")
    if all(each.kind != STORE for each in found.exporters):
        click.echo(f"no runs are kept here: {STORE} is not among the exporters")


@collector.command()
@CONFIG
@DIR
@click.option("--at", metavar="HOST:PORT", help="Where the collector answers for itself.")
@click.option("--json", "as_json", is_flag=True, help="All it says, as JSON.")
@click.pass_context
def status(
    context: click.Context, /, config: Path | None, dir: Path | None, at: str | None, as_json: bool
) -> None:
    """Ask the collector that runs here how its exporters stand."""
    outer = context.obj
    place = config or outer.get("config"), dir or outer.get("dir")
    told = _asked(at or outer.get("health") or _answering(_directory(*place)))
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return
    for line in _shown(told):
        click.echo(line)


def _configured(given: dict[str, Any]) -> Config:
    """Raises ConfigError; UsageError where a file and flags are given for one thing."""
    if config := given.pop("config", None):
        said = [
            f"--{name}"
            for name in ("to", "grpc", "http", "health", "remote", "dir")
            if given.get(name)
        ]
        if said and said != ["--dir"]:
            raise click.UsageError(f"{' and '.join(said)} and --config: say it in the file")
        _store_in(given.get("dir"))
        return from_file(config)
    if given.get("dir"):
        given["dir"] = Path(given["dir"]).expanduser().absolute()
    return from_flags(**{name: value for name, value in given.items() if value})


def _directory(config: Path | None, dir: Path | None) -> Path:
    """Where the collector that is meant has its request log. Raises ConfigError."""
    if config is None:
        return _configured({"dir": dir}).directory
    _store_in(dir)
    return directory_of(config)


def _store_in(dir: Path | None) -> None:
    if dir:
        os.environ["OTEL_TRACKIO_DIR"] = str(dir)


def _run(config: Config, log_format: logs.Format | None) -> None:
    logs.configure(config.level, log_format)
    _take_files()
    for note in config.notes:
        logger.warning("%s", note)
    told = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)  # The second one ends it at once.
        told.set()

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, end)
    running = Collector(config)
    running.start()
    exporters = [each.name for each in config.exporters]
    logger.info("started", extra={"told": {**running.endpoints, "exporters": exporters}})
    told.wait()
    logger.info("stopping", extra={"told": {"deadline_seconds": config.drain}})
    went = running.stop()
    left = {each.name: each.lag_requests for each in running.last if each.lag_requests}
    logger.info("stopped", extra={"told": {"all_sent": went, **({"left": left} if left else {})}})


def _take_files() -> None:
    """Lets the process open what it may: a thousand senders and runs are more than the usual."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # Where there is none, there is no such limit.

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
        if soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _answering(directory: Path) -> str:
    """Where the collector whose log is there answers. Raises OtelTrackioError."""
    file = directory / RUNNING_FILE
    try:
        return str(json.loads(file.read_text())["endpoints"]["health"])
    except (OSError, ValueError, LookupError):
        raise OtelTrackioError(
            f"no collector runs on {directory}", "name one by --config, --dir or --at"
        ) from None


def _asked(endpoint: str) -> dict[str, Any]:
    host, _, port = endpoint.removeprefix("http://").rpartition(":")
    host = "127.0.0.1" if host in ("0.0.0.0", "") else "[::1]" if host == "[::]" else host
    try:
        answer = httpx.get(f"http://{host}:{port}/status", timeout=ASK_SECONDS)
        found: dict[str, Any] = answer.raise_for_status().json()
    except (httpx.HTTPStatusError, ValueError):
        found = {}  # Another program's, or the port where a collector takes OTLP.
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise OtelTrackioError(
            f"no collector answers at {endpoint}: {error}", "is it running?"
        ) from error
    if "exporters" not in found:
        raise OtelTrackioError(
            f"what answers at {endpoint} is no health port of this collector",
            "name that by --at; it is 13133 unless --health said otherwise",
        )
    return found


def _shown(told: dict[str, Any]) -> list[str]:
    """A line for the collector, one for its log, and one an exporter."""
    log = told["log"]
    places = ", ".join(f"{name} {at}" for name, at in told["endpoints"].items())
    state = "ready" if told["ready"] else "not ready"
    lines = [
        f"{state}, at work for {told['seconds']:.0f} s: {places}",
        *(f"not ready: {fault}" for fault in told["faults"]),
        f"log: request {log['head']}, {log['bytes']:,} of {log['max_bytes']:,} bytes",
    ]
    rows = [("exporter", "sent", "behind", "age", "dropped", "besides", "last error")]
    for each in told["exporters"]:
        dropped = ", ".join(f"{n:,} {why}" for why, n in each["dropped"].items() if n)
        age = f"{each['lag_seconds']:.0f} s"
        behind = f"{each['lag_points']:,}"
        besides = ", ".join(f"{n:,} {what}" for what, n in each["counts"].items() if n)
        sent = f"{each['sent']:,}"
        rows.append((each["name"], sent, behind, age, dropped, besides, each["error"]))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join((*cells, row[6])).rstrip())
    return lines
