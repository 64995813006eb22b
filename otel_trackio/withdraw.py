"""Deleting a run from a remote: its tombstone goes there, its data goes away.

The tombstone stays, so that machines that pulled the run delete it when they pull again, and what
a process that records it elsewhere still sends brings it back nowhere.
"""

from __future__ import annotations

from pathlib import Path

from otel_trackio import layout, place
from otel_trackio.catalog import catalog
from otel_trackio.errors import StoreBusy
from otel_trackio.holding import holdings
from otel_trackio.outbox import SYNC, Outbox
from otel_trackio.push import commit
from otel_trackio.remote import Remote
from otel_trackio.runfile import OTLP, REPLICA
from otel_trackio.storedrun import StoredRun
from otel_trackio.sync import LEASE_SECONDS, sync


def withdraw(dir: Path, run_id: str, remote: Remote) -> int:
    """Deletes from the remote what it has of a run that is buried in DIR; how many files that is.

    What else waits in DIR for the remote is sent with the tombstone. May be called again where it
    raises RemoteError, or StoreBusy.
    """
    folder = layout.run_dir(dir, run_id)
    _forget(Outbox(dir, remote.url), run_id, {path.stem for path in layout.run_files(folder)})
    if not catalog(remote, run_id).runs:
        return 0
    sync(dir, [folder], remote)
    found = holdings(remote, run_id)
    gone = [
        path
        for held in found
        for writer, spans in held.writers.items()
        if held.tombstones and writer not in held.tombstones
        for span in spans
        for path in sorted(span.paths)
    ]
    gone += [entry.path for held in found if held.tombstones for entry in held.files]
    commit(remote, {}, gone, f"delete run {run_id}")
    return len(gone)


def _forget(outbox: Outbox, run_id: str, kept: set[str]) -> None:
    """Drops what waits of a run, but for writers that are kept: it would be sent to be deleted."""
    lease = outbox.leased(LEASE_SECONDS)
    if lease is None:
        raise StoreBusy("a live process syncs there for long", "try again later")
    try:
        outbox.tidy()  # Or what was sent before would be sent once more.
        for parcel in outbox.parcels():
            path = parcel.files[-1].path
            beside = place.file_of(path)
            if beside is not None and beside[0] == place.encoded(run_id):
                outbox.done(parcel)
            where = place.place_of(path)
            if where is None or where.run != place.encoded(run_id):
                continue
            if place.on_disk(where.writer) not in kept:
                outbox.done(parcel)
        outbox.sent.forget(run_id)
    finally:
        lease.release()


def destinations_of(run: StoredRun) -> set[str]:
    """The remotes that hold a run, as far as its files here tell. Raises StoreError."""
    with run.sources() as sources:
        cursors = {name for each in sources for name in each.reader.cursors()}
        origins = {each.meta[REPLICA] for each in sources if REPLICA in each.meta}
    origins = {each for each in origins if not each.startswith(OTLP)}
    synced = {name for name in cursors if name.startswith(SYNC) and not name.endswith(":cutting")}
    return origins | {name.removeprefix(SYNC) for name in synced}
