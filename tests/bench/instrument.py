"""What an OpenTelemetry instrument costs under our provider, where every measurement is kept."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from statistics import median

from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import otel_trackio
from tests.bench.table import Row

Measure = Callable[[], None]

BOUND = 1.5
"""Times a plain SDK's call that ours may take."""

CALLS = 2_000


def rows(quick: bool) -> list[Row]:
    plain = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False).get_meter("bench")
    with tempfile.TemporaryDirectory() as dir, otel_trackio.init("bench", dir=dir) as run:
        ours = _calls(otel_trackio.get_meter("bench"))
        theirs = _calls(plain)
        found = []
        for what, call in ours.items():
            own, other = _in_turns(call, theirs[what], 15 if quick else 101, run.flush)
            found.append(Row(f"{what} (a plain SDK's: {other:,.0f} ns)", own, "ns"))
            found.append(Row(f"{what}, times a plain SDK's", own / other, "x", BOUND))
        return found


def _calls(meter: Meter) -> dict[str, Measure]:
    gauge, counter = meter.create_gauge("gauge"), meter.create_counter("counter")
    attributes = {"phase": "train", "layer": "3"}
    return {
        "gauge.set(v)": lambda: gauge.set(0.5),
        "gauge.set(v, attributes)": lambda: gauge.set(0.5, attributes),
        "counter.add(1)": lambda: counter.add(1),
    }


def _in_turns(
    call: Measure, other: Measure, rounds: int, settle: Callable[[], bool]
) -> tuple[float, float]:
    """Nanoseconds of each call, medians over rounds of both in turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(2 * rounds):
        taken[turn % 2].append(_round((call, other)[turn % 2]))
        if turn % 40 == 0:
            settle()
    return median(taken[0]), median(taken[1])


def _round(call: Measure) -> float:
    begin = time.perf_counter_ns()
    for _ in range(CALLS):
        call()
    return (time.perf_counter_ns() - begin) / CALLS
