"""What a journal holds and its run file does not yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from otel_trackio import journal, layout
from otel_trackio.frames import HEADER_BYTES, Layout, Scan
from otel_trackio.model import Columns, Event, Histogram, Record, Series

FIRST_WINDOW: Final = 1 << 16
"""Bytes of a journal that are read first; most drains leave less."""


def scan_journal(run_file: Path, meta: Mapping[str, Any]) -> Scan | None:
    """The frames that a journal holds and its run file does not, walked to their end.

    None without a journal. `meta` is the run file's.
    """
    window = FIRST_WINDOW
    while True:
        try:
            found = journal.read(
                layout.journal_file(run_file),
                meta.get("journal_size", 0),
                meta["journal_position"],
                window,
            )
        except OSError:
            return None
        scan = Scan(found.data, meta["journal_number"], verify=True)
        for _ in scan:
            pass
        if found.whole or (not scan.torn and scan.offset + HEADER_BYTES <= len(found.data)):
            scan.torn = scan.torn or found.cut
            return scan
        window *= 4


@dataclass(frozen=True, slots=True)
class Growth:
    """Tells whether a journal holds more than was seen of it, at the price of one small read."""

    path: Path
    size: int
    end: int
    behind: bytes
    """What stands behind the last frame that was seen, until another one is written there."""

    @classmethod
    def after(cls, scan: Scan, run_file: Path, meta: Mapping[str, Any]) -> Growth:
        """Of a journal that was walked; `meta` is what the run file said of it then."""
        behind = bytes(scan.data[scan.offset : scan.offset + HEADER_BYTES])
        end = meta["journal_position"] + scan.offset
        return cls(layout.journal_file(run_file), meta.get("journal_size", 0), end, behind)

    def happened(self) -> bool:
        """Whether there is more. False, too, where the journal is gone: its run file tells why."""
        try:
            found = journal.read(self.path, self.size, self.end, HEADER_BYTES)
        except OSError:
            return False
        return bytes(found.data[: len(self.behind)]) != self.behind


class Tail:
    """Takes rows into memory, where a run file takes them to disk; see intake.Target."""

    def __init__(self, known: dict[Series, int], next_seq: int, layouts: dict[int, Layout]) -> None:
        self._known = known
        self._new: dict[Series, int] = {}
        self.next_seq = next_seq
        self._layouts = layouts
        self._events: list[tuple[int, Event]] = []
        self.torn = False
        self.columns: dict[int, Columns] = {}
        self.records: list[Record] = []
        self.histograms: list[tuple[int, Histogram]] = []

    def layouts(self) -> dict[int, Layout]:
        return self._layouts

    def known_series(self) -> list[Series]:
        return list(self._known)

    def add_layout(self, layout: Layout) -> None:
        pass

    def take_numbers(self, amount: int) -> int:
        first = self.next_seq
        self.next_seq += amount
        return first

    def series_id(self, series: Series) -> int:
        known = self._known.get(series)
        return self._new.setdefault(series, -1 - len(self._new)) if known is None else known

    def append(self, columns: Sequence[Columns]) -> None:
        self.columns = {each.series: each for each in columns}

    def add_event(self, seq: int, event: Event) -> None:
        self._events.append((seq, event))

    def add_record(self, seq: int, record: Record) -> None:
        self.records.append(record)

    def add_histogram(self, seq: int, series: int, histogram: Histogram) -> None:
        self.histograms.append((series, histogram))

    def new_series(self) -> dict[int, Series]:
        return {key: series for series, key in self._new.items()}

    def events(self, writer: str, lamport: int) -> list[Event]:
        events = []
        for seq, each in self._events:
            if each.lamport == 0:
                lamport += 1
            number = lamport if each.lamport == 0 else max(each.lamport, 0)
            events.append(Event(each.kind, each.time, each.data, number, writer, seq))
        return events
