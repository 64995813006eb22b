"""FORMAT.md says what lies on disk: our reader, a stranger's, the page and the code agree."""

from __future__ import annotations

import ast
import json
import re
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import otel_trackio
from otel_trackio import Api, NewerFormat, StoreError, doctor, facts, frames, runfile, schema
from otel_trackio.importing import arrival
from tests.golden import make, stranger, stranger_run
from tests.golden.content import content, exact

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "FORMAT.md").read_text()
SOURCES = sorted((ROOT / "otel_trackio").rglob("*.py"))
MUCH_LATER = make.START + 10**18
STRANGERS = (stranger, stranger_run)


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """A copy of the golden directory: SQLite puts files beside what it reads."""
    copy = tmp_path / "golden"
    shutil.copytree(make.GOLDEN, copy)
    return copy


@pytest.fixture
def folder(golden: Path) -> Path:
    return stranger_run.folder_of(golden, make.RUN_ID)


@pytest.fixture(scope="module")
def expected() -> Any:
    return json.loads((make.GOLDEN / "expected.json").read_text())


def by_the_stranger(folder: Path, like: Any, now: int = MUCH_LATER) -> Any:
    """A run by the stranger's reader, with buckets of the same widths as `like` has."""
    widths = {axis: each["width"] for axis, each in like["buckets"].items()}
    return as_json(stranger_run.content(stranger_run.read_run(folder), now, widths))


def as_json(found: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(exact(found)))


def test_our_reader_reads_the_golden_directory(golden: Path, expected: Any) -> None:
    """What version 1 wrote is read to the last bit, by every later version too."""
    assert as_json(content(golden, make.RUN_ID)) == expected


def test_a_stranger_reads_the_golden_directory(folder: Path, expected: Any) -> None:
    """FORMAT.md is enough to read a run, its rollups and the tail of its journal."""
    assert by_the_stranger(folder, expected) == expected


def test_a_stranger_reads_a_live_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded today is read from FORMAT.md alone, while it is being recorded."""
    monkeypatch.setenv("OTEL_TRACKIO_INTERVAL", "3600")  # All that follows a flush is tail.
    with otel_trackio.init("p", dir=tmp_path, id="../live", config={"lr": 0.5}) as run:
        meter = otel_trackio.get_meter("example")
        counter, both = meter.create_counter("rows", "{row}"), meter.create_gauge("both")
        for step in range(60):
            values = {"loss": 1 / 2**step, "n": {"even": step % 2 == 0, "big": 2**64}}
            run.log(values, step=step // 2 - 9)
            with otel_trackio.step(step):
                counter.add(step, {"from": "disk"})
                both.set(-step)
            run.log({"both": step})
            if step == 40:
                assert run.flush()
        run.log_system({"temperature": float("nan"), "-": float("-inf"), "lone \ud800": 2**64})
        run.log({"weights": otel_trackio.Histogram([1.0, 2.0, 4.0])})
        run.alert("hot", level="info")
        run.summary["best"] = 0.25
        folder = stranger_run.folder_of(tmp_path, "../live")
        ours, after = None, as_json(content(tmp_path, "../live"))
        while ours != after:  # A sign of life may come between two looks at a live run.
            ours = after
            theirs = by_the_stranger(folder, ours, time.time_ns())
            after = as_json(content(tmp_path, "../live"))
    assert theirs == ours


def test_the_stranger_has_nothing_of_ours() -> None:
    """The stranger's reader stands on the standard library alone."""
    for module in STRANGERS:
        tree = ast.parse(Path(str(module.__file__)).read_text())
        names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        names |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        foreign = {name for name in names if str(name).split(".")[0] not in sys.stdlib_module_names}
        assert foreign <= {"tests.golden.stranger"}


