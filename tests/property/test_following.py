"""What a reader keeps from one reading to the next, and takes from rollups, changes no answer."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from otel_trackio import fold, layout
from otel_trackio.chunk import column_of
from otel_trackio.model import NO_STEP, Columns, Points, Series
from otel_trackio.runfile import RunFile
from otel_trackio.storedrun import StoredRun

KEYS = ("loss", "lr")
Point = tuple[int | None, float | int]

SPECIAL = st.sampled_from([math.nan, math.inf, -math.inf, 2**53 + 1, -(2**80)])
VALUES = st.floats(-1e6, 1e6) | st.integers(-9, 9) | SPECIAL
POINTS = st.lists(st.tuples(st.none() | st.integers(0, 60), VALUES), max_size=20)
ROUNDS = st.lists(
    st.tuples(st.dictionaries(st.sampled_from(KEYS), POINTS), st.booleans()), max_size=8
)


def new_file(root: Path, attempt: int) -> RunFile:
    writer = f"writer-{attempt}"
    meta = {"run_id": "run", "writer": writer, "part": "main", "attempt": attempt, "rank": 0}
    meta |= {"created_ns": 1, "host": "here", "boot_id": "b", "pid": 1}
    return RunFile.create(layout.run_file(root, "run", writer), meta)


def append(file: RunFile, key: str, points: Sequence[Point]) -> None:
    with file.transaction():
        first = file.take_numbers(len(points))
        numbers = np.arange(first, first + len(points))
        steps = np.array([NO_STEP if step is None else step for step, _ in points], np.int64)
        columns = Points(steps, numbers * 10**9, column_of([value for _, value in points]))
        file.append([Columns(file.series_id(Series(key)), numbers, columns)] if points else [])


def fold_everything(file: RunFile) -> None:
    with file.transaction():
        fold.fold(file.connection, (), least=1, room=0)


def shown(run: StoredRun) -> dict[str, Any]:
    """All that can be seen of a run's points."""
    found = {}
    for each in run.metrics():
        columns = run.history(each.key) if each.count else {}
        found[each.key] = [asdict(each), {name: of.tolist() for name, of in columns.items()}]
    return found


@given(rounds=ROUNDS)
def test_who_reads_again_and_again_sees_what_a_newcomer_sees(
    rounds: list[tuple[dict[str, list[Point]], bool]],
) -> None:
    """However often points were read before, folded, and their chunks written anew."""
    with tempfile.TemporaryDirectory() as folder:
        file = new_file(Path(folder), 1)
        path = layout.run_dir(Path(folder), "run")
        with StoredRun(path) as follower:
            for batch, folds in rounds:
                for key, points in batch.items():
                    append(file, key, points)
                if folds:
                    fold_everything(file)
                with StoredRun(path) as newcomer:
                    np.testing.assert_equal(shown(follower), shown(newcomer))
        file.close()


@given(writers=st.lists(st.lists(st.tuples(POINTS, st.booleans()), max_size=4), min_size=1))
def test_metrics_sum_up_every_point(writers: list[list[tuple[list[Point], bool]]]) -> None:
    """As if every point were looked at: folded or not, repeated steps, several attempts."""
    with tempfile.TemporaryDirectory() as folder:
        for attempt, batches in enumerate(writers, 1):
            file = new_file(Path(folder), attempt)
            for points, folds in batches:
                append(file, "loss", points)
                if folds:
                    fold_everything(file)
            file.close()
        with StoredRun(layout.run_dir(Path(folder), "run")) as run:
            found = run.metrics()

    every = [point for batches in writers for points, _ in batches for point in points]
    if not every:
        assert all(each.count == 0 for each in found)
        return
    last = {step: place for place, (step, _) in enumerate(every)}
    counting = [v for place, (step, v) in enumerate(every) if step is None or last[step] == place]
    finite = [float(value) for value in counting if math.isfinite(value)]
    [metric] = found
    assert (metric.count, metric.nonfinite) == (len(every), len(counting) - len(finite))
    assert (metric.min, metric.max) == (min(finite, default=None), max(finite, default=None))
    assert metric.last_step == every[-1][0]
    np.testing.assert_equal(metric.last, every[-1][1])
