"""Syncing runs that are stored: what no live process does for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from otel_trackio import layout, recovery, syncstate
from otel_trackio.card import card
from otel_trackio.errors import RemoteError
from otel_trackio.lease import Lease
from otel_trackio.outbox import Outbox
from otel_trackio.pull import REPLICA
from otel_trackio.push import Pushed, push
from otel_trackio.remote import Remote
from otel_trackio.runfile import RunFile


@dataclass(frozen=True, slots=True)
class Synced:
    """What a sync came to: numbers cut, what was uploaded, and files that live processes hold."""

    numbers: int
    pushed: Pushed
    live: int


def sync(
    dir: Path,
    folders: Iterable[Path],
    remote: Remote,
    progress: Callable[[Pushed], None] = lambda done: None,
) -> Synced:
    """Brings the runs in `folders` to the remote; only what it has not got is sent.

    Files of live processes are theirs to sync, and are counted. Raises RemoteError, StoreError.
    """
    remote.prepare(card(remote.url))
    outbox = Outbox(dir, remote.url)  # Now that a bare name is a full one.
    numbers = live = 0
    for path in (path for folder in folders for path in layout.run_files(folder)):
        recovery.recover(path)
        cut = cut_stored(outbox, path)
        live += cut is None
        numbers += cut or 0
    return Synced(numbers, _pushed(outbox, remote, progress), live)


def _pushed(outbox: Outbox, remote: Remote, progress: Callable[[Pushed], None]) -> Pushed:
    state = syncstate.read(outbox.state, remote.url)
    try:
        pushed = push(outbox, remote, progress)
    except RemoteError as error:
        syncstate.write(outbox.state, state.after_failure(error))
        raise
    syncstate.write(outbox.state, state.after_success(pushed.files, pushed.bytes))
    return pushed


def cut_stored(outbox: Outbox, path: Path, begun: bool = False) -> int | None:
    """How many numbers of a file were cut; None where a live process holds it.

    With `begun`, only where the file was synced to the remote before.
    """
    if layout.journal_file(path).exists():
        return None  # Recovery left it: its writer may live on another machine.
    lease = Lease.take(layout.lock_file(path))
    if lease is None:
        return None
    try:
        file = RunFile.open(path)
        try:
            if file.meta(REPLICA) is not None or (begun and not outbox.has_begun(file)):
                return 0
            return outbox.cut(file)
        finally:
            file.close()
    finally:
        lease.release()
        lease.remove()
