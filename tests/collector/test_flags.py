"""The configuration by flags, and what no configuration may say."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path

import pytest

from otel_trackio.errors import ConfigError
from otel_trackio_collector.configflags import from_flags


@pytest.mark.parametrize(
    ("kind", "target", "listening", "loops"),
    [
        ("otlp_grpc", "http://localhost:4317", "0.0.0.0:4317", True),
        ("otlp_grpc", "localhost:4317", "[::]:4317", True),
        ("otlp_grpc", "far:4317", "0.0.0.0:4317", False),
        ("otlp_grpc", "localhost:4319", "127.0.0.1:4317", False),
        ("otlp_http", "http://[::1]:4318", "localhost:4318", True),
        ("otlp_http", "https://here.example:4318/v1/metrics", "here.example:4318", True),
        ("otlp_http", "http://localhost:4317", "127.0.0.1:4318", False),
        ("otlp_http", "https://localhost", "127.0.0.1:4318", False),
    ],
)
def test_it_does_not_send_to_itself(kind: str, target: str, listening: str, loops: bool) -> None:
    """An exporter whose endpoint is that of a receiver is an error that names both."""
    told = {"grpc" if kind == "otlp_grpc" else "http": listening}
    error = f"{kind} would send to {listening}, where this same collector receives"
    with pytest.raises(ConfigError, match=re.escape(error)) if loops else nullcontext():
        from_flags([f"{kind}={target}"], **told, environment={})  # type: ignore[arg-type]


def test_flags(tmp_path: Path) -> None:
    """`--to` names a kind and a target, several of one kind are told apart, and runs are stored."""
    told = ["otlp_http=https://example.org", "otlphttp=${env:FAR}", "otlp=a:1", "file=out.jsonl"]
    config = from_flags(told, dir=tmp_path, environment={"FAR": "https://example.org"})
    assert [each.name for each in config.exporters] == [
        "otel_trackio",
        "otlp_http",
        "otlp_http/2",
        "otlp_grpc",
        "file",
    ]
    assert config.exporters[2].options["endpoint"] == "https://example.org"
    assert config.exporters[4].options["path"] == Path("out.jsonl")
    assert config.directory == tmp_path / "collector"


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ("otlp_htp=https://a", "--to: no exporter 'otlp_htp'; did you mean otlp_http?"),
        ("file", "--to file has no target; such as --to file=..."),
        ("otlp_http=a:1", "--to otlp_http: endpoint is 'a:1'; it begins with http:// or "
         "https://"),
    ],
)  # fmt: skip
def test_flags_that_are_wrong(told: str, error: str) -> None:
    """They are errors that say what they wanted."""
    with pytest.raises(ConfigError) as caught:
        from_flags([told], environment={})
    assert error in str(caught.value)


@pytest.mark.parametrize("told", ["otlp_htp=https://me:hidden@a", "otlp=me:hidden@a:1"])
def test_flags_tell_no_secret(told: str) -> None:
    """Nor does an error of a flag."""
    with pytest.raises(ConfigError) as caught:
        from_flags([told], environment={})
    assert "hidden" not in str(caught.value)
