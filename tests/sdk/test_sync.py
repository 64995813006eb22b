"""Runs go to a remote and come back as they were."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset as ds
import pytest

import otel_trackio
from otel_trackio import Api, Run, layout
from otel_trackio.card import card
from otel_trackio.errors import RemoteRefused, RemoteUnavailable, StoreError
from otel_trackio.outbox import Outbox
from otel_trackio.pull import Pulled, pull
from otel_trackio.push import push
from otel_trackio.remote import Folder
from otel_trackio.runfile import RunFile
from otel_trackio.storedrun import StoredRun
from otel_trackio.sync import sync


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "here"


@pytest.fixture
def remote(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "remote")


def record(here: Path, steps: int = 300, **options: Any) -> Run:
    """A run with something of everything."""
    counter = otel_trackio.get_meter("sync").create_counter("tokens", unit="{token}")
    with otel_trackio.init("p", dir=here, **options) as run:
        for step in range(steps):
            run.log({"loss": 1 / (step + 1), "n": step, "odd": (float("nan"), 2**70)[step % 2]})
            counter.add(3, {"split": "train"})
        run.log_system({"gpu/temp": 60.5})
        run.log({"w": otel_trackio.Histogram([1, 2, 3])})
        run.alert("look", "here", level="error")
        run.summary["best"] = 1
    return run


def content(run: StoredRun) -> dict[str, Any]:
    """All that a run holds, in a form that compares, NaN included."""
    found: dict[str, Any] = {"facts": run.facts(), "alerts": run.alerts()}
    for metric in run.metrics():
        if metric.kind == "histogram":
            found[metric.key] = run.histograms(metric.key)
        else:
            history = run.history(metric.key, all=True, rank="all")
            found[metric.key] = repr({name: column.tolist() for name, column in history.items()})
        found[f"{metric.key} summed up"] = repr(metric)
    return found


def everything(here: Path, remote: Folder) -> int:
    return sync(here, layout.run_dirs(here), remote).pushed.files


def test_a_run_comes_back_as_it_was(here: Path, remote: Folder, tmp_path: Path) -> None:
    """After a round trip histories, events, config, alerts and histograms are equal."""
    run = record(here, config={"lr": 0.1}, tags=["t"], group="g")
    everything(here, remote)
    pull(remote, tmp_path / "there")
    there = Api(tmp_path / "there").run(run.id)
    assert content(there) == content(Api(here).run(run.id))
    assert there.standing().state == "finished"


def test_only_what_is_new_is_sent_and_fetched(here: Path, remote: Folder, tmp_path: Path) -> None:
    """Syncing or pulling again moves nothing; a resumed run moves its new attempt alone."""
    run = record(here)
    first = everything(here, remote)
    there = tmp_path / "there"
    assert pull(remote, there).numbers > 0
    assert (first > 0, everything(here, remote), pull(remote, there)) == (True, 0, Pulled(1, 0))
    before = {entry.path for entry in remote.list("data")}
    with otel_trackio.init("p", dir=here, id=run.id, resume="must") as again:
        again.log({"loss": 0.5})
    everything(here, remote)
    assert before < {entry.path for entry in remote.list("data")}
    pull(remote, there)
    assert content(Api(there).run(run.id)) == content(Api(here).run(run.id))


def test_a_live_run_syncs_itself(here: Path, remote: Folder, tmp_path: Path) -> None:
    """`init(remote=...)` brings a run to the remote by its end, with nothing else to call."""
    with otel_trackio.init("p", dir=here, remote=str(remote.root)) as run:
        run.log({"x": 1})
    pull(remote, tmp_path / "there")
    assert Api(tmp_path / "there").run(run.id).history("x")["value"].tolist() == [1]
    assert run.unsynced == 0


def test_renames_tags_and_deletions_travel(here: Path, remote: Folder, tmp_path: Path) -> None:
    """What was changed or deleted after the sync is so there too, once synced again."""
    kept, gone = record(here, 5), record(here, 5)
    everything(here, remote)
    there = tmp_path / "there"
    pull(remote, there)
    stored = Api(here).run(kept.id)
    stored.rename("better")
    stored.move("q")
    stored.tag(["best"])
    Api(here).run(gone.id).delete()
    everything(here, remote)
    pull(remote, there)
    [run] = Api(there).runs()
    facts = run.facts()
    assert (facts.name, facts.project, facts.tags) == ("better", "q", ("best",))


def test_a_project_alone_can_be_pulled(here: Path, remote: Folder, tmp_path: Path) -> None:
    """`pull(project=...)` leaves the others where they are."""
    record(here, 3)
    with otel_trackio.init("other", dir=here) as other:
        other.log({"x": 1})
    everything(here, remote)
    pull(remote, tmp_path / "there", "other")
    assert [run.id for run in Api(tmp_path / "there").runs()] == [other.id]


def test_a_remote_without_runs_is_named(remote: Folder, tmp_path: Path) -> None:
    """A mistyped name is no success."""
    with pytest.raises(RemoteRefused, match=r"no runs in .*remote; check its name"):
        pull(remote, tmp_path / "there")


def test_equal_ranges_give_equal_bytes(here: Path, remote: Folder, tmp_path: Path) -> None:
    """A range that is cut again, after a crash, has the same bytes at the same path."""
    run = record(here)
    [path] = layout.run_files(layout.run_dir(here, run.id))
    cuts = []
    for name in ("one", "two"):
        file = RunFile.open(path)
        outbox = Outbox(here, name)
        outbox.cut(file)
        file.close()
        cuts.append({e.path: outbox.path(e).read_bytes() for e in outbox.waiting()})
    assert cuts[0] == cuts[1]


def test_a_crash_between_range_and_file_loses_nothing(here: Path, remote: Folder) -> None:
    """The range was committed, its files were not written: the next sync writes them."""
    run = record(here)
    [path] = layout.run_files(layout.run_dir(here, run.id))
    file = RunFile.open(path)
    outbox = Outbox(here, remote.url)
    with file.transaction():
        file.set_cursor(f"sync:{remote.url}:cutting", 10)
    assert outbox.cut(file) == file.meta("next_seq") - 1
    file.close()
    remote.prepare(card)
    push(outbox, remote)
    points = ds.dataset(remote.root / "data/v1/points").to_table()
    pairs = list(zip(points["writer"].to_pylist(), points["seq"].to_pylist(), strict=True))
    assert len(set(pairs)) == len(pairs) == Api(here).run(run.id).standing().points


def test_a_damaged_file_stops_nothing_else(here: Path, remote: Folder) -> None:
    """What other runs recorded is sent, and then the file is named."""
    damaged, sound = record(here, 20_000, name="damaged"), record(here, name="sound")
    [path] = layout.run_files(layout.run_dir(here, damaged.id))
    content = path.read_bytes()
    path.write_bytes(content[:24576] + b"Z" * (len(content) - 24576))
    for _ in range(2):
        with pytest.raises(StoreError, match=re.escape(str(path))):
            sync(here, layout.run_dirs(here), remote)
    assert {entry.path.split("/")[3] for entry in remote.list("data")} == {sound.id}


def test_what_cannot_be_written_leaves_nothing(remote: Folder, tmp_path: Path) -> None:
    """Tries that fail do not fill a disk."""
    (remote.root / "data" / "taken").mkdir(parents=True)
    (tmp_path / "file").touch()
    with pytest.raises(RemoteUnavailable):
        remote.commit({"data/taken": tmp_path / "file"}, (), "in vain")
    assert list(remote.root.rglob(".*")) == []


def test_a_full_disk_is_told(here: Path, remote: Folder, tmp_path: Path) -> None:
    """With the file, as what cannot be stored is, and when there is room again all comes."""
    run, there = record(here, 9000), tmp_path / "there"
    sync(here, layout.run_dirs(here), remote)
    code = (
        "import resource, sys; from pathlib import Path;"
        "from otel_trackio.errors import StoreError;"
        "from otel_trackio.pull import pull; from otel_trackio.remote import Folder;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000));"
        "remote, there = Folder(Path(sys.argv[1])), Path(sys.argv[2])\n"
        "try: pull(remote, there)\n"
        "except StoreError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(remote.root), str(there)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert str(layout.run_dir(there, run.id)) in told
    pull(remote, there)
    assert content(Api(there).run(run.id)) == content(Api(here).run(run.id))


def test_points_are_plain_parquet(here: Path, remote: Folder) -> None:
    """Without us: one row a value, exact integers apart, steps null where there are none."""
    record(here)
    everything(here, remote)
    table = ds.dataset(remote.root / "data/v1/points").to_table()
    loss = table.filter(ds.field("key") == "loss").sort_by("step")
    assert np.array_equal(loss["value"], 1 / (np.arange(300) + 1))
    assert table.filter(ds.field("key") == "n")["integer"].to_pylist() == list(range(300))
    odd = table.filter(ds.field("key") == "odd").sort_by("step")
    assert odd["digits"].to_pylist()[:4] == [None, str(2**70), None, str(2**70)]
    assert table.filter(ds.field("key") == "gpu/temp")["step"].to_pylist() == [None]


def test_cli_syncs_and_pulls(here: Path, remote: Folder, tmp_path: Path) -> None:
    """`otel-trackio sync --all --to R` and `pull R` do the same from the command line."""
    run = record(here, 5)

    def cli(*words: str) -> Any:
        command = [sys.executable, "-m", "otel_trackio", "--json", *words]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    sent = cli("sync", "--all", "--to", str(remote.root), "--dir", str(here))
    got = cli("pull", str(remote.root), "--dir", str(tmp_path / "there"))
    assert sent["files"] > 0
    assert (got["runs"], got["new"]) == (1, sent["new"])
    assert Api(tmp_path / "there").run(run.id).standing().state == "finished"


def test_cli_pulls_no_project_that_is_not_there(here: Path, remote: Folder) -> None:
    """A name that is mistyped is no success."""
    record(here, 5)
    everything(here, remote)
    command = [sys.executable, "-m", "otel_trackio", "pull", str(remote.root), "nope"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    told = f"no runs of 'nope' in {remote.url}; otel-trackio remote ls {remote.url}"
    assert (ran.returncode, ran.stderr) == (1, f"error: {told} shows what there is\n")
