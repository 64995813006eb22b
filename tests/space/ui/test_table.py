"""Rows of tables: their order, filter, CSV, and which are drawn."""

from __future__ import annotations

import csv
import io
import random
from typing import Any

from tests.space.ui.module import evaluate


def row(name: str, **cells: Any) -> dict[str, Any]:
    about = {"id": name, "name": name, "group": "", "tags": [], "notes": "", "state": "finished"}
    return {"run": {**about, "config": {}}, "cells": cells}


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [each["run"]["name"] for each in rows]


def ordered(values: list[Any], down: bool = False) -> list[Any]:
    rows = [row(str(at), c=value) for at, value in enumerate(values)]
    found = evaluate(
        "table.js", f"m.sorted(given, {{column: 'c', down: {str(down).lower()}}})", rows
    )
    return [each["cells"]["c"] for each in found]


def test_numbers_are_ordered_as_numbers() -> None:
    """10 comes after 9, and what JSON cannot hold is where its value puts it."""
    values = [10, 9, -1.5, "Infinity", "-Infinity", 1e-9, "1180591620717411303424"]

    assert ordered(values) == ["-Infinity", -1.5, 1e-9, 9, 10, "1180591620717411303424", "Infinity"]


def test_what_is_missing_is_last_both_ways() -> None:
    """Then NaN comes after all numbers, and what is missing after everything."""
    assert ordered([None, "NaN", 2, "text", 1]) == [1, 2, "NaN", "text", None]
    assert ordered([None, "NaN", 2, "text", 1], down=True) == [2, 1, "NaN", "text", None]


def test_equal_rows_stay_as_they_were() -> None:
    """Sorting is stable, up and down."""
    rows = [row(str(at), c=at % 3) for at in range(30)]
    random.Random(0).shuffle(rows)
    for down in (False, True):
        order = "{column: 'c', down: %s}" % str(down).lower()  # noqa: UP031
        found = evaluate("table.js", f"m.sorted(given, {order})", rows)

        assert names(sorted(rows, key=lambda each: each["cells"]["c"], reverse=down)) == names(
            found
        )


def test_words_of_a_filter_must_all_be_there() -> None:
    """In name, tags, notes or config, whatever their case."""
    rows = [row("Alpha"), row("beta"), row("alphabet")]
    rows[1]["run"]["tags"] = ["alpha"]
    rows[2]["run"]["config"] = {"kind": "MLP"}
    kept = "given.filter((row) => m.matches(row, {text}, []))"

    assert names(evaluate("table.js", kept.format(text="'ALPHA'"), rows)) == [
        "Alpha",
        "beta",
        "alphabet",
    ]
    assert names(evaluate("table.js", kept.format(text="'alpha mlp'"), rows)) == ["alphabet"]


def test_a_filter_compares_a_column() -> None:
    """`lr>0.01` is about the column of that name, as numbers; a row without it does not match."""
    rows = [row("a", **{"config:lr": 0.001}), row("b", **{"config:lr": 0.1}), row("c")]
    columns = "[{id: 'config:lr', key: 'lr'}]"
    for text, expected in (
        ("lr>0.01", ["b"]),
        ("lr<=0.001", ["a"]),
        ("lr=1e-1", ["b"]),
        ("config:lr!=0.1", ["a"]),
        ("other>1", []),
    ):
        kept = evaluate("table.js", f"given.filter((r) => m.matches(r, '{text}', {columns}))", rows)

        assert expected == names(kept)


def test_csv_comes_back_as_it_was() -> None:
    """Commas, quotes and lines in names are quoted; a formula is made inert, a number never."""
    values = [
        "plain",
        'a "b", c',
        "two\nlines",
        "=HYPERLINK(1)",
        -1.5,
        "-Infinity",
        None,
        ["x", "y"],
    ]
    columns = [{"id": str(at), "title": f"column, {at}"} for at in range(len(values))]
    cells = {str(at): value for at, value in enumerate(values)}
    text = evaluate("table.js", "m.csv(given[0], given[1])", [columns, [{"cells": cells}]])
    head, line = csv.reader(io.StringIO(text, newline=""))

    assert [each["title"] for each in columns] == head
    assert line == [
        "plain",
        'a "b", c',
        "two\nlines",
        "'=HYPERLINK(1)",
        "-1.5",
        "-Infinity",
        "",
        "x y",
    ]


def test_only_rows_near_the_viewport_are_drawn() -> None:
    """Of any number of rows those that show, and a few beside them."""
    for count, top in ((1_000, 0), (1_000, 9_999), (1_000, 36_000), (3, 0), (0, 0), (10, 99_999)):
        found = evaluate("table.js", "m.near(given[0], 36, given[1], 600)", [count, top])
        first, last = found["first"], found["last"]
        showing = [at for at in range(count) if top < (at + 1) * 36 and at * 36 < top + 600]

        assert 0 <= first <= last <= count
        assert set(showing) <= set(range(first, last))
        assert last - first <= 600 / 36 + 20


def test_csv_has_times_that_others_read() -> None:
    """Moments are ISO 8601 in UTC, durations seconds."""
    columns = [
        {"id": "a", "title": "Started", "shows": "time"},
        {"id": "b", "title": "Duration", "shows": "duration"},
    ]
    text = evaluate("table.js", "m.csv(...given)", [columns, [{"cells": {"a": 0, "b": 1500}}]])

    assert text == "Started,Duration (s)\r\n1970-01-01T00:00:00.000Z,1.5\r\n"
