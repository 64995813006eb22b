"""The numbers that charts are drawn from are those that were logged."""

from __future__ import annotations

import json
import math
from typing import Any, TypeAlias
from urllib.request import Request, urlopen

import pytest

from tests.space import oracle
from tests.space.browser.dashboard import Dashboard
from tests.space.browser.shelf import SPIKE, Noted, Shelf

pytestmark = pytest.mark.xdist_group("browser")

Curve: TypeAlias = dict[str, Any]

CLOSE = 1e-3
"""How far a value may be from the true one, in parts of its curve's range: less than a pixel."""


def asked(dashboard: Dashboard, project: str, key: str, **question: Any) -> dict[str, Any]:
    """The chart of a metric."""
    body = json.dumps({"project": project, "keys": [key], **question}).encode()
    headers = {"content-type": "application/json"}
    with urlopen(Request(f"{dashboard.address}/api/series", body, headers)) as answer:
        chart: dict[str, Any] = json.load(answer)["charts"][key]
    return chart


def agrees(curve: Curve, points: Noted, width: int, lo: int, hi: int) -> None:
    """Asserts that a curve is what the oracle makes of the points."""
    expected = oracle.buckets(points, width)
    shown = [each for each in expected if lo // width <= each.start // width <= hi // width]
    assert curve["x"] == [each.start for each in shown]
    finite = [value for _, value in points if math.isfinite(value)]
    room = CLOSE * ((max(finite) - min(finite)) or abs(finite[0]) or 1) if finite else 0
    columns = {"y": "mean", "min": "min", "max": "max", "n": "count"}
    for name, own in columns.items():
        if name not in curve or curve[name] is None:
            assert all(each.count == 1 for each in shown)
            continue
        for given, each in zip(curve[name], shown, strict=True):
            true = getattr(each, own)
            assert (given is None) == (true is None)
            assert given is None or abs(given - true) <= room
    for name in ("nan", "inf", "ninf"):
        assert curve[name] == [each.start for each in shown if getattr(each, name)]


@pytest.mark.parametrize("key", ["train/loss", "train/learning_rate", "tokens", "eval/loss"])
@pytest.mark.parametrize("points", [50, 300, 2_000])
def test_a_chart_has_the_buckets_of_every_run(
    dashboard: Dashboard, shelf: Shelf, key: str, points: int
) -> None:
    """Mean, extremes and count of each bucket are those of the points in it, in every run."""
    chart = asked(dashboard, "digits", key, points=points)
    names = {id: name for name, id in shelf.ids.items()}
    runs = [name for name in shelf.noted if name.startswith("digits-")]
    assert {names[curve["run"]] for curve in chart["curves"]} == set(runs)
    steps = [step for name in runs for step, _ in shelf.noted[name][key]]
    # So few are shown each at its own step.
    few = max(len(shelf.noted[name][key]) for name in runs) <= points
    assert chart["width"] == (1 if few else oracle.width(min(steps), max(steps), points))
    for curve in chart["curves"]:
        noted = shelf.noted[names[curve["run"]]][key]
        agrees(curve, noted, chart["width"], min(steps), max(steps))


def test_a_part_of_a_chart_is_finer(dashboard: Dashboard, shelf: Shelf) -> None:
    """Between two steps a chart has the buckets that so many points allow there."""
    chart = asked(dashboard, "digits", "train/loss", lo=300, hi=520, points=100)
    names = {id: name for name, id in shelf.ids.items()}
    assert chart["width"] == oracle.width(300, 520, 100)
    for curve in chart["curves"]:
        noted = shelf.noted[names[curve["run"]]]["train/loss"]
        agrees(curve, noted, chart["width"], 300, 520)


def test_a_spike_of_one_step_is_in_the_envelope(dashboard: Dashboard, shelf: Shelf) -> None:
    """However coarse a chart is, its greatest value is the greatest that was logged."""
    step, _ = SPIKE
    noted = dict(shelf.noted["digits-0.01-1"]["gradient/norm"])
    chart = asked(dashboard, "digits", "gradient/norm", points=20)
    tops = {curve["run"]: max(curve["max"]) for curve in chart["curves"]}
    assert tops[shelf.ids["digits-0.01-1"]] == pytest.approx(noted[step], rel=CLOSE)
    assert sorted(tops.values())[-2] < 2


def test_of_repeated_steps_the_later_attempt_counts(dashboard: Dashboard, shelf: Shelf) -> None:
    """A run that was resumed before its last step shows each step once."""
    chart = asked(dashboard, "odd", "repeated")
    (curve,) = chart["curves"]
    agrees(curve, shelf.noted["resumed"]["repeated"], chart["width"], 0, 149)
    assert (curve["y"][59], curve["y"][60]) == (59, 1_060)


@pytest.mark.parametrize("points", [4, 300])
def test_what_is_not_finite_is_told_apart(dashboard: Dashboard, shelf: Shelf, points: int) -> None:
    """NaN and both infinities are marked where they were logged, and enter no mean."""
    chart = asked(dashboard, "odd", "special", points=points)
    (curve,) = chart["curves"]
    agrees(curve, shelf.noted["special"]["special"], chart["width"], 0, 9)
    chart = asked(dashboard, "odd", "never", points=points)
    assert set(chart["curves"][0]["y"]) == {None}


def test_steps_may_be_negative(dashboard: Dashboard, shelf: Shelf) -> None:
    """Buckets align at zero on both sides of it."""
    chart = asked(dashboard, "odd", "plain", runs=[shelf.ids["negative"]], points=4)
    (curve,) = chart["curves"]
    agrees(curve, shelf.noted["negative"]["plain"], chart["width"], -5, 5)
