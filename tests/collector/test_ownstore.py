"""The own store: whatever arrives becomes runs like any other, each point once."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AGGREGATION_TEMPORALITY_DELTA,
    Metric,
)

from otel_trackio import Api, layout
from otel_trackio.edit import add_event
from otel_trackio.remote import Folder
from otel_trackio.sync import sync
from otel_trackio_collector.collected import POINT_RECORD, START_RECORD
from otel_trackio_collector.ownstore import OwnStore
from otel_trackio_collector.requestlog import Entry
from tests.collector.otlp import (
    NOW,
    SECOND,
    counter,
    entry,
    exemplar,
    gauge,
    pairs,
    point,
    request,
)
from tests.collector.stored import LOG, curve, only_run, ours, wait_for


def test_numbers_of_every_kind(store: OwnStore, dir: Path) -> None:
    """Gauges and sums of both temporalities are curves, integers and floats exact; increments are
    shown as their running total."""
    times = [NOW + n * SECOND for n in range(3)]
    store.export(
        [
            entry(
                1,
                request(
                    gauge("loss", *(point(time, 0.1) for time in times), unit="nats"),
                    gauge("tokens", point(NOW, 2**62 + 1, {"training.step": 7})),
                    gauge(
                        "odd",
                        *(
                            point(time, v)
                            for time, v in zip(times, [math.nan, -0.0, math.inf], strict=True)
                        ),
                    ),
                    counter("total", point(NOW, 5.0), point(times[1], 7.0)),
                    counter("increments", point(NOW, 5), point(times[1], 7), delta=True),
                    counter("up and down", point(NOW, -1.5, {"gpu": 0, "é": [1, "x"]}), up=False),
                ),
            )
        ]
    )
    run = only_run(dir)
    assert curve(run, "loss") == [(None, n * SECOND, 0.1) for n in range(3)]
    assert curve(run, "tokens") == [(7, 0, 2**62 + 1)]
    assert [str(value) for *_, value in curve(run, "odd")] == ["nan", "-0.0", "inf"]
    assert [value for *_, value in curve(run, "total")] == [5.0, 7.0]
    assert [value for *_, value in curve(run, "increments")] == [5, 12]
    assert [value for *_, value in curve(run, 'up and down{gpu=0,é=[1, "x"]}')] == [-1.5]
    kinds = {metric.key.partition("{")[0]: (metric.kind, metric.unit) for metric in run.metrics()}
    assert kinds == {
        "loss": ("gauge", "nats"),
        "tokens": ("gauge", ""),
        "odd": ("gauge", ""),
        "total": ("counter", ""),
        "increments": ("counter", ""),
        "up and down": ("up_down_counter", ""),
    }


def test_histograms_and_summaries(store: OwnStore, dir: Path) -> None:
    """Histograms of both sorts keep all they say; a summary is a curve for each quantile."""
    explicit, exponential, summary = Metric(name="e"), Metric(name="x"), Metric(name="s")
    explicit.histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
    explicit.histogram.data_points.add(
        time_unix_nano=NOW,
        start_time_unix_nano=NOW - 5,
        count=3,
        sum=6.0,
        min=1.0,
        max=3.0,
        explicit_bounds=[1.5, 2.5],
        bucket_counts=[1, 1, 1],
        exemplars=[exemplar(NOW, 3.0, step=4)],
    )
    explicit.histogram.data_points.add(time_unix_nano=NOW + 1, count=2)
    made = exponential.exponential_histogram.data_points.add(
        time_unix_nano=NOW, count=4, sum=9.0, scale=2, zero_count=1, zero_threshold=0.25
    )
    made.positive.offset, made.negative.offset = -1, 3
    made.positive.bucket_counts.extend([1, 2])
    of_summary = summary.summary.data_points.add(time_unix_nano=NOW, count=10, sum=5.0)
    of_summary.quantile_values.add(quantile=0.5, value=0.4)
    store.export([entry(1, request(explicit, exponential, summary))])
    run = only_run(dir)
    whole, bare = run.histograms("e")
    assert (whole.step, whole.time, whole.start) == (4, NOW, NOW - 5)
    assert whole.data == {
        "count": 3,
        "sum": 6.0,
        "min": 1.0,
        "max": 3.0,
        "bounds": [1.5, 2.5],
        "counts": [1, 1, 1],
    }
    assert bare.data == {
        "count": 2,
        "sum": "NaN",
        "min": "Infinity",
        "max": "-Infinity",
        "bounds": [],
        "counts": [2],
    }
    [of_scale] = run.histograms("x")
    assert of_scale.data["positive"] == {"offset": -1, "counts": [1, 2]}
    assert of_scale.data["negative"] == {"offset": 3, "counts": []}
    assert [of_scale.data[name] for name in ("scale", "zero_count", "zero_threshold")] == [
        2,
        1,
        0.25,
    ]
    assert [value for *_, value in curve(run, "s{quantile=0.5}")] == [0.4]
    assert [value for *_, value in curve(run, "s.count")] == [10]
    assert [value for *_, value in curve(run, "s.sum")] == [5.0]


def test_what_no_column_holds(store: OwnStore, dir: Path) -> None:
    """Exemplars, flags and the starts of running totals are records beside the curve."""
    traced = exemplar(NOW - 1, 0.5, user="ann")
    traced.trace_id, traced.span_id = bytes(range(16)), b"12345678"
    started = [
        point(NOW + n, n, {"a": "b"}, start_time_unix_nano=NOW - (1 if n < 2 else 2))
        for n in range(4)
    ]
    store.export(
        [
            entry(
                1,
                request(
                    gauge("loss", point(NOW, 1.0, None, [traced])),
                    gauge("gone", point(NOW, None, flags=1)),
                    counter("total", *started),
                ),
            )
        ]
    )
    run = only_run(dir)
    noted = {each.key: each.data for each in run.records(POINT_RECORD)}
    [kept] = noted["loss"]["exemplars"]
    assert kept == {
        "time": NOW - 1,
        "value": 0.5,
        "trace_id": bytes(range(16)).hex(),
        "span_id": b"12345678".hex(),
        "attributes": {"user": "ann"},
    }
    assert noted["gone"]["flags"] == 1
    assert [(each.time - NOW, each.data["start"]) for each in run.records(START_RECORD)] == [
        (0, NOW - 1),
        (2, NOW - 2),
    ]
    assert "gone" not in [metric.key for metric in run.metrics() if metric.count]


def test_attributes_of_every_type(store: OwnStore, dir: Path) -> None:
    """Attributes of points, scopes and resources keep their values, whatever their type."""
    told = {
        "text": "é\0",
        "flag": True,
        "whole": 2**53 + 1,
        "real": 1.0,
        "none": None,
        "bytes": b"\xff\0",
        "list": [1, [2.5]],
        "map": {"k": {"x": False}},
    }
    plain = {**told, "bytes": "/wA="}
    made = request(gauge("loss", point(NOW, 1.0, told)), resource={"service.name": "s", **told})
    of_scope = made.resource_metrics[0].scope_metrics[0]
    of_scope.scope.version = "1.2"
    of_scope.scope.attributes.extend(pairs({"of": "scope"}))
    store.export([entry(1, made)])
    with only_run(dir).sources() as sources:
        [series] = sources[0].reader.series().values()
    assert json.loads(series.attributes) == {**plain, "otel.scope.of": "scope"}
    assert (series.scope, series.scope_version) == ("meter", "1.2")
    assert only_run(dir).facts().resource == {"service.name": "s", **plain}


def test_which_run_a_resource_is(store: OwnStore, dir: Path) -> None:
    """A resource is the run whose id it tells, else that of its service's instance."""
    told: list[dict[str, Any]] = [
        {"otel_trackio.run.id": "one", "otel_trackio.project": "p", "otel_trackio.run.name": "n"},
        {"service.namespace": "a", "service.name": "b", "service.instance.id": "c"},
        {"service.namespace": "a", "service.name": "b", "service.instance.id": "d"},
        {"service.name": "b", "process.pid": 1},
        {"service.name": "b", "process.pid": 2},
        {},
    ]
    store.export(
        [
            entry(number, request(gauge("loss", point(NOW, 1.0)), resource=each))
            for number, each in enumerate(told * 2, 1)
        ]
    )
    runs = Api(dir).runs()
    assert len(runs) == len(told)
    assert all(len(curve(run, "loss")) == 1 for run in runs)
    titles = {f"{run.project}/{run.name}" for run in runs}
    assert {"p/n", "a/b/c", "a/b/d"} <= titles
    assert Api(dir).run("p/n").id == "one"


