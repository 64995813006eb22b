"""A collector at work for long: memory stays, nobody falls behind, the log keeps its bound."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import httpx
import psutil
import pytest

from otel_trackio import Api
from tests.collector.process import Running, running
from tests.collector.sinks import PROTOBUF, until
from tests.collector.timeseries import Prometheus
from tests.collector.training import ago, run, steps

SECONDS: Final = 600
RUNS: Final = 100
SENDERS: Final = 4
METRICS: Final = 10
STEPS: Final = 20
"""Each run sends once a second: together 20,000 points."""

LOOK_SECONDS: Final = 5.0
LOG_BYTES: Final = 64_000_000
SPARE: Final = 1.15
"""By how much memory may differ from one third of the time to the next."""

SPARE_BYTES: Final = 16 << 20

MAX_AGE: Final = 30.0
"""Seconds that the oldest request yet to be sent may have waited on a busy machine."""

CONFIG: Final = """
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:0"}}}}}}}}
exporters:
  otel_trackio:
  file: {{path: {dir}/out.jsonl, rotation: {{max_megabytes: 20, max_backups: 3}}}}
  prometheusremotewrite: {{endpoint: {url}}}
extensions: {{health_check: {{endpoint: "127.0.0.1:0"}}}}
request_log: {{max_bytes: {bytes}}}
service:
  extensions: [health_check]
  pipelines:
    metrics: {{receivers: [otlp], exporters: [otel_trackio, file, prometheusremotewrite]}}
"""


@dataclass
class Seen:
    """What a look at the process found: bytes of memory and of the log, age of the oldest (s)."""

    memory: list[int] = field(default_factory=list)
    log: list[int] = field(default_factory=list)
    age: list[float] = field(default_factory=list)

    def look(self, it: Running) -> None:
        told = it.ask("/status").json()
        self.memory.append(psutil.Process(it.process.pid).memory_info().rss)
        self.log.append(told["log"]["bytes"])
        self.age.append(max(each["lag_seconds"] for each in told["exporters"]))


class Load:
    """Sends what each of some runs measured in the last second, every second."""

    def __init__(self, endpoint: str, runs: range, seconds: int) -> None:
        self.points = 0
        self.failed: list[object] = []
        self._url = f"http://{endpoint}/v1/metrics"
        self._runs = runs
        self._began = ago(1.0)
        self._seconds = seconds
        self.thread = threading.Thread(target=self._send)
        self.thread.start()

    def _send(self) -> None:
        began = time.monotonic()
        with httpx.Client(timeout=60.0) as client:
            for second in range(self._seconds):
                time.sleep(max(0.0, began + second - time.monotonic()))
                for number in self._runs:
                    self._post(client, number, second)

    def _post(self, client: httpx.Client, number: int, second: int) -> None:
        request, first = run(f"run-{number}"), self._began + second * 1_000
        for metric in range(METRICS):
            request.gauge(f"metric.{metric}", steps(first, STEPS, 50, second * STEPS))
        body = request.message.SerializeToString()
        try:
            client.post(self._url, content=body, headers=PROTOBUF).raise_for_status()
        except httpx.HTTPError as error:
            self.failed.append(error)
        else:
            self.points += request.points


def worked(dir: Path, seconds: int) -> tuple[Seen, int]:
    """What was seen meanwhile, and how many points were sent; all of them are everywhere."""
    with Prometheus(dir / "prometheus") as prometheus:
        config = dir / "collector.yaml"
        config.write_text(CONFIG.format(dir=dir, url=prometheus.write_url, bytes=LOG_BYTES))
        with running(["--config", str(config)], dir) as it:
            endpoint = it.endpoint("otlp/http")
            loads = [Load(endpoint, range(n, RUNS, SENDERS), seconds) for n in range(SENDERS)]
            seen = Seen()
            while any(load.thread.is_alive() for load in loads):
                seen.look(it)
                loads[0].thread.join(LOOK_SECONDS)
            assert not [error for load in loads for error in load.failed]
            sent = sum(load.points for load in loads)
            until(it.caught_up)
            for each in it.exporters().values():
                assert (each["sent"], sum(each["dropped"].values())) == (sent, 0), each
            assert it.end() == 0
        of_one = prometheus.samples('metric_0{instance="run-7"}')
        assert len(of_one) == seconds * STEPS
    assert len(Api(dir).run("run-7").history("metric.0")["value"]) == seconds * STEPS
    return seen, sent


def thirds(values: list[float]) -> list[float]:
    """Medians of the second and of the last third; in the first one caches fill."""
    third = len(values) // 3
    return [median(values[third : 2 * third]), median(values[2 * third :])]


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_it_works_on_as_it_began(tmp_path: Path) -> None:
    """Ten minutes of 20,000 points a second of 100 runs, to runs, a file and Prometheus: memory
    stays flat, nobody falls behind, and the log stays within its bound."""
    seen, sent = worked(tmp_path, SECONDS)
    assert sent == SECONDS * RUNS * METRICS * STEPS
    before, after = thirds([float(each) for each in seen.memory])
    assert after <= before * SPARE + SPARE_BYTES
    assert max(seen.age) < MAX_AGE
    assert max(seen.log) <= LOG_BYTES
    assert (tmp_path / "collector" / "requests.db").stat().st_size <= 2 * LOG_BYTES
    assert len(list(tmp_path.glob("out*.jsonl"))) <= 4
