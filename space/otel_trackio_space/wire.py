"""What people recorded, as JSON that every browser holds exactly. Pure."""

from __future__ import annotations

from typing import Any, Final

from otel_trackio.frames import number_to_json
from otel_trackio.text import storable

MAX_DEPTH: Final = 100
"""Containers within containers; what is deeper is cut. Our own writers stop long before."""


def exact(value: Any, depth: int = 0) -> Any:
    """JSON as it was read, in which numbers are as `number_to_json` has them, and text is UTF-8."""
    match value:
        case str():
            return storable(value)
        case bool() | None:
            return value
        case int() | float():
            return number_to_json(value)
        case _ if depth == MAX_DEPTH:
            return "..."
        case dict():
            return {storable(key): exact(each, depth + 1) for key, each in value.items()}
        case _:
            return [exact(each, depth + 1) for each in value]
