"""A server that is open for weeks: what it keeps open, and in memory, is bounded."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

import otel_trackio
from otel_trackio_space import shelf
from otel_trackio_space.cache import Cache
from otel_trackio_space.failures import Refused
from otel_trackio_space.shelf import Shelf
from tests.bench.data import Shape, store
from tests.space.asking import Asking
from tests.space.foreign import written


def open_files(dir: Path) -> int:
    """How many run files below a folder this process has open."""
    names = set()
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            names.add(str(each.readlink()))
    return sum(name.startswith(str(dir)) and name.endswith(".db") for name in names)


def test_few_files_are_open_at_once(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether runs are listed while they are live, drawn or exported: of the others they close."""
    monkeypatch.setattr(shelf, "MAX_FILES", 4)
    dir = asking.shelf.api.dir
    for number in range(12):
        written(dir, f"live-{number}", "summary", {}, state="running")
    runs = asking.get("/api/runs", project="remote")["runs"]
    assert {each["state"] for each in runs} == {"running"}
    assert open_files(dir) <= 4
    for number in range(12):
        store(dir, f"run-{number}", Shape(1, 50))
    key = "train/metric_0"
    asked = {"project": "bench", "keys": key}
    answer = asking.send("GET", "/api/export", params=asked)
    assert answer.text.count("\n") == 1 + 12 * 50
    assert open_files(dir) <= 4
    assert len(asking.chart("bench", key)["curves"]) == 12
    assert open_files(dir) <= 4


def test_what_is_kept_of_charts_is_bounded(asking: Asking) -> None:
    """Also where nothing was in them, which is asked for again with every point of a run."""
    with otel_trackio.init("going") as run:
        run.log({"loss": 1}, 0)
    asking.shelf.buckets = Cache(10_000)
    for lo in range(100):
        chart = asking.chart("going", "loss", lo=-1 - lo, hi=0)
        assert len(chart["curves"]) == 1
        asking.chart("going", "loss", x="relative", lo=1e9 + lo)
    assert 0 < len(asking.shelf.buckets) < 50


def test_a_shelf_that_is_closed_reads_no_more(tmp_path: Path) -> None:
    """Whoever reads many runs then comes to an end, and nobody waits for it."""
    store(tmp_path, "run", Shape(1, 10))
    one = Shelf(tmp_path)
    entry = one.look().run("run")
    one.close()
    store(tmp_path, "other", Shape(1, 10))
    assert one.look().runs.keys() == {"run"}
    with pytest.raises(Refused, match="has ended"), one.sources(entry):
        pass
    assert open_files(tmp_path) == 0
