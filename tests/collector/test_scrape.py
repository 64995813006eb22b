"""The page that Prometheus scrapes."""

from __future__ import annotations

import gzip
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from otel_trackio.errors import ConfigError
from otel_trackio_collector.forwarding import Sent
from otel_trackio_collector.promtarget import Naming
from otel_trackio_collector.scrape import MAX_SCRAPES, Scrape
from tests.collector.test_promtranslate import T, histogram
from tests.collector.timeseries import Prometheus, until
from tests.collector.training import Request, ago, run

pytestmark = pytest.mark.xdist_group("prometheus")

Make = Callable[..., Scrape]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes exporters at ports of the system's, which are closed in the end."""
    made: list[Scrape] = []

    def making(endpoint: str = "127.0.0.1:0", **options: object) -> Scrape:
        made.append(Scrape("prometheus", endpoint, **options))  # type: ignore[arg-type]
        return made[-1]

    yield making
    for each in made:
        each.close()


def every_kind() -> Request:
    request = run("all", host__name="node")
    request.gauge("training.loss", [(T, 0.25, 3)], {"training.phase": 'a "b" \\ c\nd'})
    request.gauge("training.lr", [(T, math.inf, 3)], unit="1")
    request.counter("training.tokens", [(T, 512.0, 3)])
    histogram(request, [1, 2, 3, 4])
    point = request.metric("latency", "ms").summary.data_points.add(time_unix_nano=T * 1_000_000)
    point.count, point.sum = 3, 6.0
    point.quantile_values.add(quantile=0.5, value=2.0)
    request.points += 1
    return request


def test_prometheus_scrapes_every_kind(tmp_path: Path, make: Make) -> None:
    """A real Prometheus takes the page, its types and labels, and sees values change."""
    scrape = make()
    scrape.export([every_kind().entry()])
    with Prometheus(tmp_path, scraped={"collector": scrape.address}) as server:
        (loss,) = until(lambda: server.query("training_loss"))
        assert loss["value"][1] == "0.25"
        assert loss["metric"]["instance"] == "all"
        assert loss["metric"]["job"] == "digits"
        assert loss["metric"]["training_phase"] == 'a "b" \\ c\nd'
        assert server.query("training_lr_ratio")[0]["value"][1] == "+Inf"
        assert server.query("training_tokens_total")[0]["value"][1] == "512"
        assert server.query("training_step")[0]["value"][1] == "3"
        assert server.query("target_info")[0]["metric"]["host_name"] == "node"
        assert server.query('latency_milliseconds{quantile="0.5"}')[0]["value"][1] == "2"
        found = server.query("histogram_quantile(0.5, batch_duration_seconds_bucket)")
        assert float(found[0]["value"][1]) > 0
        kinds = server.client.get("/api/v1/metadata").json()["data"]
        assert kinds["training_loss"][0]["type"] == "gauge"
        assert kinds["batch_duration_seconds"][0]["type"] == "histogram"
        scrape.export([run("all").counter("training.tokens", [(T + 1, 1024.0, 4)]).entry()])
        until(lambda: server.query("training_tokens_total == 1024"))
        assert server.query("scrape_series_added")
        assert server.query("up")[0]["value"][1] == "1"


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text;version=1.0.0"])
def test_both_formats(accept: str, make: Make) -> None:
    """The page comes in the format that is asked for, packed where that is asked for."""
    scrape = make()
    scrape.export([every_kind().entry()])
    url = f"http://{scrape.address}/metrics"
    answer = httpx.get(url, headers={"Accept": accept}, trust_env=False)
    assert answer.headers["content-type"].startswith(accept.partition(";")[0])
    assert answer.headers["content-encoding"] == "gzip"
    lines = answer.text.splitlines()
    openmetrics = lines[-1] == "# EOF"
    assert openmetrics == ("openmetrics" in accept)
    tokens = "training_tokens" if openmetrics else "training_tokens_total"
    assert f"# TYPE {tokens} counter" in lines
    assert ("# TYPE target info" in lines) == openmetrics
    assert ("# UNIT batch_duration_seconds seconds" in lines) == openmetrics
    plain = httpx.get(url, headers={"Accept-Encoding": "identity"}, trust_env=False)
    assert "content-encoding" not in plain.headers


