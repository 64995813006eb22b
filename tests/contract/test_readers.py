"""Tools that know nothing of us read a remote, with the lines of the card that lies in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from otel_trackio import Api
from otel_trackio.bucket import HubBucket
from otel_trackio.hub import HubDataset
from otel_trackio.remote import Folder
from tests.fakes.hub import Hub

pytestmark = pytest.mark.xdist_group("hub")

NAME = "alice/metrics"
FIRST, SECOND = "first run/Ä", "0002"
"""Ids: what a path spells in other letters, and what looks like a number."""

TRAINING = f"""
import otel_trackio

with otel_trackio.init("digits", "first", id={FIRST!r}, config={{"lr": 0.1}}) as run:
    for step in range(40):
        run.log({{"train/loss": 1 / (step + 1), "odd": 2**70 if step % 3 else 7}}, step=step)
        if step == 20:
            assert run.sync_now()
    run.log({{"train/loss": float("inf"), "weights": otel_trackio.Histogram([1.0, 2.0])}}, step=40)
    run.alert("loss is not finite")
assert run.unsynced == 0
with otel_trackio.init("digits", id={FIRST!r}, resume="must", config={{"lr": 0.2}}) as run:
    for step in range(30, 50):
        run.log({{"train/loss": -step, "odd": float("nan")}}, step=step)
assert run.unsynced == 0
with otel_trackio.init("digits", "second", id={SECOND!r}, config={{"lr": 0.3}}) as run:
    for step in range(10):
        run.log({{"train/loss": float("nan") if step == 5 else -0.0}}, step=step)
assert run.unsynced == 0
"""
BARREN = """
import otel_trackio

with otel_trackio.init("digits", "barren"):
    pass
"""
READING = """
import json, os, sys

told = []
for program, wanted in json.load(sys.stdin):
    names = {}
    exec(program, names)
    told.append(eval(wanted, names))
print(json.dumps(told), flush=True)
os._exit(0)  # Threads of pyarrow may abort an interpreter that ends.
"""
"""Runs programs, each of which comes with an expression of what is wanted of it."""

COLUMNS = ["run", "step", "value", "attempt", "writer", "seq"]
ROWS = f"list(points.select_columns({COLUMNS}))"
WANTED = {
    "pandas": "[points[['run', 'step', 'value']].values.tolist(), curves.shape]",
    "pyarrow": "loss.to_pylist()",
    "datasets": ROWS + ", sorted({row['run'] for row in stream})",
}

LOADING = """
from datasets import load_dataset

def loaded(name, streaming):
    found = load_dataset({!r}, name, split="train", streaming=streaming)
    return [{{key: row[key] for key in row if key not in ("time", "start")}} for row in found]

