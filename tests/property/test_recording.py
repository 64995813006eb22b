"""Whatever is logged comes back equal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import otel_trackio
from otel_trackio import Api
from otel_trackio.model import NO_STEP

Tree = dict[str, Any]

KEYS = st.text(min_size=1, max_size=20) | st.sampled_from(
    ["id", "step", "time", "value", "Train_Loss", "train_loss", "a b", "ключ", "x" * 500, "../x"]
)
INTEGERS = st.integers() | st.integers(-(2**63) - 2, 2**63 + 2)
SCALARS: st.SearchStrategy[Any] = (
    st.floats()
    | INTEGERS
    | st.booleans()
    | st.floats(width=32).map(np.float32)
    | st.integers(-(2**63), 2**63 - 1).map(np.int64)
    | st.floats().map(np.array)
)
TREES = st.recursive(
    st.dictionaries(KEYS, SCALARS, max_size=5),
    lambda inner: st.dictionaries(KEYS, SCALARS | inner, max_size=4),
    max_leaves=12,
)
STEPS = st.integers(NO_STEP + 1, -NO_STEP - 1)


def leaves(tree: Tree, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}".encode("utf-8", "backslashreplace").decode(), value


def same(recorded: Any, logged: Any) -> bool:
    """Equal to the bit, as far as Python numbers tell: NaN is NaN, -0.0 is not 0.0."""
    plain = logged.item() if hasattr(logged, "item") else logged
    if isinstance(plain, float):
        if math.isnan(plain):
            return isinstance(recorded, float) and math.isnan(recorded)
        return recorded == plain and math.copysign(1, recorded) == math.copysign(1, plain)
    return bool(recorded == plain)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recording")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(calls=st.lists(st.tuples(STEPS, TREES), min_size=1, max_size=6))
def test_any_tree_of_keys_and_values_comes_back_equal(
    folder: Path, calls: list[tuple[int, Tree]]
) -> None:
    """Keys may be any string, values any number: all points are kept, exactly, in order."""
    expected: dict[str, list[tuple[int, Any]]] = {}
    with otel_trackio.init("trees", dir=folder, mode="offline") as run:
        for step, tree in calls:
            run.log(tree, step=step)
            for key, value in dict(leaves(tree)).items():
                expected.setdefault(key, []).append((step, value))

    with Api(folder).run(run.id) as stored:
        logged = {each.key for each in stored.metrics() if each.scope == "otel_trackio.log"}
        assert logged == set(expected)
        for key, points in expected.items():
            history = stored.history(key, all=True)
            assert history["step"].tolist() == [step for step, _ in points]
            values = history["value"].tolist()
            assert all(same(a, b) for a, (_, b) in zip(values, points, strict=True)), (key, values)
