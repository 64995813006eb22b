"""The `file` exporter: a request a line, as OTLP's JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from google.protobuf.json_format import Parse
from hypothesis import given
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from otel_trackio.peer import Retryable
from otel_trackio_collector.forwarding import Sent
from otel_trackio_collector.jsonlines import JsonLines, Rotation, line
from otel_trackio_collector.requestlog import Entry
from tests.collector.made import every_point, gauge, requests


def entry(body: bytes) -> Entry:
    return Entry(1, 0, body, 1)


def read(path: Path) -> list[bytes]:
    """The requests in a file, by protobuf's own reader of JSON."""
    return [
        Parse(each, ExportMetricsServiceRequest()).SerializeToString(deterministic=True)
        for each in path.read_text().splitlines()
    ]


def test_each_request_is_a_line(tmp_path: Path) -> None:
    """What other programs read there is what was received; the folder is made."""
    path = tmp_path / "new" / "metrics.jsonl"
    exporter = JsonLines("file", path)
    bodies = [gauge("loss", [1.0, float("nan")]), gauge("lr", [2.0])]
    assert exporter.export([entry(each) for each in bodies]) == Sent(2)
    exporter.close()
    assert [every_point(each) for each in read(path)] == [every_point(each) for each in bodies]


@given(requests())
def test_any_request_is_one_line(body: bytes) -> None:
    """Of any metric: one line, of JSON."""
    text = line(body)
    assert text.endswith(b"\n")
    assert text.count(b"\n") == 1
    json.loads(text)


def test_as_the_specification_writes_it() -> None:
    """Ids of traces and spans are hexadecimal, enums numbers, 64-bit integers text."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="tokens")
    metric.sum.aggregation_temporality = 2  # type: ignore[assignment]
    point = metric.sum.data_points.add(as_int=2**60)
    point.exemplars.add(trace_id=bytes(range(16)), span_id=bytes(range(8)))
    [resource] = json.loads(line(request.SerializeToString()))["resourceMetrics"]
    found = resource["scopeMetrics"][0]["metrics"][0]["sum"]
    assert found["aggregationTemporality"] == 2
    assert found["dataPoints"][0]["asInt"] == str(2**60)
    [exemplar] = found["dataPoints"][0]["exemplars"]
    assert exemplar == {
        "traceId": "000102030405060708090a0b0c0d0e0f",
        "spanId": "0001020304050607",
    }


def test_files_are_bounded(tmp_path: Path) -> None:
    """A full file is put aside, so many are kept, and other files are let alone."""
    path = tmp_path / "metrics.jsonl"
    other = tmp_path / "metrics-of-mine.jsonl"
    other.write_text("mine")
    size = len(line(gauge("loss", [0.0])))
    exporter = JsonLines("file", path, Rotation(max_megabytes=3.5 * size / 1e6, max_backups=2))
    for value in range(20):
        exporter.export([entry(gauge("loss", [float(value)]))])
    exporter.close()
    aside = sorted(each for each in tmp_path.glob("metrics-2*.jsonl"))
    assert len(aside) == 2
    assert [len(read(each)) for each in (*aside, path)] == [3, 3, 2]
    assert other.read_text() == "mine"


def test_a_line_cut_short_is_taken_back(tmp_path: Path) -> None:
    """After a crash within a line the file goes on with whole lines."""
    path = tmp_path / "metrics.jsonl"
    whole = line(gauge("loss", [1.0]))
    path.write_bytes(whole + whole[:40])
    exporter = JsonLines("file", path)
    exporter.export([entry(gauge("loss", [2.0]))])
    exporter.close()
    assert len(read(path)) == 2


def test_a_disk_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    """It is no end: what was not written comes again, and goes out once it can."""
    path = tmp_path / "metrics.jsonl"
    path.mkdir()
    exporter = JsonLines("file", path)
    with pytest.raises(Retryable):
        exporter.export([entry(gauge("loss", [1.0]))])
    os.rmdir(path)
    assert exporter.export([entry(gauge("loss", [1.0]))]) == Sent(1)
    exporter.close()
    assert len(read(path)) == 1
