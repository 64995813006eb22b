"""Joining segments: what several ranges of a writer hold, as one. Pure.

A range gets the same bytes whatever it is joined from: those of one that was cut at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from otel_trackio import segment
from otel_trackio.place import LAST
from otel_trackio.segment import POINTS, SERIES


def joined(parts: Sequence[Mapping[str, pa.Table]]) -> dict[str, pa.Table]:
    """The tables of ranges that follow one another; that of points always, and last."""
    names = dict.fromkeys(name for part in parts for name in part)
    whole = {
        name: pa.concat_tables([part[name] for part in parts if name in part]) for name in names
    }
    points = whole.pop(LAST, POINTS.empty_table())
    others = segment.tables(segment.extracted(whole)) if any(map(len, whole.values())) else {}
    return {**others, LAST: _sorted(points)}


def _sorted(points: pa.Table) -> pa.Table:
    """By series, then number; texts as dictionaries that hold what is used, in order."""
    if not len(points):
        return POINTS.empty_table()
    texts = {field.name: _coded(points[field.name]) for field in POINTS if _is_text(field)}
    keys = [texts[name][0] for name in reversed(SERIES)]
    order = np.lexsort([points["seq"].to_numpy(), *keys])
    columns = []
    for field in POINTS:  # One after the other, as each is a copy.
        if _is_text(field):
            codes, dictionary = texts.pop(field.name)
            columns.append(pa.DictionaryArray.from_arrays(pa.array(codes[order]), dictionary))
        else:
            columns.append(points[field.name].take(pa.array(order)).cast(field.type))
    return pa.table(columns, schema=POINTS)


def _is_text(field: pa.Field) -> bool:
    return bool(pa.types.is_dictionary(field.type))


def _coded(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], pa.Array]:
    """A column of texts as codes that sort as they do, and the texts that these stand for."""
    whole = column.combine_chunks()
    order = np.asarray(pc.sort_indices(whole.dictionary))
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    used, codes = np.unique(ranks[np.asarray(whole.indices)], return_inverse=True)
    return codes.astype(np.int32), whole.dictionary.take(pa.array(order[used]))
