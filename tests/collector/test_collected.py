"""The files that a collector fills: what FORMAT.md says of them, their bounds, their origins."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA, Metric

import otel_trackio
from otel_trackio import Api, layout
from otel_trackio.pull import pull
from otel_trackio.remote import Folder
from otel_trackio.semconv import LOG_SCOPE
from otel_trackio.sync import sync
from otel_trackio.verify import verify
from otel_trackio.withdraw import destinations_of
from otel_trackio_collector.collected import MAX_TOLD
from otel_trackio_collector.ownstore import OwnStore
from tests.collector.otlp import (
    NOW,
    SECOND,
    counter,
    entry,
    exemplar,
    gauge,
    point,
    request,
)
from tests.collector.stored import LOG, curve, only_run, ours
from tests.golden import stranger_run
from tests.golden.content import content
from tests.test_format import PAGE, as_json, by_the_stranger, named, section


def everything() -> list[Metric]:
    """Metrics of which a collector stores whatever there is to store."""
    carried = [exemplar(NOW, 1.5, step=3, seq=7)]
    unrelated = [exemplar(NOW, 9.0, place="here")]
    wide = Metric(name="wide")
    buckets = wide.exponential_histogram.data_points.add(
        time_unix_nano=NOW, count=3, sum=4.0, min=0.0, max=2.0, zero_count=1, zero_threshold=0.5
    )
    buckets.positive.bucket_counts.extend([1, 1])
    wide.exponential_histogram.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
    sums = [point(NOW + n, n, {"of": "x"}, start_time_unix_nano=NOW - 5) for n in range(20)]
    return [
        gauge("loss", point(NOW, 1.5, None, carried), unit="1"),
        gauge("odd", point(NOW, 2.5, {"a": 1}, unrelated), point(NOW + 1, None, flags=1)),
        counter("total", *sums),
        counter("grown", point(NOW, 2, {"training.step": 3}), delta=True),
        wide,
    ]


def rows(path: Path, query: str) -> set[str]:
    with closing(sqlite3.connect(path)) as db:
        return {str(each) for (each,) in db.execute(query)}


def test_the_page_describes_what_is_collected(dir: Path) -> None:
    """Keys, events, records and cursors of a collector's file stand in FORMAT.md, and who has
    read nothing else reads the file."""
    store = OwnStore(dir, LOG)
    store.export([entry(1, ours(*everything()))])
    store.close()
    [path] = layout.run_files(layout.run_dir(dir, "run-1"))
    keys = rows(path, "SELECT key FROM meta")
    assert {"origin", "replica", "collector:held"} <= keys <= named(section("### `meta`")).keys()
    assert rows(path, "SELECT kind FROM event") <= named(section("## 6. Events")).keys()
    kinds = rows(path, "SELECT kind FROM record")
    assert {"otlp.start", "otlp.point"} == kinds <= named(section("### `record`")).keys()
    assert rows(path, "SELECT name FROM cursor") == {f"otlp:{LOG}"}
    assert "`otlp:<log>`" in PAGE
    part = named(section("### `meta`"))["part"][-1]
    assert rows(path, "SELECT value FROM meta WHERE key = 'part'") <= set(
        re.findall(r"`(\w+)`:", part)
    )
    read = as_json(content(dir, "run-1"))
    theirs = by_the_stranger(layout.run_dir(dir, "run-1"), read)
    assert {**theirs, "records": None} == {**read, "records": None}


def test_what_a_writer_sent_is_shown_once(store: OwnStore, dir: Path, tmp_path: Path) -> None:
    """Where a recorder's own file is brought to what a collector was sent of it, its points are
    shown, counted and synced once; so they are by who knows nothing but FORMAT.md."""
    there, remote = tmp_path / "there", Folder(tmp_path / "remote")
    with otel_trackio.init("p", name="n", dir=there, id="run-1") as run:
        for step in range(5):
            run.log({"loss": float(step)})
    with Api(there).run("p/n").sources() as sources:
        [writer] = [each.meta["writer"] for each in sources]
    sent = [exemplar(NOW + n, float(n), step=n, seq=n + 2) for n in range(5)]
    values = [point(NOW + n, float(n), {"otel_trackio.key": "loss"}, [sent[n]]) for n in range(5)]
    logged = ours(gauge("training.loss", *values), writer=writer)
    logged.resource_metrics[0].scope_metrics[0].scope.name = LOG_SCOPE
    store.export([entry(1, logged)])
    assert [each[2] for each in curve(only_run(dir), "loss")] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert not destinations_of(only_run(dir))  # What it came from is no remote.
    sync(there, layout.run_dirs(there), remote)
    pull(remote, dir)
    seen = only_run(dir)
    assert len(seen.files()) == 2
    assert [each[2] for each in curve(seen, "loss")] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert [each.count for each in seen.metrics(["loss"])] == [5]
    assert seen.standing().points == Api(there).run("p/n").standing().points
    assert len(stranger_run.read_run(seen.path)) == 1
    sync(dir, layout.run_dirs(dir), remote)
    verified = verify(remote)
    assert (verified.writers, verified.problems) == (1, [])
    store.export([entry(2, ours(gauge("late", point(NOW, 1.0)), writer=writer))])
    assert [each.key for each in seen.metrics(["late"])] == []


def test_collected_and_brought_elsewhere(store: OwnStore, dir: Path, tmp_path: Path) -> None:
    """What is collected of a sender that nobody syncs is the same after a way over a remote."""
    remote = Folder(tmp_path / "remote")
    store.export([entry(1, ours(*everything(), sync=""))])
    sync(dir, layout.run_dirs(dir), remote)
    pull(remote, tmp_path / "elsewhere")
    assert verify(remote).problems == []
    both: list[Any] = []
    for each in (dir, tmp_path / "elsewhere"):
        found = content(each, "run-1")
        both.append({key: found[key] for key in ("facts", "curves", "histograms", "records")})
    assert both[0] == both[1]


def test_series_have_a_limit(dir: Path) -> None:
    """A run takes a bounded number of series; points of more are counted and told, known series
    go on, and other runs are unharmed."""
    store = OwnStore(dir, LOG, max_series=10)
    for number in (1, 2):
        many = [point(NOW + number, 1.0, {"layer": n}) for n in range(25)]
        sent = store.export(
            [
                entry(2 * number, request(gauge("loss", *many))),
                entry(2 * number + 1, ours(gauge("loss", point(NOW + number, 1.0)))),
            ]
        )
        assert (sent.points, sent.rejected) == (11, 15)
        assert "takes no more" in sent.message
    store.close()
    assert store.counts() == {"stored": 22, "held": 0, "series limit": 30, "quarantined": 0}
    with Api(dir) as api:
        assert sorted(run.standing().points for run in api.runs()) == [2, 20]


def test_a_resource_that_never_stays_the_same(store: OwnStore, dir: Path) -> None:
    """A sender that says something else of itself with each request fills no file with that."""
    for number in range(1, 4):
        many = [
            request(
                gauge("loss", point(NOW + number * SECOND + n, 1.0)),
                resource={"service.name": "s", "service.instance.id": "i", "now": f"{number} {n}"},
            )
            for n in range(600)
        ]
        store.export([entry(number, *many)])
    run = only_run(dir)
    assert run.standing().points == 1800
    with run.sources() as [source]:
        told = [each for each in source.reader.events() if each.kind == "resource"]
    assert len(told) <= MAX_TOLD
