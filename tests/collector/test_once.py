"""Each point is stored once, whatever comes again, and whoever dies meanwhile."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest as Request,
)

from otel_trackio import Api, layout
from otel_trackio.lease import Lease
from otel_trackio.peer import Retryable
from otel_trackio_collector.ownstore import OwnStore
from otel_trackio_collector.requestlog import Entry
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


def test_our_points_are_told_apart_by_number(store: OwnStore, dir: Path) -> None:
    """Of a process that records, each number is stored once, whatever the clock says."""

    def logged(*numbers: int) -> Request:
        carried = [
            point(NOW, float(n), None, [exemplar(NOW, float(n), step=n, seq=n)]) for n in numbers
        ]
        return ours(gauge("loss", *carried))

    for number, some in enumerate([(1, 2), (2, 3), (7, 8), (4, 5, 6, 7), (1, 8, 9)], 1):
        store.export([entry(number, logged(*some))])
    run = only_run(dir)
    assert sorted(value for *_, value in curve(run, "loss")) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert store.counts()["stored"] == 9
    assert store.counts()["held"] == 4


def test_an_origin_that_is_here(store: OwnStore, dir: Path) -> None:
    """What a process records right here is not stored a second time."""
    folder = layout.run_dir(dir, "run-1")
    folder.mkdir(parents=True)
    (folder / "writer-1.db").touch()
    metric = gauge("loss", point(NOW, 1.0, None, [exemplar(NOW, 1.0, step=1, seq=1)]))
    store.export([entry(1, ours(metric)), entry(2, ours(metric, writer="writer-2", rank=3))])
    assert store.counts()["held"] == 1
    assert len(layout.run_files(folder)) == 2


EVENTS = st.lists(
    st.one_of(
        st.integers(0, 11).map(lambda n: ("send", n)),
        st.just(("restart", 0)),
        st.just(("kill", 0)),
    ),
    max_size=40,
)


@given(EVENTS, st.booleans())
@hypothesis_settings(max_examples=30)
def test_each_point_once(events: list[tuple[str, int]], recorded: bool) -> None:
    """However requests repeat, and however often the collector restarts or forgets how far it
    came, each point is stored once."""
    with tempfile.TemporaryDirectory() as folder:
        dir = Path(folder)
        check_once(dir, events, recorded)


def check_once(dir: Path, events: list[tuple[str, int]], recorded: bool) -> None:
    sent: list[Entry] = []
    applied = 0
    store = OwnStore(dir, LOG, max_open=1)
    for what, which in events:
        if what == "send":
            sent.append(entry(len(sent) + 1, _twelfth(which, recorded)))
        if what == "restart":
            store.close()
            store = OwnStore(dir, LOG, max_open=1)
        if what == "kill":  # The cursor of the log stays behind what was applied.
            applied = max(0, applied - 3)
        if sent[applied:]:
            store.export(sent[applied:])
            applied = len(sent)
    store.close()
    wanted = {which for what, which in events if what == "send"}
    found = [
        (run.id, value)
        for run in Api(dir).runs()
        for key in ("loss", "total")
        for *_, value in curve(run, key)
    ]
    assert len(found) == len(set(found)) == 6 * len(wanted)


def _twelfth(which: int, recorded: bool) -> Request:
    """Three points each of a gauge and of a total, with values of their own, of one of two runs."""
    times = [NOW + (3 * which + n) * SECOND for n in range(3)]
    points, totals = [], []
    for n, moment in enumerate(times):
        seq = {"seq": 1 + 6 * which + n} if recorded else {}
        points.append(
            point(moment, which + n / 4, None, [exemplar(moment, which + n / 4, step=n, **seq)])
        )
        seq = {"seq": 4 + 6 * which + n} if recorded else {}
        totals.append(
            point(moment, 100 + which + n / 4, None, [exemplar(moment, 1.0, step=n, **seq)])
        )
    metrics = gauge("loss", *points), counter("total", *totals)
    run = f"run-{which % 2}"
    if recorded:
        return ours(*metrics, run=run, writer=f"w-{which % 2}")
    return request(*metrics, resource={"otel_trackio.run.id": run})


def test_late_points(store: OwnStore, dir: Path) -> None:
    """Points that come after later ones are stored, folded or not, and once."""
    times = [NOW + n for n in range(40_000)]
    early, late = times[::2], times[1::2]
    for number, some in enumerate((early, late, times[100:300], times[-50:]), 1):
        store.export(
            [entry(number, request(gauge("loss", *(point(t, float(t - NOW)) for t in some))))]
        )
    found = curve(only_run(dir), "loss")
    assert sorted(time for _, time, _ in found) == list(range(40_000))
    assert all(time == value for _, time, value in found)


def test_two_steps_of_one_moment(store: OwnStore, dir: Path) -> None:
    """Where a clock is coarse, steps tell points apart; of the same step the first stays."""
    metric = gauge("loss", *(point(NOW, float(n), {"training.step": n // 2}) for n in range(6)))
    store.export([entry(1, request(metric)), entry(2, request(metric))])
    assert curve(only_run(dir), "loss") == [(0, 0, 0.0), (1, 0, 2.0), (2, 0, 4.0)]


def test_what_cannot_be_read_is_put_aside(store: OwnStore, dir: Path) -> None:
    """Garbage holds up nothing: it is kept whole in the quarantine, and counted."""
    good = request(gauge("loss", point(NOW, 1.0)))
    bad = Entry(2, NOW, b"\xff garbage", 3)
    sent = store.export([entry(1, good), bad, entry(3, request(gauge("acc", point(NOW, 2.0))))])
    assert (sent.points, sent.rejected) == (2, 3)
    [line] = (dir / "collector" / "quarantine.jsonl").read_text().splitlines()
    assert json.loads(line)["number"] == 2
    assert {metric.key for metric in only_run(dir).metrics()} == {"loss", "acc"}


def test_a_damaged_file_is_replaced(dir: Path) -> None:
    """A run whose file was damaged goes on in a new one; others never notice."""
    runs = [{"otel_trackio.run.id": name} for name in ("good", "bad")]

    def send(store: OwnStore, number: int) -> None:
        metric = gauge("loss", point(NOW + number, float(number)))
        store.export([entry(number, *(request(metric, resource=each) for each in runs))])

    store = OwnStore(dir, LOG)
    send(store, 1)
    store.close()
    [path] = layout.run_files(layout.run_dir(dir, "bad"))
    path.write_bytes(b"no database" * 1000)
    for _ in range(2):  # Also one that does not remember.
        store = OwnStore(dir, LOG)
        send(store, 2)
        store.close()
    with Api(dir) as api:
        assert [value for *_, value in curve(api.run("good"), "loss")] == [1.0, 2.0]
        assert [value for *_, value in curve(api.run("bad"), "loss")] == [2.0]


def test_a_file_that_is_busy(store: OwnStore, dir: Path) -> None:
    """While a sync has a run's file, other runs are stored, and that one is when it is free."""

    def some(time: int) -> list[Request]:
        metric = gauge("loss", point(time, 1.0))
        return [request(metric, resource={"otel_trackio.run.id": name}) for name in ("a", "b")]

    store.export([entry(1, *some(NOW))])
    [path] = layout.run_files(layout.run_dir(dir, "a"))
    lease = Lease.take(layout.lock_file(path))
    assert lease is not None
    later = [entry(2, *some(NOW + 1))]
    with pytest.raises(Retryable):
        store.export(later)
    with Api(dir) as api:
        assert [len(curve(api.run(name), "loss")) for name in ("a", "b")] == [1, 2]
        lease.remove()
        lease.release()
        store.export(later)
        assert [len(curve(api.run(name), "loss")) for name in ("a", "b")] == [2, 2]


