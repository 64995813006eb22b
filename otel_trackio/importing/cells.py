"""Numbers out of the cells of a table, each exactly what is written there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from otel_trackio.chunk import column_of
from otel_trackio.frames import LARGEST_EXACT
from otel_trackio.model import NO_STEP, Values
from otel_trackio.values import MAX_INTEGER_BITS

LONGEST_INTEGER: Final = 1234
"""Characters of an integer of MAX_INTEGER_BITS, with its sign; Python refuses some longer ones."""

_TRUTHS: Final = {"true": 1, "false": 0}


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """The numbers of a column, the rows that have one, and how many cells hold something else."""

    values: Values
    present: NDArray[np.bool_]
    texts: int = 0


def numbers(cells: Sequence[str]) -> Numbers:
    """What a column holds. Integers stay integers, of any size; nan, inf and truths are numbers."""
    quick = all_numbers(cells)
    if quick is not None:
        return Numbers(quick, np.ones(len(cells), bool))
    found = [number(cell) for cell in cells]
    present = np.array([each is not None for each in found])
    filled = sum(1 for cell in cells if cell.strip())
    values = column_of([each for each in found if each is not None])
    return Numbers(values, present, filled - int(present.sum()))


def all_numbers(cells: Sequence[str]) -> Values | None:
    """The column where all of it is integers, or floats that hold their integers exactly."""
    if max(map(len, cells)) > LONGEST_INTEGER or "_" in "".join(cells):
        return None
    try:
        return column_of(list(map(int, cells)))
    except ValueError:
        pass
    try:
        floats = np.array(list(map(float, cells)))
    except ValueError:
        return None
    exact = (np.abs(floats) < LARGEST_EXACT) | ~np.isfinite(floats)
    return floats if exact.all() else None


def number(cell: str) -> float | int | None:
    """The number in a cell, if it holds one."""
    if "_" in cell or len(cell) > LONGEST_INTEGER:  # Python's own way to write 1_000.
        return None
    for read in (int, float):
        try:
            value = read(cell)
        except ValueError:
            continue
        return value if isinstance(value, float) or _is_kept(value) else None
    return _TRUTHS.get(cell.strip().lower())


def _is_kept(value: int) -> bool:
    return value.bit_length() <= MAX_INTEGER_BITS


def whole(cell: str) -> int | None:
    """The step in a cell, if it holds a whole number that can be one."""
    value = number(cell)
    if value is None or (isinstance(value, float) and not value.is_integer()):
        return None
    step = int(value)
    return step if NO_STEP < step < -NO_STEP else None
