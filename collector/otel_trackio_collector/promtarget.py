"""How resources, scopes and metrics of OTLP are called in Prometheus. Pure.

The run is `job` and `instance`; project, run name and rank are labels of every series. Whatever
else a resource says stands in target_info.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otel_trackio.semconv import RANK, WRITER_ID
from otel_trackio_collector.promname import label_name, labels, metric_name, unit_name
from otel_trackio_collector.promseries import Family
from otel_trackio_collector.promvalue import text_of
from otel_trackio_collector.runs import PROJECT, RUN_ID, RUN_NAME

UNTOLD: Final = (
    "service.name",
    "service.namespace",
    "service.instance.id",
    "otel_trackio.config",
    *RUN_ID,
    *PROJECT,
    *RUN_NAME,
    WRITER_ID,
)
"""Attributes, or beginnings of them, that target_info leaves out: what labels say, and configs."""

STEP: Final = Family("training_step", "gauge", "The step that was trained at that time.")
INFO: Final = Family("target_info", "info", "What the target is.")


@dataclass(frozen=True, slots=True)
class Naming:
    """How series are named.

    `external` labels are added where a series has none of that name. `everything` makes labels of
    all that a resource says, as the official Collector's `resource_to_telemetry_conversion` does.
    """

    external: tuple[tuple[str, str], ...] = ()
    suffixes: bool = True
    target_info: bool = True
    everything: bool = False


def target_labels(resource: Resource, naming: Naming) -> tuple[dict[str, str], dict[str, str]]:
    """The labels of every series of the resource, and those of its target_info.

    The latter are empty where the resource has no identity, or says nothing beside it.
    """
    attributes = {each.key: text_of(each.value) for each in resource.attributes}
    identity = _identity(attributes)
    rest = labels((key, told) for key, told in attributes.items() if not key.startswith(UNTOLD))
    info = {**dict(naming.external), **rest, **identity}
    shared = info if naming.everything else {**dict(naming.external), **identity}
    return shared, info if identity and rest and naming.target_info else {}


def _identity(attributes: dict[str, str]) -> dict[str, str]:
    """Which job it is and which run: the service, unless the run says more of itself."""
    service, namespace = attributes.get("service.name"), attributes.get("service.namespace")
    job = f"{namespace}/{service}" if namespace and service else service
    instance = _first(attributes, (*RUN_ID, "service.instance.id"))
    found = {
        "job": job,
        "instance": instance,
        label_name(PROJECT[0]): _first(attributes, PROJECT) or job,
        label_name(RUN_NAME[0]): _first(attributes, RUN_NAME) or instance,
        label_name(RANK): attributes.get(RANK),
    }
    return {label: value for label, value in found.items() if value}


def _first(attributes: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((attributes[name] for name in names if attributes.get(name)), None)


def scope_labels(scope: InstrumentationScope, schema_url: str) -> dict[str, str]:
    """The labels that say which library measured."""
    if not scope.name:
        return {}
    told = [("name", scope.name), ("version", scope.version), ("schema_url", schema_url)]
    told += [(each.key, text_of(each.value)) for each in scope.attributes]
    return labels((f"otel_scope_{key}", value) for key, value in told)


def family_of(metric: Metric, naming: Naming) -> Family:
    """What the metric is in Prometheus; its name is empty where nothing is left of it."""
    kind: str = metric.WhichOneof("data") or ""
    named = kind
    if kind == "sum":
        kind, named = ("counter", "counter") if metric.sum.is_monotonic else ("gauge", "")
    name = metric_name(metric.name, metric.unit, named, naming.suffixes)
    kind = kind.removeprefix("exponential_")
    return Family(name, kind, metric.description, unit_name(metric.unit))
