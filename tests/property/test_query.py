"""Charts' buckets and histories agree with an oracle that reads every point."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from otel_trackio import layout
from otel_trackio.model import NO_STEP, Columns, Points, Series, Temporality
from otel_trackio.query import Axis, query
from otel_trackio.runfile import RunFile
from otel_trackio.storedrun import StoredRun


@dataclass(frozen=True)
class Point:
    step: int | None
    time: int
    value: float


POINTS = st.builds(
    Point,
    step=st.none() | st.integers(-40, 400),
    time=st.integers(0, 2**36),
    value=st.sampled_from([0.0, 1.5, -2.0, math.nan, math.inf, -math.inf]) | st.floats(-1e6, 1e6),
)
WRITERS = st.lists(st.lists(st.lists(POINTS, max_size=40), max_size=4), min_size=1, max_size=3)


def write(
    root: Path, attempt: int, batches: Sequence[Sequence[Point]], kind: Any = "gauge"
) -> None:
    """One writer's file: each batch but the last is folded, the last stays in the log."""
    writer = f"writer-{attempt}"
    meta = {"run_id": "run", "writer": writer, "part": "main", "attempt": attempt, "rank": 0}
    meta |= {"created_ns": 1, "host": "here", "boot_id": "b", "pid": 1}
    file = RunFile.create(layout.run_file(root, "run", writer), meta)
    temporality: Temporality = "" if kind == "gauge" else "delta"
    for number, batch in enumerate(batches):
        with file.transaction():
            series = file.series_id(Series("loss", kind, temporality))
            first = file.take_numbers(len(batch))
            points = Points(
                np.array([NO_STEP if p.step is None else p.step for p in batch], np.int64),
                np.array([p.time for p in batch], np.int64),
                np.array([p.value for p in batch], np.float64),
            )
            file.append([Columns(series, np.arange(first, first + len(batch)), points)])
        if number + 1 < len(batches):
            file.fold_all()
    file.close()


def winners(writers: Sequence[Sequence[Sequence[Point]]]) -> list[Point]:
    """The points that count, in the order recorded, found the slow way."""
    every = [point for batches in writers for batch in batches for point in batch]
    last = {point.step: place for place, point in enumerate(every)}
    return [p for place, p in enumerate(every) if p.step is None or last[p.step] == place]


