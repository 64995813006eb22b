"""Syncing runs that are stored: what no live process does for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from otel_trackio import database, forking, layout, recovery, remotes, syncstate
from otel_trackio.card import card
from otel_trackio.errors import RemoteError, StoreBusy, StoreError
from otel_trackio.lease import Lease
from otel_trackio.outbox import SYNC, Outbox
from otel_trackio.push import Pushed, push
from otel_trackio.reader import RunFileReader
from otel_trackio.remote import Remote
from otel_trackio.runfile import MEANT, REPLICA, RunFile

LEASE_SECONDS: Final = 60.0
"""How long a live process that is uploading is waited for."""


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync came to: numbers cut, what was uploaded, and files that live processes hold."""

    numbers: int
    pushed: Pushed
    live: tuple[Path, ...]


def sync(
    dir: Path,
    folders: Iterable[Path],
    remote: Remote,
    progress: Callable[[Pushed], None] = lambda done: None,
    replicas: bool = False,
) -> Synced:
    """Brings the runs in `folders` to the remote; only what it has not got is sent.

    Files of live processes are theirs to sync, and are named. Those that came from a remote are
    their origin's to sync, and are left out; with `replicas` only those that came from this one
    are. Raises RemoteError; and StoreError where a file cannot be read, when all else was sent.
    """
    before = Outbox(dir, remote.url)
    remote.prepare(card)
    outbox = Outbox(dir, remote.url)  # Now that a bare name is a full one.
    if outbox.state != before.state:
        before.state.unlink(missing_ok=True)
    numbers = 0
    live: list[Path] = []
    failures: list[StoreError] = []
    for path in (path for folder in folders for path in layout.run_files(folder)):
        try:
            recovery.recover(path)
            cut = cut_stored(outbox, path, replicas=replicas)
        except StoreError as error:
            failures.append(error)
            continue
        if cut is None:
            live.append(path)
        numbers += cut or 0
    pushed = _pushed(outbox, remote, progress)
    if failures:
        raise failures[0]
    return Synced(numbers, pushed, tuple(live))


def _pushed(outbox: Outbox, remote: Remote, progress: Callable[[Pushed], None]) -> Pushed:
    lease = outbox.leased(LEASE_SECONDS)
    if lease is None:
        raise StoreBusy(f"a live process syncs to {remote.url} for long", "try again later")
    state = syncstate.read(outbox.state, remote.url)
    try:
        pushed = push(outbox, remote, progress)
    except RemoteError as error:
        syncstate.write(outbox.state, state.after_failure(error))
        raise
    else:
        syncstate.write(outbox.state, state.after_success(pushed.files, pushed.bytes))
        return pushed
    finally:
        lease.release()


def is_behind(path: Path, outbox: Outbox) -> bool:
    """Whether a file holds what was not cut. Only reads."""
    with closing(RunFileReader(path)) as reader:
        return reader.cursors().get(outbox.cursor, 0) < reader.next_number() - 1


def is_meant(path: Path, url: str) -> bool:
    """Whether what a file holds was synced to that remote, or was to be. Only reads."""
    with closing(RunFileReader(path)) as reader:
        meant = reader.meta().get(MEANT, "")
        return remotes.same(meant, url) or SYNC + url in reader.cursors()


def cut_stored(outbox: Outbox, path: Path, replicas: bool = False) -> int | None:
    """How many numbers of a file were cut; None where a live process holds it.

    With `replicas`, also where it came from another remote.
    """
    if layout.journal_file(path).exists():
        return None  # Recovery left it: its writer may live on another machine.
    lease = Lease.take(layout.lock_file(path))
    if lease is None:
        return None
    try:
        with forking.unforked(), closing(RunFile.open(path)) as file:
            origin = file.meta(REPLICA)
            if origin is not None and (not replicas or origin == outbox.url):
                return 0
            return outbox.cut(file)
    except database.DAMAGE as error:
        raise database.damaged(path, error) from error
    finally:
        lease.remove()
        lease.release()