def test_a_hostile_attribute_spoils_no_page(tmp_path: Path, make: Make) -> None:
    """What a real Prometheus scrapes is whole, whatever one sender calls its attributes."""
    scrape = make()
    hostile = dict.fromkeys(("__name__", "le", "quantile", "job", "", "9", 'a"} 1'), "evil")
    scrape.export([run("all").gauge("training.loss", [(T, 0.25, 3)], hostile).entry()])
    scrape.export([run("good").gauge("training.loss", [(T, 0.5, 3)]).entry()])
    with Prometheus(tmp_path, scraped={"collector": scrape.address}) as server:
        assert len(until(lambda: server.query("training_loss"))) == 2


def test_only_the_last_value_is_shown(make: Make) -> None:
    """Of many steps the newest is on the page, whatever order they came in."""
    scrape = make()
    points = [(T + 2, 2.0, 2), (T + 3, 3.0, 3), (T + 1, 1.0, 1)]
    assert scrape.export([run("a").gauge("loss", points).entry()]) == Sent(3)
    shown = [line for line in scrape.page().splitlines() if line.startswith("loss")]
    assert [line.rpartition(" ")[2] for line in shown] == ["3.0"]


def test_series_that_went_silent_are_off_the_page(make: Make) -> None:
    """What got no point for the time of expiration is gone, and so is what has ended."""
    scrape = make(expiration=0.05)
    scrape.export([run("a").gauge("loss", [(ago(0), 1.0, None)]).entry()])
    assert "loss{" in scrape.page()
    until(lambda: "loss{" not in scrape.page())
    lasting = make()
    lasting.export([run("a").gauge("loss", [(T, 1.0, None)]).entry()])
    ended = run("a")
    ended.metric("loss").gauge.data_points.add(time_unix_nano=(T + 1) * 1_000_000, flags=1)
    lasting.export([ended.entry()])
    assert "loss{" not in lasting.page()


def test_series_have_a_limit(make: Make) -> None:
    """Series beyond the limit are counted, and not shown."""
    scrape = make(series_limit=3, naming=Naming((("cluster", "a"),)))
    request = run("a")
    for place in range(5):
        request.gauge(f"m{place}", [(T, 1.0, None)])
    sent = scrape.export([request.entry()])
    assert (sent.points, sent.rejected) == (2, 3)
    assert scrape.counts["series limit"] == 3
    assert 'cluster="a"' in scrape.page()


def test_a_name_of_two_kinds_stays_one(make: Make) -> None:
    """A name has one kind on the page, that which came first."""
    scrape = make()
    request = run("a").gauge("a_total", [(T, 1.0, None)]).counter("a", [(T, 2.0, None)])
    request.gauge("b", [(T, 1.0, None)])
    scrape.export([request.entry()])
    page = scrape.page()
    assert page.count("# TYPE a_total") == 1
    assert page.count("\na_total{") == 1


def test_only_the_page_is_there(make: Make) -> None:
    """Any other path is 404, and an endpoint that is taken an error."""
    scrape = make()
    assert httpx.get(f"http://{scrape.address}/", trust_env=False).status_code == 404
    with pytest.raises(ConfigError, match="free"):
        make(scrape.address)
    with pytest.raises(ConfigError, match="HOST:PORT"):
        make("nonsense")


def test_scrapers_that_hang_harm_no_other(make: Make) -> None:
    """Connections beyond the limit are closed, and there is room again when others go."""
    scrape = make()
    host, _, port = scrape.address.rpartition(":")
    hanging = [socket.create_connection((host, int(port))) for _ in range(MAX_SCRAPES)]
    url = f"http://{scrape.address}/metrics"

    def answers() -> bool:
        try:
            return httpx.get(url, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    until(lambda: not answers())
    for each in hanging:
        each.close()
    until(answers)


def test_the_page_is_gzip_that_unpacks(make: Make) -> None:
    """What is packed is the page."""
    scrape = make()
    scrape.export([every_kind().entry()])
    host, _, port = scrape.address.rpartition(":")
    with closing(socket.create_connection((host, int(port)))) as connection:
        connection.sendall(b"GET /metrics HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert gzip.decompress(answer.partition(b"\r\n\r\n")[2]).decode() == scrape.page()
