"""Tables, images, texts and traces are logged among numbers, and read back as they were."""

from __future__ import annotations

import io
import math
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import otel_trackio
from otel_trackio import (
    Image,
    Markdown,
    Run,
    Table,
    Trace,
    attachments,
    cell,
    layout,
    media,
    png,
    table,
)
from otel_trackio.errors import StoreError, UnknownFile
from otel_trackio.storedrun import StoredRun

GIF: Final = b"GIF89a" + bytes(20)
MANY: Final = 3_000
"""Rows that stand in no record."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")
    return otel_trackio.init("p", dir=tmp_path)


def ended(run: Run) -> StoredRun:
    run.finish()
    assert run.path is not None
    return StoredRun(run.path)


def files(run: Run) -> list[Path]:
    assert run.path is not None
    folder = layout.files_dir(run.path)
    return sorted(folder.iterdir()) if folder.exists() else []


def pixels(image: bytes) -> Any:
    """What a PNG of ours shows, decoded by somebody else."""
    pillow = pytest.importorskip("PIL.Image")
    return np.asarray(pillow.open(io.BytesIO(image)))


def picture(*shape: int) -> Any:
    return np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)


def test_a_table_stands_among_numbers(run: Run) -> None:
    """One call records both at its step, nested names are joined, and nothing else is there."""
    run.log({"loss": 0.5, "eval": {"samples": Table(["q", "r"], [["1+1", 0.5]])}}, step=7)
    stored = ended(run)
    assert stored.history("loss")["step"].tolist() == [7]
    [shown] = stored.tables()
    assert (shown.key, shown.step, shown.columns) == ("eval/samples", 7, ("q", "r"))
    assert shown.rows() == [["1+1", 0.5]]
    assert files(run) == []


@pytest.mark.parametrize("rows", [5, MANY])
def test_cells_come_back_as_they_were(run: Run, rows: int) -> None:
    """Whole numbers, floats with NaN and infinities, truth, text, nothing, and what JSON holds."""
    odd = (math.nan, math.inf, -math.inf, -0.0, 1.5)
    data = [
        [n - 2**62, odd[n % 5], n % 2 == 0, f"ä{n}\n", None, {"a": [n]}, None if n % 3 else 2**70]
        for n in range(rows)
    ]
    run.log({"t": Table(list("abcdefg"), data)})
    [shown] = ended(run).tables("t")
    assert shown.types == ("int", "float", "bool", "text", "text", "json", "json")
    assert shown.count == rows
    assert repr(shown.rows()) == repr(data)
    assert repr(shown.rows(rows - 3, 2)) == repr(data[-3:-1])
    assert shown.rows(rows, 10) == []
    assert len(files(run)) == (rows == MANY)


@pytest.mark.parametrize(
    "given",
    [
        Table(["a", "b"], [[1, "x"], [2, "y"]]),
        Table(columns=["a", "b"], rows=[(1, "x"), (2, "y")]),
        Table(data=[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]),
        Table(dataframe=pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=[7, 7])),
        Table(data=pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})),
        Table(["a", "b"], dataframe=pd.DataFrame({"b": ["x", "y"], "c": 0, "a": [1, 2]})),
        Table(["a", "b"], np.array([[1, "x"], [2, "y"]], dtype=object)),
    ],
)
def test_rows_may_come_in_many_forms(run: Run, given: Table) -> None:
    """Lists, tuples, dicts, data frames and arrays make the same table."""
    run.log({"t": given})
    [shown] = ended(run).tables()
    assert (shown.columns, shown.types) == (("a", "b"), ("int", "text"))
    assert shown.rows() == [[1, "x"], [2, "y"]]


@pytest.mark.parametrize("rows", [3, MANY * 3])
def test_cells_of_mixed_columns_are_json_for_every_reader(run: Run, rows: int) -> None:
    """Which knows no NaN; there it is text, as in a config."""
    odd = ("x", math.nan, -math.inf)
    run.log({"t": Table(["a"], [[odd[n % 3]] for n in range(rows)])})
    stored = ended(run)
    [shown] = stored.tables()
    assert shown.rows(0, 3) == [["x"], ["NaN"], ["-Infinity"]]
    [path] = stored.path.glob("*.db")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT json_valid(data) FROM record").fetchall() == [(1,)]
    for file in files(run):
        cells = pq.read_table(file)["a"].to_pylist()
        assert cells[:3] == ['"x"', '"NaN"', '"-Infinity"']


def test_a_large_table_is_parquet_that_anything_reads(run: Run) -> None:
    """With its columns by name, and their types."""
    run.log({"t": Table(["n", "x", "s"], [[n, n / 7, str(n)] for n in range(MANY)])})
    [path] = files(run)
    read = pq.read_table(path)
    assert [str(each.type) for each in read.schema] == ["int64", "double", "string"]
    assert read["x"].to_pylist() == [n / 7 for n in range(MANY)]


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 1), (3, 5, 2), (3, 5, 3), (3, 5, 4), (1, 1, 3)])
def test_an_array_is_kept_to_the_pixel(run: Run, shape: tuple[int, ...]) -> None:
    """As PNG: grey or in colour, with alpha or without."""
    given = picture(*shape)
    run.log({"i": Image(given, caption="one")}, step=3)
    [shown] = ended(run).images("i")
    assert (shown.step, shown.caption, shown.type) == (3, "one", "image/png")
    assert np.array_equal(
        pixels(shown.path.read_bytes()),
        given.reshape(shape).squeeze(2) if shape[2:] == (1,) else given,
    )


def test_an_image_is_what_it_was_when_it_was_logged(run: Run) -> None:
    """What is painted over it later changes nothing."""
    given = picture(8, 8, 3)
    before = given.copy()
    run.log({"i": Image(given)})
    given[:] = 0
    [shown] = ended(run).images()
    assert np.array_equal(pixels(shown.path.read_bytes()), before)


def test_files_of_the_web_are_kept_as_they_are(run: Run, tmp_path: Path) -> None:
    """PNG, JPEG, GIF and WebP by their content, whatever they are called."""
    contents = {
        "png": png.encode(picture(2, 2)),
        "jpg": b"\xff\xd8\xff" + bytes(9),
        "gif": GIF,
        "webp": b"RIFF\0\0\0\0WEBP" + bytes(9),
    }
    for ending, content in contents.items():
        path = tmp_path / f"{ending}.bin"
        path.write_bytes(content)
        run.log({ending: Image(path if ending == "png" else str(path))})
    stored = ended(run)
    found = {each.key: (each.path.suffix, each.path.read_bytes()) for each in stored.images()}
    assert found == {ending: (f".{ending}", content) for ending, content in contents.items()}


def test_the_content_of_a_file_is_an_image(run: Run) -> None:
    """Kept as it is, if it is of the web's kinds."""
    run.log({"i": Image(GIF), "j": Image(b"no image"), "loss": 1.0})
    assert run.diagnostics.counts() == {"skipped.unsupported": 1}
    [shown] = ended(run).images()
    assert (shown.type, shown.path.read_bytes()) == ("image/gif", GIF)


