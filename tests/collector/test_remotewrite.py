"""Remote write, to a real Prometheus and a real VictoriaMetrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from otel_trackio.peer import Retryable
from otel_trackio_collector.forwarding import Sent
from otel_trackio_collector.remotewrite import RemoteWrite
from tests.collector.relay import LOSE_ANSWER, Answer, Relay
from tests.collector.test_promtranslate import T, histogram
from tests.collector.timeseries import Prometheus, Victoria
from tests.collector.training import Value, ago, run, steps, stored

pytestmark = pytest.mark.xdist_group("prometheus")

Make = Callable[..., RemoteWrite]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus as it is by default: nothing may come late."""
    with Prometheus(tmp_path_factory.mktemp("strict")) as server:
        yield server


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with a window for what comes late."""
    with Prometheus(tmp_path_factory.mktemp("lenient"), "2h") as server:
        yield server


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes exporters, which are closed in the end."""
    made: list[RemoteWrite] = []

    def making(url: str, **options: object) -> RemoteWrite:
        made.append(RemoteWrite("prometheus", url, **options))  # type: ignore[arg-type]
        return made[-1]

    yield making
    for each in made:
        each.close()


@pytest.mark.parametrize("kind", ["strict", "lenient"])
def test_every_step_has_its_own_time(
    kind: str, request: pytest.FixtureRequest, make: Make, size: Callable[[int, int], int]
) -> None:
    """Each step is a sample at the time of its measurement, in however many requests it came."""
    server: Prometheus = request.getfixturevalue(kind)
    count = size(1_000, 50_000)
    points = steps(ago(3_000), count)
    writer = make(server.write_url, max_samples=700)
    for first in range(0, count, 500):
        some = points[first : first + 500]
        entry = run("every").gauge("training.loss", some).gauge("training.lr", some).entry()
        assert writer.export([entry]) == Sent(len(some) * 2)
    assert server.samples('training_loss{instance="every"}') == stored(points)
    assert server.samples('training_lr{instance="every"}') == stored(points)
    told = [(moment, float(step or 0)) for moment, _, step in points]
    assert server.samples('training_step{instance="every"}') == told


def test_a_run_is_found_by_its_labels(strict: Prometheus, make: Make) -> None:
    """Labels are job, run, project, name, rank and attributes; a step and a config are none."""
    request = run("labels", otel_trackio__rank=3, otel_trackio__config__lr=0.1, host__name="h")
    attributes: dict[str, Value] = {
        "training.phase": "eval",
        "training.step": 7,
        "top.k": 5,
        "top": True,
    }
    request.gauge("training.loss", [(ago(60), 0.5, None)], attributes)
    make(strict.write_url).export([request.entry()])
    (loss,) = strict.query('training_loss{instance="labels"}')
    assert loss["metric"] == {
        "__name__": "training_loss",
        "job": "digits",
        "instance": "labels",
        "otel_trackio_project": "digits",
        "otel_trackio_run_name": "name of labels",
        "otel_trackio_rank": "3",
        "otel_scope_name": "train",
        "training_phase": "eval",
        "top": "true",
        "top_k": "5",
    }
    (step,) = strict.query('training_step{instance="labels"}')
    assert step["value"][1] == "7"
    (info,) = strict.query('target_info{instance="labels"}')
    assert info["metric"]["host_name"] == "h"
    assert not [name for name in info["metric"] if "config" in name]


def test_what_comes_late_is_counted_where_it_is_not_taken(strict: Prometheus, make: Make) -> None:
    """Without a window late points are refused and counted, and the way to keep them is told."""
    writer = make(strict.write_url)
    points = steps(ago(600), 100, 1_000)
    newer = run("late").gauge("a", points[50:]).gauge("b", points[50:])
    assert writer.export([newer.entry()]) == Sent(100)
    older = run("late").gauge("a", points[:50]).gauge("c", points)
    sent = writer.export([older.entry()])
    assert (sent.points, sent.rejected) == (100, 50)
    assert "out_of_order_time_window" in sent.message
    assert writer.counts["refused"] == 50
    assert strict.samples('a{instance="late"}') == stored(points[50:])
    assert strict.samples('c{instance="late"}') == stored(points)


def test_what_comes_late_is_kept_where_there_is_a_window(lenient: Prometheus, make: Make) -> None:
    """With an out-of-order window, points may come in any order, and twice."""
    writer = make(lenient.write_url)
    points = steps(ago(600), 100, 1_000)
    for some in (points[60:], points[:40], points[20:80]):
        assert writer.export([run("late").gauge("a", some).entry()]) == Sent(len(some))
    assert lenient.samples('a{instance="late"}') == stored(points)


