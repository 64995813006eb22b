"""The pure modules of the page, run where they run, against plain statements of what they do."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.space import oracle
from tests.space.browser.visitor import MINUS, number
from tests.space.oklab import oklab

pytestmark = pytest.mark.xdist_group("browser")

Call: TypeAlias = Callable[..., Any]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LISTS = st.lists(TEXTS.filter(bool), max_size=4)
NUMBERS = st.floats(-1e15, 1e15)
VIEWS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("page", "project", "filter", "metrics", "group", "baseline"), TEXTS),
        **dict.fromkeys(("hide", "only", "pin", "closed", "cols", "scatter"), LISTS),
        **dict.fromkeys(("latest", "logx", "logy", "envelope", "clip", "embed"), st.booleans()),
        **dict.fromkeys(("lo", "hi"), NUMBERS),
        "x": st.sampled_from(["step", "relative", "time"]) | TEXTS.map("metric:{}".format),
        "smooth": st.floats(0, 1e6),
        "theme": st.sampled_from(["auto", "light", "dark"]),
        "lines": st.sampled_from(["runs", "minmax", "std"]),
    },
)


@given(view=VIEWS)
def test_a_view_comes_back_from_its_address(call: Call, view: dict[str, Any]) -> None:
    """Whatever a view holds, opening its address gives the same view."""
    read = call("state", "fromQuery", call("state", "toQuery", view))
    assert {name: read[name] for name in view} == view


@given(query=TEXTS | st.dictionaries(TEXTS, TEXTS).map(str))
def test_no_address_is_refused(call: Call, query: str) -> None:
    """What an address says wrongly is taken as the default."""
    assert call("state", "fromQuery", query).keys() == call("state", "fromQuery", "").keys()


def test_the_usual_view_has_no_address(call: Call) -> None:
    """A link to what is shown anyway is short."""
    assert call("state", "toQuery", call("state", "fromQuery", "")) == ""


@given(value=st.floats(-1e300, 1e300) | st.sampled_from([math.nan, math.inf, -math.inf]))
def test_numbers_are_told_as_they_are(call: Call, value: float) -> None:
    """A number reads back to four digits; none but 0 reads as 0."""
    told = call("format", "number", value)
    if math.isnan(value):
        assert told == "NaN"
    elif math.isinf(value):
        assert told == ("∞" if value > 0 else f"{MINUS}∞")
    else:
        assert number(told) == pytest.approx(value, rel=6e-4, abs=0)


@given(low=st.floats(-1e12, 1e12), step=st.sampled_from([1, 2, 2.5, 5]), power=st.integers(-12, 9))
def test_ticks_are_told_apart(call: Call, low: float, step: float, power: int) -> None:
    """No two ticks of an axis read the same."""
    size = step * 10.0**power
    first = round(low / size) if abs(low / size) < 1e5 else 3
    ticks = [(first + place) * size for place in range(6)]
    assert len(set(call("format", "tickTexts", ticks))) == len(ticks)


def test_small_learning_rates_are_not_zero(call: Call) -> None:
    """An axis of values about 0.00001 says so."""
    texts = call("format", "tickTexts", [0, 1e-5, 2e-5, 3e-5])
    assert texts[0] == "0"
    assert all(re.search("[1-9]", text) for text in texts[1:])


@pytest.mark.parametrize("dark", [False, True])
def test_at_least_twenty_runs_differ_in_colour(call: Call, dark: bool) -> None:
    """The colours of the first runs are distinct, and stay those of their order."""
    inks = [call("colour", "inkOf", order, dark) for order in range(72)]
    assert len({ink["colour"] for ink in inks[:20]}) == 20
    assert len({(ink["colour"], tuple(ink["dash"])) for ink in inks}) == 72
    colours = [ink["colour"] for ink in inks[:20]]
    distances = [_distance(one, other) for one in colours for other in colours if one != other]
    assert min(distances) > 0.05


CURVES = st.lists(
    st.tuples(st.floats(0.01, 100), st.none() | st.floats(-1e3, 1e3)), min_size=1, max_size=40
)


@given(curve=CURVES, half_life=st.floats(0.1, 1e3))
def test_smoothing_is_a_mean_that_forgets(
    call: Call, curve: list[tuple[float, float | None]], half_life: float
) -> None:
    """By distance along x, from an unbiased start; what is missing takes no part."""
    x = [float(each) for each in np.cumsum([gap for gap, _ in curve])]
    y = [value for _, value in curve]
    found = call("smooth", "smoothed", x, y, half_life)
    for given_, true in zip(found, oracle.smoothed(x, y, half_life), strict=True):
        assert given_ == (None if true is None else pytest.approx(true, rel=1e-6, abs=1e-6))


def test_smoothing_does_not_depend_on_the_sampling(call: Call) -> None:
    """Every tenth point of a line gives the same curve as all of them, but for its first steps."""
    x = [float(each) for each in range(1_000)]
    fine = call("smooth", "smoothed", x, x, 50)
    coarse = call("smooth", "smoothed", x[::10], x[::10], 50)
    assert coarse[50:] == pytest.approx(fine[::10][50:], abs=10)


GRIDS = st.lists(
    st.dictionaries(st.integers(-50, 50), st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=9),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize("band", ["minmax", "std"])
@given(grids=GRIDS)
def test_a_group_is_the_mean_of_its_runs(
    call: Call, grids: list[dict[int, float | None]], band: str
) -> None:
    """Each run counts the same; the band is that of the runs, or a deviation to each side."""
    curves = [{"x": sorted(grid), "y": [grid[x] for x in sorted(grid)]} for grid in grids]
    found = call("curves", "meanOf", curves, band)
    shown = [place for place, mean in enumerate(found["y"]) if mean is not None]
    true = oracle.group(list(grid.items()) for grid in grids)
    assert [found["x"][place] for place in shown] == [each.x for each in true]
    for place, each in zip(shown, true, strict=True):
        low, high = each.min, each.max
        if band == "std":
            low, high = each.mean - each.deviation, each.mean + each.deviation
        numbers = [found[name][place] for name in ("y", "min", "max")]
        assert numbers == [
            pytest.approx(number, rel=1e-6, abs=1e-6) for number in (each.mean, low, high)
        ]


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=300, unique=True))
def test_clipping_leaves_outliers_out(call: Call, values: list[float]) -> None:
    """The axis goes from the 1st percentile to the 99th."""
    found = call("scale", "rangeOf", values, {"clip": True})
    assert found == pytest.approx(oracle.clipped(values), rel=1e-6, abs=1e-6)


@given(low=st.floats(1e-12, 1e6), decades=st.floats(0.01, 18))
def test_a_logarithmic_axis_has_ticks(call: Call, low: float, decades: float) -> None:
    """At least two in its range, whatever it is."""
    high = low * 10**decades
    ticks = call("scale", "logTicks", low, high, 5)
    assert len([tick for tick in ticks if low <= tick * 1.001 and tick <= high * 1.001]) >= 2


def _distance(one: str, other: str) -> float:
    """How far apart two colours are in OKLab."""
    return math.dist(oklab(one), oklab(other))
