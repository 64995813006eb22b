"""Points are found by their numbers, and the rest of a run file is left alone."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

import otel_trackio
from otel_trackio import numbered


def test_what_is_new_is_found_without_a_look_at_all_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second costs the same after an hour as after a week."""
    monkeypatch.setenv("OTEL_TRACKIO_FOLD_POINTS", "100")

    def cost(count: int) -> int:
        """What SQLite does for the last points of a run that has so many."""
        run = otel_trackio.init("p", dir=tmp_path)
        for step in range(count):
            run.log({"x": float(step)}, step)
            if step % 500 == 0:
                run.flush()
        run.finish()
        assert run.path is not None
        [path] = run.path.glob("*.db")
        instructions = Counter[str]()
        with closing(sqlite3.connect(path)) as db:
            (last,) = db.execute("SELECT max(last_seq) FROM chunk").fetchone()
            db.set_progress_handler(lambda: instructions.update(["all"]), 1)
            assert numbered.points(db, last, last)
        return instructions.total()

    assert cost(20_000) <= cost(2_000)


def test_a_part_of_the_series_is_read_alone(tmp_path: Path) -> None:
    """Where counters stand is found without all that a run has recorded."""
    with otel_trackio.init("p", dir=tmp_path) as run:
        run.log({"x": 1.0, "y": 2.0}, 1)
    assert run.path is not None
    [path] = run.path.glob("*.db")
    with closing(sqlite3.connect(path)) as db:
        both = numbered.points(db, 1, 1_000)
        for series, columns in both.items():
            [(key, found)] = numbered.points(db, 1, 1_000, [series]).items()
            assert key == series
            assert found.points.value.tolist() == columns.points.value.tolist()