def test_a_hundred_runs_in_a_request(dir: Path) -> None:
    """A request of many runs is stored in all of them, with few files open at a time."""
    store = OwnStore(dir, LOG, max_open=10)
    for number in (1, 2):
        about = [{"otel_trackio.run.id": f"run {n}"} for n in range(100)]
        some = [
            request(gauge("loss", point(NOW + number, float(n))), resource=each)
            for n, each in enumerate(about)
        ]
        store.export([entry(number, *some)])
    store.close()
    runs = Api(dir).runs()
    assert len(runs) == 100
    for run in runs:
        value = float(run.id.removeprefix("run "))
        assert curve(run, "loss") == [(None, 1, value), (None, 2, value)]


HOSTILE = [
    "../../x",
    "",
    "a" * 10_000,
    "\0",
    "CON",
    "x/y",
    ".",
    "é" * 300,
    "\u202e",
    "'; DROP TABLE",
    "%2e",
]


def test_hostile_names(store: OwnStore, dir: Path) -> None:
    """Names lead nowhere outside of DIR, and are kept as they are."""
    for number, name in enumerate(HOSTILE, 1):
        metric = gauge(name, point(NOW, 1.0, {name: name}), unit=name)
        keys = ("otel_trackio.run.id", "otel_trackio.writer.id", "service.name", "host.name")
        about = dict.fromkeys(keys, name)
        store.export([entry(number, request(metric, resource=about, scope=name))])
    outside = [path for path in dir.parent.rglob("*") if dir not in path.parents and path != dir]
    assert not outside
    runs = Api(dir).runs()
    assert {run.id for run in runs if not run.id.startswith("otlp-")} == set(HOSTILE) - {""}
    for run in runs:
        with run.sources() as sources:
            [series] = sources[0].reader.series().values()
        assert series.key in HOSTILE
        assert list(json.loads(series.attributes)) == [series.key]