def test_one_bad_image_of_a_list_keeps_no_other_from_coming(run: Run) -> None:
    """It alone is skipped, and counted."""
    run.log({"i": [Image(picture(2, 2)), Image("nowhere.png"), Image(picture(3, 3))]})
    assert run.diagnostics.counts() == {"skipped.unsupported": 1}
    assert len(ended(run).images("i")) == 2


def test_an_image_that_was_cut_short_is_skipped(run: Run, tmp_path: Path) -> None:
    """Also where Pillow reads it only when it is logged; the disk has nothing to do with it."""
    pillow = pytest.importorskip("PIL.Image")
    path = tmp_path / "x.bmp"
    pillow.fromarray(picture(40, 60, 3)).save(path)
    path.write_bytes(path.read_bytes()[:1_000])
    with pillow.open(path) as opened:
        run.log({"i": Image(opened), "j": Image(path)})
    assert run.diagnostics.counts() == {"skipped.unsupported": 2}


def test_images_of_pillow_and_other_formats_become_png(run: Run, tmp_path: Path) -> None:
    """Where Pillow is installed."""
    pillow = pytest.importorskip("PIL.Image")
    given = picture(4, 6, 3)
    made = pillow.fromarray(given)
    made.save(tmp_path / "x.bmp")
    run.log({"i": [Image(made), Image(tmp_path / "x.bmp"), Image(made.convert("CMYK"))]})
    first, second, _ = ended(run).images()
    for shown in (first, second):
        assert np.array_equal(pixels(shown.path.read_bytes()), given)


