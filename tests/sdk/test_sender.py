"""A live run sends every point to an OTLP endpoint, whatever that answers."""

from __future__ import annotations

import gc
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

import otel_trackio
from otel_trackio import Run, courier, sender
from otel_trackio.reader import RunFileReader
from tests.collector.sinks import PROTOBUF, TAKEN, Answer, Sink, serving, until, unused_port

SOON = {"Retry-After": "0"}
POISON = 13.0


def logged(dir: Path, url: str, count: int = 20) -> Run:
    """A run that goes on, with so many steps."""
    run = otel_trackio.init("p", "n", dir=dir, otlp_endpoint=url, id="one")
    for step in range(count):
        run.log({"x": float(step)}, step)
    return run


def everything(count: int = 20) -> list[float]:
    return [float(step) for step in range(count)]


def arrived(sink: Sink) -> list[float]:
    """In their order; the last may have come once more, to carry the end of the run."""
    found = sink.values()
    return found[:-1] if found[-2:-1] == found[-1:] else found


def values(body: bytes) -> list[float]:
    sink = Sink(lambda number, body: TAKEN, bodies=[body])
    return sink.values()


def test_points_come_within_seconds_and_once(tmp_path: Path) -> None:
    """While the run goes on; several of a series in one request, each with its time."""
    with serving() as sink:
        run = logged(tmp_path, sink.url)
        until(lambda: len(sink.values()) == 20)
        run.log({"x": 20.0}, 20)
        until(lambda: len(sink.values()) == 21)
        requests = sink.asked
        run.finish()
        # The last point comes once more, to carry the end of the run.
        assert sink.values() == [*everything(21), 20.0]
        assert sink.asked == requests + 1
        assert run.unsent == 0


def test_the_end_of_a_run_rides_with_its_last_points(tmp_path: Path) -> None:
    """`otel_trackio.state` is in the last request, and in no other."""
    with serving() as sink:
        run = logged(tmp_path, sink.url)
        until(lambda: len(sink.values()) == 20)
        run.log({"x": 20.0}, 20)
        run.finish(exit_code=1)
    assert arrived(sink) == everything(21)
    assert [told.get("otel_trackio.state") for told in map(resource, sink.bodies)] == [
        *[None] * (len(sink.bodies) - 1),
        "failed",
    ]
    assert resource(sink.bodies[0]) == {
        **resource(sink.bodies[0]),
        "service.name": "p",
        "service.instance.id": "one",
        "otel_trackio.run.id": "one",
        "otel_trackio.run.name": "n",
        "otel_trackio.project": "p",
        "otel_trackio.sync.to": "",
    }


def resource(body: bytes) -> dict[str, str]:
    [found] = ExportMetricsServiceRequest.FromString(body).resource_metrics
    return {each.key: each.value.string_value for each in found.resource.attributes}


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_endpoint_that_is_busy_is_asked_again(tmp_path: Path, status: int) -> None:
    """Each point arrives once when it takes them again."""
    with serving(lambda number, body: TAKEN if number > 1 else Answer(status, b"", SOON)) as sink:
        run = logged(tmp_path, sink.url)
        run.finish()
        assert arrived(sink) == everything()
        assert run.unsent == 0
        assert run.diagnostics.counts()["otlp.failed"] == 2


def test_an_endpoint_that_asks_for_time_gets_it(tmp_path: Path) -> None:
    """Retry-After is heeded; the end of a run does not wait for it, and says what is left."""
    busy = Answer(503, b"", {"Retry-After": "3600"})
    with serving(lambda number, body: busy) as sink:
        run = logged(tmp_path, sink.url)
        until(lambda: sink.asked == 1)
        run.log({"x": 20.0}, 20)
        run.flush()
        run.finish()
        assert sink.asked == 2
        assert run.unsent >= 21


