"""What it costs to turn OTLP into Prometheus' remote write, up to the body of a request."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from otel_trackio_collector.promseries import Catalog
from otel_trackio_collector.promtotals import Totals
from otel_trackio_collector.promtranslate import Translator
from otel_trackio_collector.writerequest import encoded, head_of, ordered
from tests.bench.table import Row

POINTS: Final = 10_000
BEGAN: Final = 1_790_000_000_000_000_000


@dataclass(frozen=True, slots=True)
class Shape:
    """A request of so many series, with as many points each as make POINTS."""

    what: str
    series: int


SHAPES: Final = (
    Shape("100 points a series", POINTS // 100),
    Shape("a point a series", POINTS),
)


def rows(quick: bool) -> list[Row]:
    """Samples a CPU second, whole and of encoding alone."""
    return [row for shape in SHAPES for row in _measured(shape, 3 if quick else 15)]


def _measured(shape: Shape, rounds: int) -> list[Row]:
    body = _request(shape)
    catalog = Catalog()
    translator = Translator(catalog, Totals())
    samples = translator.translate([body])
    columns, _ = ordered(samples)
    heads = {number: head_of(catalog[number]) for number in set(samples.numbers)}
    whole = _best(lambda: encoded(ordered(translator.translate([body]))[0], heads), rounds)
    alone = _best(lambda: encoded(columns, heads), rounds)
    return [
        Row(f"OTLP to remote write, {shape.what}", POINTS / whole / 1e3, "k points/CPU-s"),
        Row(f"encoding alone, {shape.what}", len(columns) / alone / 1e3, "k samples/CPU-s"),
    ]


def _best(work: Callable[[], object], rounds: int) -> float:
    """CPU seconds of the fastest round."""

    def once() -> float:
        began = time.process_time()
        work()
        return time.process_time() - began

    return min(once() for _ in range(rounds))


def _request(shape: Shape) -> bytes:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add()
    about = {"service.name": "digits", "otel_trackio.run.id": "r", "otel_trackio.rank": "0"}
    for key, value in about.items():
        metrics.resource.attributes.add(key=key).value.string_value = value
    metric = metrics.scope_metrics.add().metrics.add(name="training.loss")
    each = POINTS // shape.series
    for place in range(POINTS):
        moment = BEGAN + (place % each) * 37_000_000
        point = metric.gauge.data_points.add(time_unix_nano=moment, as_double=1 / (place + 1))
        for key, text in (("training.phase", "train"), ("layer", f"model.{place // each}")):
            point.attributes.add(key=key).value.string_value = text
        exemplar = point.exemplars.add(time_unix_nano=moment, as_double=point.as_double)
        exemplar.filtered_attributes.add(key="training.step").value.int_value = place % each
    body: bytes = request.SerializeToString()
    return body
