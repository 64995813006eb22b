from __future__ import annotations

import argparse
import datetime
import json
from collections import UserDict
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_trackio.plain import MAX_ITEMS, MAX_TEXT, plain


class Strategy(str, Enum):  # noqa: UP042 (as transformers defines its own)
    STEPS = "steps"


class Level(IntEnum):
    LOW = 1


@dataclass
class Optimizer:
    lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.999)
    parent: Any = field(default=None, repr=False)


class Exported:
    def to_dict(self) -> dict[str, object]:
        return {"hidden": np.int64(8)}


class Table:
    def __len__(self) -> int:
        return 3

    def __repr__(self) -> str:
        return "Table(rows=3)"

    def to_dict(self) -> dict[str, object]:
        raise AssertionError("the data must not be copied")


class Broken:
    def __repr__(self) -> str:
        raise RuntimeError

    def to_dict(self) -> dict[str, object]:
        raise RuntimeError


def function() -> None: ...


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**70, 2**70),
        (float("nan"), "NaN"),
        (np.float32("-inf"), "-Infinity"),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array(1.5), 1.5),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (PurePosixPath("/data"), "/data"),
        (Strategy.STEPS, "steps"),
        (Level.LOW, 1),
        (Optimizer(), {"lr": 0.1, "betas": [0.9, 0.999], "parent": None}),
        (Exported(), {"hidden": 8}),
        (argparse.Namespace(lr=0.1), {"lr": 0.1}),
        (UserDict({1: {"b", "a"}}), {"1": ["a", "b"]}),
        (datetime.date(2024, 5, 6), "datetime.date(2024, 5, 6)"),
        (b"ab", "b'ab'"),
        (range(10**9), "range(0, 1000000000)"),
        (function, f"{__name__}.function"),
        (Optimizer, f"{__name__}.Optimizer"),
        (Table(), "Table(rows=3)"),
        (Broken(), "<Broken>"),
        ("\ud800", "\\ud800"),
    ],
)
def test_values_become_what_json_can_hold(value: object, expected: object) -> None:
    """Numbers stay exact, objects show their parts, and the rest is told in words."""
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)


def test_cycles_and_bottomless_values_end() -> None:
    """Where a value is inside itself, or too deep, too long or too wide, text stands for it."""
    ring: dict[str, object] = {}
    ring["self"] = [ring]
    assert plain(ring) == {"self": ["[cycle]"]}
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    text = json.dumps(plain([deep, "x" * 1000, [0] * (MAX_ITEMS + 1), np.zeros(MAX_ITEMS + 1)]))
    assert len(text) < 1000 + 4 * MAX_TEXT


def test_what_is_seen_twice_is_no_cycle() -> None:
    """An object in two places is shown in both."""
    optimizer = Optimizer()
    assert plain([optimizer, optimizer]) == [plain(optimizer)] * 2


leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
trees = st.recursive(
    leaves | st.text(st.characters(codec="utf-8")),
    lambda parts: st.lists(parts) | st.dictionaries(st.text(st.characters(codec="utf-8")), parts),
    max_leaves=20,
)


@given(trees)
def test_plain_values_are_left_alone(tree: object) -> None:
    """What JSON holds already comes back equal."""
    assert plain(tree) == tree


@given(st.from_type(type).flatmap(st.from_type))
def test_anything_at_all_can_be_written(value: object) -> None:
    """The result is strict JSON, in UTF-8."""
    json.dumps(plain(value), allow_nan=False, ensure_ascii=False).encode()
