"""What deploy/ gives to start from is what the collector, Prometheus and Kubernetes take."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from otel_trackio import Api
from otel_trackio_collector.config import Config
from otel_trackio_collector.configfile import from_text
from tests.collector.made import BEGAN, SECOND, gauge
from tests.collector.official import HOST, PROGRAM, is_open
from tests.collector.process import Running, running
from tests.collector.senders import GrpcSender, HttpSender
from tests.collector.sinks import until, unused_port
from tests.collector.timeseries import Prometheus

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
TOKEN: Final = {"OTLP_TOKEN": "sesame"}
RUN: Final = {"service.name": "digits", "service.instance.id": "one"}
RECENT: Final = time.time() - 60 - BEGAN / SECOND
"""A minute ago, as `gauge` takes it: Prometheus takes nothing that is old."""

FREE: Final = "127.0.0.1:0"


def ports(config: Config) -> dict[str, int]:
    """Where it listens, by what deploy/ calls that; all at every address, as a container must."""
    [receiver] = config.receivers
    assert receiver.grpc is not None
    assert receiver.http is not None
    told = {"grpc": receiver.grpc.endpoint, "http": receiver.http.endpoint}
    assert all(each.startswith("0.0.0.0:") for each in told.values())
    return {name: int(each.rpartition(":")[2]) for name, each in told.items()}


def composed() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())
    return found


def test_compose_is_for_this_machine_alone() -> None:
    """Without tokens and names of users, each port is published to the machine itself."""
    services = composed()["services"]
    published = [each for one in services.values() for each in one.get("ports", ())]
    assert len(published) == 3
    assert all(each.startswith("127.0.0.1:") for each in published)


def test_compose_names_what_there_is() -> None:
    """Files that are mounted exist, addresses are those of services, and data is in volumes."""
    told = composed()
    services = told["services"]
    for mount in (each for one in services.values() for each in one["volumes"]):
        source = mount.split(":")[0]
        found = source in told["volumes"] or (DEPLOY / "compose" / source).exists()
        assert found, mount
    config = from_text(told["configs"]["collector"]["content"], "compose.yaml", {})
    assert [f"127.0.0.1:{port}:{port}" for port in ports(config).values()] == (
        services["collector"]["ports"]
    )
    provider = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/dashboards/otel-trackio.yaml").read_text()
    )
    path = provider["providers"][0]["options"]["path"]
    assert f"../grafana/dashboards:{path}:ro" in services["grafana"]["volumes"]
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DEPLOY / "grafana/dashboards" / Path(home).relative_to(path)).exists()
    source = yaml.safe_load(told["configs"]["datasource"]["content"])["datasources"][0]
    assert source["url"] == "http://prometheus:9090"


def test_composed_points_reach_prometheus(tmp_path: Path) -> None:
    """A real Prometheus takes the options and settings, and what the collector, as configured,
    sends to it; the run is kept as well."""
    told = composed()
    options = [
        each
        for each in told["services"]["prometheus"]["command"]
        if not each.startswith(("--config.file=", "--storage.tsdb.path="))
    ]
    offered = yaml.safe_load((DEPLOY / "grafana/prometheus.yml").read_text())
    window = offered["storage"]["tsdb"]["out_of_order_time_window"]
    with Prometheus(tmp_path / "prometheus", window, *options, receives=False) as server:
        text = told["configs"]["collector"]["content"]
        text = text.replace("prometheus:9090", server.url.removeprefix("http://"))
        with configured(text, tmp_path) as it:
            sender = HttpSender(int(it.endpoint("otlp/http").rpartition(":")[2]))
            assert sender.send(gauge("loss", [0.5, 0.25], began=RECENT, resource=RUN)).code == "OK"
            sender.close()
            until(it.caught_up)
            assert [value for _, value in server.samples("loss")] == [0.5, 0.25]
    [run] = Api(tmp_path).runs()
    assert run.history("loss")["value"].tolist() == [0.5, 0.25]


@contextmanager
def configured(text: str, dir: Path) -> Iterator[Running]:
    """A collector of that configuration, at ports of this machine that are free."""
    path = dir / "collector.yaml"
    text = re.sub(r"0\.0\.0\.0:\d+", FREE, text)
    path.write_text(f"{text}\nextensions: {{health_check: {{endpoint: '{FREE}'}}}}\n")
    with running(["--config", str(path)], dir) as it:
        yield it


def manifests() -> dict[str, Any]:
    """What is applied to a cluster, by its kind."""
    text = (DEPLOY / "kubernetes/collector.yaml").read_text()
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def test_kubernetes_opens_what_is_served() -> None:
    """The service leads to the pod's ports, which are the collector's, and asks for a token."""
    found = manifests()
    config = from_text(found["ConfigMap"]["data"]["collector.yaml"], "cluster.yaml", TOKEN)
    assert config.notes == ()
    pod = found["StatefulSet"]["spec"]["template"]
    [container] = pod["spec"]["containers"]
    opened = {each["name"]: each["containerPort"] for each in container["ports"]}
    served = {f"otlp-{name}": port for name, port in ports(config).items()}
    assert opened == {**served, "health": int(config.health.rpartition(":")[2])}
    service = found["Service"]["spec"]
    assert {each["targetPort"]: each["port"] for each in service["ports"]} == served
    labels = pod["metadata"]["labels"]
    assert service["selector"] == labels == found["StatefulSet"]["spec"]["selector"]["matchLabels"]
    probes = [container[f"{each}Probe"]["httpGet"] for each in ("liveness", "readiness")]
    assert [each["path"] for each in probes] == ["/healthz", "/readyz"]
    assert {each["port"] for each in probes} == {"health"}


def test_kubernetes_has_room_and_time() -> None:
    """The pod has no rights, its log fits its volume, and it may drain before it is killed."""
    found = manifests()
    config = from_text(found["ConfigMap"]["data"]["collector.yaml"], "cluster.yaml", TOKEN)
    spec = found["StatefulSet"]["spec"]
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    image = (DEPLOY / "collector/Dockerfile").read_text()
    assert f"USER {pod['securityContext']['runAsUser']}:" in image
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    places = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert f"OTEL_TRACKIO_DIR={places['data']} " in image
    assert f'"{places["config"]}/collector.yaml"' in image
    [claim] = spec["volumeClaimTemplates"]
    size = claim["spec"]["resources"]["requests"]["storage"]
    assert config.max_bytes < int(size.removesuffix("Gi")) << 30
    assert config.drain < pod["terminationGracePeriodSeconds"]


@pytest.mark.allow_skip
@pytest.mark.skipif(not PROGRAM, reason="needs OTELCOL=PATH, an official Collector")
def test_an_agent_keeps_what_it_took(tmp_path: Path) -> None:
    """agent.yaml is taken by the official Collector, which brings what came while ours was away
    and itself was killed."""
    ours, own, http = (unused_port() for _ in range(3))
    environment = {
        "COLLECTOR": f"{HOST}:{ours}",
        "AGENT_GRPC": f"{HOST}:{own}",
        "AGENT_HTTP": f"{HOST}:{http}",
        "AGENT_DIR": str(tmp_path / "queue"),
        **TOKEN,
    }
    for values in ([1.0], [2.0]):
        with agent(environment, own, tmp_path) as process:
            sender = GrpcSender(own)
            assert sender.send(gauge("loss", values, began=values[0], resource=RUN)).code == "OK"
            sender.close()
            process.kill()
    flags = ["--grpc", f"{HOST}:{ours}", "--http", FREE, "--health", FREE]
    with agent(environment, own, tmp_path), running(flags, tmp_path / "ours") as it:
        until(lambda: it.exporters()["otel_trackio"]["sent"] == 2)
    [run] = Api(tmp_path / "ours").runs()
    assert sorted(run.history("loss")["value"].tolist()) == [1.0, 2.0]


@contextmanager
def agent(environment: dict[str, str], port: int, dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [PROGRAM, "--config", str(DEPLOY / "otelcol/agent.yaml")]
    with (dir / "agent.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        until(lambda: is_open(port))
        yield process
    finally:
        process.kill()
        process.wait()