def oracle(points: Sequence[Point], axis: Axis, width: int) -> dict[int, tuple[Any, ...]]:
    """Buckets of points by their index: counts, extremes of the finite, and the last value."""
    found: dict[int, list[float]] = {}
    for point in points:
        position = point.time if axis == "time" else point.step
        if position is not None:
            found.setdefault(position // width, []).append(point.value)
    return {index: summary(values) for index, values in found.items()}


def summary(values: Sequence[float]) -> tuple[Any, ...]:
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (math.nan, math.nan)
    nans = sum(map(math.isnan, values))
    return len(values), nans, values.count(math.inf), low, high, values[-1]


def at(step: int, time: int, value: float = 1.0) -> Point:
    return Point(step, time, value)


@example(
    # B comes after A; C, which shares a step with A, later still and in another bucket.
    writers=[[[at(0, 1, 0.0), at(38, 2, 1.0)], [at(-1, 3, 2.0)], [at(38, 2**36, 3.0)], []]],
    axis="time",
    most=2,
)
@given(writers=WRITERS, axis=st.sampled_from(["step", "time"]), most=st.integers(2, 500))
def test_buckets_equal_the_oracle_at_every_zoom(
    writers: list[list[list[Point]]], axis: Axis, most: int
) -> None:
    """Folded or not, repeated steps, several attempts: the same buckets as from every point."""
    with tempfile.TemporaryDirectory() as folder:
        for attempt, batches in enumerate(writers, 1):
            write(Path(folder), attempt, batches)
        with StoredRun(layout.run_dir(Path(folder), "run")) as run:
            curves = query([run], ["loss"], axis, max_points=most)

    points = winners(writers)
    if not curves:
        assert not oracle(points, axis, 1)
        return
    buckets = curves[0].buckets
    expected = oracle(points, axis, buckets.width)
    assert buckets.index.tolist() == sorted(expected)
    assert len(buckets) <= most
    for place, index in enumerate(buckets.index.tolist()):
        count, nans, infinities, low, high, last = expected[index]
        assert buckets.count[place] == count
        assert buckets.nan[place] == nans
        assert buckets.pos_inf[place] == infinities
        np.testing.assert_equal(
            (buckets.min[place], buckets.max[place], buckets.last[place]), (low, high, last)
        )


@given(writers=WRITERS)
def test_history_is_the_winners_by_step(writers: list[list[list[Point]]]) -> None:
    """`history` gives each step's last point, sorted by step, then those without a step."""
    with tempfile.TemporaryDirectory() as folder:
        for attempt, batches in enumerate(writers, 1):
            write(Path(folder), attempt, batches)
        with StoredRun(layout.run_dir(Path(folder), "run")) as run:
            points = winners(writers)
            if not points:
                assert [each.count for each in run.metrics()] in ([], [0])
                return
            history = run.history("loss")

    stepped = sorted((p for p in points if p.step is not None), key=lambda p: p.step or 0)
    expected = stepped + [p for p in points if p.step is None]
    assert [None if s is np.ma.masked else int(s) for s in history["step"]] == [
        p.step for p in expected
    ]
    np.testing.assert_equal(history["value"].tolist(), [p.value for p in expected])


@given(
    writers=st.lists(
        st.lists(st.lists(st.integers(0, 9), max_size=30), max_size=3), min_size=1, max_size=3
    )
)
def test_counters_go_on_over_chunks_and_attempts(writers: list[list[list[int]]]) -> None:
    """A counter's total goes on where the attempt before stood, and over every fold."""
    with tempfile.TemporaryDirectory() as folder:
        for attempt, batches in enumerate(writers, 1):
            points = [[Point(None, 0, float(v)) for v in batch] for batch in batches]
            write(Path(folder), attempt, points, "counter")
        every = [value for batches in writers for batch in batches for value in batch]
        with StoredRun(layout.run_dir(Path(folder), "run")) as run:
            if not every:
                return
            totals = run.history("loss")["value"]
            [curve] = query([run], ["loss"], "time")
    assert totals.tolist() == np.cumsum(every).tolist()
    assert curve.buckets.last[-1] == sum(every)


def test_resumed_counter_counts_redone_steps_once() -> None:
    """An attempt that goes back to a checkpoint goes on from the total that stood there."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), 1, [[Point(step, 0, 10.0) for step in range(8)]], "counter")
        write(Path(folder), 2, [[Point(step, 0, 10.0) for step in range(5, 10)]], "counter")
        with StoredRun(layout.run_dir(Path(folder), "run")) as run:
            history = run.history("loss")
    assert history["step"].tolist() == list(range(10))
    assert history["value"].tolist() == [10.0 * (step + 1) for step in range(10)]


@pytest.mark.parametrize("most", [2, 100, 1000, 5000])
def test_one_spike_among_a_million_is_seen_at_every_zoom(tmp_path: Path, most: int) -> None:
    """However far one zooms out, and in a thinned history, a single spike shows."""
    amount, spike = 1_000_000, 654_321
    value = np.sin(np.arange(amount))
    value[spike] = 1000.0
    points = Points(np.arange(amount), np.arange(amount) * 10**6, value)
    meta = {"run_id": "run", "writer": "w", "part": "main", "attempt": 1, "rank": 0}
    meta |= {"created_ns": 1, "host": "here", "boot_id": "b", "pid": 1}
    file = RunFile.create(layout.run_file(tmp_path, "run", "w"), meta)
    with file.transaction():
        first = file.take_numbers(amount)
        numbers = np.arange(first, first + amount)
        file.append([Columns(file.series_id(Series("loss")), numbers, points)])
    file.close()

    with StoredRun(layout.run_dir(tmp_path, "run")) as run:
        for axis in ("step", "time"):
            [curve] = query([run], ["loss"], axis, max_points=most)
            assert curve.buckets.max.max() == 1000.0
            assert curve.buckets.count.sum() == amount
        thinned = run.history("loss", max_points=max(most, 10))
        assert spike in thinned["step"]
        assert len(thinned["step"]) <= max(most, 10)
