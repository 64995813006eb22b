"""Uploading what waits in an outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from otel_trackio.outbox import Outbox
from otel_trackio.remote import Entry, Remote

MAX_FILES: Final = 100
"""Files of one commit; the Hub advises against more."""

MAX_BYTES: Final = 64_000_000
"""Bytes of one commit, unless a single file is larger."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was uploaded."""

    files: int = 0
    bytes: int = 0


def push(
    outbox: Outbox, remote: Remote, progress: Callable[[Pushed], None] = lambda done: None
) -> Pushed:
    """Uploads everything that waits, in as few commits as may be. Raises RemoteError.

    What an error leaves waits on; what may have landed all the same is sent again, to the same
    path with the same bytes.
    """
    done = Pushed()
    for batch in _batches(outbox.waiting()):
        paths = {entry.path: outbox.path(entry) for entry in batch}
        remote.commit(paths, (), f"otel-trackio: {len(batch)} segments")
        for entry in batch:
            outbox.done(entry)
        done = Pushed(done.files + len(batch), done.bytes + sum(entry.size for entry in batch))
        progress(done)
    return done


def _batches(waiting: Sequence[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    size = 0
    for entry in waiting:
        if batch and (len(batch) == MAX_FILES or size + entry.size > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += entry.size
    if batch:
        yield batch
