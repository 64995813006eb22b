"""Reading segments of a remote: several files at once, and each found to be what its path says."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pyarrow as pa

from otel_trackio import place, segment
from otel_trackio.catalog import Span
from otel_trackio.errors import NewerFormat, StoreError
from otel_trackio.model import Ints
from otel_trackio.remote import Entry, Remote
from otel_trackio.segment import Extract

READERS: Final = 8
"""Files that are read at once: a Hub far away takes a tenth of a second for each."""

AHEAD_BYTES: Final = 4_000_000
"""Bytes that lie ready for whoever asks for them next at most, unless one file has more."""


LOST: Final = (
    "take it from a backup or the history there, or sync its run to another place from the machine"
    " that recorded it"
)
"""What helps where a file of a remote is not what it was."""

SEND_REST: Final = "otel-trackio sync on the machine that recorded it sends the rest"
"""What helps where a remote has not got all of a writer."""


GONE: Final = ("404", "refused")
"""Kinds of refusal to read a file that was listed a moment ago: a merge has removed it since."""


class Download:
    """Files that are read ahead of their turn. Use it in a `with` block."""

    def __init__(self, remote: Remote, entries: Iterable[Entry]) -> None:
        self._remote = remote
        self._entries = deque(entries)
        self._planned = set(self._entries)
        self._ahead: deque[tuple[Entry, Future[bytes]]] = deque()
        self._pool = ThreadPoolExecutor(READERS, "otel-trackio-read")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def read(self, entry: Entry) -> bytes:
        """One of the entries, which are asked for in their order; some may be passed over.

        Others are read all the same, but not ahead. Raises RemoteError, or StoreError where the
        file is not as long as the remote's list says.
        """
        data = self._taken(entry) if entry in self._planned else self._remote.read(entry.path)
        if len(data) != entry.size:
            message = f"{entry.path} in {self._remote.url} has {len(data)} bytes of {entry.size}"
            raise StoreError(message, "try again")
        return data

    def _taken(self, entry: Entry) -> bytes:
        while True:
            self._fill()
            found, reading = self._ahead.popleft()
            self._planned.discard(found)
            if found == entry:
                return reading.result()
            reading.cancel()

    def _fill(self) -> None:
        """Begins to read what there is room for."""
        room = AHEAD_BYTES - sum(entry.size for entry, _ in self._ahead)
        while self._entries and len(self._ahead) < 2 * READERS:
            room -= self._entries[0].size
            if room < 0 and self._ahead:
                break
            entry = self._entries.popleft()
            self._ahead.append((entry, self._pool.submit(self._remote.read, entry.path)))


class Incomplete(StoreError):
    """A span lacks some of its numbers: its upload goes on, or was cut short."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A writer in a remote: the remote's url, and ids as paths there encode them."""

    url: str
    run: str
    writer: str

    def __str__(self) -> str:
        return f"writer {self.writer} of run {self.run} in {self.url}"


def rows_of(spot: Spot, path: str, data: bytes) -> pa.Table:
    """The rows of a segment. Raises StoreError where they are not what its path says."""
    found = place.place_of(path)
    if found is None or found.table not in segment.TABLES:
        message = f"{path} in {spot.url} is of a kind that this version does not know"
        raise NewerFormat(message, "pip install -U otel-trackio")
    try:
        rows = segment.read(found.table, data)
        owners = segment.owners(rows)
    except StoreError as error:
        raise damaged(spot, path, error.message) from error
    if any(
        (place.encoded(o.run), place.encoded(o.writer)) != (spot.run, spot.writer) for o in owners
    ):
        raise damaged(spot, path, "it holds rows of another writer")
    numbers = rows["seq"]
    first, last = _ends(found.first, found.last)
    if len(rows) and not (numbers.null_count == 0 and _within(numbers.to_numpy(), first, last)):
        raise damaged(spot, path, "it holds numbers beyond its range")
    return rows


def whole(spot: Spot, span: Span, files: Mapping[str, bytes]) -> dict[str, pa.Table]:
    """The tables of a span, by name, which hold each of its numbers once.

    Raises Incomplete where some are missing, StoreError where a file is not what its path says.
    """
    tables = {name: rows_of(spot, span.files[name].path, data) for name, data in files.items()}
    numbers = np.sort(np.concatenate([rows["seq"].to_numpy() for rows in tables.values()]))
    first, last = _ends(span.first, span.last)
    if (numbers[1:] == numbers[:-1]).any():
        path = next(iter(span.files.values())).path
        raise damaged(spot, path, "a number is there twice in this range")
    if lacking := last - first + 1 - len(numbers):
        raise Incomplete(f"{lacking:,} of {span} of {spot} are missing", SEND_REST)
    return tables


def extract_of(spot: Spot, span: Span, tables: Mapping[str, pa.Table]) -> Extract:
    """What the tables say. Raises StoreError where it makes no sense."""
    try:
        return segment.extracted(tables)
    except (StoreError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        path = next(iter(span.files.values())).path
        raise damaged(spot, path, f"its rows cannot be read: {error}") from error


def damaged(spot: Spot, path: str, why: str) -> StoreError:
    return StoreError(f"{path} in {spot.url} is damaged: {why}", LOST)


def _ends(first: int, last: int) -> tuple[int, int]:
    """The numbers of a range; the first range has 0, too, which introduces the writer."""
    return (0 if first == 1 else first), last


def _within(numbers: Ints, first: int, last: int) -> bool:
    return bool(first <= numbers.min() and numbers.max() <= last)
