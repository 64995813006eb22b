"""Senders as they are: stock OpenTelemetry SDKs, whose metrics become runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from otel_trackio import Api
from otel_trackio.storedrun import StoredRun
from otel_trackio_collector.forwarding import Forwarder
from otel_trackio_collector.httpreceiver import metrics_app
from otel_trackio_collector.httpserver import HttpServer
from otel_trackio_collector.ownstore import OwnStore
from otel_trackio_collector.reception import Reception
from otel_trackio_collector.requestlog import RequestLog

PYTHON = """
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

about = Resource({"service.name": "stock", "service.instance.id": "python"})
reader = PeriodicExportingMetricReader(OTLPMetricExporter(), 60_000)
provider = MeterProvider([reader], about)
meter = provider.get_meter("m", "1.0")
gauge = meter.create_gauge("loss", unit="nats")
counter = meter.create_counter("tokens")
histogram = meter.create_histogram("seconds")
meter.create_observable_gauge("observed", [lambda _: [Observation(9, {"gpu": 0})]])
for step in range(3):
    gauge.set(1 / (step + 1), {"training.step": step})
    counter.add(10)
    histogram.record(0.5 * step)
    provider.force_flush()
provider.shutdown()
"""

JAVASCRIPT = """
const { MeterProvider, PeriodicExportingMetricReader } = require("@opentelemetry/sdk-metrics");
const { OTLPMetricExporter } = require("@opentelemetry/exporter-metrics-otlp-" + process.argv[2]);
const { resourceFromAttributes } = require("@opentelemetry/resources");

async function main() {
  const exporter = new OTLPMetricExporter({ url: process.argv[3] });
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60000 });
  const about = { "service.name": "stock", "service.instance.id": "javascript" };
  const resource = resourceFromAttributes(about);
  const provider = new MeterProvider({ readers: [reader], resource });
  const meter = provider.getMeter("m", "1.0");
  const gauge = meter.createGauge("loss", { unit: "nats" });
  const counter = meter.createCounter("tokens");
  const histogram = meter.createHistogram("seconds");
  meter.createObservableGauge("observed").addCallback((seen) => seen.observe(9, { gpu: 0 }));
  for (let step = 0; step < 3; step++) {
    gauge.record(1 / (step + 1), { "training.step": step });
    counter.add(10);
    histogram.record(0.5 * step);
    await provider.forceFlush();
    await new Promise((resolve) => setTimeout(resolve, 2)); // A clock of milliseconds goes on.
  }
  await provider.shutdown();
}
main().catch((error) => { console.error(error); process.exit(1); });
"""

PACKAGES = (
    "@opentelemetry/api@1",
    "@opentelemetry/resources@2",
    "@opentelemetry/sdk-metrics@2",
    "@opentelemetry/exporter-metrics-otlp-http@>=0.200.0",
    "@opentelemetry/exporter-metrics-otlp-proto@>=0.200.0",
)


@pytest.fixture
def dir(tmp_path: Path) -> Path:
    return tmp_path / "dir"


@pytest.fixture
def endpoint(tmp_path: Path, dir: Path) -> Iterator[str]:
    """A receiver in front of an own store."""
    log = RequestLog(tmp_path / "requests.db")
    store = OwnStore(dir, log.id)
    forwarder = Forwarder(log, store)
    forwarder.start()
    server = HttpServer(metrics_app(Reception(log)), "127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{server.port}/v1/metrics"
    server.stop()
    forwarder.drain(time.monotonic() + 60)
    log.close()


def arrived(dir: Path, name: str) -> StoredRun:
    """The run of that name, once all that was sent of it is there."""
    deadline = time.monotonic() + 60
    while True:
        found = [run for run in Api(dir).runs() if run.name == name]
        if found and [h.data["count"] for h in found[0].histograms("seconds")][-1:] == [3]:
            return found[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def check(run: StoredRun) -> None:
    assert run.project == "stock"
    loss = run.history("loss")
    assert loss["step"].tolist() == [0, 1, 2]
    assert loss["value"].tolist() == [1.0, 1 / 2, 1 / 3]
    assert {10, 20, 30} <= set(run.history("tokens", all=True)["value"].tolist())
    assert set(run.history("observed{gpu=0}", all=True)["value"].tolist()) == {9}
    last = run.histograms("seconds")[-1].data
    assert (last["sum"], last["min"], last["max"]) == (1.5, 0.0, 1.0)
    assert sum(last["counts"]) == 3
    units = {metric.key: metric.unit for metric in run.metrics()}
    assert units["loss"] == "nats"


def test_python(endpoint: str, dir: Path) -> None:
    """The stock Python SDK: gauge, counter, histogram and observable gauge, with their steps."""
    environ = {**os.environ, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": endpoint}
    subprocess.run([sys.executable, "-c", PYTHON], env=environ, check=True)
    check(arrived(dir, "python"))


@pytest.mark.allow_skip
@pytest.mark.parametrize("format", ["proto", "http"])
def test_javascript(
    endpoint: str, dir: Path, format: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The stock JavaScript SDK, in protobuf and in JSON, says the same."""
    modules = installed(tmp_path_factory)
    program = modules / "send.js"
    program.write_text(JAVASCRIPT)
    command = ["node", str(program), format, endpoint]
    done = subprocess.run(command, cwd=modules, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    check(arrived(dir, "javascript"))


_MODULES: list[Path] = []


def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages; skips where there is no node, or none can be installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs node and npm, which are not on this machine")
    if not _MODULES:
        folder = tmp_path_factory.mktemp("javascript")
        command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", *PACKAGES]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=90)
        except subprocess.TimeoutExpired:
            pytest.skip("npm install does not come to an end")
        if done.returncode:
            pytest.skip(f"npm cannot install the SDK: {done.stderr[-300:]}")
        _MODULES.append(folder)
    return _MODULES[0]
