"""What it costs the collector to turn OTLP into run files, and to read it alone."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from otel_trackio_collector.decode import Decoder
from otel_trackio_collector.logfile import Entry
from otel_trackio_collector.ownstore import OwnStore
from tests.bench.table import Row

POINTS: Final = 10_000
BEGAN: Final = 1_790_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """Requests of POINTS, of so many series, and with steps or without."""

    what: str
    series: int
    steps: bool


SHAPES: Final = (
    Shape("100 points a series, with steps", 100, True),
    Shape("10 points a series", 1_000, False),
    Shape("a point a series", 10_000, False),
)


def rows(quick: bool) -> list[Row]:
    """Points a CPU-second, once the series are known."""
    return [row for shape in SHAPES for row in _measured(shape, 4 if quick else 24)]


def _measured(shape: Shape, rounds: int) -> list[Row]:
    entries = [_entry(shape, number) for number in range(1, rounds + 1)]
    decoder = Decoder()
    read = _rate(lambda entry: decoder.decode([entry]), entries)
    with tempfile.TemporaryDirectory() as dir:
        store = OwnStore(Path(dir), "log")
        stored = _rate(lambda entry: store.export([entry]), entries)
        store.close()
    return [
        Row(f"OTLP to run files, {shape.what}", stored / 1e3, "k points/CPU-s"),
        Row(f"reading alone, {shape.what}", read / 1e3, "k points/CPU-s"),
    ]


def _rate(work: Callable[[Entry], object], entries: list[Entry]) -> float:
    """Points a CPU-second over all requests but the first."""
    work(entries[0])
    began = time.process_time()
    for entry in entries[1:]:
        work(entry)
    return POINTS * (len(entries) - 1) / (time.process_time() - began)


def _entry(shape: Shape, number: int) -> Entry:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add()
    about = {"service.name": "digits", "otel_trackio.run.id": "r", "otel_trackio.rank": "0"}
    for key, value in about.items():
        metrics.resource.attributes.add(key=key).value.string_value = value
    metric = metrics.scope_metrics.add().metrics.add(name="training.loss")
    each = POINTS // shape.series
    for place in range(POINTS):
        step = number * each + place % each
        moment = BEGAN + step * 37_000_000
        point = metric.gauge.data_points.add(time_unix_nano=moment, as_double=1 / (place + 1))
        point.attributes.add(key="layer").value.string_value = f"model.{place // each}"
        if shape.steps:
            exemplar = point.exemplars.add(time_unix_nano=moment, as_double=point.as_double)
            exemplar.filtered_attributes.add(key="training.step").value.int_value = step
    return Entry(number, moment, request.SerializeToString(), POINTS)
