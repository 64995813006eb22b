"""Names and labels of Prometheus for those of OpenTelemetry, as the official translator makes them.

`training.loss` becomes `training_loss`; units become words (`By` is `bytes`), counters end in
`_total`, gauges of the unit `1` in `_ratio`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

UNITS: Final = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
"""Units of UCUM as words. Any other stands as it is."""

PER: Final = {
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "mo": "month",
    "y": "year",
}
"""What stands behind a unit's slash, as words."""

_WORD: Final = re.compile("[a-zA-Z0-9:]+")
_NOT_A_WORD: Final = re.compile("[^a-zA-Z0-9:]+")
_NOT_NAMES: Final = re.compile("[^a-zA-Z0-9:_]+")
_NOT_LABELS: Final = re.compile("[^a-zA-Z0-9]+")


@lru_cache(16_384)
def metric_name(name: str, unit: str = "", kind: str = "", suffixes: bool = True) -> str:
    """The name in Prometheus; empty where nothing is left of it.

    `kind` matters where it is `gauge` or `counter` (a sum that only grows). Without `suffixes`
    neither unit nor kind is told.
    """
    if suffixes:
        found = "_".join(_words(name, unit, kind))
    else:
        found = "_".join(filter(None, _NOT_NAMES.split(name)))
    if found[:1].isdigit():
        found = f"_{found}"
    return found if found == name or found.strip("_") else ""


def _words(name: str, unit: str, kind: str) -> list[str]:
    words = _WORD.findall(name)
    main, per = (_clean(each) for each in _unit_words(unit))
    per = "" if per == "per_" else per.removesuffix("_")
    main = "" if main in words else main
    per = "" if per in words else per
    if per:
        main = main.removesuffix("_")
    words += filter(None, (main, per))
    if kind == "counter":
        words = [*(each for each in words if each != "total"), "total"]
    if kind == "gauge" and unit == "1":
        words = [*(each for each in words if each != "ratio"), "ratio"]
    return words


def unit_name(unit: str) -> str:
    """The unit in words, as metadata tells it: `bytes_per_second`."""
    return "_".join(filter(None, map(_clean, _unit_words(unit)))).removesuffix("_")


def _unit_words(unit: str) -> tuple[str, str]:
    main, _, per = (part.strip() for part in unit.partition("/"))
    main = "" if "{" in main or "}" in main else UNITS.get(main, main)
    per = "" if "{" in per or "}" in per else PER.get(per, per)
    return main, f"per_{per}" if per else ""


def _clean(unit: str) -> str:
    return re.sub("_+", "_", _NOT_A_WORD.sub("_", unit)).removeprefix("_")


@lru_cache(16_384)
def label_name(name: str) -> str:
    """The label's name in Prometheus; empty where nothing is left of it."""
    reserved = len(name) >= 4 and name.startswith("__") and name.endswith("__")
    found = _NOT_LABELS.sub("_", name[2:-2] if reserved else name)
    if reserved:
        found = f"__{found}__"
    if found[:1].isdigit():
        found = f"key_{found}"
    return found if found.strip("_") else ""


def labels(attributes: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Attributes as labels; values of those that become one label are joined by `;`.

    One that is called like the label of a metric's name is left out: no series has two names.
    """
    found: dict[str, str] = {}
    for key, value in sorted(attributes):
        if (name := label_name(key)) and name != "__name__":
            found[name] = f"{found[name]};{value}" if name in found else value
    return found
