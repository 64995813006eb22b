"""The run file that an import fills: one writer of the run, as a process that records is."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from otel_trackio import database, identity, layout, version
from otel_trackio.attachments import Attachments
from otel_trackio.errors import StoreBusy, StoreError
from otel_trackio.importing.origin import Batch, Origin, Positions
from otel_trackio.intake import Intake
from otel_trackio.lease import Lease
from otel_trackio.model import Columns, Event
from otel_trackio.redact import redact
from otel_trackio.run import plain_dict
from otel_trackio.runfile import MEANT, REPLICA, RunFile
from otel_trackio.semconv import LOG_SCOPE, SYSTEM_SCOPE
from otel_trackio.storedrun import StoredRun

IMPORTED: Final = "imported"
"""Kind of the events that say how far a source was read."""

IMPORTER: Final = "import"
"""The part of a writer that imports."""


@dataclass(frozen=True, slots=True)
class Before:
    """What earlier imports of the run have left: how far they came, and the file to go on with.

    `ended` says whether the last one came to its end.
    """

    positions: Positions = field(default_factory=dict)
    path: Path | None = None
    attempt: int = 0
    lamport: int = 0
    ended: bool = False


def before(run: StoredRun) -> Before:
    """Raises StoreError where nothing of the run can be read."""
    positions: dict[str, int] = {}
    path, ended = None, False
    with run.sources() as sources:
        for each in sources:
            if each.meta["part"] != IMPORTER:
                continue
            events = each.reader.events()
            for event in events:
                if event.kind == IMPORTED:
                    part, position = event.data["part"], event.data["position"]
                    positions[part] = max(position, positions.get(part, 0))
            ended = bool(events) and events[-1].kind == "state"
            if REPLICA not in each.meta and each.reader.path.parent == run.path:
                path = each.reader.path
        standing = run.standing()
    attempt = max(standing.attempts.values(), default=0)
    return Before(positions, path, attempt, standing.lamport, ended)


class Arrival:
    """Where the batches of a run go. It opens, or makes, its file with the first of them."""

    def __init__(
        self, origin: Origin, folder: Path, run_id: str, before: Before, meant: str
    ) -> None:
        self.files = Attachments(folder)
        self._origin = origin
        self._folder = folder
        self._run_id = run_id
        self._before = before
        self._path = before.path or folder / f"{layout.encode_id(identity.new_id())}.db"
        self._meant = meant
        self._file: RunFile | None = None
        self._lease: Lease | None = None
        self._intake: Intake | None = None
        self._end: dict[str, Any] = {"state": origin.state}

    def take(self, batch: Batch, told: Iterable[tuple[str, dict[str, Any]]] = ()) -> None:
        """Stores a batch, and what is told of the run before it, in one transaction.

        Raises StoreError.
        """
        try:
            self.files.settle()
        except OSError as error:
            message = f"cannot write to {self.files.folder}: {error}"
            raise StoreError(message, "free the disk, then import again") from error
        times = [int(each.points.time.max()) for each in batch.columns]
        times += [each.time for _, _, each in batch.histograms]
        times += [each.time for _, each in batch.records]
        with self._storing(batch) as (file, intake):
            now = max([file.meta("heartbeat_ns"), *times])
            for kind, data in (*told, *batch.told):
                self._tell(file, kind, data, now)
            self._store(file, intake, batch)
            position = {"part": batch.part, "position": batch.position}
            self._tell(file, IMPORTED, position, now)
            file.set_meta("heartbeat_ns", now)

    def end(self) -> None:
        """Says how the run ended, and folds what is new. Without a batch it does nothing, unless
        an earlier import did not come to this."""
        if self._file is None and (self._before.ended or self._before.path is None):
            return
        with self._storing(Batch("", 0)) as (file, _):
            file.add_event(
                file.take_numbers(1), Event("state", file.meta("heartbeat_ns"), self._end)
            )
        with self._reported(file.path):
            file.fold_all()

    def close(self) -> None:
        """Lets the file go; what was stored stays."""
        if self._file is not None:
            self._file.close()
        if self._lease is not None:
            self._lease.remove()
            self._lease.release()

    def _store(self, file: RunFile, intake: Intake, batch: Batch) -> None:
        first = file.take_numbers(len(batch))
        columns = []
        for each in batch.columns:
            series = intake.log_series(each.key, SYSTEM_SCOPE if each.system else LOG_SCOPE)
            columns.append(Columns(file.series_id(series), first + each.places, each.points))
        file.append(columns)
        for place, key, histogram in batch.histograms:
            series = intake.log_series(key, LOG_SCOPE, "histogram")
            file.add_histogram(first + place, file.series_id(series), histogram)
        for place, record in batch.records:
            file.add_record(first + place, record)

    def _tell(self, file: RunFile, kind: str, data: Mapping[str, Any], now: int) -> None:
        if kind == "state":  # Nobody is to take the run for ended before all of it is here.
            self._end = plain_dict(data)
            return
        plain = redact(data) if kind == "config" else plain_dict(data)
        file.add_event(file.take_numbers(1), Event(kind, now, plain))

    @contextmanager
    def _storing(self, first: Batch) -> Iterator[tuple[RunFile, Intake]]:
        path = self._path
        if self._lease is None:
            self._lease = Lease.take(layout.lock_file(path))
            if self._lease is None:
                raise StoreBusy(f"{path} is in use by a live process", "try again when it ended")
        with self._reported(path):
            if self._file is None or self._intake is None:
                known = self._before.path is not None
                self._file = RunFile.open(path) if known else self._created(path, first)
                self._intake = Intake(self._file, 0)
            with self._file.transaction():
                yield self._file, self._intake

    @contextmanager
    def _reported(self, path: Path) -> Iterator[None]:
        try:
            yield
        except database.FAILURES as error:
            raise database.damaged(path, error) from error

    def _created(self, path: Path, first: Batch) -> RunFile:
        began = self._origin.created or began_of(first) or time.time_ns()
        host = identity.this_host()
        meta = {
            "run_id": self._run_id,
            "writer": path.stem,
            "part": IMPORTER,
            "attempt": self._before.attempt + 1,
            "rank": 0,
            "world_size": 1,
            "local_rank": 0,
            "lamport": self._before.lamport,
            "created_ns": began,
            "heartbeat_ns": began,
            "host": self._origin.host or host.name,
            "boot_id": host.boot_id,  # Whether this import lives, its lease tells here.
            "pid": os.getpid(),
            "python": platform.python_version(),
            "library": f"otel-trackio {version.__version__}",
            MEANT: self._meant,
        }
        return RunFile.create(path, meta)


def began_of(batch: Batch) -> int:
    """The earliest time (ns) in a batch; 0 where it has none."""
    times = [int(each.points.time.min()) for each in batch.columns]
    times += [each.time for _, each in batch.records]
    return min(times, default=0)
