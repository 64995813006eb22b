"""JSON on standard output: one document, whose numbers survive."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import click

from otel_trackio.cli.quantity import exact


def print_document(value: Any) -> None:
    """Prints `value` as JSON; NaN and infinities as "NaN", "Infinity" and "-Infinity"."""
    click.echo(json.dumps(jsonable(value), indent=2, ensure_ascii=False))


def jsonable(value: Any) -> Any:
    """`value` with floats that JSON does not know as text; integers stay whole."""
    if isinstance(value, float):
        return value if math.isfinite(value) else exact(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [jsonable(item) for item in value]
    return value
