"""What becomes of a CSV file."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from otel_trackio import Api, ConfigError, StoreError
from otel_trackio.importing import csvfile
from otel_trackio.importing.calls import import_csv
from otel_trackio.importing.copying import Copied
from otel_trackio.storedrun import StoredRun
from tests.sdk.importing.elsewhere import write_csv


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    return tmp_path / "sheet.csv"


def imported(sheet: Path, text: str, **options: str) -> tuple[StoredRun, Copied]:
    sheet.write_text(text)
    copied = import_csv(sheet, "project", **options)
    return Api().run(copied.id), copied


def curve(run: StoredRun, key: str) -> list[tuple[int, object]]:
    history = run.history(key)
    return list(zip(history["step"].tolist(), history["value"].tolist(), strict=True))


def test_a_row_is_a_step_and_a_column_a_metric(sheet: Path) -> None:
    """Names stay as they are, whatever they hold; an empty cell is no value."""
    text = "step,train/loss,Épöch time (s),x y\n0,0.5,1e-3,7\n10,,2,\n20,0.25,3.5,9\n"
    run, copied = imported(sheet, text)
    assert [metric.key for metric in run.metrics()] == ["train/loss", "x y", "Épöch time (s)"]
    assert curve(run, "train/loss") == [(0, 0.5), (20, 0.25)]
    assert curve(run, "x y") == [(0, 7), (20, 9)]
    assert curve(run, "Épöch time (s)") == [(0, 1e-3), (10, 2), (20, 3.5)]
    assert (run.project, run.name, run.state) == ("project", "sheet", "finished")
    assert run.config == {"imported from": "csv sheet.csv"}
    assert (copied.points, dict(copied.left.counts)) == (7, {})


def test_numbers_are_exact(sheet: Path) -> None:
    """To the last bit, and integers of any size that the store holds; what is no number counts."""
    cells = ["0.1", "NaN", "-inf", "Infinity", "-0.0", "9007199254740993", "1" * 300, "true", "x"]
    rows = "".join(f"{step},{cell}\n" for step, cell in enumerate([*cells, "1_000", " 3 "]))
    run, copied = imported(sheet, f"step,odd\n{rows}")
    values = [value for _, value in curve(run, "odd")]
    assert values[0] == 0.1
    assert math.isnan(values[1])  # type: ignore[arg-type]
    assert values[2:4] == [-math.inf, math.inf]
    assert str(values[4]) == "-0.0"
    assert values[5:] == [9007199254740993, int("1" * 300), 1, 3]
    assert copied.left.document() == {"texts": 2}
    assert copied.left.names("texts") == ["odd"]


@pytest.mark.parametrize("name", ["step", "Step", "_step", "global_step", "epoch"])
def test_the_step_is_in_a_column_of_one_of_these_names(sheet: Path, name: str) -> None:
    """That column is no metric."""
    run, _ = imported(sheet, f"loss,{name}\n1.5,7\n2.5,8.0\n")
    assert [metric.key for metric in run.metrics()] == ["loss"]
    assert curve(run, "loss") == [(7, 1.5), (8, 2.5)]


def test_fractions_of_epochs_are_a_metric(sheet: Path) -> None:
    """Where no column holds steps, rows are counted from 0."""
    run, _ = imported(sheet, "epoch,loss\n0.5,3\n1.0,2\n")
    assert curve(run, "epoch") == [(0, 0.5), (1, 1.0)]


def test_the_columns_of_step_and_time_may_be_named(sheet: Path) -> None:
    """Of numbers of the time, their size tells their unit."""
    text = "step,iteration,when,loss\n1,100,1748779200123,0.5\n2,200,1748779201123,0.25\n"
    run, _ = imported(sheet, text, step="iteration", time="when")
    assert curve(run, "loss") == [(100, 0.5), (200, 0.25)]
    assert curve(run, "step") == [(100, 1), (200, 2)]
    assert run.history("loss")["time"].tolist() == [
        1_748_779_200_123_000_000,
        1_748_779_201_123_000_000,
    ]


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        ("2025-06-01T12:00:00Z", 1_748_779_200_000_000_000),
        ("2025-06-01 14:00:00.123456+02:00", 1_748_779_200_123_456_000),
        ("1748779200.123456789", 1_748_779_200_123_456_789),
        ("1748779200123456789", 1_748_779_200_123_456_789),
    ],
)
def test_times_are_kept(sheet: Path, cell: str, moment: int) -> None:
    """To the ns, in any of these forms; the run began and ended then."""
    run, _ = imported(sheet, f"step,timestamp,loss\n0,{cell},1\n1,,2\n")
    assert run.history("loss")["time"].tolist() == [moment, moment]
    assert (run.standing().started, run.standing().ended) == (moment, moment)
    assert run.facts().created == moment


def test_seconds_since_the_start_are_a_metric(sheet: Path) -> None:
    """A column called `time` holds the time only where that is a moment of this century."""
    run, _ = imported(sheet, "step,time\n0,0.5\n1,61.5\n")
    assert curve(run, "time") == [(0, 0.5), (1, 61.5)]


def test_untidy_files_are_read(sheet: Path) -> None:
    """A mark of byte order, semicolons, quotes, rows too short or too long, lines without cells."""
    text = '\ufeffstep;"a;b";c;;c\n0;1;2;3;4\n\n1;5\n2;"6";7;8;9;10\nx;1;1;1;1\n'
    run, copied = imported(sheet, text)
    assert curve(run, "a;b") == [(0, 1), (1, 5), (2, 6)]
    assert curve(run, "c") == [(0, 2), (2, 7)]
    assert copied.left.document() == {
        "rows without a whole step": 1,
        "cells beyond the header": 1,
        "columns of the same name": 1,
        "columns without a name": 1,
    }


def test_a_row_that_is_being_written_waits(sheet: Path) -> None:
    """It comes with the next import, whole."""
    run, copied = imported(sheet, "step,a,b\n0,1,2\n1,3")
    assert copied.points == 2
    _, copied = imported(sheet, "step,a,b\n0,1,2\n1,3,4\n")
    assert copied.points == 2
    assert curve(run, "a") == [(0, 1), (1, 3)]


def test_what_spreadsheets_write_in_utf_16_is_read(sheet: Path) -> None:
    """As any other file."""
    sheet.write_bytes("step\tlöss\r\n0\t0.5\r\n1\t0.25\r\n".encode("utf-16"))
    copied = import_csv(sheet, "project")
    assert curve(Api().run(copied.id), "löss") == [(0, 0.5), (1, 0.25)]


def test_long_texts_keep_no_number_from_coming(sheet: Path) -> None:
    """They are counted as any other text."""
    rows = "".join(f'{step},"{"x" * 200_000}",0.5\n' for step in range(3))
    run, copied = imported(sheet, f"step,text,loss\n{rows}")
    assert curve(run, "loss") == [(step, 0.5) for step in range(3)]
    assert copied.left.document() == {"texts": 3}


@pytest.mark.parametrize(
    "cell", ["9999-12-31", "1E+999999999", "1e30", "nan", "inf", "-1E+9999999"]
)
def test_a_moment_beyond_all_times_is_none(sheet: Path, cell: str) -> None:
    """The row has the time of the one before it."""
    run, _ = imported(sheet, f"date,loss\n2025-06-01T12:00:00,1\n{cell},2\n")
    assert set(run.history("loss")["time"].tolist()) == {1_748_779_200_000_000_000}


def test_what_comes_before_damage_is_here(sheet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error tells of the rest, which comes when the file is mended, and nothing twice."""
    monkeypatch.setattr(csvfile, "LONGEST_CELL", 50)
    sheet.write_text("step,loss\n0,1\n1,2\n2," + '"' + "x" * 100 + "\n")
    with pytest.raises(StoreError, match="see that it is CSV"):
        import_csv(sheet, "project")
    [run] = Api().runs()
    assert curve(run, "loss") == [(0, 1), (1, 2)]
    copied = import_csv(sheet_of(sheet, "step,loss\n0,1\n1,2\n2,3\n"), "project")
    assert (copied.id, copied.points) == (run.id, 1)
    assert curve(run, "loss") == [(0, 1), (1, 2), (2, 3)]


