"""Cells of a logged table: of what kind a column's are, and as what they are kept. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from otel_trackio.frames import LARGEST_EXACT, number_from_json, number_to_json
from otel_trackio.plain import plain
from otel_trackio.text import storable

CellType: TypeAlias = Literal["int", "float", "bool", "text", "json", "image"]
"""Of a column. Any of its cells may be None. An `image` is what a record of an image holds, or a
list of them; `json` is anything else."""

MAX_ROWS: Final = 100_000
"""Rows of one table at most."""

MAX_CELL_BYTES: Final = 100_000_000
"""Bytes of all cells of one table at most: who reads it holds them in memory."""

_EXACT: Final = range(-(2**63), 2**63)
_MISSING: Final = ("NAType", "NaTType")
"""Types of pandas that stand for no value."""


def normal(value: Any) -> Any:
    """A cell as None, bool, int, float, str, or what JSON can hold of it."""
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, str):
        return storable(str.__str__(value))
    if type(value).__name__ in _MISSING:
        return None
    if isinstance(value, np.generic) or getattr(value, "shape", None) == ():
        return normal(value.item()) if not isinstance(value.item(), np.generic) else plain(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return plain(value)


def type_of(cells: Sequence[Any]) -> CellType:
    """What holds all cells of a column, which are normal."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {str}:
        return "text"
    if kinds == {bool}:
        return "bool"
    if kinds == {int} and all(cell is None or cell in _EXACT for cell in cells):
        return "int"
    if kinds == {float}:
        return "float"
    if kinds == {int, float} and all(_is_exact(cell) for cell in cells if type(cell) is int):
        return "float"
    return "json"


def _is_exact(number: int) -> bool:
    return abs(number) <= LARGEST_EXACT


def to_json(cell: Any, type: CellType) -> Any:
    """A cell as JSON holds it exactly, in a column of that type."""
    if isinstance(cell, float) or (type == "float" and cell is not None):
        return number_to_json(float(cell))
    return cell


def from_json(cell: Any, type: CellType) -> Any:
    """The inverse of `to_json`; what is none of ours stays as it is."""
    if type != "float" or isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return cell
    with suppress(ValueError, OverflowError):
        return float(number_from_json(cell))
    return cell


def to_parquet(cell: Any, type: CellType) -> Any:
    """A cell as a column of a Parquet file takes it: as JSON text, where it has no simpler type."""
    if type in ("json", "image") and cell is not None:
        return json.dumps(to_json(cell, type))
    return cell


def from_parquet(cell: Any, type: CellType) -> Any:
    """The inverse of `to_parquet`; of what is none of ours what JSON can hold."""
    if type in ("json", "image") and isinstance(cell, str):
        with suppress(ValueError, RecursionError):
            return json.loads(cell)
    return normal(cell)
