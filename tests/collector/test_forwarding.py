"""Forwarding from the log: each exporter by itself, none lost by another's fault."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from otel_trackio.endpoint import url_of
from otel_trackio.peer import Refused, Retryable, RetryPolicy
from otel_trackio_collector.collector import Collector
from otel_trackio_collector.config import Config
from otel_trackio_collector.configfile import from_text
from otel_trackio_collector.forwarding import Bounds, Exporter, Forwarder, Sent
from otel_trackio_collector.otlpexport import OtlpExporter
from otel_trackio_collector.otlphttp import HttpPeer
from otel_trackio_collector.requestlog import Entry, RequestLog
from otel_trackio_collector.standing import Standing
from tests.collector.made import gauge, points
from tests.collector.sinks import GARBAGE, PROTOBUF, TAKEN, Answer, serving, until, unused_port

QUICK = RetryPolicy(initial_interval=0.05, max_interval=0.1)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[RequestLog]:
    log = RequestLog(tmp_path / "requests.db")
    yield log
    log.close()


def http(name: str, url: str) -> OtlpExporter:
    return OtlpExporter(name, HttpPeer(url_of(url), timeout=10.0))


def keep(log: RequestLog, values: Sequence[float]) -> None:
    """Appends a request of one point for each value; no sender sees an error."""
    kept = [log.append(gauge("loss", [value]), 1) for value in values]
    assert all(each.result(60) for each in kept)


class Forwarders:
    """Several, started together and stopped together."""

    def __init__(
        self, log: RequestLog, exporters: Sequence[Exporter], batch_bytes: int = 2_000
    ) -> None:
        self._each = {
            each.name: Forwarder(log, each, QUICK, batch_bytes=batch_bytes) for each in exporters
        }
        for each in self._each.values():
            each.start()

    def __getitem__(self, name: str) -> Forwarder:
        return self._each[name]

    def stop(self) -> None:
        for each in self._each.values():
            each.stop()


NAMES = ("healthy", "slow", "garbage", "flapping", "dead")

QUICKLY = "{initial_interval: 50ms, max_interval: 100ms}"


def fan(dir: Path, urls: Mapping[str, str]) -> Config:
    """A collector with an exporter for each; small messages, so that faults meet many of them."""
    exporters = {f"otlp_http/{name}": url for name, url in urls.items()}
    told = f"max_message_bytes: 2000, retry_on_failure: {QUICKLY}"
    lines = "".join(f"  {name}: {{endpoint: '{url}', {told}}}\n" for name, url in exporters.items())
    return from_text(
        f"""
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters:
{lines}
extensions: {{health_check: {{endpoint: "127.0.0.1:0"}}}}
request_log: {{directory: {dir}}}
service: {{pipelines: {{metrics: {{receivers: [otlp], exporters: [{", ".join(exporters)}]}}}}}}
""",
        "fan.yaml",
    )


class Faults:
    """How five servers behave until `well` is set; each notes when a value came."""

    def __init__(self) -> None:
        self.well = threading.Event()
        self.came: dict[float, float] = {}

    def healthy(self, number: int, body: bytes) -> Answer:
        for _, _, value in points(body):
            self.came.setdefault(value, time.monotonic())
        return TAKEN

    def slow(self, number: int, body: bytes) -> Answer:
        self.well.wait(0.5)
        return TAKEN

    def garbage(self, number: int, body: bytes) -> Answer:
        return TAKEN if self.well.is_set() else GARBAGE

    def flapping(self, number: int, body: bytes) -> Answer:
        calm = self.well.is_set() or number % 3 == 2
        return TAKEN if calm else Answer(503, headers={"Retry-After": "0"})


def test_none_holds_up_another(
    tmp_path: Path, size: Callable[[int, int], int], pytestconfig: pytest.Config
) -> None:
    """Beside exporters that are slow, dead, talking garbage and flapping, the healthy one gets
    everything and no sender sees an error; once the others are well, so do they, in order."""
    many, faults, port = size(300, 20_000), Faults(), unused_port()
    with ExitStack() as stack:
        sinks = {name: stack.enter_context(serving(getattr(faults, name))) for name in NAMES[:-1]}
        urls = {name: sink.url for name, sink in sinks.items()}
        collector = Collector(fan(tmp_path, {**urls, "dead": f"http://127.0.0.1:{port}"}))
        collector.start()
        stack.callback(collector.stop)

        def standing(name: str) -> Standing:
            return next(each for each in collector.standings() if each.name.endswith(name))

        values = [float(each) for each in range(many)]
        sent = send(collector.endpoints["otlp/http"], values)
        until(lambda: len(faults.came) == many)
        assert sinks["healthy"].values() == values
        assert sinks["garbage"].values() == []
        assert (standing("dead").sent, standing("dead").lag_points) == (0, many)
        if pytestconfig.getoption("soak"):
            delays = sorted(faults.came[value] - sent[value] for value in values)
            assert delays[many * 99 // 100] < 2.0

        faults.well.set()
        sinks["dead"] = stack.enter_context(serving(port=port))
        for name in NAMES:
            until(lambda name=name: standing(name).lag_points == 0)  # type: ignore[misc]
            assert sinks[name].values() == values, name
            assert standing(name).sent == many, name
            assert not any(standing(name).dropped.values()), name


def send(endpoint: str, values: Sequence[float]) -> dict[float, float]:
    """Sends a request of one point for each value; when each was sent."""
    sent = {}
    with httpx.Client(timeout=60.0) as client:
        for value in values:
            sent[value] = time.monotonic()
            url, body = f"http://{endpoint}/v1/metrics", gauge("loss", [value])
            assert client.post(url, content=body, headers=PROTOBUF).status_code == 200
    return sent


def test_drops_are_counted_exactly(tmp_path: Path, size: Callable[[int, int], int]) -> None:
    """At its bound the log drops only what the dead exporter has not sent, and what that got in
    the end and what was dropped are all there was."""
    many = size(400, 5_000)
    log = RequestLog(tmp_path / "requests.db", max_bytes=10_000)
    port = unused_port()
    with serving() as healthy:
        forwarders = Forwarders(
            log, [http("healthy", healthy.url), http("dead", f"http://127.0.0.1:{port}")]
        )
        for start in range(0, many, 20):
            values = [float(each) for each in range(start, start + 20)]
            keep(log, values)
            until(lambda upto=start + 20: len(healthy.values()) == upto)  # type: ignore[misc]
        with serving(port=port) as revived:
            until(lambda: forwarders["dead"].standing().lag_points == 0)
            standing = forwarders["dead"].standing()
            taken = revived.values()
        forwarders.stop()
        log.close()
    assert healthy.values() == [float(each) for each in range(many)]
    assert standing.dropped["bound"] > 0
    assert standing.sent == len(taken)
    assert standing.sent + standing.dropped["bound"] == many
    assert taken == sorted(set(taken))


def test_what_is_refused_alone_is_passed_over(log: RequestLog) -> None:
    """Of a batch that is refused, only what is refused by itself is dropped, and counted."""
    bad = {3.0, 17.0}

    def picky(number: int, body: bytes) -> Answer:
        held = {value for _, _, value in points(body)}
        return Answer(400, b"no") if held & bad else TAKEN

    with serving(picky) as sink:
        keep(log, [float(each) for each in range(30)])
        forwarders = Forwarders(log, [http("picky", sink.url)], batch_bytes=100_000)
        until(lambda: forwarders["picky"].standing().lag_points == 0)
        forwarders.stop()
    standing = forwarders["picky"].standing()
    assert sink.values() == [float(each) for each in range(30) if each not in bad]
    assert standing.dropped["refused"] == 2
    assert standing.sent == 28


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_token_is_told_loudly(
    log: RequestLog, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """What is refused whatever it is goes at once, is counted, and the log tells the remedy."""
    with serving(lambda number, body: Answer(status, b"no")) as sink:
        keep(log, [float(each) for each in range(30)])
        forwarders = Forwarders(log, [http("far", sink.url)], batch_bytes=100_000)
        until(lambda: forwarders["far"].standing().lag_points == 0)
        forwarders.stop()
    assert forwarders["far"].standing().dropped["refused"] == 30
    assert sink.asked == 1
    [told] = caplog.messages
    assert told.startswith("far LOSES what it is to send, as it is refused for good: ")
    assert "; look at the " in told
    assert told.endswith("; 30 points are lost so far")


def test_a_position_outlives_the_process(tmp_path: Path) -> None:
    """A forwarder goes on where the one before had come."""
    taken = []
    for start in (0, 5):
        log = RequestLog(tmp_path / "requests.db")
        with serving() as sink:
            keep(log, [float(each) for each in range(start, start + 5)])
            forwarder = Forwarder(log, http("far", sink.url), QUICK)
            forwarder.start()
            assert forwarder.drain(time.monotonic() + 60)
            taken += sink.values()
        log.close()
    assert taken == [float(each) for each in range(10)]


def test_a_drain_ends_at_its_deadline(log: RequestLog) -> None:
    """A server that does not answer holds a drain up until the deadline, and no longer."""
    with serving(lambda number, body: time.sleep(5.0) or TAKEN) as sink:  # type: ignore[func-returns-value]
        keep(log, [1.0])
        forwarder = Forwarder(log, http("stuck", sink.url), QUICK)
        forwarder.start()
        until(lambda: sink.asked)
        assert not forwarder.drain(time.monotonic() + 0.1)
    assert forwarder.standing().lag_points == 1


def test_a_drain_does_not_wait_for_the_dead(log: RequestLog) -> None:
    """What cannot be sent while draining stays in the log."""
    keep(log, [1.0, 2.0])
    patient = RetryPolicy(initial_interval=3_600.0, max_interval=3_600.0)
    forwarder = Forwarder(log, http("dead", f"http://127.0.0.1:{unused_port()}"), patient)
    forwarder.start()
    until(lambda: forwarder.standing().failures)
    assert not forwarder.drain(time.monotonic() + 60)
    assert forwarder.standing().lag_points == 2


class Told:
    """An exporter that does what it is told, one word an export: the last word goes on."""

    def __init__(self, *words: Exception | Sent) -> None:
        self.name = "told"
        self.closed = False
        self.times: list[float] = []
        self._words = list(words)

    def export(self, entries: Sequence[Entry]) -> Sent:
        self.times.append(time.monotonic())
        word = self._words.pop(0) if len(self._words) > 1 else self._words[0]
        if isinstance(word, Exception):
            raise word
        return word

    def close(self) -> None:
        self.closed = True


def run(log: RequestLog, exporter: Told, policy: RetryPolicy = QUICK) -> Forwarder:
    forwarder = Forwarder(log, exporter, policy)
    forwarder.start()
    until(lambda: forwarder.standing().lag_points == 0)
    forwarder.stop()
    assert exporter.closed
    return forwarder


def test_a_peer_says_when_to_come_again(log: RequestLog) -> None:
    """Its word counts where it is longer than the wait that was due."""
    keep(log, [1.0])
    exporter = Told(Retryable("busy", after=1.0), Sent(1))
    run(log, exporter)
    assert exporter.times[1] - exporter.times[0] >= 1.0


def test_a_batch_expires(log: RequestLog) -> None:
    """Past max_elapsed_time a batch is dropped and counted, where one is set."""
    keep(log, [1.0, 2.0])
    policy = RetryPolicy(initial_interval=0.01, max_interval=0.01, max_elapsed_time=0.1)
    standing = run(log, Told(Retryable("down")), policy).standing()
    assert standing.dropped["expired"] == 2
    assert standing.failures > 1


def test_without_retries_a_failure_is_the_end(log: RequestLog) -> None:
    """`retry_on_failure: {enabled: false}` drops at the first failure."""
    keep(log, [1.0])
    standing = run(log, Told(Retryable("down")), RetryPolicy(enabled=False)).standing()
    assert standing.dropped["expired"] == 1


@pytest.mark.parametrize("bounds", [Bounds(max_bytes=200), Bounds(max_age=0.2)])
def test_an_exporter_has_bounds_of_its_own(log: RequestLog, bounds: Bounds) -> None:
    """Beyond them the oldest is dropped, for that exporter alone, and counted."""
    dead, patient = Told(Retryable("down")), Told(Retryable("down"))
    dead.name, patient.name = "dead", "patient"
    held = Forwarder(log, dead, QUICK, bounds, batch_bytes=1)
    other = Forwarder(log, patient, QUICK)
    for each in (held, other):
        each.start()
    keep(log, [float(each) for each in range(20)])
    until(lambda: held.standing().dropped["backlog"] > 10)
    for each in (held, other):
        each.stop()
    standing = held.standing()
    assert standing.dropped["backlog"] + standing.lag_points == 20
    assert other.standing().lag_points == 20


def test_partial_success_is_counted(log: RequestLog) -> None:
    """What a peer says it rejected is counted, and never sent again."""
    keep(log, [1.0])
    exporter = Told(Sent(0, 1, "too old"))
    standing = run(log, exporter).standing()
    assert standing.dropped["rejected"] == 1
    assert len(exporter.times) == 1


@pytest.mark.parametrize("fault", [OSError("disk"), sqlite3.OperationalError("disk is full")])
def test_faults_of_the_machine_drop_nothing(log: RequestLog, fault: Exception) -> None:
    """What fails for want of a disk, say, is tried again until it goes through."""
    keep(log, [1.0])
    standing = run(log, Told(fault, fault, Sent(1))).standing()
    assert (standing.sent, standing.failures) == (1, 2)
    assert not any(standing.dropped.values())


@pytest.mark.parametrize("fault", [Refused("no"), ValueError("a bug")])
def test_no_request_stops_those_behind_it(log: RequestLog, fault: Exception) -> None:
    """What an exporter refuses, or fails at each time, is counted, and the next one goes out."""
    keep(log, [1.0])
    exporter = Told(fault, Sent(1))
    forwarder = Forwarder(log, exporter, QUICK)
    forwarder.start()
    until(lambda: forwarder.standing().dropped["refused"] == 1)
    keep(log, [2.0])
    until(lambda: forwarder.standing().sent == 1)
    forwarder.stop()


def test_waits_grow_to_their_limit() -> None:
    """5 s, each 1.5 times the last, at most 30 s, half more or less at random."""
    policy = RetryPolicy()
    for attempt, middle in ((0, 5.0), (1, 7.5), (2, 11.25), (10, 30.0), (10_000, 30.0)):
        assert 0.5 * middle <= policy.wait(attempt) <= 1.5 * middle
    assert policy.wait(0, after=120.0) == 120.0