def test_ten_thousand_series(store: OwnStore, dir: Path, size: Any) -> None:
    """As many series as a request may hold are stored, and what comes again is told apart."""
    amount = size(10_000, 100_000)
    for number in range(1, 4):
        time = NOW + min(number, 2) * SECOND
        metric = gauge("loss", *(point(time, n / 2, {"layer": n}) for n in range(amount)))
        store.export([entry(number, request(metric))])
    assert store.counts() == {"stored": 2 * amount, "held": amount, "quarantined": 0}
    run = only_run(dir)
    assert run.standing().points == 2 * amount
    last = amount - 1
    assert curve(run, f"loss{{layer={last}}}") == [(None, n * SECOND, last / 2) for n in (1, 2)]


def test_a_deleted_run_stays_deleted(store: OwnStore, dir: Path) -> None:
    """What is sent of a run that somebody has deleted is counted, and not kept."""
    store.export([entry(1, request(gauge("loss", point(NOW, 1.0))))])
    only_run(dir).delete(force=True)
    store.export([entry(2, request(gauge("loss", point(NOW + 1, 1.0))))])
    assert Api(dir).runs() == []
    assert store.counts()["deleted"] == 1


def test_a_renamed_run_keeps_its_name(store: OwnStore, dir: Path) -> None:
    """Its user's name for a run outdoes what its sender goes on to say."""
    for number, version in enumerate(("1", "2"), 1):
        about = {"service.name": "s", "service.instance.id": "i", "service.version": version}
        metric = gauge("loss", point(NOW + number, 1.0))
        store.export([entry(number, request(metric, resource=about))])
        if number == 1:
            run = only_run(dir)
            add_event(run.path, run.id, run.standing().lamport, "run", {"name": "mine"})
    assert only_run(dir).name == "mine"
    assert only_run(dir).facts().resource["service.version"] == "2"


