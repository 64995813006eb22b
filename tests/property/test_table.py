"""Whatever stands in a table, and however large it is, it comes back as it was."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any, get_args

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from otel_trackio import Table, png
from otel_trackio.attachments import Attachments
from otel_trackio.cell import CellType
from otel_trackio.exhibit import table_shown
from otel_trackio.model import Record

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KINDS: list[st.SearchStrategy[Any]] = [
    st.integers(-(2**63), 2**63 - 1),
    st.integers(),
    st.floats(),
    st.booleans(),
    TEXT,
    st.integers(-(2**53), 2**53) | st.floats(),
    st.none(),
    st.recursive(
        st.booleans() | st.integers(-(2**60), 2**60) | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=5,
    ),
]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[Any]]]:
    """Columns, of which several may have one name, each of a kind of its own, and rows."""
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=5))
    names = draw(st.lists(TEXT, min_size=len(kinds), max_size=len(kinds)))
    cells = [st.none() | kind for kind in kinds]
    rows = draw(st.lists(st.tuples(*cells).map(list), max_size=8))
    return names, rows if kinds else []


def same(one: Any, other: Any) -> bool:
    """Whether two cells are equal; of integers and floats in one column only the value counts."""
    if isinstance(one, float) and isinstance(other, float):
        return repr(one) == repr(other)
    if type(one) in (int, float) and type(other) in (int, float):
        return bool(one == other)
    return type(one) is type(other) and bool(one == other)


@given(tables(), st.booleans())
def test_a_table_comes_back_as_it_was(table: tuple[list[str], list[list[Any]]], many: bool) -> None:
    """Cell by cell, from its record, or, where the same rows are many, from a file."""
    names, rows = table
    times = 5_000 // max(1, len(rows)) if many and rows else 1
    with tempfile.TemporaryDirectory() as folder:
        files = Attachments(Path(folder))
        data = Table(names, rows * times).data(files)
        shown = table_shown(Record("table", "t", 0, 0, data), lambda name: files.folder / name)
        back = shown.rows()
        part = shown.rows(len(rows) * (times - 1), len(rows))
    assert list(shown.columns) == names
    assert shown.count == len(back) == len(rows) * times
    assert ("file" in data) == (many and bool(rows))
    for found in (back[: len(rows)], part):
        for row, wanted in zip(found, rows, strict=True):
            assert all(same(*each) for each in zip(row, wanted, strict=True)), (row, wanted)


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([None, 1, 2, 3, 4]),
    st.binary(min_size=1, max_size=200),
)
def test_a_png_shows_what_it_was_made_of(
    height: int, width: int, channels: int | None, pattern: bytes
) -> None:
    """Whatever its size and channels; decoded by another library."""
    pillow = pytest.importorskip("PIL.Image")
    shape = (height, width) if channels is None else (height, width, channels)
    pixels = np.resize(np.frombuffer(pattern, np.uint8), shape)
    shown = np.asarray(pillow.open(io.BytesIO(png.encode(pixels))))
    assert np.array_equal(shown, pixels if channels != 1 else pixels[:, :, 0])


ANYTHING = st.recursive(
    st.none() | st.integers() | st.floats() | TEXT | st.sampled_from(get_args(CellType)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)


@given(ANYTHING, ANYTHING, ANYTHING, ANYTHING)
def test_no_record_of_others_breaks_a_reader(
    columns: Any, types: Any, rows: Any, count: Any
) -> None:
    """What another program has put in a record of a table is read as far as it makes sense."""
    record = {"columns": columns, "types": types, "rows": rows, "count": count}
    for data in (record, {**record, "rows": [rows]}, {"file": rows, **record}):
        shown = table_shown(Record("table", "t", 0, 0, data), Path)
        assert len(shown.columns) == len(shown.types)
        assert shown.count >= 0
        if isinstance(data["rows"], list):
            assert [len(row) for row in shown.rows()] == [len(shown.types)] * shown.count
