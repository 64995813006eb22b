"""What an exporter is given of the log: its selection, at its resolution."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from otel_trackio.peer import Refused
from otel_trackio_collector.forwarding import Exporter, Sent
from otel_trackio_collector.otlpexport import points_of
from otel_trackio_collector.requestlog import Entry
from otel_trackio_collector.resolution import Fold, Resolution
from otel_trackio_collector.selection import Selection, selecting
from otel_trackio_collector.standing import counts_of


def shaped(
    exporter: Exporter, selection: Selection | None = None, resolution: Resolution | None = None
) -> Exporter:
    """The exporter behind what it asks for; itself where it asks for everything."""
    if selection:
        exporter = Selected(exporter, selection)
    return exporter if resolution is None else Folded(exporter, resolution)


class Selected:
    """Hands on what is selected."""

    def __init__(self, exporter: Exporter, selection: Selection) -> None:
        self.name = exporter.name
        self._left = 0
        self._exporter = exporter
        self._select = selecting(selection)

    def export(self, entries: Sequence[Entry]) -> Sent:
        """See `Exporter`."""
        chosen = [each for entry in entries if (each := self._chosen(entry)) is not None]
        sent = self._exporter.export(chosen) if chosen else Sent(0)
        given = sum(each.points for each in entries)
        self._left += given - sum(each.points for each in chosen)
        return sent

    def counts(self) -> dict[str, int]:
        """The exporter's own, with the points that were `not selected`."""
        return {**counts_of(self._exporter), "not selected": self._left}

    def close(self) -> None:
        self._exporter.close()

    def _chosen(self, entry: Entry) -> Entry | None:
        body = self._select(entry.body)
        if body is entry.body:
            return entry
        return replace(entry, body=body, points=points_of(body)) if body else None


class Folded:
    """Hands on folded points; holds back those of intervals that are not over.

    What it holds back it asks the log to keep (`Sent.settled`), so a crash loses none of it.
    """

    def __init__(
        self,
        exporter: Exporter,
        resolution: Resolution,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = exporter.name
        self._exporter = exporter
        self._fold = Fold(resolution)
        self._clock = clock
        self._taken = 0
        self._everything = False
        self._ready: Entry | None = None

    def counts(self) -> dict[str, int]:
        """The exporter's own, with the points `folded` into others here, too."""
        counts = counts_of(self._exporter)
        return {**counts, "folded": counts.get("folded", 0) + self._fold.folded}

    def release(self) -> None:
        """See `Withholding`."""
        self._everything = True

    def export(self, entries: Sequence[Entry]) -> Sent:
        """See `Exporter`."""
        now = self._clock()
        for entry in entries:
            if entry.number > self._taken:  # After a failure the same entries come again.
                self._fold.take(entry.number, entry.body, now)
                self._taken = entry.number
        if self._ready is None:
            body, points = self._fold.give(now, self._everything)
            self._ready = Entry(self._taken, time.time_ns(), body, points) if points else None
        sent = Sent(0)
        if self._ready is not None:
            try:
                sent = self._exporter.export([self._ready])
            except Refused as error:
                sent = Sent(0, self._ready.points, str(error))
            self._ready = None
        first = self._fold.first()
        return replace(sent, settled=self._taken if first is None else first - 1)

    def close(self) -> None:
        self._exporter.close()
