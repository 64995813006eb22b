"""What a run says to its user: at most three lines at the start, one at the end, on stderr."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import suppress

from otel_trackio import remotes
from otel_trackio.api import Api
from otel_trackio.provider import Attachment
from otel_trackio.run import Run
from otel_trackio.settings import Settings

_INSTRUMENTS: dict[Attachment, str] = {
    "own provider": "",
    "own provider, other readers": "",
    "application's exporter": "; instruments reach it through your OtelTrackioExporter",
    "application's provider": (
        "; your MeterProvider got a reader: one value an interval, every measurement with"
        " MeterProvider(**otel_trackio.lossless())"
    ),
}


_LOSSES = ("dropped.", "skipped.", "log.failed", "log_system.failed")
"""Reasons in a run's counts that mean that something it was given is not stored."""


def started(run: Run, settings: Settings, attached: Attachment) -> None:
    if settings.silent:
        return
    again = f", attempt {run.attempt}" if run.attempt > 1 else ""
    rank = f", rank {run.rank}" if run.rank else ""
    remote = remotes.named(settings) if settings.mode == "online" else ""
    url = settings.otlp_endpoint if settings.mode == "online" else ""
    synced = f"syncing to {remote}; " if remote else ""
    sent = f"sending to {url}; " if url else ""
    say(f"run {run.project}/{run.name}{again}{rank}")
    shared = f"; {settings.dir} gets it every 15 s" if Api(settings.dir).exchange else ""
    say(f"recording to {run.path}{shared}{_INSTRUMENTS[attached]}")
    say(f"{synced}{sent}view: otel-trackio info {run.id}")


def finished(run: Run, complete: bool, settings: Settings) -> None:
    if settings.silent or run.state == "disabled":
        return
    lost = {
        reason: amount
        for reason, amount in sorted(run.diagnostics.counts().items())
        if amount and reason.startswith(_LOSSES)
    }
    counts = "".join(f", {amount:,} {reason}" for reason, amount in lost.items())
    noun = "point" if run.points == 1 else "points"
    later = "" if complete else "; the rest is in the journal: run otel-trackio doctor"
    done = f"{run.state} {run.project}/{run.name}: {run.points:,} {noun}{counts}"
    say(f"{done}{later}{_left(run, settings)}")


def _left(run: Run, settings: Settings) -> str:
    """What of the run is not where it is to go, and the commands that bring it there."""
    places = (
        (remotes.named(settings), run.unsynced, "sync", "synced"),
        (settings.otlp_endpoint, run.unsent, "replay", "sent"),
    )
    return "".join(
        _waiting(run, settings, *each) for each in places if run.path is not None and each[0]
    )


def _waiting(run: Run, settings: Settings, place: str, left: int, verb: str, done: str) -> str:
    if left:
        noun = "value or event waits" if left == 1 else "values and events wait"
        what = f"{left:,} {noun} to be {done}"
    elif settings.mode == "offline":
        what = f"to {'send' if done == 'sent' else verb} it later"
    else:
        return f", all of it {done}{_but(run) if done == 'sent' else ''}"
    command = ["otel-trackio", verb, run.id, "--to", place]
    dir = run.path.parents[1] if run.path else settings.dir
    if dir != Api(settings.dir).store:
        command += ["--dir", str(dir)]  # For DIR could not be written.
    elif settings.source_of("dir") == "argument":
        command += ["--dir", str(settings.dir)]
    return f"; {what}: {shlex.join(command)}"


def _but(run: Run) -> str:
    counts = run.diagnostics.counts()
    refused = counts.get("otlp.refused", 0) + counts.get("otlp.rejected", 0)
    return f" but {refused:,} points, which were refused" if refused else ""


def say(line: str) -> None:
    # A name may hold line ends and escape sequences, which are not for the terminal.
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    stream = sys.stderr
    if stream is None:
        return  # Closed: print would take stdout instead.
    said, is_pythons = f"otel-trackio: {line}\n", stream is sys.__stderr__
    with suppress(OSError, ValueError):
        if is_pythons:
            # What its buffer cannot write stays there, and the end of Python would fail on it.
            stream.flush()
            os.write(stream.fileno(), said.encode(stream.encoding, "backslashreplace"))
        else:
            stream.write(said)
