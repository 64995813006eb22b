from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import otel_trackio
from otel_trackio.endpoint import Headers, endpoint, headers
from otel_trackio.errors import ConfigError
from otel_trackio.otlphttp import peer_of
from otel_trackio.settings import resolve

ENDPOINT = "OTEL_TRACKIO_OTLP_ENDPOINT"
HEADERS = "OTEL_TRACKIO_OTLP_HEADERS"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("", ""),
        ("http://localhost:4318", "http://localhost:4318/v1/metrics"),
        ("http://localhost:4318/", "http://localhost:4318/v1/metrics"),
        (" https://otlp.example.org/team ", "https://otlp.example.org/team/v1/metrics"),
        ("http://[::1]:4318/v1/metrics", "http://[::1]:4318/v1/metrics"),
        ("http://localhost:4318/v1/metrics/", "http://localhost:4318/v1/metrics"),
    ],
)
def test_an_endpoint_is_the_base_of_a_url_or_all_of_it(given: str, meant: str) -> None:
    """What the path lacks is added."""
    assert endpoint(given) == meant


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ("localhost:4318", "give a URL such as http://localhost:4318"),
        ("grpc://localhost:4318", "give a URL such as http://localhost:4318"),
        ("http://foo..bar:4318", "give a URL such as http://localhost:4318"),
        ("http://", "give a URL such as http://localhost:4318"),
        ("http://a b", "give a URL such as http://localhost:4318"),
        ("http://localhost:port", "give a URL such as http://localhost:4318"),
        ("http://localhost:4317", "mostly 4318: 4317 is that of gRPC"),
        ("https://me:secret@example.org", "with its credentials in OTEL_TRACKIO_OTLP_HEADERS"),
        ("https://example.org?key=1", "with its credentials in OTEL_TRACKIO_OTLP_HEADERS"),
    ],
)
def test_what_is_no_endpoint_is_told_with_the_remedy(given: str, remedy: str) -> None:
    """Before training begins, and without the password that it may hold."""
    with pytest.raises(ConfigError) as raised:
        otel_trackio.init(otlp_endpoint=given)
    assert remedy in str(raised.value)
    assert "secret" not in str(raised.value)


def test_headers_are_spelled_as_opentelemetry_does() -> None:
    """Names and values between commas, percent signs decoded; or a mapping."""
    found = headers("authorization=Bearer%20a%2Cb=, x-scope = team ,")
    assert found.pairs == (("authorization", "Bearer a,b="), ("x-scope", "team"))
    assert headers({"authorization": "Bearer a,b="}).pairs == found.pairs[:1]
    assert headers("") == Headers()


@pytest.mark.parametrize("given", ["sesame", "a b=sesame", "a=sesame%0Aset-cookie: x", "=sesame"])
def test_a_header_that_is_none_is_not_repeated(given: str) -> None:
    """The error says how to spell it, and nothing of what it was: that may be the secret."""
    with pytest.raises(ConfigError, match="name=value between commas") as raised:
        resolve({}, {HEADERS: given})
    assert "sesame" not in str(raised.value)


def test_headers_are_shown_nowhere() -> None:
    """Neither as text nor by `doctor`: their names are."""
    settings = resolve({"otlp_headers": "authorization=sesame"}, {})
    assert "sesame" not in f"{settings} {settings.otlp_headers!r} {settings.otlp_headers}"
    assert str(settings.otlp_headers) == "authorization=[redacted]"


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_doctor_shows_the_endpoint_and_no_header(tmp_path: Path, form: tuple[str, ...]) -> None:
    """As text and as JSON."""
    environ = {ENDPOINT: "http://far:4318", HEADERS: "authorization=sesame"}
    environ["OTEL_TRACKIO_DEADLINE"] = "30m"  # No value that JSON knows, either.
    command = [sys.executable, "-m", "otel_trackio", "doctor", *form, "--dir", str(tmp_path)]
    done = subprocess.run(
        command,
        env={**environ, "PATH": "", "COLUMNS": "200", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "sesame" not in done.stdout + done.stderr
    assert "http://far:4318/v1/metrics" in done.stdout
    assert "authorization=[redacted]" in done.stdout
    if form:
        json.loads(done.stdout)


def test_the_standard_variables_do_not_switch_it_on() -> None:
    """They often are about traces of other code, and their headers for another endpoint."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://far:4318",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://far:4318/v1/metrics",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=sesame",
    }
    settings = resolve({}, environ)
    assert (settings.otlp_endpoint, settings.otlp_headers) == ("", Headers())


def test_files_for_tls_that_cannot_be_used(tmp_path: Path) -> None:
    """The standard variables name them, and whoever misnames one is told at once."""
    environ = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(tmp_path / "none.pem")}
    with pytest.raises(ConfigError, match="files in PEM"):
        peer_of("https://localhost:4318/v1/metrics", Headers(), environ)
