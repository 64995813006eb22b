"""What sending every point to a collector takes from the program that trains."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

from otel_trackio.model import Columns, Points, Series
from otel_trackio.otlp import Encoder
from otel_trackio.semconv import LOG_SCOPE
from otel_trackio.stretch import Stretch
from tests.bench.background import CALLS_A_SECOND, METRICS, measured
from tests.bench.table import Row
from tests.collector.process import running
from tests.collector.sending import FLAGS

ENCODINGS: Final = 200


def rows(quick: bool) -> list[Row]:
    seconds = str(10 if quick else 20)
    with tempfile.TemporaryDirectory() as dir:
        kept = measured(seconds, dir)
    sent = _sent(seconds)
    rate = f"{CALLS_A_SECOND * METRICS:,} points/s"
    return [
        Row(f"{rate}: processor, beyond recording", 100 * (sent["cpu"] - kept["cpu"]), "%"),
        Row("memory beyond that of recording", sent["memory"] - kept["memory"], "MiB"),
        Row("encoding, a point", _encoded() * 1e6, "us"),
    ]


def _sent(seconds: str) -> dict[str, float]:
    """While a collector, a process of its own, gets every point."""
    with tempfile.TemporaryDirectory() as dir:
        folder = Path(dir)
        with running(FLAGS, folder / "collector") as collector:
            endpoint = f"http://{collector.endpoint('otlp/http')}"
            return measured(seconds, str(folder / "own"), endpoint)


def _encoded() -> float:
    """Seconds of processor for a point, in requests of as many as a live run sends."""
    steps = np.arange(CALLS_A_SECOND, dtype=np.int64)
    points = Points(steps, time.time_ns() + steps, steps / 3)
    columns = [
        (
            Series(f"train/metric_{place}", scope=LOG_SCOPE),
            Columns(place, METRICS * steps + place + 1, points),
        )
        for place in range(METRICS)
    ]
    stretch = Stretch(1, METRICS * CALLS_A_SECOND, tuple(columns))
    encoder = Encoder({"service.name": "bench"}, 0)
    begin = time.process_time()
    for _ in range(ENCODINGS):
        encoder.encode(stretch, {})
    return (time.process_time() - begin) / ENCODINGS / len(stretch)
