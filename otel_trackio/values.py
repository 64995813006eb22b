"""What a user may log, turned into exact numbers. Pure, apart from reading tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np

from otel_trackio.frames import number_to_json
from otel_trackio.model import Values
from otel_trackio.text import storable

Number: TypeAlias = float | int

MAX_DEPTH: Final = 32
"""How deep nested dicts are flattened."""

MAX_INTEGER_BITS: Final = 4096
"""Integers are exact up to this size; nobody can read, and Python will not print, larger ones."""

DEFAULT_BINS: Final = 64


class Unsupported(ValueError):
    """The value is no number; the message says what it is and what to do."""


class Histogram:
    """A distribution to log: `log({"weights": Histogram(layer.weight)})`.

    `values` is any array, tensor or sequence of numbers; values that are not finite are counted
    apart. `bins` equal-width bins span the finite ones. What cannot be made one of is skipped by
    `log`, like any other value that is no number; `problem` says why.
    """

    def __init__(self, values: Any, bins: int = DEFAULT_BINS) -> None:
        self.problem = ""
        self.data: dict[str, Any] = {"count": 0, "counts": [0]}
        try:
            self._fill(values, bins)
        except (TypeError, ValueError) as error:
            self.problem = f"is no histogram: {error}; give numbers, and a whole number of bins"

    def _fill(self, values: Any, bins: int) -> None:
        numbers = np.asarray(_on_host(values), dtype=np.float64).ravel()
        finite = numbers[np.isfinite(numbers)]
        bounds = _bounds(finite, bins)
        # OpenTelemetry's form: a bucket includes its upper bound, the first one everything up to
        # the first bound, and the last one what is above all of them.
        counts = np.bincount(np.searchsorted(bounds, finite, "left"), minlength=len(bounds) + 1)
        self.data = {
            "count": len(finite),
            "nonfinite": len(numbers) - len(finite),
            "sum": number_to_json(float(finite.sum())),
            "min": float(finite.min()) if len(finite) else None,
            "max": float(finite.max()) if len(finite) else None,
            "bounds": bounds.tolist(),
            "counts": counts.tolist(),
        }

    def __repr__(self) -> str:
        return f"Histogram(count={self.data['count']}, buckets={len(self.data['counts'])})"


def _bounds(finite: Values, bins: int) -> Values:
    """The edges of equal bins, as many as floats between the extremes allow."""
    if not len(finite):
        return finite
    halves = np.linspace(finite.min() / 2, finite.max() / 2, bins + 1)  # Their span is finite.
    return np.unique(2 * halves)


def flatten(
    metrics: Mapping[Any, Any], prefix: str = "", depth: int = 0
) -> Iterator[tuple[str, Any]]:
    """Leaves of nested mappings, their keys joined by `/`."""
    for key, value in metrics.items():
        name = storable(f"{prefix}{key}")
        if isinstance(value, Mapping) and depth < MAX_DEPTH:
            yield from flatten(value, f"{name}/", depth + 1)
        else:
            yield name, value


def number_of(value: Any) -> Number:
    """The exact number in a scalar, numpy scalar, or one-element array or tensor.

    Raises Unsupported for anything else.
    """
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, int):
        return _limited(int(value))
    if isinstance(value, float):
        return float(value)
    item = getattr(value, "item", None)
    if callable(item) and all(length == 1 for length in getattr(value, "shape", ())):
        return number_of(_plain_item(value, item))
    for convert in ("__index__", "__float__"):
        if hasattr(value, convert) and not isinstance(value, str | bytes):
            return _converted(value, convert)
    raise Unsupported(_complaint(value))


def _plain_item(value: Any, item: Any) -> Any:
    try:
        plain = item()
    except Exception as error:
        raise Unsupported(f"cannot be read: {error}") from error
    if type(plain) is type(value):  # A type whose item() is itself, such as numpy.longdouble.
        return float(plain)
    return plain


def _converted(value: Any, convert: str) -> Number:
    try:
        return _limited(int(value)) if convert == "__index__" else float(value)
    except (TypeError, ValueError) as error:
        raise Unsupported(_complaint(value)) from error
    except Exception as error:
        raise Unsupported(f"cannot be read: {error}") from error


def _limited(value: int) -> int:
    if value.bit_length() > MAX_INTEGER_BITS:
        raise Unsupported(f"is an integer of {value.bit_length()} bits: log its logarithm")
    return value


def _complaint(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"has shape {tuple(shape)}: log a scalar such as .mean(), or Histogram(values)"
    if value is None:
        return "is None: leave the key out where there is no value"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return f"is a {type(value).__name__} of {len(value)}: log scalars, or Histogram(values)"
    if isinstance(value, str):
        return f"is the text {value[:40]!r}: put text in config, or in alert()"
    return f"is a {type(value).__name__}: log a number"


def _on_host(values: Any) -> Any:
    for move in ("detach", "cpu"):  # A torch tensor may need both before numpy can read it.
        if hasattr(values, move):
            values = getattr(values, move)()
    if hasattr(values, "float") and hasattr(values, "numpy"):
        values = values.float().numpy()  # bfloat16 has no numpy form.
    return values
