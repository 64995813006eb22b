"""What becomes of the files of W&B, written by its own library."""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from otel_trackio import Api, ConfigError, StoreError
from otel_trackio.importing.calls import import_runs
from otel_trackio.importing.copying import Copied, Wish
from otel_trackio.importing.records import BLOCK, HEADER, MARK, is_framed, records
from otel_trackio.importing.sources import runs_of
from tests.sdk.importing.framed import framed

SCRIPT = """
import sys
import numpy, wandb
settings = wandb.Settings(x_stats_sampling_interval=0.1)
with wandb.init(project="wp", name="wname", group="wg", notes="some notes", tags=["a", "b"],
                config={"lr": 0.1, "nested": {"a": [1, 2]}, "password": "x"},
                settings=settings) as run:
    for step in range(300):
        run.log({"loss": 1 / (step + 1), "n": {"x": step}, "big": 2**60 + 1, "word": "hello"})
    run.log({"odd": float("nan"), "up": float("inf"), "flag": True}, step=500)
    run.log({"h": wandb.Histogram(np_histogram=([3, 1], [0.0, 0.5, 1.5])),
             "image": wandb.Image(numpy.zeros((4, 4, 3), numpy.uint8), caption="one"),
             "table": wandb.Table(columns=["a"], data=[[1], [2]])}, step=501)
    run.config.update({"added": 5})
    run.summary["best"] = 0.25
    run.alert("title", "text")
    import time; time.sleep(0.5)
with wandb.init(project="wp", name="bad", settings=settings) as run:
    run.log({"x": 1})
    run.finish(exit_code=3)
for first in (0, 10):
    with wandb.init(project="wp", id="twice", name="twice", resume="allow") as run:
        for step in range(first, first + 10):
            run.log({"x": step}, step=step)
"""

