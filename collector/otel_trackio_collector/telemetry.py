"""What the collector says of itself, under the names that the official Collector uses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Of `Telemetry.render`, which is Prometheus' text format."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """Numbers of one name, which differ by their labels."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What one label set of a family stands at."""

    family: Family
    labels: Labels
    value: float


ACCEPTED: Final = Family(
    "otelcol_receiver_accepted_metric_points", "counter", "Points kept on the disk."
)
REFUSED: Final = Family(
    "otelcol_receiver_refused_metric_points",
    "counter",
    "Points refused for now, or taken out of a request that was kept.",
)
REQUESTS: Final = Family(
    "otelcol_receiver_requests", "counter", "Requests by how they were answered."
)
IN_FLIGHT: Final = Family(
    "otelcol_receiver_in_flight_bytes", "gauge", "Bytes that requests hold in memory now."
)


class Counters:
    """Counters of one component, by family and labels. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[Family, tuple[tuple[str, str], ...]], float] = {}

    def add(self, family: Family, amount: float = 1, **labels: str) -> None:
        key = (family, tuple(labels.items()))
        with self._lock:
            self._values[key] = self._values.get(key, 0) + amount

    def value(self, family: Family, **labels: str) -> float:
        """The sum over the label sets that have these labels."""
        with self._lock:
            found = list(self._values.items())
        wanted = labels.items()
        return sum(v for (each, own), v in found if each == family and wanted <= dict(own).items())

    def samples(self) -> list[Sample]:
        with self._lock:
            found = list(self._values.items())
        return [Sample(family, dict(labels), value) for (family, labels), value in found]


class Telemetry:
    """Components register what they can tell; whoever serves /metrics renders it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sources: list[Callable[[], Iterable[Sample]]] = []

    def register(self, source: Callable[[], Iterable[Sample]]) -> None:
        """`source` is called at each scrape, from any thread."""
        with self._lock:
            self._sources.append(source)

    def samples(self) -> list[Sample]:
        with self._lock:
            sources = list(self._sources)
        return [sample for source in sources for sample in source()]

    def render(self) -> str:
        """All of it in Prometheus' text format."""
        families: dict[Family, list[Sample]] = {}
        for sample in self.samples():
            families.setdefault(sample.family, []).append(sample)
        lines = list[str]()
        for family, samples in sorted(families.items(), key=lambda item: item[0].name):
            lines.append(f"# HELP {family.name} {_escaped(family.help)}")
            lines.append(f"# TYPE {family.name} {family.kind}")
            lines += [
                f"{family.name}{_labels(each.labels)} {_number(each.value)}" for each in samples
            ]
        return "".join(f"{line}\n" for line in lines)


def _labels(labels: Labels) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items()))
    return f"{{{inside}}}" if inside else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return repr(int(value)) if float(value).is_integer() else repr(float(value))