def test_an_endpoint_that_comes_late(tmp_path: Path) -> None:
    """Nobody listens at first: what was recorded meanwhile comes when somebody does."""
    port = unused_port()
    run = logged(tmp_path, f"http://127.0.0.1:{port}")
    until(lambda: run.diagnostics.counts().get("otlp.failed", 0))
    with serving(port=port) as sink:
        until(lambda: arrived(sink) == everything())
        run.finish()
        assert run.unsent == 0


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "look at the credentials in OTEL_TRACKIO_OTLP_HEADERS"),
        (403, "look at the credentials in OTEL_TRACKIO_OTLP_HEADERS"),
        (407, "look at the credentials in OTEL_TRACKIO_OTLP_HEADERS"),
        (303, "look at the endpoint: http://"),
        (404, "look at the endpoint: http://"),
    ],
)
def test_an_endpoint_that_wants_nothing_of_us(
    tmp_path: Path, status: int, remedy: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, with the remedy, and everything is kept for when that was done."""
    is_mended = threading.Event()
    with serving(lambda number, body: TAKEN if is_mended.is_set() else Answer(status)) as sink:
        run = logged(tmp_path, sink.url)
        until(lambda: sink.asked)
        assert not run.sync_now()
        assert not run.sync_now()
        told = [each for each in caplog.messages if "takes nothing" in each]
        assert len(told) == 1
        assert remedy in told[0]
        assert sink.values() == []
        is_mended.set()
        run.finish()
        assert arrived(sink) == everything()
        assert run.unsent == 0


def test_what_is_refused_for_good_is_counted_and_passed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All other points arrive, and why that one does not is said once."""
    reason = Status(message="thirteen is odd").SerializeToString()

    def behave(number: int, body: bytes) -> Answer:
        return Answer(400, reason, PROTOBUF) if POISON in values(body) else TAKEN

    with serving(behave) as sink:
        run = logged(tmp_path, sink.url, 1000)
        run.finish()
        assert arrived(sink) == [each for each in everything(1000) if each != POISON]
    assert run.unsent == 0
    assert run.diagnostics.counts()["otlp.refused"] == 1
    [told] = [each for each in caplog.messages if "does not take" in each]
    assert "thirteen is odd" in told


def test_an_endpoint_that_refuses_everything_from_now_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is counted, with a bounded number of requests, and training goes on."""
    monkeypatch.setattr(courier, "MAX_REFUSALS", 4)
    with serving(lambda number, body: Answer(400) if number else TAKEN) as sink:
        run = logged(tmp_path, sink.url)
        until(lambda: len(sink.values()) == 20)
        for step in range(1000):
            run.log({"y": float(step)}, step)
        assert run.sync_now()
        assert run.diagnostics.counts()["otlp.refused"] == 1000
        assert sink.asked < 40
        run.finish()


def test_an_endpoint_that_has_never_taken_anything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Some servers answer 400 to a wrong path: it is said, and everything is kept."""
    is_mended = threading.Event()
    wrong = Answer(400, b"unsupported path")
    with serving(lambda number, body: TAKEN if is_mended.is_set() else wrong) as sink:
        run = logged(tmp_path, sink.url)
        counter = otel_trackio.get_meter("user").create_counter("tokens")
        counter.add(1)
        counter.add(2)
        assert not run.sync_now()
        [told] = [each for each in caplog.messages if "takes nothing" in each]
        assert "unsupported path; look at the endpoint" in told
        is_mended.set()
        run.finish()
        assert arrived(sink) == everything()
        assert sums(sink) == [1, 3]
        assert run.unsent == 0
        assert "otlp.refused" not in run.diagnostics.counts()


def test_what_is_doubtful_when_an_endpoint_goes_away_is_kept(tmp_path: Path) -> None:
    """Refused by one that has taken nothing yet, which then is busy: all of it is sent again."""
    answers = [Answer(400), Answer(400), Answer(400), Answer(400), Answer(503, b"", SOON)]

    def behave(number: int, body: bytes) -> Answer:
        return answers[number] if number < len(answers) else TAKEN

    with serving(behave) as sink:
        run = logged(tmp_path, sink.url, 8)
        run.finish()
        assert arrived(sink) == everything(8)
    assert run.unsent == 0
    assert "otlp.refused" not in run.diagnostics.counts()


def sums(sink: Sink) -> list[int]:
    """The values of all sums taken, in the order in which they came."""
    return [
        point.as_int
        for body in list(sink.bodies)
        for scope in ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics
        for metric in scope.metrics
        for point in metric.sum.data_points
    ]


def test_an_endpoint_with_a_limit_gets_smaller_requests(tmp_path: Path) -> None:
    """413 is not the end of a point: the size that is taken is learned."""
    limit = 40_000
    with serving(lambda number, body: TAKEN if len(body) < limit else Answer(413)) as sink:
        run = logged(tmp_path, sink.url, 2000)
        run.finish()
        assert arrived(sink) == everything(2000)
        assert "otlp.refused" not in run.diagnostics.counts()


def test_partial_success_is_counted(tmp_path: Path) -> None:
    """What an endpoint says it has rejected is not sent again."""
    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = 3
    answer.partial_success.error_message = "three are too old"
    some = Answer(200, answer.SerializeToString(), PROTOBUF)
    with serving(lambda number, body: some if number == 0 else TAKEN) as sink:
        run = logged(tmp_path, sink.url)
        until(lambda: len(sink.values()) == 20)
        until(lambda: run.diagnostics.counts().get("otlp.rejected"))
        run.finish()
    assert run.diagnostics.counts()["otlp.rejected"] == 3


def test_large_and_many_points_are_dealt_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request has more points, or more bytes, than the limits say; none is missing."""
    monkeypatch.setattr(courier, "MAX_POINTS", 100)
    monkeypatch.setattr(courier, "MAX_BYTES", 9_000)
    with serving() as sink:
        run = logged(tmp_path, sink.url, 1000)
        run.finish()
        assert arrived(sink) == everything(1000)
        assert max(map(len, sink.bodies)) <= 9_000
        assert max(len(values(body)) for body in sink.bodies) <= 100


def test_offline_sends_nothing_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once when it begins; in the end the command that sends it later is told."""
    with serving() as sink:
        run = otel_trackio.init("p", dir=tmp_path, otlp_endpoint=sink.url, mode="offline", id="one")
        run.log({"x": 1})
        run.finish()
        assert sink.asked == 0
        assert sum("offline: nothing is sent" in each for each in caplog.messages) == 1
        command = f"to send it later: otel-trackio replay one --to {sink.url}/v1/metrics"
        assert command in capsys.readouterr().err
        with otel_trackio.init("p", otlp_endpoint=sink.url, mode="disabled") as run:
            run.log({"x": 1})
        assert sink.asked == 0


def test_an_endpoint_that_hangs_holds_the_end_for_as_long_as_was_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then what is left is told, with the command that sends it; the file has it all."""
    release = threading.Event()

    def behave(number: int, body: bytes) -> Answer:
        release.wait(60)
        return TAKEN

    with serving(behave) as sink:
        try:
            run = logged(tmp_path, sink.url)
            until(lambda: run.points == 20)
            run.finish(timeout=1)
            assert run.unsent >= 20
            told = capsys.readouterr().err
            assert f"{run.unsent} values and events wait to be sent: otel-trackio replay" in told
            assert "journal" not in told  # All of it is stored.
        finally:
            release.set()
    assert otel_trackio.Api(tmp_path).run("one").standing().points == 20


def test_nothing_is_sent_after_an_end_that_gave_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is another's to send from then on: the same points would go twice."""
    monkeypatch.setattr(courier, "MAX_POINTS", 1)
    release = threading.Event()

    def behave(number: int, body: bytes) -> Answer:
        release.wait(60)
        return TAKEN

    with serving(behave) as sink:
        try:
            run = logged(tmp_path, sink.url)
            until(lambda: sink.asked)
            run.finish(timeout=1)
        finally:
            release.set()
        until(lambda: not any(each.name == "otel-trackio-otlp" for each in threading.enumerate()))
        assert sink.values() == [0.0]


@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_what_is_not_stored_is_not_told_as_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor does a thread go on behind a run that ended so."""
    with serving() as sink:
        run = logged(tmp_path, sink.url)
        until(lambda: sink.values() == everything())
        assert run.path is not None
        [path] = run.path.glob("*.db")
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")  # Nobody else writes to it.
            run.log({"x": 20.0}, 20)
            run.finish(timeout=1)
            assert run.unsent
            assert "all of it sent" not in capsys.readouterr().err
        until(lambda: not any(each.name == "otel-trackio-otlp" for each in threading.enumerate()))
    del run
    gc.collect()  # Its file was left open: Python 3.13 says so here, where it is known.


def test_how_far_it_has_come_is_written_down_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much there is to send: who is killed meanwhile sends little of it again."""
    monkeypatch.setattr(courier, "MAX_POINTS", 1)
    monkeypatch.setattr(sender, "SETTLE_SECONDS", 0.0)
    release = threading.Event()

    def behave(number: int, body: bytes) -> Answer:
        if number == 10:
            release.wait(60)
        return TAKEN

    with serving(behave) as sink:
        try:
            run = logged(tmp_path, sink.url)
            until(lambda: sink.asked == 11)
            assert run.path is not None
            [path] = run.path.glob("*.db")
            with closing(RunFileReader(path)) as reader:
                [position] = reader.cursors().values()
            assert position >= 10
        finally:
            release.set()
        run.finish()
        assert arrived(sink) == everything()
