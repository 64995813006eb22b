"""OTLP metrics as Prometheus samples: one for each point, at its own time.

The run is `job` and `instance`; project, run name and rank are labels, like the attributes of
points. A step is never a label: it is the value of a series of its own, `training_step`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from otel_trackio.semconv import TRAINING_STEP
from otel_trackio_collector.promhistogram import (
    COUNT,
    SUM,
    Parts,
    buckets,
    explicit,
    exponential,
)
from otel_trackio_collector.promname import labels
from otel_trackio_collector.promseries import NO_SERIES, Catalog, Family, Samples, Series
from otel_trackio_collector.promtarget import (
    INFO,
    STEP,
    Naming,
    family_of,
    scope_labels,
    target_labels,
)
from otel_trackio_collector.promtotals import Totals
from otel_trackio_collector.promvalue import (
    NO_RECORDED_VALUE,
    STALE_NAN,
    Moment,
    moments_of,
    number_text,
    sample_of,
    step_in,
    step_of,
    told,
)

INFO_MS: Final = 60_000
"""How often target_info is repeated; PromQL looks back five minutes."""

MAX_INFOS: Final = 1_440
"""How often at most in one export: a day, however far apart its times are."""

MAX_REMEMBERED: Final = 200_000
"""Attribute sets whose series are remembered; beyond that they are looked up anew."""

_DELTA: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_CUMULATIVE: Final = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE

Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint


@dataclass(slots=True)
class _Target:
    """A resource: the labels that its series share, and its own two series."""

    labels: dict[str, str]
    info: int
    step: int
    told: int = -INFO_MS


@dataclass(slots=True)
class _Table:
    """One metric of one scope and resource: the series of its attribute sets, by their bytes."""

    family: Family
    labels: dict[str, str]
    numbers: dict[bytes, int] = field(default_factory=dict)
    stepped: bool = False
    """Whether its points have the step as an attribute, which must not make a series."""


class Translator:
    """`not_taken` counts points by the reason why they became no sample. Used by one thread."""

    def __init__(self, catalog: Catalog, totals: Totals, naming: Naming | None = None) -> None:
        self.not_taken: Counter[str] = Counter()
        self._catalog = catalog
        self._totals = totals
        self._naming = naming or Naming()
        self._targets: dict[bytes, _Target] = {}
        self._tables: dict[tuple[object, ...], _Table] = {}
        self._remembered = 0
        self._epoch = catalog.epoch
        self._samples = Samples()

    def translate(self, bodies: Iterable[bytes]) -> Samples:
        """The samples of OTLP export requests, in their order."""
        self._forget_if_void()
        self._samples = samples = Samples()
        for body in bodies:
            for each in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self._resource(each)
        return samples

    def _forget_if_void(self) -> None:
        if self._epoch != self._catalog.epoch or self._remembered > MAX_REMEMBERED:
            self._epoch, self._remembered = self._catalog.epoch, 0
            self._targets.clear()
            self._tables.clear()

    def _resource(self, metrics: ResourceMetrics) -> None:
        key = metrics.resource.SerializeToString()
        target = self._targets.get(key)
        if target is None:
            target = self._targets[key] = self._target(metrics.resource)
            self._remembered += 1
        before = len(self._samples)
        for scoped in metrics.scope_metrics:
            scope = scoped.scope.SerializeToString() + scoped.schema_url.encode()
            for metric in scoped.metrics:
                kind = metric.WhichOneof("data")
                if kind is None:
                    continue
                about = (key, scope, metric.name, metric.unit, kind)
                table = self._tables.get(about)
                if table is None:
                    shared = scope_labels(scoped.scope, scoped.schema_url)
                    family = family_of(metric, self._naming)
                    table = self._tables[about] = _Table(family, {**shared, **target.labels})
                    self._remembered += 1
                self._metric(target, table, metric, kind)
        self._tell(target, before)

    def _target(self, resource: Resource) -> _Target:
        shared, about = target_labels(resource, self._naming)
        info = self._number(INFO, INFO.name, about, derived=True) if about else NO_SERIES
        known = "job" in shared or "instance" in shared
        step = self._number(STEP, STEP.name, shared, derived=True) if known else NO_SERIES
        return _Target(shared, info, step)

    def _metric(self, target: _Target, table: _Table, metric: Metric, kind: str) -> None:
        data = getattr(metric, kind)
        points = data.data_points
        if points and any(each.key == TRAINING_STEP for each in points[0].attributes):
            table.stepped = True
        if not table.family.name:
            self.not_taken["name"] += len(points)
        elif kind == "gauge":
            self._gauges(target, table, points)
        elif kind == "summary":
            self._summaries(table, points)
        elif data.aggregation_temporality not in (_DELTA, _CUMULATIVE):
            self.not_taken["temporality"] += len(points)
        elif kind == "sum":
            self._sums(target, table, points, data.aggregation_temporality == _DELTA)
        else:
            parts_of = explicit if kind == "histogram" else exponential
            is_delta = data.aggregation_temporality == _DELTA
            self._histograms(target, table, points, parts_of, is_delta)

    def _gauges(self, target: _Target, table: _Table, points: Iterable[NumberDataPoint]) -> None:
        for point in points:
            time, exemplars = point.time_unix_nano, point.exemplars
            is_plain = not exemplars or (
                len(exemplars) == 1 and exemplars[0].time_unix_nano == time
            )
            if not is_plain and (moments := moments_of(exemplars)):
                # The point repeats the last of them, at the time of the collection.
                self._expand(target, table, point, moments)
                continue
            value = sample_of(point)
            step = step_of(exemplars[0]) if exemplars else None
            taken = self._taken_step(table, point) if table.stepped else None
            self._add(self._series(table, point), time, value, 1)
            self._stepped(target, time, taken if step is None else step)

    def _expand(
        self, target: _Target, table: _Table, point: NumberDataPoint, moments: list[Moment]
    ) -> None:
        """A sample for each measurement that the point's exemplars keep."""
        self._taken_step(table, point)
        number = self._series(table, point)
        for place, moment in enumerate(moments):
            self._add(number, moment.time, moment.value, int(place == 0))
            self._stepped(target, moment.time, moment.step)

    def _sums(
        self, target: _Target, table: _Table, points: Iterable[NumberDataPoint], is_delta: bool
    ) -> None:
        for point in points:
            time, value, flags = point.time_unix_nano, sample_of(point), point.flags
            steps = moments_of(point.exemplars) if point.exemplars else []
            step = self._taken_step(table, point)
            number = self._series(table, point)
            if is_delta and not flags & NO_RECORDED_VALUE and number != NO_SERIES:
                total = self._total(number, {SUM: value}, time)
                if total is None:
                    continue
                value = total[SUM]
            self._add(number, time, value, 1)
            # An exemplar's value is an increment here, so only the newest step is told.
            self._stepped(target, time, steps[-1].step if steps else step)

    def _histograms(
        self,
        target: _Target,
        table: _Table,
        points: Iterable[Any],
        parts_of: Callable[[Any], Parts],
        is_delta: bool,
    ) -> None:
        for point in points:
            time = point.time_unix_nano
            parts: Parts | None = parts_of(point)
            steps = moments_of(point.exemplars)
            step = self._taken_step(table, point)
            about = {**labels(told(point.attributes)), **table.labels}
            counted = self._number(table.family, f"{table.family.name}_count", about)
            stale = bool(point.flags & NO_RECORDED_VALUE)
            if is_delta and not stale and counted != NO_SERIES:
                parts = self._total(counted, parts or {}, time)
            if parts is None:
                continue
            self._histogram(table.family, about, time, parts, counted, stale)
            self._stepped(target, time, steps[-1].step if steps else step)

    def _histogram(
        self,
        family: Family,
        about: dict[str, str],
        time: int,
        parts: Parts,
        counted: int,
        stale: bool,
    ) -> None:
        self._add(counted, time, STALE_NAN if stale else parts[COUNT], 1)
        if SUM in parts:
            number = self._number(family, f"{family.name}_sum", about)
            self._add(number, time, STALE_NAN if stale else parts[SUM])
        for bound, count in buckets(parts):
            number = self._number(family, f"{family.name}_bucket", {**about, "le": bound})
            self._add(number, time, STALE_NAN if stale else count)

    def _summaries(self, table: _Table, points: Iterable[SummaryDataPoint]) -> None:
        family = table.family
        for point in points:
            time = point.time_unix_nano
            stale = bool(point.flags & NO_RECORDED_VALUE)
            self._taken_step(table, point)
            about = {**labels(told(point.attributes)), **table.labels}
            number = self._number(family, f"{family.name}_count", about)
            self._add(number, time, STALE_NAN if stale else point.count, 1)
            number = self._number(family, f"{family.name}_sum", about)
            self._add(number, time, STALE_NAN if stale else point.sum)
            for each in point.quantile_values:
                quantile = {**about, "quantile": number_text(each.quantile)}
                number = self._number(family, family.name, quantile)
                self._add(number, time, STALE_NAN if stale else each.value)

    def _total(self, number: int, parts: Parts, time: int) -> Parts | None:
        series = self._catalog[number]
        key = json.dumps([series.name, series.labels])
        total = self._totals.add(key, parts, time // 1_000_000)
        return None if total is None else dict(total)

    def _taken_step(self, table: _Table, point: Point) -> int | None:
        """The step that stands among the point's attributes, which it is taken out of."""
        if not table.stepped:
            return None
        for index, each in enumerate(point.attributes):
            if each.key == TRAINING_STEP:
                step = step_in(each.value)
                del point.attributes[index]
                return step
        return None

    def _series(self, table: _Table, point: NumberDataPoint) -> int:
        """The number of a point's series. Leaves nothing but attributes in the point."""
        point.ClearField("time_unix_nano")
        point.ClearField("as_double")
        point.ClearField("as_int")
        if point.start_time_unix_nano:
            point.ClearField("start_time_unix_nano")
        if point.flags:
            point.ClearField("flags")
        if point.exemplars:
            point.ClearField("exemplars")
        key = point.SerializeToString()
        number = table.numbers.get(key)
        if number is None:
            about = {**labels(told(point.attributes)), **table.labels}
            number = self._number(table.family, table.family.name, about)
            if number != NO_SERIES:
                table.numbers[key] = number
                self._remembered += 1
        return number

    def _number(
        self, family: Family, name: str, about: dict[str, str], derived: bool = False
    ) -> int:
        told = tuple(sorted((key, value) for key, value in about.items() if value))
        return self._catalog.number(Series(family, name, told, derived))

    def _add(self, number: int, time: int, value: float, weight: int = 0) -> None:
        if number == NO_SERIES:
            self.not_taken["series limit"] += weight
        else:
            self._samples.add(number, time // 1_000_000, value, weight)

    def _stepped(self, target: _Target, time: int, step: int | None) -> None:
        if step is not None and target.step != NO_SERIES:
            self._samples.add(target.step, time // 1_000_000, step)

    def _tell(self, target: _Target, before: int) -> None:
        """target_info, over the times of the samples since `before`."""
        times = self._samples.times[before:]
        if target.info == NO_SERIES or not times:
            return
        last = max(times)
        first = max(min(times), target.told + INFO_MS, last - MAX_INFOS * INFO_MS)
        for time in range(first, last + 1, INFO_MS):
            self._samples.add(target.info, time, 1.0)
            target.told = time
