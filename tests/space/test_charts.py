"""Curves are what was logged: against sums over every point, on every axis and at every zoom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import otel_trackio
from otel_trackio.api import Api
from otel_trackio_space.digits import rounded
from tests.bench.data import Shape, store
from tests.space.asking import Asking

CLOSE: Final = 2e-4
"""Of the extent of a curve: what rounding may do to a band; 2e-6 to means."""

STEPS: Final = 1_000


@pytest.fixture(scope="module")
def dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs, apart in time, each with noise of its own."""
    folder = tmp_path_factory.mktemp("charts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_TRACKIO_SILENT", "1")
        for seed in range(3):
            noise = np.random.default_rng(seed)
            with otel_trackio.init("axes", f"run-{seed}", dir=folder) as run:
                for step in range(STEPS):
                    run.log({"loss": float(noise.normal()) + seed, "tokens": 7 * step}, step)
                    if step % 10 == 0:
                        run.log({"epoch": step / 100}, step)
                    if step % 50 == 0:
                        run.log_system({"heat": 20 + seed})
    return folder


@pytest.fixture(scope="module")
def asking(dir: Path) -> Any:
    with Asking(dir) as app:
        yield app


def histories(dir: Path, key: str) -> dict[str, Any]:
    with Api(dir) as api:
        return {run.id: (run.standing().started, run.history(key)) for run in api.runs("axes")}