needs_wandb = [
    pytest.mark.allow_skip,
    pytest.mark.skipif(not importlib.util.find_spec("wandb"), reason="needs wandb"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three runs, one of them resumed, recorded once, offline; nobody may change them."""
    made = tmp_path_factory.mktemp("wandb")
    environ = {**os.environ, "WANDB_MODE": "offline", "WANDB_DIR": str(made), "WANDB_SILENT": "1"}
    subprocess.run([sys.executable, "-c", SCRIPT], env=environ, check=True, timeout=110, cwd=made)
    yield made
    shutil.rmtree(made)


def imported(path: Path) -> dict[str, Copied]:
    return {each.name: each for each in import_runs(runs_of("wandb", path), Wish())}


class TestRecordedByWandb:
    """All of it from one folder, as recording takes seconds."""

    pytestmark = needs_wandb

    def test_runs_keep_what_they_logged(self, folder: Path) -> None:
        """Each value at its step, and the time of each; NaN, infinities and integers exact."""
        run = Api().run(imported(folder)["wname"].id)
        assert run.history("loss")["value"].tolist() == [1 / (step + 1) for step in range(300)]
        assert run.history("n/x")["step"].tolist() == list(range(300))
        assert set(run.history("big")["value"].tolist()) == {2**60 + 1}
        assert math.isnan(run.history("odd")["value"][0])
        assert run.history("up")["value"].tolist() == [math.inf]
        assert (run.history("flag")["step"].tolist(), run.history("flag")["value"].tolist()) == (
            [500],
            [1],
        )
        times = run.history("loss")["time"]
        assert run.standing().started <= times[0] <= times[-1] <= run.standing().ended
        assert not run.metrics(("_step", "_timestamp", "_runtime"))

    def test_they_keep_what_was_said_of_them(self, folder: Path) -> None:
        """Who they are, config without secrets, summary, and how they ended."""
        runs = {name: Api().run(each.id) for name, each in imported(folder).items()}
        facts = runs["wname"].facts()
        assert (facts.project, facts.group, facts.notes) == ("wp", "wg", "some notes")
        assert facts.tags == ("a", "b")
        assert facts.config.pop("imported from").startswith("wandb offline-run-")
        assert facts.config == {
            "lr": 0.1,
            "nested": {"a": [1, 2]},
            "password": "[redacted]",
            "added": 5,
        }
        assert facts.summary["best"] == 0.25
        assert {name: run.state for name, run in runs.items()} == {
            "wname": "finished",
            "bad": "failed",
            "twice": "finished",
        }

    def test_system_metrics_and_media_come_along(self, folder: Path) -> None:
        """What cannot be taken is counted."""
        copied = imported(folder)["wname"]
        run = Api().run(copied.id)
        assert set(run.history("system.memory_percent", all=True)["step"].tolist()) == {None}
        assert run.histograms("h")[0].data["counts"] == [0, 3, 1, 0]
        assert run.records("image")[0].data["caption"] == "one"
        assert run.records("table")[0].data["rows"] == [[1], [2]]
        assert run.alerts()[0].data == {"title": "title", "text": "text", "level": "info"}
        assert copied.left.counts["texts"] == 300

    def test_a_run_that_was_resumed_is_one(self, folder: Path) -> None:
        """Its files follow one another."""
        run = Api().run(imported(folder)["twice"].id)
        assert run.history("x", all=True)["step"].tolist() == list(range(20))

    def test_it_goes_on_where_it_was(self, folder: Path, tmp_path: Path) -> None:
        """A file cut short is a run that crashed, until the rest is there."""
        (whole,) = {file for file in folder.glob("wandb/*/*.wandb") if file.stat().st_size > 30_000}
        file = tmp_path / "run" / whole.name
        file.parent.mkdir()
        points = 0
        for share in (0.3, 0.7, 1):
            file.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
            (copied,) = imported(file).values()
            points += copied.points
            run = Api().run(copied.id)
            assert run.state == ("finished" if share == 1 else "crashed")
            assert imported(file)["wname"].points == 0
        assert run.history("loss", all=True)["step"].tolist() == list(range(300))
        assert run.standing().points == points

    @pytest.mark.parametrize("place", [".", "wandb", "wandb/latest-run"])
    def test_folders_of_all_kinds_are_found(self, folder: Path, place: str) -> None:
        """A project's, that of all runs, and one run's; links do not double it."""
        assert set(imported(folder / place)) <= {"wname", "bad", "twice"}
        assert len(runs_of("wandb", folder / place)) == (1 if "/" in place else 3)

    def test_what_makes_no_sense_is_counted(self, tmp_path: Path) -> None:
        """What stands before and behind it comes, also where the file is damaged further on."""
        from wandb.proto import wandb_internal_pb2 as proto

        run = proto.Record(run=proto.RunRecord(run_id="x", project="p"))
        odd = [b"\xff" * 9]
        for text in ("null", '"x"', "1e400", "[" * 100_000):
            odd.append(history(proto, {"_step": text, "a": "1"}))
        odd.append(history(proto, {"h": '{"_type": "histogram", "bins": 5, "values": "x"}'}))
        whole = [
            odd[0],
            run.SerializeToString(),
            *odd[1:],
            history(proto, {"_step": "7", "a": "2"}),
        ]
        path = tmp_path / "x.wandb"
        content = HEADER.pack(*MARK) + framed(whole, HEADER.size)
        path.write_bytes(content + bytes(100))
        with pytest.raises(StoreError, match="what was read until there is imported"):
            imported(path)
        [stored] = Api().runs()
        assert stored.history("a", all=True)["step"].tolist() == [None] * 4 + [7]
        path.write_bytes(content)
        (copied,) = imported(path).values()
        assert copied.points == 0

    def test_other_files_are_refused(self, tmp_path: Path) -> None:
        """The error says what to give."""
        with pytest.raises(ConfigError, match=r"give a \.wandb file"):
            imported(tmp_path)
        (tmp_path / "x.wandb").write_text("no such file")
        with pytest.raises(StoreError, match="no file of W&B"):
            imported(tmp_path)


def history(proto: Any, values: dict[str, str]) -> bytes:
    """A record of W&B's with these values, which are JSON."""
    items = [proto.HistoryItem(key=key, value_json=text) for key, text in values.items()]
    record: bytes = proto.Record(history=proto.HistoryRecord(item=items)).SerializeToString()
    return record


def test_records_across_blocks_are_read_whole(tmp_path: Path) -> None:
    """From any position that was given, whatever their sizes; one that is cut short is not."""
    whole = [
        bytes([n % 256]) * length for n, length in enumerate([0, 1, 40_000, 7, 100_000, 32_740])
    ]
    path = tmp_path / "x.wandb"
    path.write_bytes(HEADER.pack(*MARK) + framed(whole, HEADER.size))
    assert is_framed(path)
    found = list(records(path))
    assert [record for _, record in found] == whole
    for number, (position, _) in enumerate(found, 1):
        assert [record for _, record in records(path, position)] == whole[number:]
    content = path.read_bytes()
    for end in (found[-1][0] - 1, found[-2][0] + BLOCK // 2, found[1][0] + 3, 5, 0):
        path.write_bytes(content[:end])
        kept = [record for position, record in found if position <= end]
        assert [record for _, record in records(path)] == kept
