"""Uploading what waits in an outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_trackio.outbox import Outbox
from otel_trackio.parcel import Parcel
from otel_trackio.remote import Remote

MAX_FILES: Final = 100
"""Files that one commit adds and deletes; the Hub advises against more."""

MAX_BYTES: Final = 16_000_000
"""Bytes of one commit, unless a single range has more: so many arrive in time on a slow line."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was uploaded."""

    files: int = 0
    bytes: int = 0


def push(
    outbox: Outbox, remote: Remote, progress: Callable[[Pushed], None] = lambda done: None
) -> Pushed:
    """Uploads everything that waits, in as few commits as may be. Raises RemoteError.

    A range is in one commit with all its files, and with the deletion of what it replaces. What an
    error leaves waits on; what may have landed all the same is sent again, to the same path with
    the same bytes. Only the holder of the outbox's lease may call it.
    """
    done = Pushed()
    outbox.tidy()
    for batch in _batches(outbox.parcels()):
        _commit(outbox, remote, batch)
        for parcel in batch:
            outbox.done(parcel)
        files = sum(len(parcel.files) for parcel in batch)
        done = Pushed(done.files + files, done.bytes + sum(parcel.size for parcel in batch))
        progress(done)
    return done


def _commit(outbox: Outbox, remote: Remote, batch: Sequence[Parcel]) -> None:
    files = [entry for parcel in batch for entry in parcel.files]
    add = {entry.path: outbox.path(entry) for entry in files}
    delete = list(dict.fromkeys(path for parcel in batch for path in parcel.replaces))
    commit(remote, add, delete, f"{len(files)} segments")


def commit(remote: Remote, add: Mapping[str, Path], delete: Sequence[str], what: str) -> None:
    """Commits it; what is to be deleted beyond the room of one commit has commits of its own."""
    room = max(0, MAX_FILES - len(add))
    if add or delete:
        remote.commit(add, delete[:room], f"otel-trackio: {what}")
    for at in range(room, len(delete), MAX_FILES):
        remote.commit({}, delete[at : at + MAX_FILES], f"otel-trackio: {what}, continued")


def _batches(parcels: Sequence[Parcel]) -> Iterator[list[Parcel]]:
    batch: list[Parcel] = []
    changes = size = 0
    for parcel in parcels:
        if batch and (changes + parcel.changes > MAX_FILES or size + parcel.size > MAX_BYTES):
            yield batch
            batch, changes, size = [], 0, 0
        batch.append(parcel)
        changes += parcel.changes
        size += parcel.size
    if batch:
        yield batch
