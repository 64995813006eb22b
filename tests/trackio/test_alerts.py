"""Alerts: their levels, and the webhook that they are told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

import pytest

from otel_trackio.trackio.levels import AlertLevel
from otel_trackio.trackio.webhook import Told, message, messages
from tests.trackio.conftest import only_run

PATIENCE = 60.0


class Listener:
    """A webhook on this machine: what it was sent, or what it is to answer."""

    def __init__(self) -> None:
        self.sent: Queue[dict[str, Any]] = Queue()
        self.status = 200
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.sent.put(json.loads(body))
                self.send_response(listener.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Not on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/s3cret"
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def hook() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def test_levels_may_be_words(trackio: Any) -> None:
    """Those of `AlertLevel`, or plain strings in any case; the step is that of the training."""
    trackio.init(project="p")
    trackio.log({"train/loss": 1.0, "train/global_step": 5})
    trackio.alert("a")
    trackio.alert("b", "why", level=trackio.AlertLevel.ERROR)
    trackio.alert("c", level="Info")
    trackio.finish()
    found = [(each.key, each.step, each.data["level"]) for each in only_run().alerts()]
    assert found == [("a", 5, "warn"), ("b", 5, "error"), ("c", 5, "info")]


def test_a_level_that_is_none_is_a_warning(trackio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and the alert is kept."""
    run = trackio.init(project="p")
    trackio.alert("a", level="awful")
    trackio.finish()
    assert [each.data["level"] for each in only_run().alerts()] == ["warn"]
    assert run.run.diagnostics.counts()["bad_alert"] == 1


def test_alerts_are_told_to_the_webhook(trackio: Any, hook: Listener) -> None:
    """Those that are grave enough, with what they are of; one may have a webhook of its own."""
    run = trackio.init(
        project="p", name="r", webhook_url=hook.url, webhook_min_level=trackio.AlertLevel.WARN
    )
    trackio.alert("not told", level="info")
    run.alert("told", "why", step=3, level="error")
    told = hook.sent.get(timeout=PATIENCE)
    assert told.pop("timestamp")
    assert told == {
        "level": "error",
        "title": "told",
        "text": "why",
        "project": "p",
        "run": "r",
        "step": 3,
    }
    other = Listener()
    trackio.alert("elsewhere", webhook_url=other.url, level="info")
    assert other.sent.get(timeout=PATIENCE)["title"] == "elsewhere"
    other.close()
    trackio.finish()
    assert hook.sent.empty()


def test_the_environment_names_a_webhook(
    trackio: Any, hook: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Trackio's does."""
    monkeypatch.setenv("TRACKIO_WEBHOOK_URL", hook.url)
    monkeypatch.setenv("TRACKIO_WEBHOOK_MIN_LEVEL", "error")
    trackio.init(project="p")
    trackio.alert("not told")
    trackio.alert("told", level="error")
    assert hook.sent.get(timeout=PATIENCE)["title"] == "told"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/s3cret", "http://example.test/s3cret", "file:///etc/s3cret", "s3cret", ""],
)
def test_a_webhook_that_fails_stops_nothing_and_stays_secret(
    trackio: Any, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    """The alert is kept, and the log says to which host it was not told, and no more."""
    trackio.init(project="p", webhook_url=url)
    trackio.alert("a")
    trackio.finish()
    messages.close()
    assert len(only_run().alerts()) == 1
    assert ("was not told to" in caplog.text) == bool(url)
    assert "s3cret" not in caplog.text


def test_slack_and_discord_get_their_form() -> None:
    """And no title can call a whole channel."""
    told = Told(AlertLevel.ERROR, "<!channel> @everyone", "why", "p", "r", 7)
    slack = message("hooks.slack.com", told)
    assert slack == {"text": "*[error] &lt;!channel&gt; @everyone*\nwhy\np/r, step 7"}
    discord = message("discord.com", told)
    assert discord["content"] == "**[error] <!channel> @everyone**\nwhy\np/r, step 7"
    assert discord["allowed_mentions"] == {"parse": []}