def test_kill_between_commit_and_cursor(dir: Path, size: Any) -> None:
    """A collector that is killed when run files are committed, and the log does not know it yet,
    stores each point once."""
    program = [sys.executable, "-m", "tests.collector.applier", str(dir)]
    for _ in range(size(3, 30)):
        killed = subprocess.run([*program, "die"], capture_output=True, text=True)
        assert killed.returncode == -9, killed.stderr
    subprocess.run([*program, "end"], check=True)
    counts = [len(curve(run, "loss")) for run in Api(dir).runs()]
    assert counts == [40, 40]


def test_a_full_disk(store: OwnStore, dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full refuses for now; once there is room all is stored, once."""
    store.export([entry(1, request(gauge("loss", point(NOW, 1.0))))])
    [path] = layout.run_files(only_run(dir).path)
    many = [entry(2, request(gauge("loss", *(point(NOW + n, n / 7) for n in range(1, 5000)))))]
    [file] = store._files.values()  # Only SQLite can be told to find no more room.
    connection: sqlite3.Connection = file._file.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(Retryable):
        store.export(many)
    assert len(curve(only_run(dir), "loss")) == 1
    store.export(many)
    assert len(curve(only_run(dir), "loss")) == 5000
    assert path in layout.run_files(only_run(dir).path)
