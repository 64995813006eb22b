"""Columns of the table of runs, nested configs, and how configs differ."""

from __future__ import annotations

from typing import Any

from tests.space.ui.module import evaluate


def run(**about: Any) -> dict[str, Any]:
    usual = {"id": "r", "name": "run", "state": "finished", "group": "", "tags": [], "notes": ""}
    times = {"created": 0, "started": 1_000, "ended": 61_000, "last_step": 9, "points": 10}
    return {**usual, **times, "attempt": 1, "ranks": [0], "config": {}, "summary": {}, **about}


def metric(key: str, runs: int = 1, **about: Any) -> dict[str, Any]:
    return {"key": key, "kind": "gauge", "system": False, "runs": runs, **about}


def test_every_fact_path_and_metric_can_be_a_column() -> None:
    """Configs and summaries by the path of each leaf, metrics by last, min and max."""
    runs = [run(config={"model": {"layers": 2}, "lr": 0.1}), run(summary={"best": 1})]
    metrics = [metric("loss"), metric("weights", kind="histogram")]
    found = [each["id"] for each in evaluate("columns.js", "m.possible(...given)", [runs, metrics])]

    assert {"run:name", "config:model.layers", "config:lr", "summary:best"} <= set(found)
    assert [each for each in found if "loss" in each] == ["last:loss", "min:loss", "max:loss"]
    assert not [each for each in found if "weights" in each]


def test_a_column_is_numeric_where_all_its_values_are() -> None:
    """One text among them makes it text; null does not."""
    runs = [run(config={"a": 1, "b": 1}), run(config={"a": None, "b": "x"})]
    found = evaluate("columns.js", "m.possible(...given)", [runs, []])
    numeric = {each["id"]: each["numeric"] for each in found}

    assert numeric["config:a"]
    assert not numeric["config:b"]


def test_the_usual_columns_tell_runs_apart() -> None:
    """Configs that all share are left out, and so are machines; what most runs have comes first."""
    runs = [run(config={"lr": rate, "seed": 1}) for rate in (0.1, 0.2)]
    metrics = [metric("rare"), metric("loss", runs=2), metric("hw.power", runs=2, system=True)]
    found = evaluate("columns.js", "m.usual(...given)", [runs, metrics])

    assert "config:lr" in found
    assert "config:seed" not in found
    assert [each for each in found if each.startswith("last:")] == ["last:loss", "last:rare"]


def test_cells_are_what_the_run_has() -> None:
    """Facts, nested configs and values of metrics; a live run lasts until now."""
    one = run(config={"model": {"layers": 2}}, state="running", ended=None)
    values = {"loss": {"last": 0.5, "min": 0.25, "max": "Infinity"}}
    expression = """(() => {
      const columns = m.possible([given[0]], [{key: "loss", kind: "gauge", runs: 1}]);
      return m.cells(given[0], columns, given[1], 11000);
    })()"""
    found = evaluate("columns.js", expression, [one, values])

    assert found["run:duration"] == 10_000
    assert found["config:model.layers"] == 2
    assert (found["last:loss"], found["min:loss"], found["max:loss"]) == (0.5, 0.25, "Infinity")
    assert "run:group" not in found


def test_a_search_keeps_the_places_of_what_it_finds() -> None:
    """By path or value, every word; what is nested stays nested."""
    config = {"model": {"name": "Llama", "layers": 32}, "lr": 0.1, "empty": {}}
    for text, expected in (
        ("", config),
        ("llama", {"model": {"name": "Llama"}}),
        ("model 32", {"model": {"layers": 32}}),
        ("nothing", {}),
    ):
        assert expected == evaluate("nested.js", "m.searched(...given)", [config, text])


def test_configs_differ_where_a_value_or_its_absence_does() -> None:
    """Values are compared as JSON, so that 1 is not "1" is said by the column, not hidden."""
    runs = [
        run(config={"lr": 0.1, "same": [1, 2]}),
        run(config={"lr": 0.2, "same": [1, 2], "more": None}),
    ]
    found = evaluate("diff.js", "m.differences(given)", runs)

    assert found == [
        {"path": "lr", "values": ["0.1", "0.2"], "differs": True},
        {"path": "same", "values": ["[1,2]", "[1,2]"], "differs": False},
        {"path": "more", "values": [None, "null"], "differs": True},
    ]
