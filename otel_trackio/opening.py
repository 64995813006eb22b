"""Opening a run to record: who it is, whether it goes on, and where its files lie."""

from __future__ import annotations

import os
import platform
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from otel_trackio import filesystem, forking, identity, layout, lifetime, recovery, remotes, version
from otel_trackio.beacon import Beacon
from otel_trackio.before import Before
from otel_trackio.cadence import DIRECTORY, REMOTE, Cadence
from otel_trackio.diagnostics import Diagnostics, logger
from otel_trackio.errors import StoreError
from otel_trackio.exchange import Exchange
from otel_trackio.facts import Facts
from otel_trackio.identity import Rank
from otel_trackio.intake import Taken
from otel_trackio.redact import redact
from otel_trackio.remote import Folder, Remote
from otel_trackio.resume import which
from otel_trackio.run import Identity, Run
from otel_trackio.runfile import MEANT, SENT_TO
from otel_trackio.scratch import Scratch, own_folder, scratch_of
from otel_trackio.settings import Settings
from otel_trackio.text import storable
from otel_trackio.threads import started
from otel_trackio.writer import Writer

if TYPE_CHECKING:
    from otel_trackio.otlphttp import HttpPeer

MAX_RECOVERED: Final = 100
"""Files of dead writers that the start of a run completes, in the background."""

LOWEST: Final = -1
"""Lamport number of an event that gives way to every other."""


def open_run(
    settings: Settings,
    config: Mapping[str, Any],
    notes: str | None,
    stored: Callable[[Taken], None],
    on_finish: Callable[[Run, bool], None],
) -> Run:
    """A recording run as the settings and the launcher's environment name it.

    Where DIR cannot be written the run goes to a temporary folder, and where nothing can, it is
    disabled: both are said, neither stops training. Raises ConfigError.
    """
    diagnostics = Diagnostics(settings.raise_errors)
    if settings.mode == "disabled":
        name = settings.name or "disabled"
        who = Identity(identity.new_id(), name, settings.project, settings.group, settings.tags)
        return Run(who, None, diagnostics, config, 0, on_finish)
    remote = remotes.configured(settings)
    peer = _peer(settings, diagnostics)
    rank = identity.rank_of(os.environ)
    scratch = scratch_of(settings.dir, settings.scratch)
    _warn_of_scratch(settings, scratch, diagnostics)
    _warn_of_job(settings, diagnostics)
    run_id, before = which(settings, rank, remote, diagnostics)
    who = _identity(settings, run_id, rank.rank, before)
    lamport = before.lamport if before else 0
    first_step = before.first_step(who.attempt) if before else 0

    def writers(folder: Path) -> Callable[[str, Diagnostics], Writer]:
        return lambda part, own: _open_writer(
            folder, who, rank, part, lamport, settings, own, stored
        )

    known = dict(before.facts.config) if before else {}
    for folder in (scratch.folder if scratch else settings.dir, _fallback()):
        try:
            if scratch and folder == scratch.folder:
                scratch.make()
            run = Run(who, writers(folder), diagnostics, {**known, **config}, first_step, on_finish)
        except (StoreError, OSError) as error:
            diagnostics.error(
                "dir.unwritable",
                f"cannot record to {folder}: {error}; set OTEL_TRACKIO_DIR to a writable folder",
                error,
            )
            continue
        _introduce(run, settings, config, notes, before)
        if scratch is not None:
            keep_synced(run, Folder(scratch.shared), folder, settings.deadline, DIRECTORY)
            run.sync_by(_beacon(scratch))
        if remote is not None:
            keep_synced(run, remote, folder, settings.deadline, REMOTE)
        if peer is not None:
            keep_sent(run, folder, settings.otlp_endpoint, peer)
        started(threading.Thread(target=_tidy, args=(folder, scratch), daemon=True))
        return run
    return Run(who, None, diagnostics, config, 0, on_finish)


def _identity(settings: Settings, run_id: str, rank: int, before: Before | None) -> Identity:
    own = settings.name or identity.default_name(run_id)
    if before is None:
        return Identity(run_id, own, settings.project, settings.group, settings.tags, rank)
    facts = before.facts
    given = settings.source_of("project") != "default"
    return Identity(
        run_id,
        settings.name or facts.name or own,  # Another rank may be about to say it.
        settings.project if given else facts.project,
        settings.group or facts.group,
        settings.tags or facts.tags,
        rank,
        before.attempt(rank),
    )


def _open_writer(
    folder: Path,
    who: Identity,
    rank: Rank,
    part: str,
    lamport: int,
    settings: Settings,
    diagnostics: Diagnostics,
    stored: Callable[[Taken], None],
) -> Writer:
    host = identity.this_host()
    writer = identity.new_id()
    meta = {
        "run_id": who.id,
        "writer": writer,
        "part": part,
        "attempt": who.attempt,
        "rank": rank.rank,
        "world_size": rank.world_size,
        "local_rank": rank.local_rank,
        "lamport": lamport,
        "created_ns": time.time_ns(),
        "host": host.name,
        "boot_id": host.boot_id,
        "pid": os.getpid(),
        "python": platform.python_version(),
        "library": f"otel-trackio {version.__version__}",
        MEANT: remotes.named(settings),
    }
    if settings.otlp_endpoint:
        meta[SENT_TO] = settings.otlp_endpoint
    path = layout.run_file(folder, who.id, writer)
    return Writer(path, meta, settings, diagnostics, stored)


