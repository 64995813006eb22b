"""The own store: requests become run files, which the dashboard, the CLI and sync know.

Each run file says, with its points, up to which request it holds all: what comes again, after a
crash or by a retry, is passed over.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from otel_trackio import layout
from otel_trackio.diagnostics import Diagnostics
from otel_trackio.errors import StoreBusy, StoreError
from otel_trackio.peer import Retryable
from otel_trackio.storedrun import StoredRun
from otel_trackio.threads import started
from otel_trackio_collector.collected import MAX_SERIES, PREFIX, Collected, is_running
from otel_trackio_collector.decode import Decoder
from otel_trackio_collector.forwarding import Sent
from otel_trackio_collector.measurement import REQUEST, TIME, Stream
from otel_trackio_collector.quarantine import Quarantine
from otel_trackio_collector.requestlog import Entry
from otel_trackio_collector.runs import Sender, digest

NAME: Final = "otel_trackio"
"""What this exporter is called, in configurations and as a cursor."""

MAX_OPEN: Final = 128
"""Run files that are open at a time."""

SILENT_SECONDS: Final = 300.0
"""How long a sender says nothing before its run is taken to have ended: five of the minutes after
which SDKs send unless told otherwise."""

BEAT_SECONDS: Final = 20.0
"""How often it is looked who is silent; readers take a run for dead that does not beat for 60 s."""

MAX_DAMAGED: Final = 3
"""How many files of one run may turn out damaged, each of which another replaces."""

_PASSING: Final = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}

Key: TypeAlias = tuple[str, int, str]
"""Run, rank, and the process of ours that recorded it: each such has a run file."""


@dataclass(slots=True)
class _Known:
    """A file whose run goes on: when it was heard of last, and when that was last written down,
    in seconds of the monotonic clock."""

    heard: float
    beaten: float


class OwnStore:
    """Applies requests to the run files under `dir`, exactly once. An `Exporter`.

    `log` is the id of the request log that entries come from; `meant` names the remote that runs
    are synced to, if any. What cannot be applied is put into `quarantine`. Several threads may
    call it.
    """

    def __init__(
        self,
        dir: Path,
        log: str,
        quarantine: Quarantine | None = None,
        diagnostics: Diagnostics | None = None,
        silent_seconds: float = SILENT_SECONDS,
        max_open: int = MAX_OPEN,
        name: str = NAME,
        max_series: int = MAX_SERIES,
        meant: str = "",
    ) -> None:
        self.name = name
        self._dir = dir
        self._log = log
        self._diagnostics = diagnostics or Diagnostics()
        self._quarantine = quarantine or Quarantine(
            dir / "collector" / "quarantine.jsonl", self._diagnostics
        )
        self._silent_seconds = silent_seconds
        self._max_open = max_open
        self._max_series = max_series
        self._meant = meant
        self._decoder = Decoder()
        self._files: dict[Key, Collected] = {}
        self._damaged: Counter[Key] = Counter()
        self._live: dict[Path, _Known] = {}
        self._looked = False
        self._counts: Counter[str] = Counter()
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="own store", daemon=True)
        started(self._thread)

    def counts(self) -> dict[str, int]:
        """Rows `stored`, `held` already, of `deleted` runs, and of series beyond the
        `series limit`; requests `quarantined`; since the start of this process."""
        with self._lock:
            return dict(self._counts)

    def export(self, entries: Sequence[Entry]) -> Sent:
        """Stores all of it; raises Retryable where a disk is full, say, when what could be stored
        is. Nothing is refused: what cannot be applied is quarantined."""
        if not entries:
            return Sent(0)
        with self._lock:
            decoded = self._decoder.decode(entries)
            work = _Work(entries)
            for odd in decoded.odd:
                work.reject(odd.entry, odd.reason, odd.body, odd.points)
            senders: dict[Key, list[Stream]] = {}
            for stream in decoded.streams:
                senders.setdefault(_key(stream.resource.sender), []).append(stream)
            tried = [self._apply(key, streams, work) for key, streams in senders.items()]
            failed = [each for each in tried if each is not None]
            if failed:
                told = f"{len(failed)} of the runs cannot be stored now: {failed[0]}"
                raise Retryable(told, after=1.0)
            self._put_aside(work)
            return Sent(work.points - work.rejected, work.rejected, work.reason)

    def beat(self) -> None:
        """Says of those that were heard of lately that they live, and ends the silent ones."""
        with self._lock:
            now = time.monotonic()
            if not self._looked:
                self._looked = True
                for path in self._left():
                    self._live.setdefault(path, _Known(now, 0.0))
            for path, known in list(self._live.items()):
                silent = now - known.heard > self._silent_seconds
                if silent or now - known.beaten > BEAT_SECONDS:
                    self._sign(path, silent)

    def close(self) -> None:
        """Lets all files go. What ended with this collector, the next one finds."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(BEAT_SECONDS)
        with self._lock:
            for key in list(self._files):
                self._let_go(key)

    def _watch(self) -> None:
        while not self._closing.wait(max(0.1, min(BEAT_SECONDS, self._silent_seconds))):
            try:
                self.beat()
            except Exception as error:  # noqa: BLE001 (the thread must live)
                self._diagnostics.error("ownstore.beat", f"cannot look after runs: {error}")

    def _apply(self, key: Key, streams: Sequence[Stream], work: _Work) -> Exception | None:
        """Stores what is of one file; returns what keeps it from that for now."""
        while self._damaged[key] <= MAX_DAMAGED:
            try:
                self._take(key, streams, work.last, work)
            except (OSError, sqlite3.Error, StoreError) as error:
                self._let_go(key)
                if _passes(error):
                    return error
                self._damaged[key] += 1
                self._diagnostics.error("ownstore.damaged", f"a new file is begun: {error}")
            except Exception as error:  # noqa: BLE001 (one request must not hold up all others)
                self._let_go(key)
                return self._one_by_one(key, streams, work, error)
            else:
                return None
        work.reject_all(_requests(streams), f"{self._damaged[key]} files of its run are damaged")
        return None

    def _one_by_one(
        self, key: Key, streams: Sequence[Stream], work: _Work, failure: Exception
    ) -> Exception | None:
        """Finds the requests that cannot be stored."""
        numbers = _requests(streams)
        for number in numbers:
            some = [_only(stream, number) for stream in streams]
            try:
                if len(numbers) == 1:
                    raise failure
                self._take(key, [each for each in some if each.rows], number, work)
            except (OSError, sqlite3.Error, StoreError) as error:
                self._let_go(key)
                return error
            except Exception as error:  # noqa: BLE001 (as above)
                self._let_go(key)
                work.reject_all([number], f"{type(error).__name__}: {error}")
        return None

    def _take(self, key: Key, streams: Sequence[Stream], last: int, work: _Work) -> None:
        file = self._file(key, streams)
        if file is None:
            return
        stored = file.take(streams, self._log, last, work.received)
        self._counts["stored"] += stored.new
        self._counts["held"] += stored.held
        if stored.beyond:
            self._refuse(key, stored.beyond, work)
        now = time.monotonic()
        age = max(0.0, (time.time_ns() - work.received) / 1e9)
        self._live[file.path] = _Known(now, now - age)
        if file.state != "running":
            del self._live[file.path]
            file.fold()

    def _refuse(self, key: Key, beyond: Counter[int], work: _Work) -> None:
        self._counts["series limit"] += beyond.total()
        reason = f"run {key[0]} has {self._max_series} series, and takes no more"
        self._diagnostics.error("ownstore.series", reason)
        work.refuse(beyond, reason)

    def _file(self, key: Key, streams: Sequence[Stream]) -> Collected | None:
        """The file for what is of `key`; None where that is not wanted, as it counts."""
        run_id, _, writer = key
        folder = layout.run_dir(self._dir, run_id)
        name = PREFIX + digest(self._log, *map(str, key), str(self._damaged[key]))[:26]
        path = folder / f"{name}.db"
        if key in self._files and not path.exists():  # Somebody has deleted the run.
            self._let_go(key)
        file = self._files.pop(key, None)
        if file is None:
            reason = self._unwanted(folder, writer)
            if reason:
                self._counts[reason] += sum(len(stream.rows) for stream in streams)
                return None
            began = min(row[TIME] for stream in streams for row in stream.rows)
            sender = streams[0].resource.sender
            known = path.exists()
            if known:
                file = Collected(path, self._max_series)
            else:
                file = Collected.create(path, sender, began, self._max_series, self._meant)
        self._files[key] = file
        while len(self._files) > self._max_open:
            self._let_go(next(iter(self._files)))
        return file

    def _unwanted(self, folder: Path, writer: str) -> str:
        """Why nothing more of a run, or of a process that records it, is to be stored here."""
        if writer and (folder / f"{layout.encode_id(writer)}.db").exists():
            return "held"  # It records right here, or was pulled.
        if not layout.run_files(folder):
            return ""
        with suppress(StoreError), StoredRun(folder) as run:
            return "deleted" if run.facts().deleted else ""
        return ""

    def _let_go(self, key: Key) -> None:
        file = self._files.pop(key, None)
        if file is not None:
            with suppress(sqlite3.Error):
                file.close()

    def _put_aside(self, work: _Work) -> None:
        for entry, reason, body in work.aside:
            try:
                self._quarantine.put(entry.number, entry.received, reason, body)
            except OSError as error:
                raise Retryable(f"nothing can be put into quarantine: {error}", 1.0) from error
        self._counts["quarantined"] += len(work.aside)

    def _left(self) -> Iterable[Path]:
        """Files of this log that a collector before this one has left as running."""
        for folder in layout.run_dirs(self._dir):
            for path in layout.run_files(folder):
                if path.name.startswith(PREFIX) and is_running(path, self._log):
                    yield path

    def _sign(self, path: Path, silent: bool) -> None:
        key = next((key for key, file in self._files.items() if file.path == path), None)
        try:
            file = Collected(path) if key is None else self._files[key]
            try:
                if not silent:
                    file.beat(time.time_ns())
                    self._live[path].beaten = time.monotonic()
                    return
                file.end()
                del self._live[path]
                file.fold()
            finally:
                if key is None:
                    file.close()
        except StoreBusy:
            return
        except (OSError, sqlite3.Error, StoreError) as error:
            self._live.pop(path, None)
            if key is not None:
                self._let_go(key)
            if path.exists():
                self._diagnostics.error("ownstore.beat", f"cannot look after {path}: {error}")


