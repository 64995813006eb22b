"""Axes of the scatter plot."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.space.ui.module import evaluate


def axis(values: list[Any], **options: Any) -> dict[str, Any]:
    expression = """(() => {
      const axis = m.axisOf(...given);
      return {places: given[0].map((value) => axis.place(value) ?? null), ticks: axis.ticks};
    })()"""
    found: dict[str, Any] = evaluate("scatteraxis.js", expression, [values, options])
    return found


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [[1e-5, 0.1], [3, 3], [0.5, 2, 7], [1e-300, 1e300]])
def test_values_keep_their_order_between_the_ends(values: list[float], log: bool) -> None:
    """Every value has a place on the axis, a greater one never before a smaller one."""
    found = axis(values, log=log)

    assert all(0 <= place <= 1 for place in found["places"])
    assert found["places"] == sorted(found["places"])
    assert found["ticks"]
    assert all(0 <= tick["place"] <= 1 for tick in found["ticks"])
    assert all(one["text"] != other["text"] for one, other in pairwise(found["ticks"]))


def test_a_logarithmic_axis_has_equal_decades() -> None:
    """0.01 stands in the middle between 0.001 and 0.1; what is not above 0 stands nowhere."""
    low, middle, high, zero, negative = axis([0.001, 0.01, 0.1, 0, -1], log=True)["places"]

    assert middle - low == pytest.approx(high - middle)
    assert zero is negative is None


def test_what_is_not_finite_or_missing_stands_nowhere() -> None:
    """It changes nothing for the others."""
    assert axis([1, 2, "NaN", "Infinity", None])["places"] == [
        *axis([1, 2])["places"],
        None,
        None,
        None,
    ]


def test_words_stand_side_by_side() -> None:
    """A column of words is an axis, too: one place each, in order."""
    found = axis(["sgd", "adam", "sgd", True])

    assert found["places"][0] == found["places"][2] != found["places"][1]
    assert {tick["text"] for tick in found["ticks"]} == {"adam", "sgd", "true"}