def test_rollups_are_what_their_points_make(folder: Path) -> None:
    """Every stored bucket is as FORMAT.md says that it follows from the chunk's points."""
    chunks = [chunk for file in stranger_run.read_run(folder) for chunk in file.chunks]
    stored = [(chunk, *place, rows) for chunk in chunks for place, rows in chunk.rollups.items()]
    assert {axis for _, axis, _, _ in stored} == {"step", "time"}
    assert len({width for _, _, width, _ in stored} - {0}) > 1
    for chunk, axis, width, rows in stored:
        assert exact(rows) == exact(stranger_run.recomputed(chunk, axis, width)), chunk.series


def test_the_golden_directory_holds_what_the_format_has(folder: Path) -> None:
    """Every form, storage class, kind of row and of frame occurs: else reading proves little."""
    db = sqlite3.connect(folder / f"{make.FIRST}.db")
    try:
        forms = {form for (form,) in db.execute("SELECT form FROM chunk")}
        classes = {kind for (kind,) in db.execute("SELECT typeof(value) FROM point")}
        (bases,) = db.execute("SELECT count(DISTINCT base) FROM chunk").fetchone()
        (shared,) = db.execute("SELECT count(*) - count(DISTINCT axis) FROM chunk").fetchone()
        (mode,) = db.execute("PRAGMA journal_mode").fetchone()
        meta = dict(db.execute("SELECT key, value FROM meta"))
        empty = [name for name in tables() if not rows_of(db, name)]
    finally:
        db.close()
    assert forms == {"i8", "f8", "text"}
    assert classes == {"integer", "real", "text", "null"}
    assert bases > 1
    assert shared > 0
    assert mode == "wal"
    assert [path.suffix for path in sorted(folder.glob(f"{make.SECOND}.*"))] == [".db"]
    assert empty == ["record", "cursor"]  # This writer's only record is in its tail.
    tail = stranger.read_tail(folder / f"{make.FIRST}.journal", meta)
    assert tail.torn
    assert {frame.layout for frame in tail.frames} == {1, 2, 15, 16, 18}
    entries = [json.loads(frame.body) for frame in tail.frames if frame.layout == 2]
    assert {each["entry"] for each in entries} == {"event", "record", "points", "something new"}
    spelled = {value for each in entries for _, value in each.get("values", ())}
    assert {"-Infinity", str(10**401)} <= spelled
    end = meta["journal_position"] % make.RING
    end += sum(stranger.HEADER.size + len(frame.body) for frame in tail.frames)
    assert end > make.RING, "the tail does not go on at the start of its ring"
    assert several_series(stranger_run.read_run(folder)) == {"seen"}


def several_series(files: list[stranger.File]) -> set[str]:
    """Metrics of which one file has more than one series."""
    found = (stranger_run.parts_of(file).items() for file in files)
    return {metric for each in found for (metric, _), series in each if len(series) > 1}