def test_a_lost_acknowledgement_loses_nothing(strict: Prometheus, make: Make) -> None:
    """Where the answer was lost the same is sent again; what is there already is no loss."""
    points = steps(ago(600), 200)
    entry = run("lost").gauge("a", points).gauge("b", points).entry()
    with Relay(strict.write_url) as relay:
        relay.plan = [LOSE_ANSWER]
        writer = make(relay.url, max_samples=250)
        with pytest.raises(Retryable):
            writer.export([entry])
        assert writer.export([entry]) == Sent(400)
    assert strict.samples('a{instance="lost"}') == stored(points)
    assert strict.samples('b{instance="lost"}') == stored(points)


def test_a_restart_after_a_lost_acknowledgement_loses_nothing(
    strict: Prometheus, make: Make, tmp_path: Path
) -> None:
    """The next process sends again what the last one may have sent, and then what is new."""
    points = steps(ago(600), 300)
    first = run("restart").gauge("a", points[:200]).entry()
    second = run("restart").gauge("a", points[200:]).entry()
    with Relay(strict.write_url) as relay:
        relay.plan = [LOSE_ANSWER]
        with pytest.raises(Retryable):
            make(relay.url, state=tmp_path / "state.db").export([first])
    again = make(strict.write_url, state=tmp_path / "state.db")
    assert again.export([first, second]) == Sent(300)
    assert strict.samples('a{instance="restart"}') == stored(points)


def test_what_went_through_is_not_sent_again(
    strict: Prometheus, make: Make, tmp_path: Path
) -> None:
    """A process that ended before it could say so in the log sends nothing twice."""
    entry = run("once").gauge("a", steps(ago(600), 20)).entry()
    make(strict.write_url, state=tmp_path / "state.db").export([entry])
    with Relay(strict.write_url) as relay:
        assert make(relay.url, state=tmp_path / "state.db").export([entry]) == Sent(20)
        assert relay.seen == []


def test_points_of_one_millisecond_are_folded(strict: Prometheus, make: Make) -> None:
    """Of points of a series in one millisecond the last is kept, the others are counted."""
    moment = ago(60)
    points = [(moment, 1.0, 1), (moment, 2.0, 2), (moment + 1, 3.0, 3)]
    writer = make(strict.write_url)
    assert writer.export([run("fold").gauge("a", points).entry()]) == Sent(3)
    assert writer.export([run("fold").gauge("a", [(moment + 1, 9.0, 4)]).entry()]) == Sent(1)
    assert strict.samples('a{instance="fold"}') == [(moment, 2.0), (moment + 1, 3.0)]
    assert writer.counts["folded"] == 2


def test_a_bad_series_harms_no_other(strict: Prometheus, make: Make) -> None:
    """Of a request that is refused all is stored but for what is at fault, which is counted."""
    points = steps(ago(600), 50, 100)
    newer = (points[-1][0] + 1, 9.0, None)
    before = run("bad").gauge("m07", [newer]).gauge("m31", [newer]).gauge("m32", points[4:5])
    make(strict.write_url).export([before.entry()])
    together = run("bad")
    for place in range(40):
        together.gauge(f"m{place:02}", points)
    sent = make(strict.write_url).export([together.entry()])
    assert (sent.points, sent.rejected) == (2_000 - 104, 104)
    assert strict.samples('m32{instance="bad"}') == stored(points[4:])
    for place in set(range(40)) - {7, 31, 32}:
        assert strict.samples(f'm{place:02}{{instance="bad"}}') == stored(points)


def test_a_sample_that_is_there_with_another_value_harms_no_other(
    lenient: Prometheus, make: Make
) -> None:
    """A time that has another value already is refused alone, and counted."""
    points = steps(ago(600), 50, 100)
    there = (points[-1][0], 9.0, None)
    make(lenient.write_url).export([run("taken").gauge("a", [there]).entry()])
    sent = make(lenient.write_url).export([run("taken").gauge("a", points).entry()])
    assert (sent.points, sent.rejected) == (49, 1)
    assert lenient.samples('a{instance="taken"}') == stored([*points[:-1], there])


def test_the_future_is_never_sent(strict: Prometheus, make: Make) -> None:
    """A point an hour ahead is refused here and counted; points of now are still taken after it."""
    writer = make(strict.write_url)
    future = run("future").gauge("a", [(ago(-3_600), 1.0, None), (ago(60), 2.0, None)])
    sent = writer.export([future.entry()])
    assert (sent.points, sent.rejected, writer.counts["future"]) == (1, 1, 1)
    assert "ahead" in sent.message
    assert writer.export([run("future").gauge("b", [(ago(90), 3.0, None)]).entry()]) == Sent(1)
    assert len(strict.samples('{instance="future",job="digits"}')) == 2


