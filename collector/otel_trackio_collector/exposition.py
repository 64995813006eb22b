"""The last values of series as Prometheus scrapes them: its text format, and OpenMetrics. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

from otel_trackio_collector.promseries import Family, Series

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_PARTS: Final = ("le", "quantile")
_LABEL: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})
_HELP: Final = str.maketrans({"\\": "\\\\", "\n": "\\n"})


def page(shown: Iterable[tuple[Series, float]], openmetrics: bool) -> str:
    """The page with these values, family by family; series of another kind than the first of
    their family are left out, for no format has two kinds of one name."""
    families: dict[str, list[tuple[Series, float]]] = {}
    for series, value in shown:
        families.setdefault(series.family.name, []).append((series, value))
    lines: list[str] = []
    for members in families.values():
        family = members[0][0].family
        lines += _header(family, openmetrics)
        lines += _lines(family, members)
    if openmetrics:
        lines.append("# EOF")
    return "\n".join([*lines, ""])


def _header(family: Family, openmetrics: bool) -> Iterator[str]:
    name, kind = family.name, family.kind
    if openmetrics:
        suffix = {"counter": "_total", "info": "_info"}.get(kind, "")
        kind = kind if name.endswith(suffix) else "unknown"
        name = name.removesuffix(suffix)
    elif kind == "info":
        kind = "gauge"
    if family.help:
        # In OpenMetrics quotes are escaped here as well.
        yield f"# HELP {name} {family.help.translate(_LABEL if openmetrics else _HELP)}"
    yield f"# TYPE {name} {kind}"
    if openmetrics and family.unit and name.endswith(f"_{family.unit}"):
        yield f"# UNIT {name} {family.unit}"


def _lines(family: Family, members: list[tuple[Series, float]]) -> Iterator[str]:
    kept = [each for each in members if each[0].family.kind == family.kind]
    if family.kind in ("histogram", "summary"):
        kept.sort(key=lambda each: _whole(each[0]))
    return (f"{series_text(series)} {value_text(value)}" for series, value in kept)


def _whole(series: Series) -> list[tuple[str, str]]:
    """Of which histogram or summary the series is a part."""
    return [each for each in series.labels if each[0] not in _PARTS]


def series_text(series: Series) -> str:
    """Name and labels: `training_loss{job="digits"}`."""
    labels = ",".join(f'{name}="{value.translate(_LABEL)}"' for name, value in series.labels)
    return f"{series.name}{{{labels}}}" if labels else series.name


def value_text(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
