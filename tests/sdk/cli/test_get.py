"""The points of metrics: exactly as recorded, in every format."""

from __future__ import annotations

import csv
import json
import math
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from click.testing import CliRunner
from pyarrow import parquet

from otel_trackio import Api
from otel_trackio.cli import main

if TYPE_CHECKING:
    from tests.sdk.cli.conftest import Program


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_get_prints_every_point_exactly(program: Program) -> None:
    """CSV, JSON and Parquet hold what `history` does: NaN, infinities, -0.0 and huge integers."""
    key = "odd, value"
    history = Api(program.dir).run("odd").history(key)
    exact = ["NaN", "Infinity", "-Infinity", "-0.0", str(2**70 + 1), str(-(2**63))]
    lines = list(csv.reader(StringIO(program("get", "odd", key, "-f", "csv"))))
    assert lines[0] == ["step", "time", "value"]
    assert [line[2] for line in lines[1:]] == exact
    assert [int(line[1]) for line in lines[1:]] == history["time"].tolist()
    found = program.json("get", "odd", key)
    assert [each["step"] for each in found] == list(range(6))
    assert [each["value"] for each in found][:3] == exact[:3]
    assert math.copysign(1, found[3]["value"]) == -1
    assert [each["value"] for each in found][4:] == [2**70 + 1, -(2**63)]
    assert [line[-1] for line in rows(program("get", "odd", key))] == ["value", *exact]


def test_get_reads_back_as_it_was(program: Program, tmp_path: Path) -> None:
    """A float in CSV, JSON or Parquet is that float again; FILE's name chooses the format."""
    values = [1 / (step + 1) for step in range(100)]
    for name in ("a.csv", "a.json", "a.parquet"):
        ran = program.run("get", "small", "train/loss", "--output", str(tmp_path / name))
        assert (ran.exit_code, ran.stdout) == (0, "")
        assert ran.stderr == f"wrote 100 rows to {tmp_path / name}\n"
    with (tmp_path / "a.csv").open() as file:
        assert [float(row["value"]) for row in csv.DictReader(file)] == values
    assert [row["value"] for row in json.loads((tmp_path / "a.json").read_text())] == values
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table["value"].to_pylist() == values
    assert str(table.schema.field("time").type) == "timestamp[ns, tz=UTC]"
    stored = Api(program.dir).run("small").history("train/loss")["time"]
    assert np.array_equal(table["time"].cast("int64").to_numpy(), stored)


def test_parquet_keeps_numbers_that_it_has_no_type_for(program: Program, tmp_path: Path) -> None:
    """Integers beyond int64, or beside floats, are decimal text there."""
    for arguments in (("odd, value",), ("odd, value", "twice")):
        file = tmp_path / f"{len(arguments)}.parquet"
        program("get", "odd", *arguments, "-o", str(file))
        table = parquet.read_table(file)
        column = table["value" if len(arguments) == 1 else "odd, value"].to_pylist()
        assert column[4] == str(2**70 + 1)
        assert float(column[3]) == 0.0
    file = tmp_path / "weights.parquet"
    program("get", "small", "weights", "-o", str(file))
    assert parquet.read_table(file)["max"].to_pylist() == [1.0, 51.0]


def test_get_writes_parquet_to_a_pipe(program: Program) -> None:
    """Where standard output is no terminal it may be binary."""
    ran = CliRunner().invoke(
        main, ["--dir", str(program.dir), "get", "small", "train/lr", "-f", "parquet"]
    )
    assert parquet.read_table(BytesIO(ran.stdout_bytes)).num_rows == 100


def test_get_sets_metrics_side_by_side(program: Program, tmp_path: Path) -> None:
    """On the union of their steps; what one has not is empty in CSV and null in JSON."""
    lines = list(csv.reader(StringIO(program("get", "small", "train/l*", "eval/*", "-f", "csv"))))
    assert lines[0] == ["step", "train/loss", "train/lr", "eval/accuracy"]
    assert lines[1:3] == [["0", "1.0", "0.1", "0.0"], ["1", "0.5", "0.1", ""]]
    found = program.json("get", "small", "eval/accuracy", "train/lr")
    assert [each["eval/accuracy"] for each in found if each["step"] in (0, 1, 50)] == [
        0.0,
        None,
        0.5,
    ]
    odd = program.json("get", "odd", "odd, value", "twice")
    assert [each["odd, value"] for each in odd][4] == 2**70 + 1
    assert [each["twice"] for each in odd] == [None, None, None, 2.5, None, None]
    file = tmp_path / "wide.parquet"
    program("get", "small", "eval/accuracy", "train/lr", "-o", str(file))
    assert parquet.read_table(file)["eval/accuracy"].null_count == 98


def test_get_says_which_metric_has_no_steps(program: Program) -> None:
    """Beside others it is an empty column, and a note says why; alone it has every point."""
    ran = program.run("get", "small", "gpu/temperature", "train/lr", "-f", "csv")
    assert ran.stdout.splitlines()[1] == "0,,0.1"
    assert ran.stderr == "gpu/temperature was recorded without steps; get it alone\n"
    alone = program.json("get", "small", "gpu/temperature")
    assert [(each["step"], each["value"]) for each in alone] == [(None, 71), (None, 72)]


def test_get_takes_ranks_every_point_and_thinning(program: Program) -> None:
    """As `history` does: the lowest rank, one, or all; winners or every point; extremes kept."""

    def values(*arguments: str) -> list[Any]:
        return [each["value"] for each in program.json("get", *arguments)]

    assert values("ranks", "x") == values("ranks", "x", "--rank", "0") == [0]
    assert values("ranks", "x", "--rank", "1") == [1]
    everyone = program.json("get", "ranks", "x", "--rank", "all")
    assert [(each["rank"], each["value"]) for each in everyone] == [(0, 0), (1, 1)]
    assert values("odd", "twice") == [2.5]
    assert values("odd", "twice", "--all") == [1, 2.5]
    thinned = values("small", "train/loss", "--max-points", "10")
    assert len(thinned) <= 10
    assert {thinned[0], thinned[-1]} == {1.0, 0.01}


def test_get_shows_histograms(program: Program) -> None:
    """Their aggregates, and in JSON their buckets too."""
    heading, first, second = rows(program("get", "small", "weights"))
    assert heading[:3] == ["step", "time", "count"]
    assert (first[0], second[0]) == ("0", "50")
    found = program.json("get", "small", "weights")
    stored = Api(program.dir).run("small").histograms("weights")
    assert [each["counts"] for each in found] == [each.data["counts"] for each in stored]
    assert [each["max"] for each in found] == [1.0, 51.0]
