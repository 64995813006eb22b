"""What answers of servers mean for remote write, and what servers are told."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_trackio.errors import ConfigError
from otel_trackio.peer import Retryable
from otel_trackio_collector.clienttls import ClientTls
from otel_trackio_collector.forwarding import Sent
from otel_trackio_collector.remotewrite import RemoteWrite
from otel_trackio_collector.vocabulary import basic
from tests.collector.relay import Answer, Relay
from tests.collector.timeseries import Prometheus
from tests.collector.training import ago, run, steps

pytestmark = pytest.mark.xdist_group("prometheus")

Make = Callable[..., RemoteWrite]

BCRYPT = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"
"""Of the word `secret`."""


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


def certify(dir: Path) -> None:
    """A key and a certificate of its own for 127.0.0.1."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(dir / "key.pem"), "-out", str(dir / "cert.pem")]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)


def test_a_prometheus_without_the_receiver_is_told(tmp_path: Path, make: Make) -> None:
    """A 404 keeps the data, and says which flag Prometheus needs."""
    entry = run("flag").gauge("a", steps(ago(60), 3)).entry()
    with Prometheus(tmp_path, receives=False) as server, pytest.raises(Retryable) as failed:
        make(server.write_url).export([entry])
    assert "--web.enable-remote-write-receiver" in str(failed.value)


@pytest.mark.parametrize(
    ("answer", "after", "told"),
    [
        (Answer(429, "slow down", {"Retry-After": "17"}), 17.0, "slow down"),
        (Answer(503, "starting"), None, "starting"),
        (Answer(500), None, "500"),
        (Answer(401), None, "credentials"),
        (Answer(403), None, "credentials"),
        (Answer(301, "", {"Location": "http://127.0.0.1:9/"}), None, "301"),
    ],
)
def test_what_is_not_about_the_samples_is_tried_again(
    answer: Answer, after: float | None, told: str, make: Make
) -> None:
    """An answer about the server, or about who we are, loses nothing; Retry-After is honoured."""
    with Relay() as relay:
        relay.plan = [answer]
        with pytest.raises(Retryable, match=told) as failed:
            make(relay.url).export([run("server").gauge("a", steps(ago(60), 3)).entry()])
    assert failed.value.after == after


def test_a_partial_refusal_of_mimir_is_told(make: Make) -> None:
    """Mimir keeps what is good of a request, so nothing is sent again; its words are passed on."""
    with Relay() as relay:
        relay.plan = [Answer(400, "the sample is too old (err-mimir-sample-timestamp-too-old)")]
        writer = make(relay.url)
        sent = writer.export([run("mimir").gauge("a", steps(ago(60), 3)).entry()])
        assert len(relay.seen) == 1
    assert (sent.points, sent.rejected) == (2, 1)
    assert "err-mimir" in sent.message


def test_credentials_and_tls(tmp_path: Path, make: Make) -> None:
    """A Prometheus behind TLS and a password takes what comes with both."""
    certify(tmp_path)
    (tmp_path / "web.yml").write_text(
        f"tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\n"
        f"basic_auth_users: {{me: {BCRYPT}}}\n"
    )
    option = f"--web.config.file={tmp_path / 'web.yml'}"
    tls = ClientTls(ca_file=tmp_path / "cert.pem")
    password = {"Authorization": basic("me", "secret")}
    client: dict[str, Any] = {"scheme": "https", "verify": tls.context(), "headers": password}
    entry = run("secret").gauge("a", steps(ago(60), 3)).entry()
    with Prometheus(tmp_path / "server", "", option, **client) as server:
        assert make(server.write_url, tls=tls, headers=password).export([entry]) == Sent(3)
        wrong = {"Authorization": basic("me", "wrong")}
        with pytest.raises(Retryable, match="credentials") as failed:
            make(server.write_url, tls=tls, headers=wrong).export([entry])
        assert "wrong" not in str(failed.value)
        with pytest.raises(Retryable, match="certificate"):
            make(server.write_url, headers=password).export([entry])


def test_headers_are_those_of_remote_write(make: Make) -> None:
    """What a server tells remote write by is there, beside the headers that were asked for."""
    with Relay() as relay:
        relay.plan = [Answer(204)]
        headers = {"Authorization": "Bearer token", "X-Scope-OrgID": "team"}
        make(relay.url, headers=headers).export([run("h").gauge("a", steps(ago(9), 1)).entry()])
        seen = relay.seen[0]
    assert seen["content-encoding"] == "snappy"
    assert seen["content-type"] == "application/x-protobuf"
    assert seen["x-prometheus-remote-write-version"] == "0.1.0"
    assert seen["authorization"] == "Bearer token"
    assert seen["x-scope-orgid"] == "team"


@pytest.mark.parametrize("endpoint", ["localhost:9090", "http://", "http://\0", ""])
def test_what_is_no_url_is_refused(endpoint: str, make: Make) -> None:
    """An endpoint that is no URL is an error when the exporter is made."""
    with pytest.raises(ConfigError, match="api/v1/write"):
        make(endpoint)


def test_a_password_in_the_url_is_refused(make: Make) -> None:
    """Credentials do not belong into a URL, which is logged; the error does not repeat them."""
    with pytest.raises(ConfigError, match="auth") as failed:
        make("http://me:hunter2@127.0.0.1:9090/api/v1/write")
    assert "hunter2" not in str(failed.value)
