"""Runs that hold what nobody expects: each is shown as far as it goes, and hides no other."""

from __future__ import annotations

from typing import Any, Final

import pytest

import otel_trackio
from otel_trackio import layout
from otel_trackio.errors import StoreError
from otel_trackio_space.figures import Figures
from tests.space.asking import Asking
from tests.space.foreign import written

HUGE: Final = 2**70


@pytest.fixture
def recorded(asking: Asking) -> str:
    """A run; its id."""
    with otel_trackio.init("project", "name") as run:
        run.log({"huge": HUGE}, 0)
    return run.id


def test_whatever_a_config_holds_is_told(asking: Asking) -> None:
    """Numbers that JavaScript does not hold are text, so that they are exact."""
    with otel_trackio.init(
        "odd", config={"seed": HUGE, "id": 2**60, "small": 7, "on": True}
    ) as run:
        run.summary["best"] = [-HUGE, 0.5]
    (told,) = asking.get("/api/runs", project="odd")["runs"]
    assert told["config"] == {"seed": str(HUGE), "id": str(2**60), "small": 7, "on": True}
    assert told["summary"] == {"best": [str(-HUGE), 0.5]}


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("run", {"created": "yesterday"}),
        ("run", {"created": 10**400}),
        ("run", {"created": -1}),
        ("run", {"project": ["a"]}),
        ("run", {"name": None}),
        ("run", {"tags": 5}),
        ("run", {"tags": [{}]}),
        ("run", []),
        ("config", 7),
        ("summary", "text"),
        ("state", {}),
    ],
)
def test_a_run_that_makes_no_sense_hides_no_other(asking: Asking, kind: str, data: Any) -> None:
    """What somebody else wrote to a remote is passed over where it cannot be meant."""
    dir = asking.shelf.api.dir
    written(dir, "sound", "summary", {"best": 1})
    written(dir, "odd", kind, data)
    found = asking.get("/api/runs", project="remote")["runs"]
    assert {each["id"] for each in found} - {"odd"} == {"sound"}
    assert asking.get("/api/projects")["projects"]
    assert asking.get("/api/alerts")["alerts"] == []


def test_what_is_no_text_or_too_deep_is_cut(asking: Asking) -> None:
    """Half a character, and containers in containers without end."""
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    written(asking.shelf.api.dir, "odd", "config", {"half \ud800": "\udfff", "deep": deep})
    written(asking.shelf.api.dir, "named", "run", {"name": "half \ud800", "tags": ["\ud801"]})
    found = {each["id"]: each for each in asking.get("/api/runs", project="remote")["runs"]}
    assert found["odd"]["config"]["half \\ud800"] == "\\udfff"
    assert (found["named"]["name"], found["named"]["tags"]) == ("half \\ud800", ["\\ud801"])


def test_values_of_a_run_that_goes_meanwhile_are_left_out(asking: Asking, recorded: str) -> None:
    """The others are answered all the same."""
    with otel_trackio.init("project") as other:
        other.log({"huge": 1}, 0)
    shown = asking.shelf.look()
    for path in shown.run(recorded).run.files():
        path.rename(path.with_suffix(".gone"))
    figures = Figures(asking.shelf)
    assert [each.last for each in figures.of(shown.run(other.id), ["huge"])] == [1]
    with pytest.raises(StoreError):
        figures.of(shown.run(recorded), ["huge"])
    found = asking.get("/api/values", project="project", keys="huge")["values"]
    assert set(found) == {other.id}


def test_a_damaged_run_spoils_no_other(asking: Asking, recorded: str) -> None:
    """A file that is no run file is passed over, and logged."""
    broken = layout.run_file(asking.shelf.api.dir, "broken", "writer")
    broken.parent.mkdir()
    broken.write_bytes(b"no database" * 1_000)
    assert [each["id"] for each in asking.get("/api/runs", project="project")["runs"]] == [recorded]
    assert asking.send("GET", "/api/runs/broken").status_code == 404
