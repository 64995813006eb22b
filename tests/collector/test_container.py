"""What deploy/collector says of the container is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from otel_trackio.errors import ConfigError
from otel_trackio_collector.configfile import from_file
from tests.collector.process import asked

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "collector"
CONFIG: Final = FOLDER / "collector.yaml"


def test_the_collector_takes_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`validate` accepts the example as it stands, and has nothing to remark on it."""
    monkeypatch.setenv("OTLP_TOKEN", "sesame")
    found = asked("validate", "--config", str(CONFIG), dir=tmp_path)
    assert (found.returncode, found.stdout) == (0, "valid: otlp to otel_trackio\n"), found.stderr


def test_nobody_sends_without_a_token() -> None:
    """All addresses are served there: it does not start until a token is chosen."""
    with pytest.raises(ConfigError, match="OTLP_TOKEN is not set; export OTLP_TOKEN="):
        from_file(CONFIG, {})
    [receiver] = from_file(CONFIG, {"OTLP_TOKEN": "sesame"}).receivers
    assert receiver.grpc is not None
    assert receiver.http is not None
    assert receiver.grpc.tokens == receiver.http.tokens == ("sesame",)


def test_the_image_opens_what_is_served() -> None:
    """The ports that the image exposes, and the one that it asks, are those of the example."""
    image = (FOLDER / "Dockerfile").read_text()
    config = from_file(CONFIG, {"OTLP_TOKEN": "sesame"})
    [receiver] = config.receivers
    served = [each.endpoint for each in (receiver.grpc, receiver.http) if each is not None]
    ports = [each.rpartition(":")[2] for each in (*served, config.health)]
    assert re.findall(r"^EXPOSE (.*)$", image, re.MULTILINE) == [" ".join(ports)]
    assert f"127.0.0.1:{ports[-1]}/healthz" in image
    assert "\nUSER 10001" in image


def test_all_that_is_written_is_in_the_volume() -> None:
    """Runs, and what the client of the Hub keeps for itself: the rest may be read-only."""
    image = (FOLDER / "Dockerfile").read_text()
    [environment] = re.findall(r"^ENV (.*?[^\\])$", image, re.MULTILINE | re.DOTALL)
    places = dict(each.split("=") for each in environment.replace("\\\n", " ").split())
    assert "\nVOLUME /data\n" in image
    assert places["OTEL_TRACKIO_DIR"] == "/data"
    assert places["HF_HOME"].startswith("/data/")
