"""What other trackers log, a dict of anything by name, as points, histograms and records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from otel_trackio.importing import histograms
from otel_trackio.importing.gathering import Gathering
from otel_trackio.media import Media
from otel_trackio.model import NO_STEP, Histogram
from otel_trackio.values import MAX_INTEGER_BITS

TYPE: Final = "_type"
"""Member of a dict that stands for something else than numbers; its value says for what."""

NOT_FINITE: Final = {
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}

MediaOf: TypeAlias = Callable[[Mapping[str, Any]], Sequence[Media]]
"""What a dict with a type stands for; nothing where it stands for what we do not keep."""


def log(
    metrics: Mapping[str, Any],
    step: int,
    time: int,
    gathering: Gathering,
    media_of: MediaOf = lambda value: (),
    system: bool = False,
    prefix: str = "",
) -> None:
    """Takes what one call logged; the keys of nested dicts are joined by `/`."""
    for name, value in metrics.items():
        kind, key = type(value), f"{prefix}{name}"
        if kind is float or (kind is int and value.bit_length() <= MAX_INTEGER_BITS):
            gathering.add(key, step, time, value, system)
        elif kind is bool:
            gathering.add(key, step, time, int(value), system)
        elif kind is str and value in NOT_FINITE:
            gathering.add(key, step, time, NOT_FINITE[value], system)
        elif kind is dict and TYPE not in value:
            log(value, step, time, gathering, media_of, system, f"{key}/")
        elif kind is dict:
            _log_typed(key, value, step, time, gathering, media_of)
        elif kind is list and any(_is_typed(each) for each in value):
            for each in filter(_is_typed, value):
                _log_typed(key, each, step, time, gathering, media_of)
        else:
            gathering.left.add(_REASONS.get(kind, "values of other kinds"), key)


_REASONS: Final = {
    str: "texts",
    list: "lists",
    int: "integers beyond 4096 bits",
    type(None): "empty values",
}


def _is_typed(value: Any) -> bool:
    return isinstance(value, dict) and TYPE in value


def step_of(value: object) -> int:
    """The step that something is; NO_STEP where it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and NO_STEP < value < -NO_STEP else NO_STEP


def _log_typed(
    key: str,
    value: dict[str, Any],
    step: int,
    time: int,
    gathering: Gathering,
    media_of: MediaOf,
) -> None:
    kind = str(value[TYPE]).removeprefix("trackio.").removesuffix("-file")
    if kind == "histogram":
        data = histograms.between(value.get("bins", ()), value.get("values", ()))
        if data is not None:
            gathering.add_histogram(key, Histogram(step, time, time, data))
            return
    media = media_of(value)
    for each in media:
        gathering.add_media(key, step, time, each)
    if not media:
        gathering.left.add(f"{kind}s", key)


def inside(folder: Path, name: object) -> Path | None:
    """The file of that name in a folder; None where the name leads out of it, or to no file."""
    path = (folder / str(name)).resolve()
    return path if path.is_file() and path.is_relative_to(folder.resolve()) else None
