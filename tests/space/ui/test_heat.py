"""Heat maps: where columns and rows lie, what they say, and their colours."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from tests.space.oklab import oklab
from tests.space.ui.module import evaluate


def answer(**told: Any) -> dict[str, Any]:
    """As the API gives it: two columns and three rows."""
    usual = {
        "axis": "step",
        "width": 1,
        "x": [0, 10],
        "edges": [None, 1, 2, None],
        "even": False,
        "cells": [[1, 2, 1], [0, 0, 8]],
        "count": [4, 8],
        "mean": [1.5, 3],
        "min": [0, None],
        "max": [3, None],
        "nonfinite": [0, 2],
    }
    return {**usual, **told}


def heat(expression: str, told: dict[str, Any], **how: Any) -> Any:
    """What an expression over the heat `h` of an answer is."""
    given = [told, {"clock": "relative", "started": 0, "factor": 1, **how}]
    return evaluate("distribution/heat.js", f"(h => {expression})(m.heatOf(...given))", given)


def test_columns_meet_in_the_middle() -> None:
    """Where they are as far apart as usual; at a gap nothing is drawn."""
    spans = heat("h.spans", answer(x=[0, 10, 20, 100, 110], cells=[[1, 1, 1]] * 5, count=[3] * 5))
    assert spans == [[-5, 5], [5, 15], [15, 25], [95, 105], [105, 115]]


def test_folded_columns_lie_side_by_side() -> None:
    """Each is as wide as its steps."""
    assert heat("h.spans", answer(x=[0, 4], width=4)) == [[-0.5, 3.5], [3.5, 7.5]]


def test_a_column_alone_has_room_beside_it() -> None:
    """It says nothing of what was before and after."""
    low, high = heat("h.range", answer(x=[7], cells=[[1, 1, 1]], count=[3]))
    assert low < 6
    assert high > 8
    low, high = heat("h.range", answer(axis="time", x=[5_000], width=1e-6, count=[1], cells=[[1]]))
    assert low < 5_000 < high


def test_time_is_told_by_the_clock() -> None:
    """Since the start, or as time of day."""
    told = answer(axis="time", x=[61_000, 71_000], width=1_000)
    reading = "m.readingOf(h, {column: 0, row: 0}).title"
    assert heat(reading, told, started=1_000) == "1 m"
    assert heat(reading, told, clock="time").startswith("1970-01-01")
    assert heat("h.axis", told, started=None) == "time"


def test_a_cell_says_what_it_holds() -> None:
    """Its share of the count, between which values; and of its column what is known."""
    found = heat("m.readingOf(h, {column: 0, row: 1})", answer())
    assert found == {
        "title": "step 0",
        "facts": [["count", "4"], ["mean", "1.5"], ["min", "0"], ["max", "3"]],
        "row": "1 to 2",
        "share": "50 %",
    }
    found = heat("m.readingOf(h, {column: 1, row: 2})", answer())
    assert (found["row"], found["share"]) == ("above 2", "100 %")
    assert found["facts"] == [["count", "8"], ["mean", "3"], ["not finite", "2"]]
    assert heat("m.valuesOf(h, 0)", answer()) == "up to 1"
    assert heat("m.percent(0.00001)", answer()) == "< 0.01 %"


def test_values_are_told_in_their_unit() -> None:
    """Rows and columns alike."""
    found = heat("[h.edges, h.told.max]", answer(), factor=1_000)
    assert found == [[None, 1_000, 2_000, None], [3_000, None]]


@pytest.mark.parametrize(
    ("right", "up", "cell"),
    [
        (0.25, 0.1, {"column": 0, "row": 0}),
        (0.75, 0.9, {"column": 1, "row": 2}),
        (1, 1, {"column": 1, "row": 2}),
        (0.25, 1.1, None),
    ],
)
def test_a_place_is_in_a_cell(right: float, up: float, cell: dict[str, int] | None) -> None:
    """Or in none, beside the picture."""
    assert heat(f"m.cellAt(h, {right}, {up})", answer()) == cell


def test_ticks_stand_where_their_values_are() -> None:
    """At edges of buckets, or at round values between rows of one height, the open ones aside."""
    buckets = heat("m.ticksOfY(h, 6)", answer())
    assert buckets == [{"place": 1 / 3, "text": "1"}, {"place": 2 / 3, "text": "2"}]
    edges = [None, 0, 1, 2, None]
    even = heat("m.ticksOfY(h, 2)", answer(edges=edges, even=True, cells=[[1] * 4] * 2))
    assert even == [
        {"place": 0.25, "text": "0"},
        {"place": 0.5, "text": "1"},
        {"place": 0.75, "text": "2"},
    ]
    assert [each["text"] for each in heat("m.ticksOfX(h, 3)", answer())] == ["0", "5", "10"]


def test_one_full_column_hides_no_other() -> None:
    """The colours tell usual shares; the legend says that some are greater."""
    cells = [[1, 1, 1, 1]] * 39 + [[4, 0, 0, 0]]
    told = answer(x=list(range(40)), cells=cells, count=[4] * 40, edges=[0, 1, 2, 3, 4])
    assert heat("[h.most, h.beyond]", told) == [0.25, True]
    assert heat("[h.most, h.beyond]", answer()) == [1, False]


@pytest.mark.parametrize("dark", [False, True])
def test_colours_are_even(dark: bool) -> None:
    """Each step is as far from the next, in OKLab, and lightness goes one way."""
    ramp = [oklab(each) for each in evaluate("distribution/ramp.js", "m.rampOf(given)", dark)]
    far = [math.dist(one, other) for one, other in itertools.pairwise(ramp)]
    assert max(far) < 2 * min(far)
    light = [each[0] for each in ramp]
    assert light == sorted(light, reverse=not dark)
    assert abs(light[-1] - light[0]) > 0.5


def test_what_is_there_is_seen() -> None:
    """The least share is no step of nothing, and the greatest is the last one."""
    steps = evaluate(
        "distribution/ramp.js", "given.map((share) => m.stepOf(share, 0.5))", [1e-9, 2]
    )
    assert steps == [1, 63]