def test_silence(dir: Path) -> None:
    """A run whose sender is silent has finished; one of ours, which would have said so, has
    crashed; both go on when more comes, and one that says how it ended has ended like that."""

    def some(number: int) -> list[Entry]:
        metric = gauge("loss", point(NOW + number, 1.0))
        return [
            entry(number, request(metric, resource={"otel_trackio.run.id": "theirs"})),
            entry(number + 1, ours(metric, run="ours")),
            entry(number + 2, ours(metric, run="ended", state="failed")),
        ]

    def states() -> list[str]:
        with Api(dir) as api:
            return [api.run(name).state for name in ("theirs", "ours", "ended")]

    store = OwnStore(dir, LOG, silent_seconds=3600)
    store.export(some(1))
    store.beat()
    assert states() == ["running", "running", "failed"]
    store.close()
    store = OwnStore(dir, LOG, silent_seconds=0)
    wait_for(lambda: states() == ["finished", "crashed", "failed"])
    store.close()
    store = OwnStore(dir, LOG, silent_seconds=3600)
    store.export(some(11))
    store.beat()
    assert states() == ["running", "running", "failed"]
    store.close()


def test_a_run_took_as_long_as_its_points(store: OwnStore, dir: Path) -> None:
    """However much later it came: an old run that is sent again did not last until today."""
    old = NOW - 3_600 * SECOND
    points = [point(old, 0.5), point(old + 90 * SECOND, 0.4)]
    store.export([entry(1, ours(gauge("loss", points[0])))])
    store.export([entry(2, ours(gauge("loss", points[1]), state="finished"))])
    standing = only_run(dir).standing()
    assert (standing.state, standing.ended - standing.started) == ("finished", 90 * SECOND)


def test_synced_like_any_other(store: OwnStore, dir: Path, tmp_path: Path) -> None:
    """What was collected is synced, while the collector runs, unless its origin syncs it."""
    metric = gauge("loss", point(NOW, 1.0, None, [exemplar(NOW, 1.0, step=1, seq=1)]))
    store.export(
        [
            entry(1, request(metric, resource={"otel_trackio.run.id": "theirs"})),
            entry(2, ours(metric, run="synced by its origin")),
            entry(3, ours(metric, run="synced by nobody", sync="")),
        ]
    )
    remote = Folder(tmp_path / "remote")
    done = sync(dir, layout.run_dirs(dir), remote)
    assert done.live == ()
    sent = {path.parent.name for path in (tmp_path / "remote/data/v1/points").rglob("*.parquet")}
    assert sent == {"theirs", "synced!20by!20nobody"}


def test_listed_like_any_other(store: OwnStore, dir: Path) -> None:
    """`otel-trackio ls` shows a collected run as it shows those that are recorded here."""
    store.export([entry(1, request(gauge("loss", point(NOW, 1.0, {"training.step": 41}))))])
    command = [sys.executable, "-m", "otel_trackio", "ls"]
    environ = {**os.environ, "OTEL_TRACKIO_DIR": str(dir)}
    listed = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert "trainer/one" in listed.stdout
    assert "41" in listed.stdout