def sheet_of(sheet: Path, text: str) -> Path:
    sheet.write_text(text)
    return sheet


@pytest.mark.parametrize("text", ["", "\n", "step,loss\n"])
def test_files_without_rows_are_refused(sheet: Path, text: str) -> None:
    """The error says what to give."""
    with pytest.raises(ConfigError, match="give a CSV file"):
        imported(sheet, text)


def test_unknown_columns_and_files_are_refused(sheet: Path) -> None:
    """A column with those there are."""
    with pytest.raises(ConfigError, match="no column 'steps'; it has step, loss"):
        imported(sheet, "step,loss\n0,1\n", step="steps")
    with pytest.raises(ConfigError, match="no file"):
        import_csv(sheet.with_name("other.csv"), "project")
    with pytest.raises(ConfigError, match="is a folder"):
        import_csv(sheet.parent, "project")


def test_thousands_of_rows_come_in_their_order(sheet: Path, tmp_path: Path) -> None:
    """Across batches, with values missing here and there."""
    rows = [(step, step / 7, step if step % 3 else "") for step in range(150_000)]
    write_csv(sheet, [("step", "a", "b"), *rows])
    copied = import_csv(sheet, "project")
    run = Api().run(copied.id)
    assert curve(run, "a") == [(step, step / 7) for step in range(150_000)]
    assert curve(run, "b") == [(step, step) for step in range(150_000) if step % 3]
    assert copied.points == 250_000