def binned(position: Sequence[int], value: Sequence[float], width: int) -> dict[int, list[float]]:
    """Values by the index of their bucket."""
    found: dict[int, list[float]] = {}
    for at, each in zip(position, value, strict=True):
        found.setdefault(at // width, []).append(each)
    return found


def agrees(curve: dict[str, Any], x: Sequence[float], found: dict[int, list[float]]) -> None:
    """Whether a curve has these buckets, ascending, at `x`."""
    indices = sorted(found)
    np.testing.assert_allclose(curve["x"], x, atol=1e-3)
    means = [math.fsum(found[each]) / len(found[each]) for each in indices]
    extent = max(map(max, found.values())) - min(map(min, found.values()))
    np.testing.assert_allclose(curve["y"], means, atol=1e-2 * CLOSE * extent, rtol=1e-6)
    counts = [len(found[each]) for each in indices]
    if max(counts) > 1:
        assert curve["n"] == counts
        lows, highs = ([pick(found[each]) for each in indices] for pick in (min, max))
        np.testing.assert_allclose(curve["min"], lows, atol=CLOSE * extent, rtol=1e-4)
        np.testing.assert_allclose(curve["max"], highs, atol=CLOSE * extent, rtol=1e-4)
    else:
        assert not {"n", "min", "max"} & curve.keys()


@pytest.mark.parametrize("points", [2, 37, 300])
def test_by_time_buckets_lie_on_the_clock(asking: Asking, dir: Path, points: int) -> None:
    """Buckets of a power of two of ns, aligned at the epoch, at most as many as were asked for."""
    chart = asking.chart("axes", "loss", x="time", points=points)
    width = round(chart["width"] * 1e6)
    assert width.bit_count() == 1
    known = histories(dir, "loss")
    assert {curve["run"] for curve in chart["curves"]} == set(known)
    whole = [time for _, history in known.values() for time in history["time"].tolist()]
    assert max(whole) // width - min(whole) // width < points
    for curve in chart["curves"]:
        _, history = known[curve["run"]]
        found = binned(history["time"].tolist(), history["value"].tolist(), width)
        agrees(curve, [index * width / 1e6 for index in sorted(found)], found)


@pytest.mark.parametrize("points", [2, 37, 300])
def test_by_age_runs_share_a_grid_that_begins_with_them(
    asking: Asking, dir: Path, points: int
) -> None:
    """Runs of different days lie over one another, all in buckets that align, to one of them."""
    chart = asking.chart("axes", "loss", x="relative", points=points)
    width = round(chart["width"] * 1e6)
    known = histories(dir, "loss")
    for curve in chart["curves"]:
        started, history = known[curve["run"]]
        found = binned(history["time"].tolist(), history["value"].tolist(), width)
        agrees(curve, [(i - started // width) * width / 1e6 for i in sorted(found)], found)
        assert len(curve["x"]) <= points
        assert min(curve["x"]) >= 0


def test_along_another_metric_x_is_its_value_at_the_same_steps(asking: Asking, dir: Path) -> None:
    """A metric logged together with it gives its mean over the very steps of the bucket."""
    chart = asking.chart("axes", "loss", x={"metric": "tokens"}, points=100)
    assert chart["x"] == {"metric": "tokens"}
    for curve in chart["curves"]:
        history = histories(dir, "loss")[curve["run"]][1]
        found = binned(history["step"].tolist(), history["value"].tolist(), int(chart["width"]))
        steps = binned(history["step"].tolist(), history["step"].tolist(), int(chart["width"]))
        agrees(curve, [7 * float(np.mean(steps[index])) for index in sorted(steps)], found)


def test_along_a_metric_that_is_logged_rarely_x_is_interpolated(asking: Asking) -> None:
    """Between two steps at which it is known it grows evenly; after the last there is no curve."""
    chart = asking.chart("axes", "loss", x={"metric": "epoch"}, points=2_000)
    for curve in chart["curves"]:
        np.testing.assert_allclose(curve["x"], np.arange(991) / 100, atol=1e-6)


def test_along_another_metric_bounds_are_its_values(asking: Asking) -> None:
    """A zoom on epochs 2 to 4 shows what was logged then, finer than the whole."""
    whole = asking.chart("axes", "loss", x={"metric": "epoch"}, points=60)
    part = asking.chart("axes", "loss", x={"metric": "epoch"}, points=60, lo=2, hi=4)
    assert part["width"] < whole["width"]
    for curve in part["curves"]:
        assert 1.8 <= min(curve["x"]) <= 2.1
        assert 3.9 <= max(curve["x"]) <= 4.2


def test_a_metric_without_steps_is_shown_by_age(asking: Asking) -> None:
    """Where steps are asked for it has none, and says by what it is shown instead."""
    chart = asking.chart("axes", "heat", x="step", lo=0, hi=10)
    assert chart["x"] == "relative"
    assert [set(curve["y"]) for curve in chart["curves"]] == [{20}, {21}, {22}]


def test_few_points_lie_at_their_own_steps(asking: Asking) -> None:
    """A metric that is logged rarely is not moved to the begin of a bucket."""
    chart = asking.chart("axes", "epoch", points=100)
    assert chart["width"] == 1
    assert [curve["x"] for curve in chart["curves"]] == [list(range(0, STEPS, 10))] * 3


@pytest.mark.parametrize("x", ["step", "time", "relative"])
@pytest.mark.parametrize("first", [2, 40, 1_999])
def test_a_delta_continues_an_earlier_answer(asking: Asking, x: str, first: int) -> None:
    """With an earlier answer's width, from its last x on: the same buckets as in the whole."""
    whole = asking.chart("axes", "loss", x=x, points=first)
    for curve in whole["curves"]:
        place = len(curve["x"]) // 2
        asked = {"lo": curve["x"][place], "width": whole["width"], "runs": [curve["run"]]}
        (tail,) = asking.chart("axes", "loss", x=x, points=300, **asked)["curves"]
        # It may begin earlier, as a time in ms is rounded, and an age known to a bucket.
        begin = tail["x"].index(curve["x"][place])
        assert begin <= 2
        assert tail["x"][begin:] == curve["x"][place:]
        np.testing.assert_allclose(tail["y"][begin:], curve["y"][place:], rtol=1e-4, atol=1e-4)


def test_a_width_that_would_make_too_many_buckets_is_widened(asking: Asking) -> None:
    """An answer is never larger than it may be, and says which width it has."""
    chart = asking.chart("axes", "loss", x="time", width=2**10 / 1e6)
    assert chart["width"] > 2**10 / 1e6
    assert all(len(curve["x"]) <= 2_000 for curve in chart["curves"])


def test_curves_that_are_crowded_become_buckets(tmp_path: Path) -> None:
    """However unevenly points lie, a curve has about as many as were asked for."""
    with otel_trackio.init("crowd", dir=tmp_path) as run:
        for step in range(1_500):
            run.log({"loss": step}, step)
        run.log({"loss": 0}, 10**9)
    with Asking(tmp_path) as asking:
        (curve,) = asking.chart("crowd", "loss", lo=0, hi=3_000, points=100)["curves"]
    assert 40 < len(curve["x"]) <= 100
    assert sum(curve["n"]) == 1_500


def test_ranks_are_the_lowest_one_of_them_or_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rank is a curve of its own, and the lowest that has the metric stands for the run."""
    for rank in range(3):
        monkeypatch.setenv("WORLD_SIZE", "3")
        monkeypatch.setenv("RANK", str(rank))
        with otel_trackio.init("ranks", id="shared", resume="allow", dir=tmp_path) as run:
            for step in range(5):
                run.log({"loss": 10 * rank + step} | ({"odd": 1.0} if rank == 2 else {}), step)
    with Asking(tmp_path) as asking:
        cases: list[tuple[object, list[int]]] = [
            (None, [0]),
            (1, [1]),
            ("all", [0, 1, 2]),
            (7, []),
        ]
        for asked, shown in cases:
            curves = asking.chart("ranks", "loss", rank=asked)["curves"]
            assert [curve["rank"] for curve in curves] == shown
            assert [curve["y"][0] for curve in curves] == [10 * each for each in shown]
        assert [c["rank"] for c in asking.chart("ranks", "odd")["curves"]] == [2]
        (run_shown,) = asking.get("/api/runs", project="ranks")["runs"]
        assert run_shown["ranks"] == [0, 1, 2]


def test_counters_are_running_totals(tmp_path: Path) -> None:
    """What an instrument adds up is shown as its total, across attempts."""
    for _ in range(2):
        with otel_trackio.init("count", id="same", resume="allow", dir=tmp_path):
            counter = otel_trackio.get_meter("test").create_counter("samples")
            for step in range(4):
                with otel_trackio.step(step):
                    counter.add(5)
    with Asking(tmp_path) as asking:
        (curve,) = asking.chart("count", "samples")["curves"]
    assert curve["y"] == [5, 10, 15, 20]


def test_5000_curves_are_the_most(tmp_path: Path) -> None:
    """A question for more is refused, with what to do about it, before any data is read."""
    shape = Shape(50, 1)
    for number in range(101):
        store(tmp_path, f"run-{number}", shape)
    with Asking(tmp_path) as asking:
        asked = {"project": "bench", "keys": shape.names}
        answer = asking.send("POST", "/api/series", json=asked)
        assert (answer.status_code, answer.json()["hint"]) == (
            422,
            "ask for fewer runs or metrics",
        )
        asked["runs"] = [f"run-{number}" for number in range(100)]
        answer = asking.send("POST", "/api/series", json=asked)
        assert sum(len(each["curves"]) for each in answer.json()["charts"].values()) == 5_000


ANY = st.floats() | st.floats(1e6, 1e6 + 1) | st.integers(-(2**60), 2**60).map(float)


@given(curves=st.lists(st.lists(ANY, max_size=40), max_size=4), digits=st.integers(3, 7))
def test_rounding_is_seen_by_nobody(curves: list[list[float]], digits: int) -> None:
    """Each value keeps its digits, integers stay whole, and what is not finite stays."""
    given_curves = [np.array(curve, dtype=np.float64) for curve in curves]
    for before, after in zip(given_curves, rounded(given_curves, digits), strict=True):
        assert len(before) == len(after)
        finite = np.isfinite(before)
        np.testing.assert_array_equal(before[~finite], after[~finite])
        np.testing.assert_allclose(after[finite], before[finite], rtol=0.51 * 10.0 ** (1 - digits))
        whole = finite & (np.rint(before) == before) & (np.abs(before) < 2**53)
        np.testing.assert_array_equal(before[whole], after[whole])


@given(base=st.floats(-1e9, 1e9), noise=st.lists(st.floats(0, 1), min_size=20, max_size=60))
def test_what_varies_little_beside_its_size_still_varies(base: float, noise: list[float]) -> None:
    """The shape of a curve survives at any height: to a hundred-thousandth of its own extent."""
    before = base + np.array(noise)
    (after,) = rounded([before])
    ordered = np.sort(before)
    extent = ordered[len(before) * 95 // 100] - ordered[len(before) * 5 // 100]
    assert np.abs(after - before).max() <= max(0.51e-5 * extent, np.spacing(abs(base) + 1)) or (
        np.abs(after - before).max() <= 1e-6 * np.abs(before).max() and extent == 0
    )
