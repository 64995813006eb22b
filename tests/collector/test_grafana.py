"""The dashboard for Grafana, against a real Prometheus: every query of it finds what it shows."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Self

import pytest
import yaml

from otel_trackio_collector.configfile import from_file
from otel_trackio_collector.remotewrite import RemoteWrite
from otel_trackio_collector.requestlog import Entry
from otel_trackio_collector.vocabulary import basic
from tests.collector.timeseries import PATIENCE, Prometheus
from tests.collector.training import Point, Request, Value, ago, run

pytestmark = pytest.mark.xdist_group("prometheus")

FOLDER: Final = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARD: Final = json.loads((FOLDER / "dashboards" / "otel-trackio.json").read_text())
RUNS: Final = ("brisk-heron", "calm-river")
TWINS: Final = ("first", "second")
SECONDS: Final = 600
EVERY: Final = 2

VARIABLES: Final = {
    "project": "(digits)",
    "run": f"({'|'.join(f'name of {name}' for name in RUNS)})",
    "phase": ".*",
    "metric": "training_loss",
    "__rate_interval": "1m",
    "__interval": "5s",
    "__range": f"{SECONDS}s",
}
"""What Grafana puts in place of its variables."""

TARGETS: Final = [
    pytest.param(panel, target, id=f"{panel['title']} {target['refId']}")
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", ())
]

BY_STEP: Final = [
    pytest.param(panel, id=panel["title"])
    for panel in DASHBOARD["panels"]
    if panel["type"] == "xychart"
]


def loss_of(name: str, step: int) -> float:
    return (1 + RUNS.index(name)) / (step + 1)


def training(name: str) -> Request:
    """A run of ten minutes, a step each two seconds, on two GPUs; the first one names phases."""
    moments = [ago(SECONDS - EVERY * step) for step in range(SECONDS // EVERY)]

    def points(scale: float = 1.0) -> list[Point]:
        return [(moment, loss_of(name, step) * scale, step) for step, moment in enumerate(moments)]

    def rising(by: float) -> list[Point]:
        return [(moment, by * step, step) for step, moment in enumerate(moments)]

    request = run(name, otel_trackio__rank=0)
    train: dict[str, Value] = {"training.phase": "train"} if name == RUNS[0] else {}
    for metric in ("training.loss", "training.learning_rate", "training.gradient.norm"):
        request.gauge(metric, points(), train)
    request.gauge("training.token.rate", points(), unit="{token}/s")
    request.gauge("training.step.duration", points(), unit="s")
    request.gauge("training.loss", points()[::50], {"training.phase": "eval"})
    for device in range(2):
        about: dict[str, Value] = {"hw.id": f"GPU-{device}", "hw.type": "gpu", "gpu.index": device}
        request.gauge("hw.gpu.utilization", points(), about, "1")
        request.gauge("hw.power", points(300), about, "W")
        request.gauge("hw.temperature", points(60), about, "Cel")
        request.gauge("hw.gpu.speed", points(1e9), about | {"hw.gpu.clock_domain": "sm"}, "Hz")
        request.sum("hw.gpu.memory.usage", points(2e9), about, "By", monotonic=False)
        request.sum("hw.gpu.memory.limit", points(8e9), about, "By", monotonic=False)
        request.sum("hw.energy", rising(600), about, "J")
        request.sum("hw.errors", rising(1), about | {"error.type": "corrected"}, "{error}")
    return request


def twin(id: str) -> Request:
    """One of two runs of one name, the second of which begins when the first has ended."""
    began = SECONDS - SECONDS // 2 * TWINS.index(id)
    points: list[Point] = [(ago(began - EVERY * step), 1.0, step) for step in range(100)]
    named = run(id, otel_trackio__project="twins", otel_trackio__run__name="baseline")
    return named.gauge("training.loss", points)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus with its default settings, two runs in it, and two more of one name."""
    with Prometheus(tmp_path_factory.mktemp("grafana")) as server:
        writer = RemoteWrite("prometheus", server.write_url)
        for request in (*map(training, RUNS), *map(twin, TWINS)):
            assert writer.export([request.entry()]).rejected == 0
        writer.close()
        yield server