names = ("points", "events", "histograms", "records")
whole, streamed = ({{name: loaded(name, how) for name in names}} for how in (False, True))
"""

SEGMENT = re.compile(r"(.*)-(\d+)-(\d+)\.parquet")

Curve = dict[tuple[str, int], str]
"""Values by run and step, as text: NaN is then itself, and -0.0 is not 0.0."""


@dataclass(frozen=True, slots=True)
class Place:
    """A remote, and the directory of what is recorded to it."""

    remote: Any
    dir: Path
    cwd: Path
    env: dict[str, str]

    @property
    def source(self) -> str:
        """What `load_dataset` is told."""
        return NAME if self.remote.url == f"hf://datasets/{NAME}" else self.remote.url

    def run(self, program: str, given: object = None) -> str:
        made = subprocess.run(
            [sys.executable, "-c", program],
            cwd=self.cwd,
            env=self.env,
            input=json.dumps(given),
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr
        return made.stdout

    def read(self, *programs: tuple[str, str]) -> list[Any]:
        found: list[Any] = json.loads(self.run(READING, programs))
        return found

    def card(self) -> str:
        return bytes(self.remote.read("README.md")).decode()

    def blocks(self) -> dict[str, str]:
        """The programs of the card, by the heading that each stands under."""
        block = re.compile(r"^## (\w+)\n.*?^```\w+\n(.*?)^```", re.DOTALL | re.MULTILINE)
        return dict(block.findall(self.card()))

    def loss(self) -> Curve:
        """What our own reader says."""
        with Api(self.dir) as api:
            return curve(
                (run.id, step, value)
                for run in api.runs()
                for found in [run.history("train/loss")]
                for step, value in zip(found["step"], found["value"], strict=True)
            )

    def begin_merges(self) -> None:
        """Adds what merges add, which have deleted nothing so far."""
        names = [SEGMENT.match(entry.path) for entry in self.remote.list("data")]
        added: dict[str, Path] = {}
        for stem, found in groupby(filter(None, names), lambda name: name[1]):
            parts = list(found)
            if len(parts) > 1:
                rows = pa.concat_tables([self._table(part[0]) for part in parts])
                path = f"{stem}-{parts[0][2]}-{parts[-1][3]}.parquet"
                added[path] = self.dir / f"{len(added)}.merged"
                pq.write_table(rows, added[path])
        assert added
        self.remote.commit(added, (), "merges")

    def _table(self, path: str) -> pa.Table:
        return pq.read_table(pa.BufferReader(self.remote.read(path)))


def curve(rows: Iterable[Any]) -> Curve:
    return {(run, int(step)): repr(float(value)) for run, step, value in rows}


def settled(rows: Iterable[dict[str, Any]]) -> Curve:
    """As the card says: the last by attempt, writer and number."""
    ordered = sorted(rows, key=lambda row: (row["attempt"], row["writer"], row["seq"]))
    return curve((row["run"], row["step"], row["value"]) for row in ordered)


@pytest.fixture(params=["folder", "dataset", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """One that nothing was recorded to."""
    dir, cwd = tmp_path / "dir", tmp_path / "here"
    cwd.mkdir()
    env = {**os.environ, "OTEL_TRACKIO_DIR": str(dir), "OTEL_TRACKIO_MODE": "online"}
    remote: Any = Folder(cwd)
    if request.param == "folder":
        env |= {"HF_HUB_OFFLINE": "1"}
    else:
        hub: Hub = request.getfixturevalue("any_hub")
        kind = HubDataset if request.param == "dataset" else HubBucket
        remote = kind(NAME, hub.token(), hub.endpoint)
        env |= hub.env()
    env |= {"HF_HOME": str(tmp_path / "hf"), "OTEL_TRACKIO_REMOTE": remote.url}
    return Place(remote, dir, cwd, env)


@pytest.fixture
def trained(place: Place) -> Place:
    """One that two runs were recorded to, of which one was resumed and went back some steps."""
    place.run(TRAINING)
    return place


def test_the_programs_of_the_card_read_what_we_read(trained: Place) -> None:
    """pandas, pyarrow and datasets, as the card has them, while files are being merged.

    Numbers are the same to the bit, and so are NaN, infinity and -0.0.
    """
    trained.begin_merges()
    blocks, loss = trained.blocks(), trained.loss()
    assert set(blocks) == {"DuckDB", *WANTED}
    told = trained.read(*((blocks[title], wanted) for title, wanted in WANTED.items()))
    (chosen, shape), rows, (points, runs) = told
    assert curve(chosen) == loss
    assert len(chosen) == len(loss)
    assert shape == [50, 2]
    assert settled(rows) == loss
    assert settled(points) == loss
    assert runs == sorted([FIRST, SECOND])
    assert len(rows) > len({(row["writer"], row["seq"]) for row in rows})


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_the_query_of_the_card_joins_points_and_runs(
    trained: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB gives each curve the name and the last config of its run."""
    trained.begin_merges()
    monkeypatch.chdir(trained.cwd)
    rows = duckdb.connect().execute(trained.blocks()["DuckDB"]).fetchall()
    # Its max_by() takes -0.0 for 0.0.
    loss = {at: value.replace("-0.0", "0.0") for at, value in trained.loss().items()}
    assert curve((run, step, value) for run, *_, step, value in rows) == loss
    assert {row[:4] for row in rows} == {(FIRST, "first", "0.2", 0), (SECOND, "second", "0.3", 0)}
    assert len(rows) == len(loss)


def test_every_place_has_the_same_query(place: Place) -> None:
    """Only where the files lie differs: a bucket is to be copied first, as DuckDB knows none."""
    place.run(BARREN)
    prefix = f"{place.remote.url}/" if isinstance(place.remote, HubDataset) else ""
    found = re.findall(r"'(.*?)data/v1/(\w+)/", place.blocks()["DuckDB"])
    assert found == [(prefix, "events"), (prefix, "points")]
    assert ("hf buckets sync" in place.card()) == isinstance(place.remote, HubBucket)


def test_datasets_loads_all_that_the_card_configures(trained: Place) -> None:
    """Whole and streamed: integers beyond 64 bits are exact, and no row is missing."""
    ((tables, streamed),) = trained.read((LOADING.format(trained.source), "[whole, streamed]"))
    assert repr(streamed) == repr(tables)  # NaN is not equal to itself.
    odd = [row for row in tables["points"] if row["key"] == "odd" and row["attempt"] == 1]
    exact = {row["step"]: row["digits"] or row["integer"] for row in odd}
    assert exact == {step: str(2**70) if step % 3 else 7 for step in range(40)}
    with Api(trained.dir) as api:
        assert len(tables["points"]) == sum(run.standing().points for run in api.runs())
    assert [row["key"] for row in tables["histograms"]] == ["weights"]
    assert [row["key"] for row in tables["records"]] == ["loss is not finite"]
    assert {row["kind"] for row in tables["events"]} >= {"writer", "run", "config", "state"}


@pytest.mark.parametrize("place", ["folder", "dataset"], indirect=True)
def test_a_run_that_logged_nothing_keeps_nothing_from_being_read(place: Place) -> None:
    """Its events load whatever else is missing, and what other runs log later loads beside it."""
    load = "from datasets import load_dataset\n"
    events = f"load_dataset({place.source!r}, 'events', split='train').num_rows"
    points = f"load_dataset({place.source!r}, split='train').num_rows"
    place.run(BARREN)
    (before,) = place.read((load, events))
    assert before == 4
    place.run(TRAINING)
    (values,) = place.read((load, points))
    assert values > 60