def _introduce(
    run: Run,
    settings: Settings,
    config: Mapping[str, Any],
    notes: str | None,
    before: Before | None,
) -> None:
    """The events that make the run visible, and say what about it is new."""
    if before and not before.here:
        _retell(run, before.facts)
    about: dict[str, Any] = {
        "name": run.name,
        "project": run.project,
        "group": run.group,
        "tags": list(run.tags),
    }
    if before is None:
        about["created"] = time.time_ns()
    else:
        about = {k: v for k, v in about.items() if v != _as_json(getattr(before.facts, k))}
    if notes is not None:
        about["notes"] = storable(notes)
    if about:
        # Other ranks say the same as rank 0, and must not undo a rename that came before them.
        run.put_event("run", about, LOWEST if run.rank else 0)
    if config:
        run.put_event("config", redact(config))
    run.put_event("state", {"state": "running", "attempt": run.attempt, "rank": run.rank})


def _retell(run: Run, facts: Facts) -> None:
    """What only the remote knows of the run is said here too, and gives way to what is said there.

    Else it would have no name on this machine until it is pulled.
    """
    fields = ("name", "project", "group", "tags", "notes", "created")
    run.put_event("run", {each: _as_json(getattr(facts, each)) for each in fields}, LOWEST)
    if facts.config:
        run.put_event("config", facts.config, LOWEST)
    if facts.summary:
        run.put_event("summary", facts.summary, LOWEST)


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _fallback() -> Path:
    return own_folder(Path(tempfile.gettempdir()))


def _tidy(folder: Path, scratch: Scratch | None) -> None:
    """Completes what processes that died on this machine left, and brings it to DIR."""
    _recover(folder)
    if scratch is not None and folder == scratch.folder:
        with suppress(sqlite3.ProgrammingError):  # The interpreter ends, and closes what is open.
            Exchange(scratch).settle()


def _recover(folder: Path) -> None:
    left = MAX_RECOVERED
    for run_dir in layout.run_dirs(folder):
        for path in recovery.orphans(run_dir):
            if left == 0:
                return
            left -= 1
            try:
                with forking.unforked():
                    recovered = recovery.recover(path)
            except (StoreError, OSError) as error:
                logger.warning("cannot recover %s: %s", path, error)
                continue
            if recovered is not None:
                logger.info("recovered %d points of %s", recovered.points, path)


def keep_synced(
    run: Run, remote: Remote, folder: Path, deadline: datetime | timedelta | None, cadence: Cadence
) -> None:
    """Brings what the run in that folder of runs records to a remote, until it ends."""
    from otel_trackio.syncer import Syncer  # Loads pyarrow, which is not light.

    # Where it is installed pyarrow imports it, too, when it first converts something: better here
    # than in a thread, while the training code imports.
    with suppress(Exception), forking.unforked():
        import pandas  # noqa: F401

    left = lifetime.seconds_left(deadline, os.environ)
    run.sync_by(
        lambda writer: Syncer(
            folder, writer.path, remote, run.diagnostics, writer.perform, cadence, left
        )
    )


def keep_sent(run: Run, folder: Path, url: str, peer: HttpPeer) -> None:
    """Sends what the run in that folder of runs records to an OTLP endpoint, until it ends."""
    from otel_trackio.sender import Sender

    run.send_by(
        lambda writer: Sender(folder, writer.path, url, peer, run.diagnostics, writer.perform)
    )


def _peer(settings: Settings, diagnostics: Diagnostics) -> HttpPeer | None:
    """The OTLP endpoint that the settings name, if any; nothing is sent offline. Raises
    ConfigError."""
    url = settings.otlp_endpoint
    if url and settings.mode == "online":
        from otel_trackio.otlphttp import peer_of  # Loads httpx and protobuf, which are not light.

        return peer_of(url, settings.otlp_headers, os.environ)
    if url:
        told = f"offline: nothing is sent to {url} unless OTEL_TRACKIO_MODE=online"
        diagnostics.warn_once("otlp offline", told)
    return None


def _warn_of_job(settings: Settings, diagnostics: Diagnostics) -> None:
    """Says what to add where a Hugging Face Job would take its runs with it."""
    if lifetime.is_in_job(os.environ) and settings.mode == "online" and not remotes.named(settings):
        diagnostics.warn_once(
            "job",
            "this job's machine goes away when it ends, and its runs with it: to keep them, call"
            ' init(dataset_id="NAME") or set OTEL_TRACKIO_DATASET_ID=NAME, and start the job with'
            " `--secrets HF_TOKEN`",
        )


def _beacon(scratch: Scratch) -> Callable[[Writer], Beacon]:
    return lambda writer: Beacon(scratch.shared, writer.path.stem)


def _warn_of_scratch(settings: Settings, scratch: Scratch | None, diagnostics: Diagnostics) -> None:
    """Says what to do where DIR needs a scratch that there is not, or not where it was wanted."""
    remedy = "set OTEL_TRACKIO_SCRATCH to a folder on a local disk that you may write"
    kind = filesystem.filesystem_type(settings.dir)
    if scratch is None and filesystem.is_network(kind):
        message = f"{settings.dir} lies on {kind}, where SQLite is not safe: {remedy}"
        diagnostics.warn_once("network", message)
    elif settings.scratch and not (scratch and scratch.is_in(settings.scratch)):
        instead = scratch.folder if scratch else settings.dir
        message = f"{settings.scratch} cannot be the scratch, and {instead} is used: {remedy}"
        diagnostics.warn_once("scratch", message)