def test_images_stand_in_lists_and_cells(run: Run) -> None:
    """Several under one name and step, and in the cells of a table, alone or several."""
    one, two = Image(picture(2, 2), "one"), Image(picture(3, 3))
    run.log({"i": [one, two], "t": Table(["x", "y"], [["a", one], ["b", [one, two]], ["c", None]])})
    stored = ended(run)
    assert [each.step for each in stored.images("i")] == [0, 0]
    [shown] = stored.tables()
    assert shown.types == ("text", "image")
    [(_, alone), (_, several), (_, nothing)] = shown.rows()
    assert nothing is None
    assert several[0] == alone
    assert (alone["caption"], alone["file"]["type"]) == ("one", "image/png")
    assert {each["file"]["name"] for each in several} == {path.name for path in files(run)}


def test_texts_and_traces_are_records(run: Run) -> None:
    """A Markdown is its text; a trace its messages, what else is known, and what happened."""
    long = [{"role": "user", "content": "x" * media.INLINE_BYTES}]
    run.log(
        {"m": Markdown("# Hi"), "t": Trace([{"role": "user", "content": "x"}], {"reward": 1.0})}
    )
    run.log({"t": Trace(long, spans=[{"name": "tool"}])})
    stored = ended(run)
    assert stored.records("markdown")[0].data == {"text": "# Hi"}
    short, rest = stored.records("trace")
    assert short.data["messages"] == [{"role": "user", "content": "x"}]
    assert short.data["metadata"] == {"reward": 1.0}
    assert b'"tool"' in stored.file(rest.data["file"]["name"]).read_bytes()


def test_one_content_is_one_file(run: Run) -> None:
    """However often it is logged, under whatever name."""
    for step in range(3):
        run.log({"i": Image(picture(4, 4)), "j": Image(picture(4, 4))}, step)
    assert len(files(run)) == 1
    assert len(ended(run).images()) == 6


class Broken:
    """A data frame, and an image, that raise whatever they are asked."""

    columns = ("a",)
    iloc = None

    def __len__(self) -> int:
        raise RuntimeError("the device is gone")

    def cpu(self) -> None:
        raise RuntimeError("the device is gone")


ODD: Final[dict[str, Any]] = {
    "broken frame": Table(dataframe=Broken()),
    "broken tensor": Image(Broken()),
    "no image": Image("nowhere.png"),
    "text": Image(Path(__file__)),
    "floats": Image(np.zeros((2, 2))),
    "flat": Image(np.zeros(5, np.uint8)),
    "nothing": Image(None),
    "rows": Table(["a"], 5),
    "row": Table(["a"], [5]),
    "long row": Table(["a"], [[1, 2]]),
    "mixed": Table(["a"], [[1], [Image(picture(2, 2))]]),
    "frame": Table(dataframe=[1]),
    "column": Table(["z"], dataframe=pd.DataFrame({"a": [1]})),
    "trace": Trace([5]),  # type: ignore[list-item]
    "list": [Image(picture(2, 2)), 5],
}