class _Work:
    """Requests that are being applied, and those of them that cannot be."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = {entry.number: entry for entry in entries}
        self._rejected: Counter[int] = Counter()
        self._reason = ""
        self.aside: list[tuple[Entry, str, bytes]] = []
        self.last = entries[-1].number
        self.received = max(entry.received for entry in entries)
        self.points = sum(entry.points for entry in entries)

    @property
    def rejected(self) -> int:
        return sum(self._rejected.values())

    @property
    def reason(self) -> str:
        return self.aside[0][1] if self.aside else self._reason

    def refuse(self, points: Mapping[int, int], reason: str) -> None:
        """Points of requests, by their number, that are let go."""
        for number, many in points.items():
            known = self._rejected[number]
            self._rejected[number] = min(self._entries[number].points, known + many)
        self._reason = reason

    def reject(self, entry: Entry, reason: str, body: bytes, points: int) -> None:
        self.aside.append((entry, reason, body))
        self._rejected[entry.number] = min(entry.points, self._rejected[entry.number] + points)

    def reject_all(self, numbers: Iterable[int], reason: str) -> None:
        for number in numbers:
            entry = self._entries[number]
            self.reject(entry, reason, entry.body, entry.points)


def _key(sender: Sender) -> Key:
    return sender.run_id, sender.rank, sender.writer


def _requests(streams: Sequence[Stream]) -> list[int]:
    return sorted({row[REQUEST] for stream in streams for row in stream.rows})


def _only(stream: Stream, number: int) -> Stream:
    rows = [row for row in stream.rows if row[REQUEST] == number]
    return Stream(stream.resource, stream.series, rows)


def _passes(error: Exception) -> bool:
    """Whether the same may be stored later; else its file is damaged, or of a later version."""
    if isinstance(error, StoreBusy):
        return True
    cause = error.__cause__ if isinstance(error, StoreError) else error
    if isinstance(cause, sqlite3.Error):
        return (getattr(cause, "sqlite_errorcode", 0) & 0xFF) in _PASSING
    return isinstance(cause, OSError)
