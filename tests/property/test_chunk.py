"""Columns survive the trip to bytes and back."""

from __future__ import annotations

import math
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_trackio.chunk import (
    column_of,
    concat,
    decode_floats,
    decode_values,
    encode_floats,
    encode_ints,
    encode_values,
    floats_of,
)
from otel_trackio.errors import StoreError

INT64 = st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.floats() | st.integers()
COLUMNS = st.lists(st.floats()) | st.lists(INT64) | st.lists(NUMBERS)


def identity(value: float | int) -> tuple[type, str]:
    """Tells -0.0 from 0.0 and 1 from 1.0, but not one NaN from another."""
    return type(value), value.hex() if isinstance(value, float) else hex(value)


@given(COLUMNS)
def test_every_value_comes_back(values: list[float | int]) -> None:
    """Numbers of any kind and size return exactly, in a column of the same dtype."""
    column = column_of(values)
    form, data = encode_values(column)
    returned = decode_values(form, data, len(values))
    assert returned.dtype == column.dtype
    assert list(map(identity, returned.tolist())) == list(map(identity, values))


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_every_bit_of_a_float_comes_back(bits: list[int]) -> None:
    """Even the payload of a NaN is kept in a column of floats."""
    column = np.array(bits, dtype=np.uint64).view(np.float64)
    assert decode_floats(encode_floats(column), len(bits)).tobytes() == column.tobytes()


def test_integers_have_no_largest() -> None:
    """An integer longer than Python's limit on decimal digits is a value like any other."""
    column = column_of([10**5000, -(10**5000), 0.5])
    form, data = encode_values(column)
    assert np.all(decode_values(form, data, 3) == column)


@given(st.lists(st.floats()) | st.lists(INT64))
def test_a_stranger_can_read_the_bytes(values: list[float | int]) -> None:
    """The module's docstring suffices to write a reader."""
    column = column_of(values)
    form, data = encode_values(column)
    planes, total, words = zlib.decompress(data), 0, []
    for i in range(len(values)):
        word = int.from_bytes(planes[i :: len(values)], "little")
        total += (word >> 1) ^ -(word & 1) if form == "i8" else word
        words.append(total % 2**64)
    assert struct.pack(f"<{len(words)}Q", *words) == column.tobytes()


def test_a_constant_rate_costs_next_to_nothing() -> None:
    """A column that grows by the same amount takes less than a bit a value."""
    assert len(encode_ints(np.arange(0, 40960, 10))) < 4096 / 8


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([], np.float64),
        ([1.0, math.nan], np.float64),
        ([1, -(2**63)], np.int64),
        ([1, 2**63], object),
        ([1, 1.0], object),
    ],
)
def test_a_column_is_as_plain_as_its_values_allow(values: list[float | int], dtype: type) -> None:
    """Floats alone and integers alone that fit have a numpy dtype of their own."""
    assert column_of(values).dtype == dtype


@given(st.lists(COLUMNS))
def test_columns_end_to_end_lose_nothing(columns: list[list[float | int]]) -> None:
    """Whatever the forms of the parts, each number is equal to what it was."""
    whole = concat([column_of(values) for values in columns]).tolist()
    values = [value for column in columns for value in column]
    assert len(whole) == len(values)
    for value, original in zip(whole, values, strict=True):
        assert value == original or (math.isnan(value) and math.isnan(original))
        assert value != 0 or math.copysign(1, value) == math.copysign(1, original)


@pytest.mark.parametrize(("largest", "dtype"), [(2**53, np.float64), (2**53 + 1, object)])
@pytest.mark.parametrize("sign", [1, -1])
def test_integers_join_floats_while_exact(largest: int, dtype: type, sign: int) -> None:
    """Integers up to 2^53 become floats beside floats; beyond it they stay integers."""
    assert concat([column_of([sign * largest]), column_of([0.5])]).dtype == dtype


def test_a_number_too_large_for_a_float_is_infinite() -> None:
    """A chart shows the nearest float64 there is."""
    assert floats_of(column_of([10**400, -(10**400), 0.5])).tolist() == [math.inf, -math.inf, 0.5]


@given(COLUMNS.filter(len), st.data())
def test_damage_is_never_a_value(values: list[float | int], data: st.DataObject) -> None:
    """A changed byte is refused, or it made no difference; a missing one is refused."""
    column = column_of(values)
    form, encoded = encode_values(column)
    at = data.draw(st.integers(0, len(encoded) - 1))
    changed = bytearray(encoded)
    changed[at] ^= data.draw(st.integers(1, 255))
    try:
        returned = decode_values(form, bytes(changed), len(values))
    except StoreError:
        pass
    else:
        assert encode_values(returned) == (form, encoded)
    with pytest.raises(StoreError, match=f"cannot decompress {at} bytes"):
        decode_values(form, encoded[:at], len(values))


@pytest.mark.parametrize(
    ("form", "data", "message"),
    [
        ("i8", encode_ints(np.arange(3)), "cannot decode 4 values: 24 bytes, not 32; "),
        ("text", zlib.compress(b"0x1\n"), "cannot decode 4 values: there are 1; "),
        ("text", zlib.compress(b"0x1\n" * 3 + b"0x\n"), "cannot decode b'0x': it is no number; "),
        ("text", zlib.compress(b"nil\n" * 4), "cannot decode b'nil': it is no number; "),
        ("f16", b"", "cannot decode a column of form 'f16'; "),
    ],
    ids=["bytes", "lines", "integer", "float", "form"],
)
def test_a_refusal_says_what_is_wrong(form: str, data: bytes, message: str) -> None:
    """The error names what was expected and what was found."""
    with pytest.raises(StoreError, match=message):
        decode_values(form, data, 4)
