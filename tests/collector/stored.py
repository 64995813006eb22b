"""What the own store made of requests, as its users read it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest as Request,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from otel_trackio import Api
from otel_trackio.storedrun import StoredRun
from tests.collector.otlp import NOW, request

LOG = "log"


def only_run(dir: Path) -> StoredRun:
    [run] = Api(dir).runs()
    return run


def curve(run: StoredRun, key: str) -> list[tuple[int | None, int, float | int]]:
    """Every point of a metric in the order recorded: step, ns since NOW, value."""
    found = run.history(key, all=True)
    columns = (found[name].tolist() for name in ("step", "time", "value"))
    return [
        (None if step is None or step == -(2**63) else int(step), time - NOW, value)
        for step, time, value in zip(*columns, strict=True)
    ]


def ours(*metrics: Metric, run: str = "run-1", writer: str = "writer-1", **more: Any) -> Request:
    """A request of a process that records."""
    names = {"sync": "otel_trackio.sync.to", "rank": "otel_trackio.rank"}
    about = {"otel_trackio.run.id": run, "otel_trackio.writer.id": writer}
    about |= {"otel_trackio.project": "p", "otel_trackio.run.name": "n"}
    about |= {names.get(key, f"otel_trackio.{key}"): value for key, value in more.items()}
    return request(*metrics, resource=about)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