def rows_of(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_the_golden_directory_can_be_made_again(tmp_path: Path, expected: Any) -> None:
    """The code of today writes files that say what the golden ones say."""
    make.make(tmp_path / "made")
    made = by_the_stranger(stranger_run.folder_of(tmp_path / "made", make.RUN_ID), expected)
    # When points are folded, and which widths are kept, may change within a version.
    assert {**made, "rollups": None} == {**expected, "rollups": None}


def test_recovery_stores_what_the_tail_showed(
    golden: Path, folder: Path, expected: Any, tmp_path: Path
) -> None:
    """A dead writer's journal goes into its file under the same values; a torn one is kept."""
    ring = (folder / f"{make.FIRST}.journal").read_bytes()
    report = doctor.examine(golden, {"OTEL_TRACKIO_DIR": str(golden)})
    assert [(each.path.stem, each.torn) for each in report.recovered] == [(make.FIRST, True)]
    assert {path.suffix for path in folder.glob(f"{make.FIRST}.*")} == {".db", ".torn"}
    assert (folder / f"{make.FIRST}.torn").read_bytes() == ring
    found = by_the_stranger(folder, expected)
    for part in ("curves", "histograms", "records", "facts", "metrics", "buckets"):
        assert found[part] == expected[part]


def test_an_unknown_part_counts_like_a_main_one(golden: Path, folder: Path) -> None:
    """A later version may have more parts; what such a file says of the run's state holds."""
    db = sqlite3.connect(folder / f"{make.OTHER}.db")
    with db:
        db.execute("UPDATE meta SET value = 'later' WHERE key = 'part'")
        db.execute("""UPDATE event SET data = '{"state": "failed"}' WHERE kind = 'state'""")
    db.close()
    with Api(golden).run(make.RUN_ID) as run:
        assert run.standing().state == "failed"
    files = stranger_run.read_run(folder)
    assert stranger_run.content(files, MUCH_LATER, {})["standing"]["state"] == "failed"


def test_every_file_of_a_run_is_described(tmp_path: Path) -> None:
    """The page lists what lies in the folder of a live run; in the end that is one file."""
    described = set(re.findall(r"^ .*<writer>(\.\S+)", PAGE, re.MULTILINE))
    with otel_trackio.init("p", dir=tmp_path, id="r") as run:
        run.log({"loss": 1.0})
        assert run.flush()
        live = {path.suffix for path in (tmp_path / "runs" / "r").iterdir()}
    assert {".db", ".db-wal", ".journal", ".lock"} <= live <= described
    assert [path.suffix for path in (tmp_path / "runs" / "r").iterdir()] == [".db"]


def test_bins_are_those_of_the_page() -> None:
    """A bin of `Histogram` holds what is greater than its lower bound and at most its upper one."""
    values = [0.5, 1.0, 1.0, 1.5, 2.0, 2.5, 4.5]
    data = otel_trackio.Histogram(values, bins=4).data
    edges = [-float("inf"), *data["bounds"], float("inf")]
    counted = [sum(lower < value <= upper for value in values) for lower, upper in pairwise(edges)]
    assert data["counts"] == counted


def test_a_newer_format_is_refused_with_the_remedy(golden: Path, folder: Path) -> None:
    """One newer file, and the run is refused; the message says how to read it."""
    mark(folder / f"{make.EDIT}.db", "user_version = 2")
    refusal = re.escape(
        "format 2 is newer than this version reads (1); pip install -U otel-trackio"
    )
    with pytest.raises(NewerFormat, match=refusal):
        Api(golden).run(make.RUN_ID)
    with pytest.raises(stranger.Refused, match="upgrade"):
        stranger_run.read_run(folder)


def test_what_is_no_run_file_is_refused(tmp_path: Path) -> None:
    """A database of somebody else's in the place of a run file is not taken for one."""
    alien = tmp_path / "runs" / "alien" / "w.db"
    alien.parent.mkdir(parents=True)
    mark(alien, "user_version = 1")
    with pytest.raises(StoreError, match="is not a run file"):
        Api(tmp_path).by_id("alien")
    with pytest.raises(stranger.Refused, match="no run file"):
        stranger.read_file(alien)


def mark(path: Path, pragma: str) -> None:
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA {pragma}")
    db.close()


def example(name: str) -> bytes:
    found = re.search(rf"^```{name}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"FORMAT.md has no example {name}"
    return bytes.fromhex(found[1])


def test_the_worked_examples_are_right() -> None:
    """The bytes that FORMAT.md shows mean what it says beside them."""
    nan = float("nan")
    assert stranger.i8(example("i8")) == [7, 8, 10, 9]
    assert exact(stranger.f8(example("f8"))) == exact([0.5, -0.0])
    assert exact(stranger.text(example("text"))) == exact([31, -2, 1.5, nan, -0.0, 2**70])
    rows = [(0, 2, 0, 0, 0, 2, 1.0, 3.0, 4.0, 3.0), (1, 1, 1, 0, 0, 3, nan, nan, 0.0, nan)]
    width, found = stranger.buckets(example("rollup"))
    assert (width, exact(found)) == (16, exact(rows))
    layout = frames.Layout(16, ("loss", "ok"), "d?", "otel_trackio.log")
    assert layout.frame(5, 1_700_000_000_000_000_000, 7, (0.5, True)) == example("frame")


def test_the_page_names_the_version_that_the_code_writes() -> None:
    """The header's numbers in FORMAT.md are those that files get."""
    assert f"format version {schema.FORMAT_VERSION}\n" in PAGE
    application = schema.APPLICATION_ID
    assert f"| `PRAGMA application_id` | {application} = 0x{application:08X} |" in PAGE


def section(heading: str) -> list[list[str]]:
    """The cells of all table rows under a heading, up to the next one."""
    _, found, rest = PAGE.partition(f"\n{heading}\n")
    assert found, f"FORMAT.md has no heading {heading}"
    text = re.split(r"^#", rest, maxsplit=1, flags=re.MULTILINE)[0]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def named(rows: list[list[str]]) -> dict[str, list[str]]:
    return {row[0].strip("`"): row[1:] for row in rows if row[0].startswith("`")}


def empty_file() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.executescript(schema.TABLES)
    return db


def tables() -> list[str]:
    db = empty_file()
    names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid")
    found = [str(name) for (name,) in names if not name.startswith("sqlite_")]
    db.close()
    return found


@pytest.mark.parametrize("table", tables())
def test_every_table_and_column_is_described(table: str) -> None:
    """A column of the schema has its row in FORMAT.md, with its type, and the other way round."""
    described = {
        name: cells for name, cells in named(section(f"### `{table}`")).items() if len(cells) == 3
    }
    meta_keys = named(section("### `meta`")).keys() - {"key", "value"} if table == "meta" else set()
    db = empty_file()
    columns = db.execute(f"PRAGMA table_info({table})").fetchall()
    db.close()
    assert [name for name in described if name not in meta_keys] == [each[1] for each in columns]
    for _, name, declared, required, *_ in columns:
        kind, missing, _ = described[name]
        assert kind == (declared or "any")
        assert missing == "no" or not required


def test_every_key_of_meta_is_described(tmp_path: Path, folder: Path) -> None:
    """What the code writes into `meta`, of a run and of an edit, FORMAT.md explains."""
    with otel_trackio.init("p", dir=tmp_path, id="r") as run:
        run.log({"loss": 1.0})
    Api(tmp_path).run("r").rename("other")
    written: set[str] = {
        str(node.args[0].value)
        for node in calls()
        if name_of(node) == "set_meta" and isinstance(node.args[0], ast.Constant)
    }
    for path in [*(tmp_path / "runs" / "r").glob("*.db"), *folder.glob("*.db")]:
        db = sqlite3.connect(path)
        written |= {key for (key,) in db.execute("SELECT key FROM meta")}
        db.close()
    written |= {runfile.REPLICA, runfile.ORIGIN, runfile.HELD, runfile.SENT_TO}
    assert {"writer", "heartbeat_ns", "counts"} <= written
    assert named(section("### `meta`")).keys() - {"key", "value"} == written


def test_every_kind_of_event_and_entry_is_described() -> None:
    """What the code writes as an event or an entry, and what it reads, FORMAT.md explains."""
    kinds = {field.name for field in fields(facts.Facts) if field.default_factory is dict}
    for node in calls():
        place = {"put_event": 0, "Event": 0, "_edit": 0, "add_event": 3}.get(name_of(node))
        if place is not None and len(node.args) > place:
            kind = node.args[place]
            kinds |= {str(kind.value)} if isinstance(kind, ast.Constant) else set()
    assert named(section("## 6. Events")).keys() == kinds | {arrival.IMPORTED}
    entries = {frames.POINTS, frames.EVENT, frames.RECORD, frames.HISTOGRAM}
    assert named(section("### Entries (layout 2)")).keys() - {"entry"} == entries
    event = next(row for row in section("## 6. Events") if row[0] == "`run`")
    assert set(re.findall(r"`(\w+)`", event[1])) == facts._RUN_FIELDS


def calls() -> Iterator[ast.Call]:
    for path in SOURCES:
        yield from (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call))


def name_of(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
