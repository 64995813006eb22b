"""What it costs to receive: durable before it is acknowledged, over gRPC and HTTP.

Beside it, where they are there, rotel and otelcol, the official Collector, receive the same and
throw it away; otelcol on disk keeps it in its queue, for a peer that is not there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.load import Served, body_of, measured
from tests.bench.receivers import official_nop, official_on_disk, ours, rotel
from tests.bench.table import Row

SIZES: Final = (1_000, 10_000)
"""Points a request."""

PACE: Final = 100_000
"""Points a second while answers are timed; else senders go as fast as they may."""

US_POINT: Final = 2.0
"""500,000 points a CPU-second, at 10,000 points a request."""

P99_MS: Final = 50.0
MEMORY_MB: Final = 200.0


@dataclass(frozen=True, slots=True)
class Peer:
    """A receiver of others."""

    name: str
    served: Served


@dataclass(frozen=True, slots=True)
class Load:
    """Requests of so many points, sent that way for so long."""

    points: int
    protocol: str
    body: bytes
    seconds: float

    @property
    def is_large(self) -> bool:
        return self.points == max(SIZES)


def rows(quick: bool) -> list[Row]:
    seconds = 2.0 if quick else 6.0
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        own = stack.enter_context(ours(Path(name)))
        peers = [*_peers(stack, Path(name))]
        found = [
            row
            for protocol in ("gRPC", "HTTP")
            for points in SIZES
            for row in _rows(own, peers, Load(points, protocol, body_of(points), seconds))
        ]
        found.append(Row("memory at most", own.most(), "MB", MEMORY_MB))
        found += [Row(f"memory at most of {e.name}", e.served.most(), "MB") for e in peers]
    return found


def _peers(stack: ExitStack, dir: Path) -> Iterator[Peer]:
    kinds = {"rotel": rotel, "otelcol": official_nop, "otelcol on disk": official_on_disk}
    for name, kind in kinds.items():
        if (served := stack.enter_context(kind(dir))) is not None:
            yield Peer(name, served)


def _rows(own: Served, peers: list[Peer], load: Load) -> Iterator[Row]:
    what = f"{load.points:,} points a request over {load.protocol}"
    rate = f"{what}, {PACE // 1000} k points/s"
    told = load.protocol, load.body, load.points, load.seconds
    cost, paced = measured(own, *told), measured(own, *told, PACE)
    yield Row(f"{what}: CPU", cost.us_point, "us/point", US_POINT if load.is_large else None)
    yield Row(f"{what}: as fast as it goes", cost.k_points_second, "k points/s")
    yield Row(f"{rate}: on disk, 50 of 100", paced.p50_ms, "ms")
    yield Row(f"{rate}: on disk, 99 of 100", paced.p99_ms, "ms", P99_MS)
    for each in peers:
        theirs, paced = measured(each.served, *told), measured(each.served, *told, PACE)
        yield Row(f"{what}: CPU of {each.name}", theirs.us_point, "us/point")
        yield Row(
            f"{what}: CPU, ours for that of {each.name}", cost.us_point / theirs.us_point, "x"
        )
        yield Row(f"{rate}: {each.name}, 99 of 100", paced.p99_ms, "ms")