def test_points_without_a_time_are_counted(strict: Prometheus, make: Make) -> None:
    """A time of 0 is none: the point is refused, and harms no other."""
    request = run("timeless").gauge("a", [(0, 1.0, None), (ago(60), 2.0, None)])
    sent = make(strict.write_url).export([request.entry()])
    assert (sent.points, sent.rejected) == (1, 1)


def test_a_server_that_was_away_gets_everything(tmp_path: Path, make: Make) -> None:
    """While Prometheus is down nothing is lost, and when it is back it has every step."""
    points = steps(ago(600), 300)
    entries = [
        run("away").gauge("a", points[first : first + 100]).entry() for first in (0, 100, 200)
    ]
    with Prometheus(tmp_path) as server:
        writer = make(server.write_url)
        assert writer.export(entries[:1]) == Sent(100)
        port = server.port
    with pytest.raises(Retryable):
        writer.export(entries[1:])
    with Prometheus(tmp_path, port=port) as server:
        assert writer.export(entries[1:]) == Sent(200)
        assert server.samples('a{instance="away"}') == stored(points)


def test_what_went_before_a_failure_is_not_sent_again(strict: Prometheus, make: Make) -> None:
    """A batch of several requests goes on at the one that failed."""
    points = steps(ago(600), 400)
    entry = run("several").gauge("a", points).entry()
    with Relay(strict.write_url) as relay:
        writer = make(relay.url, max_samples=100)
        relay.plan = ["pass", "pass", Answer(503)]
        with pytest.raises(Retryable):
            writer.export([entry])
        assert writer.export([entry]) == Sent(400)
    assert strict.samples('a{instance="several"}') == stored(points)


def test_differences_are_added_up(strict: Prometheus, make: Make, tmp_path: Path) -> None:
    """Deltas become running totals, each added once, over lost answers and restarts."""
    moment = ago(600)
    entries = [
        run("delta").counter("tokens", [(moment + 1_000 * n, 10.0, n)], delta=True).entry()
        for n in range(4)
    ]
    with Relay(strict.write_url) as relay:
        writer = make(relay.url, state=tmp_path / "state.db")
        assert writer.export(entries[:2]) == Sent(2)
        relay.plan = [Answer(503), LOSE_ANSWER]
        for _ in range(2):
            with pytest.raises(Retryable):
                writer.export(entries[2:3])
    again = make(strict.write_url, state=tmp_path / "state.db")
    assert again.export(entries[1:]) == Sent(3)
    totals = [value for _, value in strict.samples('tokens_total{instance="delta"}')]
    assert totals == [10.0, 20.0, 30.0, 40.0]


def test_histograms_are_understood(strict: Prometheus, make: Make) -> None:
    """PromQL takes quantiles of histograms that were written, as of any other."""
    for place, counts in enumerate(([1, 2, 3, 4], [2, 40, 3, 4])):
        request = run("histogram")
        histogram(request, counts, ago(60 - 30 * place) - T)
        assert make(strict.write_url).export([request.entry()]) == Sent(1)
    buckets = 'batch_duration_seconds_bucket{instance="histogram"}'
    (median,) = strict.query(f"histogram_quantile(0.5, increase({buckets}[2m]))")
    assert 0.005 < float(median["value"][1]) < 5
    assert len(strict.query(buckets)) == 4


def test_series_have_a_limit(strict: Prometheus, make: Make) -> None:
    """Beyond the limit points of new series are counted; those known go on."""
    request = run("limit")
    for place in range(10):
        request.gauge(f"limited{place}", [(ago(60), 1.0, None)])
    # training_step is one of them.
    writer = make(strict.write_url, series_limit=6)
    sent = writer.export([request.entry()])
    assert (sent.points, sent.rejected) == (5, 5)
    assert writer.counts["series limit"] == 5
    known = run("limit").gauge("limited0", [(ago(50), 1.0, None)]).entry()
    assert writer.export([known]) == Sent(1)


def test_victoria_metrics_has_every_step(tmp_path: Path, make: Make) -> None:
    """VictoriaMetrics takes the same, late or not."""
    points = steps(ago(600), 1_000)
    with Victoria(tmp_path) as server:
        writer = make(server.write_url)
        for some in (points[500:], points[:500]):
            assert writer.export([run("vm").gauge("training.loss", some).entry()]) == Sent(500)
        found = server.samples('training_loss{instance="vm"}')
        assert [moment for moment, _ in found] == [moment for moment, _, _ in points]
        assert [value for _, value in found] == pytest.approx([value for _, value, _ in points])