@pytest.mark.parametrize("what", ODD)
def test_what_is_none_is_skipped_and_counted(
    run: Run, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With a word about what it is; the numbers beside it are recorded, and nothing is raised."""
    for _ in range(2):
        run.log({"x": ODD[what], "loss": 1.0})
    assert run.diagnostics.counts() == {"skipped.unsupported": 2}
    assert [each.message[:10] for each in caplog.records] == ["metric 'x'"]
    stored = ended(run)
    assert stored.history("loss")["value"].tolist() == [1.0, 1.0]
    assert [*stored.tables(), *stored.images(), *stored.records("trace")] == []


def large(what: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Something that is more than is kept."""
    if what == "rows":
        return Table(["a"], [[n] for n in range(cell.MAX_ROWS + 1)])
    if what == "columns":
        return Table(range(table.MAX_COLUMNS + 1), [])
    if what == "pixels":
        return Image(np.zeros((1, png.MAX_PIXELS + 1), np.uint8))
    if what == "text":
        return Markdown("x" * (media.MAX_TEXT + 1))
    if what == "messages":
        return Trace([{}] * (media.MAX_MESSAGES + 1))
    monkeypatch.setattr(attachments, "MAX_FILES" if what == "files" else "MAX_FILE_BYTES", 0)
    return Image(picture(2, 2))


@pytest.mark.parametrize(
    "what", ["rows", "columns", "pixels", "text", "messages", "bytes", "files"]
)
def test_what_is_too_large_is_told_and_counted(
    run: Run, what: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a minute, with the bound; what stands beside it is recorded, and nothing is raised."""
    given = large(what, monkeypatch)
    for _ in range(3):
        run.log({"big": given, "loss": 1.0})
    assert run.diagnostics.counts() == {"dropped.too_large": 3}
    [told] = caplog.records
    assert "'big'" in told.message
    assert "log " in told.message
    stored = ended(run)
    assert stored.history("loss")["value"].tolist() == [1.0] * 3
    assert files(run) == []


def test_a_disk_without_room_is_told_and_counted(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """The image is dropped, the numbers are not, and nothing is raised."""
    assert run.path is not None
    layout.files_dir(run.path).write_text("in the way")
    run.log({"i": Image(picture(2, 2)), "loss": 1.0})
    assert run.diagnostics.counts() == {"dropped.file": 1}
    assert "free the disk" in caplog.text
    assert ended(run).history("loss")["value"].tolist() == [1.0]


@pytest.mark.parametrize(
    "name", ["../../x.png", "/etc/passwd", "", "x.png", "a" * 64 + ".svg", "A" * 64 + ".png"]
)
def test_no_name_leads_elsewhere(run: Run, name: str) -> None:
    """What is no name of ours is no file, whatever lies there."""
    stored = ended(run)
    (stored.path / "x.png").write_bytes(b"x")
    with pytest.raises(UnknownFile, match="no file"):
        stored.file(name)


def test_a_file_that_is_no_table_is_an_error_of_ours(run: Run) -> None:
    """Damaged or cut short, reading it says so."""
    run.log({"t": Table(["a"], [[n] for n in range(MANY * 3)])})
    [path] = files(run)
    path.write_bytes(path.read_bytes()[:100])
    [shown] = ended(run).tables()
    with pytest.raises(StoreError, match="cannot be read"):
        shown.rows()


def test_deleting_a_run_deletes_its_files(run: Run) -> None:
    """All that lies beside it goes with it."""
    run.log({"i": Image(picture(2, 2))})
    stored = ended(run)
    assert len(files(run)) == 1
    stored.delete()
    assert not layout.files_dir(stored.path).exists()


def test_logging_tables_loads_nothing_heavy_until_it_must(run: Run) -> None:
    """Small tables and images need no more than numbers do."""
    code = (
        "import sys, numpy, otel_trackio as o\n"
        "r = o.init('p', mode='offline')\n"
        "r.log({'t': o.Table(['a'], [[1]]), 'i': o.Image(numpy.zeros((2, 2), 'uint8'))})\n"
        "r.finish()\n"
        "print([m for m in ('pyarrow', 'pandas', 'PIL', 'huggingface_hub') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
