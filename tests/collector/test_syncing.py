"""Runs that a collector has received go to a remote, as those of a training process do."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from otel_trackio import Api
from otel_trackio.cadence import REMOTE, Cadence
from otel_trackio.cli import main
from otel_trackio.errors import RemoteError
from otel_trackio.hub import HubDataset
from otel_trackio.pull import pull
from otel_trackio.remote import Card, Folder, Remote
from otel_trackio_collector.ownstore import OwnStore
from otel_trackio_collector.syncing import Syncing
from tests.collector.made import gauge
from tests.collector.otlp import NOW, SECOND, entry, point, request
from tests.collector.otlp import gauge as metric
from tests.collector.process import asked, running
from tests.collector.sinks import until
from tests.collector.stored import LOG
from tests.collector.test_command import FREE, RUN, post
from tests.fakes.hub import Hub

SOON = replace(REMOTE, first=0.2, early=0.2, steady=0.2, longest=0.2)
"""For tests that wait for it."""


def sent(number: int, **resource: Any) -> Any:
    about = {"service.name": "digits", "service.instance.id": "one", **resource}
    told = metric("loss", point(NOW + number * SECOND, float(number)))
    return entry(number, request(told, resource=about))


def came(remote: Remote, dir: Path) -> list[float]:
    """The values of `loss` that are at the remote."""
    with suppress(RemoteError):  # There may be nothing yet.
        pull(remote, dir)
    with Api(dir) as api:
        return [float(each) for run in api.runs() for each in run.history("loss")["value"]]


def syncing(dir: Path, remote: Remote, cadence: Cadence = SOON) -> Syncing:
    return Syncing(OwnStore(dir, LOG, meant=remote.url), dir, remote, cadence)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as made:
        yield made


def test_what_comes_is_synced_while_more_comes(tmp_path: Path) -> None:
    """On its cadence, and the last of it at the end."""
    remote = Folder(tmp_path / "remote")
    store = syncing(tmp_path / "dir", remote)
    store.export([sent(1)])
    until(lambda: came(remote, tmp_path / "there") == [1.0])
    store.export([sent(2), sent(3)])
    until(lambda: came(remote, tmp_path / "there") == [1.0, 2.0, 3.0])
    store.export([sent(4)])
    store.close()
    assert came(remote, tmp_path / "there") == [1.0, 2.0, 3.0, 4.0]


def test_the_end_does_not_wait_for_the_cadence(tmp_path: Path) -> None:
    """A collector that lived for a second has brought all that it took."""
    remote = Folder(tmp_path / "remote")
    store = syncing(tmp_path / "dir", remote, REMOTE)
    store.export([sent(1)])
    store.close()
    assert came(remote, tmp_path / "there") == [1.0]


def test_what_its_origin_syncs_is_left_to_it(tmp_path: Path) -> None:
    """A process of ours that syncs by itself says so; else the same points would be there twice."""
    remote = Folder(tmp_path / "remote")
    store = syncing(tmp_path / "dir", remote)
    own = {"otel_trackio.writer.id": "w1", "otel_trackio.run.id": "r1"}
    store.export([sent(1, **own, **{"otel_trackio.sync.to": "hf://datasets/alice/metrics"})])
    store.export([sent(2)])
    store.close()
    assert came(remote, tmp_path / "there") == [2.0]


def test_a_remote_that_is_away_holds_nothing_up(tmp_path: Path, hub: Hub) -> None:
    """Requests are stored meanwhile, and what waited is there once the remote is back."""
    remote = HubDataset("alice/metrics", hub.token("alice", "write"), hub.endpoint)
    hub.fault("POST|GET", status=503, times=30)
    store = syncing(tmp_path / "dir", remote)
    for number in range(1, 9):
        assert store.export([sent(number)]).points == 1
    until(lambda: came(remote, tmp_path / "there") == [float(n) for n in range(1, 9)])
    store.close()


class Counted(Folder):
    """Counts how often a sync began."""

    begun = 0

    def prepare(self, card: Card) -> None:
        self.begun += 1
        super().prepare(card)


def test_what_is_synced_is_left_alone(tmp_path: Path) -> None:
    """A remote is asked for nothing while nothing comes, and the files are not opened to write."""
    dir, remote = tmp_path / "dir", Counted(tmp_path / "remote")
    before = OwnStore(dir, LOG, meant=remote.url)
    before.export([sent(1)])
    before.close()
    [path] = (dir / "runs").rglob("*.db")
    store = syncing(dir, remote)
    until(lambda: remote.begun)
    until(lambda: path.stat().st_mtime_ns < time.time_ns() - 2 * SECOND)
    assert remote.begun == 1
    store.export([sent(2)])
    until(lambda: came(remote, tmp_path / "there") == [1.0, 2.0])
    store.close()


def test_a_clock_that_is_set_back_keeps_nothing(tmp_path: Path) -> None:
    """What comes afterwards is synced, though its file was changed "earlier" than before."""
    dir, remote = tmp_path / "dir", Folder(tmp_path / "remote")
    before = OwnStore(dir, LOG, meant=remote.url)
    before.export([sent(1)])
    before.close()
    [path] = (dir / "runs").rglob("*.db")
    os.utime(path, ns=(NOW * 2, NOW * 2))
    store = syncing(dir, remote)
    until(lambda: came(remote, tmp_path / "there") == [1.0])
    store.export([sent(2)])
    until(lambda: came(remote, tmp_path / "there") == [1.0, 2.0])
    store.close()


def test_the_collector_names_a_remote(tmp_path: Path) -> None:
    """By a flag; what it could not bring there before it was killed, a plain `sync` does."""
    dir, remote = tmp_path / "dir", Folder(tmp_path / "remote")
    flags = ["--grpc", FREE, "--http", FREE, "--health", FREE, "--remote", remote.url]
    with running(flags, dir) as it:
        assert post(it.endpoint("otlp/http"), gauge("loss", [1.0, 2.0], resource=RUN)).is_success
        until(it.caught_up)
        assert it.end() == 0, it.said
    assert came(remote, tmp_path / "there") == [1.0, 2.0]
    with running(flags, dir) as it:
        later = gauge("loss", [3.0], began=2.0, resource=RUN)
        assert post(it.endpoint("otlp/http"), later).is_success
        until(it.caught_up)
        it.kill()
    ran = CliRunner().invoke(main, ["sync", "--dir", str(dir), "--to", remote.url])
    assert ran.exit_code == 0, ran.output
    assert came(remote, tmp_path / "there") == [1.0, 2.0, 3.0]


def test_a_remote_that_is_none_is_an_error(tmp_path: Path) -> None:
    """Told before the start, with what may be given."""
    path = tmp_path / "collector.yaml"
    path.write_text(
        """
receivers: {otlp: {protocols: {http: }}}
exporters: {otel_trackio: {remote: "s3://bucket"}}
service: {pipelines: {metrics: {receivers: [otlp], exporters: [otel_trackio]}}}
"""
    )
    said = asked("validate", "--config", str(path), dir=tmp_path)
    assert said.returncode == 2
    assert "'s3://bucket' is no remote" in said.stderr
    assert "hf://datasets/USER/NAME" in said.stderr
