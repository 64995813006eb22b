"""The `prometheusremotewrite` exporter: every point a sample with its own time, in Prometheus.

Prometheus keeps a request whole or not at all, takes no sample older than the newest of its series
unless it is told to, and one of a series and millisecond. So samples go in the order of time; what
comes late goes in requests of its own; and of a request that is refused the bad part is looked for.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otel_trackio_collector.clienttls import ClientTls
from otel_trackio_collector.forwarding import Sent
from otel_trackio_collector.promseries import MAX_SERIES, Catalog, Family
from otel_trackio_collector.promtarget import Naming
from otel_trackio_collector.promtotals import Totals
from otel_trackio_collector.promtranslate import Translator
from otel_trackio_collector.requestlog import Entry
from otel_trackio_collector.writepeer import Refusal, Unanswered, WritePeer
from otel_trackio_collector.writerequest import (
    FIRST_MS,
    LAST_MS,
    Columns,
    encoded,
    head_of,
    ordered,
)

MAX_SAMPLES: Final = 10_000
"""Samples of one request, unless told otherwise: about 200 kB before it is packed."""

MAX_AHEAD: Final = 600.0
"""Seconds that a sample may be ahead of this machine's clock.

One further ahead is refused here: Prometheus 2 would take it, and then nothing of now.
"""

MAX_DIVISIONS: Final = 256
"""How many more requests one export may take to find what is refused in those of it."""

MAX_LATE_DIVISIONS: Final = 16
"""The same for requests of samples that came late, all of which most servers refuse."""


_UNTAKEN: Final = {
    "name": "nothing is left of their name",
    "series limit": "their series are beyond the limit",
    "temporality": "they are sums of no temporality",
}


@dataclass(slots=True)
class _Packet:
    """What one request holds. `unanswered` when it went out before, and no answer came.

    `skipped` counts the samples of its one series that were refused before these.
    """

    columns: Columns
    families: tuple[Family, ...] = ()
    late: bool = False
    unanswered: bool = False
    skipped: int = 0


@dataclass(slots=True)
class _Batch:
    """An export under way: what is left of it, and what became of the rest.

    `again` when it may have been sent before, in other requests.
    """

    digests: tuple[bytes, ...]
    again: bool
    columns: Columns
    packets: deque[_Packet] = field(default_factory=deque)
    divisions: int = 0
    folded: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    message: str = ""

    def reject(self, reason: str, points: int, message: str) -> None:
        if points:
            self.rejected[reason] += points
            self.message = message


class RemoteWrite:
    """Sends to the endpoint that the URL is, and keeps what it must remember in the file `state`.

    `counts` tells in points what became of them beside being taken: `folded` (another of the same
    series and millisecond stays), and refused as `future`, `time`, `refused` (by the server),
    `series limit`, `temporality` or `name`. Of exponential histograms it makes classic ones with
    bounds 2**k; what comes as differences is added up.
    """

    def __init__(
        self,
        name: str,
        endpoint: str,
        headers: Mapping[str, str] | None = None,
        tls: ClientTls | None = None,
        timeout: float = 30.0,
        naming: Naming | None = None,
        series_limit: int = MAX_SERIES,
        max_samples: int = MAX_SAMPLES,
        state: Path | None = None,
    ) -> None:
        """Raises ConfigError for what cannot be used, StoreError for the file."""
        self.name = name
        self.counts: Counter[str] = Counter()
        self._peer = WritePeer(endpoint, headers, tls, timeout)
        self._catalog = Catalog(series_limit)
        self._totals = Totals(state)
        self._translator = Translator(self._catalog, self._totals, naming)
        self._max_samples = max_samples
        self._heads: dict[int, bytes] = {}
        self._newest = np.empty(0, np.int64)
        self._told: set[Family] = set()
        self._batch: _Batch | None = None
        self._rejected = 0
        self._message = ""

    def export(self, entries: Sequence[Entry]) -> Sent:
        """See `Exporter`."""
        found = {_digest(each): each for each in entries}
        # What was begun stays together: a request that repeats is then refused or taken as a whole.
        begun = [each for each in found if self._totals.state(each) is False]
        fresh = [each for each in found if self._totals.state(each) is None]
        for part, again in ((begun, True), (fresh, False)):
            if part:
                self._deliver({each: found[each] for each in part}, again)
        points = sum(each.points for each in entries)
        rejected, message = min(self._rejected, points), self._message
        self._rejected, self._message = 0, ""
        return Sent(points - rejected, rejected, message)

    def close(self) -> None:
        self._peer.close()
        self._totals.close()

    def _deliver(self, part: Mapping[bytes, Entry], again: bool) -> None:
        batch = self._batch
        if batch is None or batch.digests != tuple(part):
            batch = self._composed(part, again)
            self._totals.begin(part)
            self._batch = batch
        while batch.packets:
            self._send(batch, batch.packets[0])
        self._totals.commit(part)
        self._conclude(batch)

    def _conclude(self, batch: _Batch) -> None:
        self._batch = None
        self.counts["folded"] += batch.folded
        self.counts.update(batch.rejected)
        self._rejected += batch.rejected.total()
        self._message = batch.message or self._message
        np.maximum.at(self._newest, batch.columns.numbers, batch.columns.times)

    def _composed(self, part: Mapping[bytes, Entry], again: bool) -> _Batch:
        self._totals.rollback()
        freed = self._catalog.make_room()
        for number in freed:
            self._heads.pop(number, None)
            self._newest[number : number + 1] = 0
        if freed:
            self._told.clear()  # Or families that are gone would be remembered forever.
        self._translator.not_taken.clear()
        samples = self._translator.translate(each.body for each in part.values())
        columns, folded = ordered(samples)
        batch = _Batch(tuple(part), again, columns, folded=folded)
        for reason, points in self._translator.not_taken.items():
            batch.reject(reason, points, _UNTAKEN[reason])
        batch.columns = columns = _in_time(columns, batch)
        self._meet(columns)
        prompt, late = self._prompt_and_late(columns, batch)
        for piece in prompt.pieces(self._max_samples):
            batch.packets.append(_Packet(piece, self._untold(piece)))
        for piece in late.pieces(self._max_samples):
            batch.packets.append(_Packet(piece, late=True))
        return batch

    def _meet(self, columns: Columns) -> None:
        """Prepares for the series that are new."""
        numbers = np.unique(columns.numbers).tolist()
        self._catalog.use(numbers)
        for number in numbers:
            if number not in self._heads:
                self._heads[number] = head_of(self._catalog[number])
        if numbers and numbers[-1] >= len(self._newest):
            self._newest = np.append(self._newest, np.zeros(numbers[-1] + 1, np.int64))

    def _prompt_and_late(self, columns: Columns, batch: _Batch) -> tuple[Columns, Columns]:
        """What is newer than all of its series, and what is older.

        A sample at the time of the newest is folded into it. Of what stands beside points, nothing
        is sent late.
        """
        newest = self._newest[columns.numbers]
        prompt, late = columns.times > newest, columns.times < newest
        batch.folded += columns.where(~(prompt | late)).points
        late &= ~self._is_derived(columns)
        return columns.where(prompt), columns.where(late)

    def _is_derived(self, columns: Columns) -> NDArray[np.bool_]:
        derived = np.zeros(len(self._newest), np.bool_)
        for number in np.unique(columns.numbers).tolist():
            derived[number] = self._catalog[number].derived
        return derived[columns.numbers]

    def _untold(self, columns: Columns) -> tuple[Family, ...]:
        numbers = np.unique(columns.numbers).tolist()
        families = {self._catalog[number].family for number in numbers} - self._told
        self._told |= families
        return tuple(families)

    def _send(self, batch: _Batch, packet: _Packet) -> None:
        """Sends the first packet. Where it is refused, smaller ones take its place, or none."""
        try:
            refusal = self._peer.send(encoded(packet.columns, self._heads, packet.families))
        except Unanswered:
            packet.unanswered = True
            raise
        batch.packets.popleft()
        if refusal is None:
            return
        refused, smaller = _divided(batch, packet, refusal)
        batch.packets.extendleft(reversed(smaller))
        there = batch.again or packet.unanswered
        if not (there and (refusal.late or refusal.taken)):
            points = refused.points
            batch.reject("refused", min(points, 1) if refusal.partly else points, refusal.message)


def _divided(batch: _Batch, packet: _Packet, refusal: Refusal) -> tuple[Columns, list[_Packet]]:
    """What is given up of a packet that was refused, and what to send in its place."""
    columns, nothing = packet.columns, packet.columns.cut(0)[0]
    # A request without an answer was kept whole, if it is refused now for being there.
    is_there = packet.unanswered and (refusal.late or refusal.taken)
    limit = MAX_LATE_DIVISIONS if packet.late else MAX_DIVISIONS
    if is_there or refusal.partly or batch.divisions >= limit:
        return columns, []
    batch.divisions += 1
    if halves := columns.halves():
        return nothing, [_Packet(each, late=packet.late) for each in halves]
    if refusal.taken and len(columns) > 1:
        return nothing, [_Packet(each, late=packet.late) for each in columns.cut(len(columns) // 2)]
    if not refusal.late:
        return columns, []
    # The first is late, and maybe some behind it. No request can tell which without being kept,
    # so ever longer steps are taken: a fifth of what is given up, at most, was not late.
    step = min(len(columns), max(1, packet.skipped // 4))
    refused, rest = columns.cut(step)
    skipped = packet.skipped + step
    return refused, [_Packet(rest, late=packet.late, skipped=skipped)] if len(rest) else []


def _in_time(columns: Columns, batch: _Batch) -> Columns:
    """Without what would harm: samples of the future, and times that are none."""
    end = min(LAST_MS, int((time.time() + MAX_AHEAD) * 1000))
    future, none = columns.times >= end, columns.times < FIRST_MS
    if future.any():
        message = f"their time is more than {MAX_AHEAD:.0f} s ahead of this machine's"
        batch.reject("future", columns.where(future).points, message)
    if none.any():
        batch.reject("time", columns.where(none).points, "they have no time")
    return columns.where(~(future | none))


def _digest(entry: Entry) -> bytes:
    """Which request it is: the log gives no number twice."""
    return hashlib.blake2b(b"%d " % entry.number + entry.body, digest_size=16).digest()
