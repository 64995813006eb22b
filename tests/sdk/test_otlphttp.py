"""How a server is reached that takes OTLP over HTTP, and what is told of that."""

from __future__ import annotations

import logging
import traceback
from contextlib import closing
from pathlib import Path

import pytest

import otel_trackio
from otel_trackio.errors import ConfigError
from otel_trackio.otlphttp import HttpPeer
from otel_trackio.peer import Retryable
from tests.collector.sinks import serving, unused_port
from tests.sdk.test_sender import arrived, everything, logged


def test_a_proxy_is_for_what_is_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector on this machine is reached without the one that the environment names."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
    with serving() as sink:
        logged(tmp_path, sink.url).finish()
        assert arrived(sink) == everything()


def test_a_proxy_that_cannot_be_used_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an error of the settings, with the remedy, which works."""
    monkeypatch.setenv("ALL_PROXY", "socks4://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ConfigError, match="or set NO_PROXY"):
        logged(tmp_path, "http://otlp.invalid:4318")
    monkeypatch.setenv("NO_PROXY", "*")
    logged(tmp_path, "http://otlp.invalid:4318").finish(timeout=1)


def test_tls_to_a_server_without_is_told(tmp_path: Path) -> None:
    """With what to write instead."""
    with serving() as sink:
        url = sink.url.replace("http://", "https://")
        with closing(HttpPeer(url, {})) as peer, pytest.raises(Retryable, match="try http://"):
            peer.send(b"")


@pytest.fixture
def loud(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


def test_neither_headers_nor_each_request_are_logged(
    tmp_path: Path, loud: pytest.LogCaptureFixture
) -> None:
    """A program that logs at INFO hears nothing a second; and the token is on the wire alone."""
    with serving() as sink:
        url = sink.url.replace("127.0.0.1", "LOCALHOST")  # The client tells it in small letters.
        # A file that a secret is read from has a line end.
        secret = {"authorization": "sesame \n"}
        run = otel_trackio.init("p", dir=tmp_path, otlp_endpoint=url, otlp_headers=secret)
        run.log({"x": 1.0})
        run.finish()
        assert sink.headers[0]["authorization"] == "sesame"
    assert not [each for each in loud.messages if "HTTP Request" in each]
    assert "sesame" not in loud.text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"sesame" in path.read_bytes()]


def test_a_header_that_cannot_be_sent_is_not_quoted() -> None:
    """By the error that says so."""
    with serving() as sink, closing(HttpPeer(sink.url, {"authorization": "sesame "})) as peer:
        with pytest.raises(Retryable, match="a header cannot be sent") as caught:
            peer.send(b"")
        told = "".join(traceback.format_exception(caught.value))
        assert "sesame" not in told
