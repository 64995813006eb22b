"""A collector that is killed while it writes to a Prometheus that takes nothing late."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.collector.timeseries import PATIENCE, Prometheus, until
from tests.collector.training import Point, ago, run, stored

pytestmark = [pytest.mark.xdist_group("prometheus"), pytest.mark.timeout(600)]

STEPS: Final = 10
"""Steps of one request."""


class Collecting:
    """The real collector in a process, with ports that the system gives it."""

    def __init__(self, dir: Path, write_url: str) -> None:
        self._log = dir / f"log-{time.monotonic_ns()}"
        command = [sys.executable, "-m", "otel_trackio", "collector", "--dir", str(dir / "runs")]
        ports = [f"--{kind}=127.0.0.1:0" for kind in ("grpc", "http", "health")]
        to = f"--to=prometheusremotewrite={write_url}"
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, *ports, to, "--log-format=json"],
                stdout=output,
                stderr=output,
                env=dict(os.environ),
            )
        self.url = f"http://{until(self._address)}/v1/metrics"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _address(self) -> str:
        assert self.process.poll() is None, self._log.read_text()
        for line in self._log.read_text().splitlines():
            if line.startswith("{") and "otlp/http" in (told := json.loads(line)):
                return str(told["otlp/http"])
        return ""


def send(url: str, points: list[Point]) -> bool:
    """Whether a request of these points was acknowledged."""
    body = run("killed").gauge("training.loss", points).entry().body
    headers = {"Content-Type": "application/x-protobuf"}
    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=PATIENCE, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.is_success


def test_what_was_acknowledged_reaches_a_strict_prometheus(
    tmp_path: Path, size: Callable[[int, int], int]
) -> None:
    """Killed under load again and again: every step that was acknowledged is there, once."""
    first, sent = ago(3_000), 0
    acknowledged: list[Point] = []
    with Prometheus(tmp_path / "prometheus") as server:
        for _ in range(size(2, 20)):
            collecting = Collecting(tmp_path, server.write_url)
            for place in range(40):
                if place == 30:
                    collecting.process.kill()
                points: list[Point] = [
                    (first + 10 * step, float(step), step) for step in range(sent, sent + STEPS)
                ]
                if send(collecting.url, points):
                    acknowledged += points
                    sent += STEPS
            collecting.kill()
            # What was under way may have been kept without an answer: it is not sent again.
            sent += STEPS
        collecting = Collecting(tmp_path, server.write_url)
        last = stored(acknowledged)[-1]

        def arrived() -> bool:
            return last in server.samples('training_loss{instance="killed"}')

        until(arrived)
        collecting.kill()
        found = server.samples('training_loss{instance="killed"}')
    assert not set(stored(acknowledged)) - set(found)
    assert len(found) == len({moment for moment, _ in found})