class Taking:
    """A server that takes whatever is sent to it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def filled(text: str) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda found: VARIABLES[found[1]], text)


def asked(server: Prometheus, target: dict[str, Any], now: float = 0) -> list[dict[str, Any]]:
    """What Grafana gets for a target over the ten minutes before `now`."""
    now = now or time.time()
    params = {"query": filled(target["expr"]), "start": now - SECONDS, "end": now, "step": "5"}
    answer = server.client.post("/api/v1/query_range", data=params)
    assert answer.status_code == 200, answer.text
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return result


@pytest.mark.parametrize(("panel", "target"), TARGETS)
def test_every_panel_shows_both_runs(
    panel: dict[str, Any], target: dict[str, Any], server: Prometheus
) -> None:
    """Each query is understood by Prometheus, and finds numbers of each run that was chosen."""
    found = asked(server, target)
    runs = {each["metric"].get("otel_trackio_run_name") for each in found}
    assert runs == {f"name of {name}" for name in RUNS}, panel["title"]
    assert all(math.isfinite(float(value)) for each in found for _, value in each["values"])
    for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
        known = [each for each in found if label in each["metric"]]
        assert known or label == "otel_trackio_rank", label


def test_a_phase_chooses_losses_alone(server: Prometheus, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one phase chosen, what has none, such as the time of a step, is still shown."""
    monkeypatch.setitem(VARIABLES, "phase", "(train)")
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            runs = {each["metric"]["otel_trackio_run_name"] for each in asked(server, target)}
            expected = RUNS[:1] if panel["title"] == "Loss over time" else RUNS
            assert runs == {f"name of {name}" for name in expected}, panel["title"]


def test_the_loss_stands_at_its_step(server: Prometheus) -> None:
    """The step panel joins step and loss by time and run: each loss is that of its step."""
    (panel,) = (each for each in DASHBOARD["panels"] if each["title"] == "Loss by step")
    now = time.time()
    steps, losses = (asked(server, target, now) for target in panel["targets"])
    joined = 0
    for step, loss in zip(steps, losses, strict=True):
        assert step["metric"] | {"run": f"name of {step['metric']['instance']}"} == loss["metric"]
        name = step["metric"]["instance"]
        at = dict(step["values"])
        for moment, value in loss["values"]:
            assert float(value) == pytest.approx(loss_of(name, int(at[moment])))
            joined += 1
    assert joined > SECONDS // 5


