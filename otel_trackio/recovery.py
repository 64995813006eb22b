"""Completing what a dead process left: its journal is stored, its run is marked as crashed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_trackio import database, layout
from otel_trackio.frames import Scan
from otel_trackio.identity import this_host
from otel_trackio.intake import Intake
from otel_trackio.lease import Lease
from otel_trackio.model import Event
from otel_trackio.runfile import RunFile
from otel_trackio.tail import scan_journal

FOREIGN_SECONDS: Final = 3600
"""How long a writer of another machine must have been silent before it is taken for dead."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What recovery found in one run file: points stored, and whether the last record was torn."""

    path: Path
    points: int
    torn: bool


def orphans(run_dir: Path) -> list[Path]:
    """Run files in a folder whose journal still lies there, live or not."""
    return [path for path in layout.run_files(run_dir) if layout.journal_file(path).exists()]


def recover(path: Path) -> Recovered | None:
    """Stores what the journal of a dead writer holds, exactly once; None where it may be alive.

    On this machine its lease tells; on a file system shared with others its last sign of life
    must be FOREIGN_SECONDS old. A journal with a torn record is kept beside, as `.torn`. Raises
    StoreError where the run file cannot be completed; then its journal stays.
    """
    lease = Lease.take(layout.lock_file(path))
    if lease is None:
        return None
    try:
        if not layout.journal_file(path).exists():
            return None
        file = RunFile.open(path)
        try:
            if not _ours(file):
                return None
            recovered = _complete(file)
        except database.DAMAGE as error:
            raise database.damaged(path, error) from error
        finally:
            file.close()
        if recovered.torn:
            layout.journal_file(path).replace(layout.torn_file(path))
        else:
            layout.journal_file(path).unlink(missing_ok=True)
        lease.remove()
        return recovered
    finally:
        lease.release()


def _ours(file: RunFile) -> bool:
    host = this_host()
    if host.boot_id == file.meta("boot_id") or host.name == file.meta("host"):
        return True
    seen = file.meta("heartbeat_ns", file.meta("created_ns"))
    return bool(time.time_ns() - seen > FOREIGN_SECONDS * 1e9)


def _complete(file: RunFile) -> Recovered:
    position, number = file.meta("journal_position"), file.meta("journal_number")
    meta = {"journal_position": position, "journal_number": number}
    walked = scan_journal(file.path, {**meta, "journal_size": file.meta("journal_size", 0)})
    torn = walked is not None and walked.torn
    died = file.meta("heartbeat_ns", time.time_ns())
    points = unknown = 0
    with file.transaction(durable=True):
        if walked is not None:
            scan = Scan(walked.data, number, verify=True)
            taken = Intake(file, file.meta("rank")).store(scan, (), died)
            points, unknown = taken.points, taken.unknown
            file.set_meta("journal_position", position + scan.offset)
            file.set_meta("journal_number", scan.number)
        if not _ended(file):
            data = {"state": "crashed", "torn": torn} | ({"unknown": unknown} if unknown else {})
            file.add_event(file.take_numbers(1), Event("state", died, data))
    file.fold_all()
    return Recovered(file.path, points, torn)


def _ended(file: RunFile) -> bool:
    query = (
        "SELECT json_extract(data, '$.state') FROM event WHERE kind = 'state'"
        " ORDER BY seq DESC LIMIT 1"
    )
    row = file.connection.execute(query).fetchone()
    return row is not None and row[0] != "running"