@pytest.mark.parametrize("panel", BY_STEP)
def test_runs_of_one_name_are_two_lines(
    panel: dict[str, Any], server: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their lines have the id in their name, from end to end, and no step is another run's."""
    monkeypatch.setitem(VARIABLES, "project", "(twins)")
    monkeypatch.setitem(VARIABLES, "run", "(baseline)")
    steps, losses = (asked(server, target) for target in panel["targets"])
    assert [each["metric"]["run"] for each in losses] == [f"baseline:{id}" for id in TWINS]
    assert [each["metric"]["instance"] for each in steps] == list(TWINS)


@pytest.mark.parametrize("panel", BY_STEP)
def test_the_step_panels_draw_a_line_a_run(panel: dict[str, Any], server: Prometheus) -> None:
    """Rows that have a step and a value are put in order of time, and parted by run alone."""
    steps = {step["id"]: step["options"] for step in panel["transformations"]}
    assert list(steps) == ["merge", "filterByValue", "sortBy", "organize", "partitionByValues"]
    values = [f"Value #{target['refId']}" for target in panel["targets"]]
    assert [each["fieldName"] for each in steps["filterByValue"]["filters"]] == values
    assert [rule["matcher"]["options"] for rule in panel["fieldConfig"]["overrides"]] == values
    assert steps["sortBy"]["sort"] == [{"field": "Time"}]
    assert steps["partitionByValues"]["fields"] == ["run"]
    labels = {key for target in panel["targets"] for key in asked(server, target)[0]["metric"]}
    kept, left_out = set(steps["organize"]["indexByName"]), set(steps["organize"]["excludeByName"])
    assert kept == {*values, "run"}
    assert left_out == {"Time", *labels} - kept
    # Grafana takes the options of an XY chart that names no version for those of before 11.1.
    assert float(panel["pluginVersion"].rpartition(".")[0]) >= 11.1


@pytest.mark.parametrize("name", ["project", "run", "phase", "metric"])
def test_variables_offer_what_there_is(name: str, server: Prometheus) -> None:
    """Projects, runs, phases and metrics to choose from come from what is stored."""
    (found,) = (each for each in DASHBOARD["templating"]["list"] if each["name"] == name)
    call = re.fullmatch(r"label_values\((.*), (\w+)\)", found["definition"])
    assert call
    assert found["query"]["query"] == found["definition"]
    answer = server.client.get(
        f"/api/v1/label/{call[2]}/values", params={"match[]": filled(call[1])}
    )
    offered = set(answer.json()["data"])
    expected = {
        "project": {"digits"},
        "run": {f"name of {name}" for name in RUNS},
        "phase": {"train", "eval"},
        "metric": {"training_loss", "training_step", "hw_power_watts"},
    }
    assert expected[name] <= offered


def test_panels_are_laid_out(server: Prometheus) -> None:
    """Panels have numbers of their own, overlap nowhere, and ask the chosen data source."""
    panels = DASHBOARD["panels"]
    assert len({each["id"] for each in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not taken & cells, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
        for target in panel.get("targets", ()):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_the_files_beside_it_are_what_they_say() -> None:
    """Provisioning files and prometheus.yml are YAML of their kind, and the README names them."""
    readme = (FOLDER / "README.md").read_text()
    for link in re.findall(r"\]\(([\w./-]+)\)", readme):
        assert (FOLDER / link).exists(), link
    sources = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yaml").read_text())
    assert sources["datasources"][0]["type"] == "prometheus"
    provider = yaml.safe_load((FOLDER / "provisioning/dashboards/otel-trackio.yaml").read_text())
    assert provider["providers"][0]["options"]["path"] in readme


def test_the_collector_takes_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The YAML of the README is a configuration, with the credentials that it names."""
    monkeypatch.setenv("GRAFANA_TOKEN", "a-secret")
    (text,) = re.findall(r"```yaml\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    (tmp_path / "collector.yaml").write_text(text)
    (export,) = [
        each
        for each in from_file(tmp_path / "collector.yaml").exporters
        if each.kind == "prometheusremotewrite"
    ]
    assert export.options["headers"] == {"Authorization": basic("123456", "a-secret")}


def test_the_program_of_the_readme_sends_every_step(server: Prometheus, tmp_path: Path) -> None:
    """The README's program, with the stock exporter, brings each of its steps to Prometheus."""
    (text,) = re.findall(r"```python\n(.*?)```", (FOLDER / "README.md").read_text(), re.DOTALL)
    with Taking() as taking:
        environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": taking.url}
        subprocess.run([sys.executable, "-c", text], env=environment, check=True, timeout=PATIENCE)
    entries = [Entry(place, 0, body, 1) for place, body in enumerate(taking.bodies)]
    writer = RemoteWrite("prometheus", server.write_url)
    assert writer.export(entries).rejected == 0
    writer.close()
    assert {value for _, value in server.samples('training_loss{instance="baseline"}')} == {
        1 / (step + 1) for step in range(200)
    }
    assert [value for _, value in server.samples('training_step{instance="baseline"}')] == [
        float(step) for step in range(200)
    ]


def test_prometheus_takes_the_settings(tmp_path: Path) -> None:
    """The prometheus.yml that is offered is taken by the real one, and opens the window."""
    offered = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    window = offered["storage"]["tsdb"]["out_of_order_time_window"]
    with Prometheus(tmp_path, window) as server:
        config = server.client.get("/api/v1/status/config").json()["data"]["yaml"]
    assert "out_of_order_time_window: 2h" in config
