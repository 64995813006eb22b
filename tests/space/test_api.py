"""The HTTP API: its answers are those that its document promises, and its limits hold."""

from __future__ import annotations

import asyncio
import math
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import BaseModel

import otel_trackio
from otel_trackio_space import answers
from otel_trackio_space.failures import Refused
from otel_trackio_space.readers import MAX_READING, MAX_WAITING, Readers
from otel_trackio_space.shelf import Shelf
from tests.bench.data import Shape, store
from tests.space.asking import Asking, aside
from tests.space.serving import failure

HUGE: Final = 2**70

opened: Final[list[str]] = []
"""Every database that this process has opened."""


def witness(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "sqlite3.connect":
        opened.append(str(arguments[0]))


sys.addaudithook(witness)


@pytest.fixture
def recorded(asking: Asking) -> str:
    """A run with something of everything, and one of another project; its id."""
    with otel_trackio.init("other"):
        otel_trackio.log({"loss": 1.0}, step=0)
    about: dict[str, Any] = {"group": "g", "tags": ["a", "b"], "notes": "n", "config": {"lr": 0.1}}
    with otel_trackio.init("project", "name", **about) as run:
        for step in range(10):
            run.log({"train/deep/loss": step / 7, "huge": HUGE + step, "odd": math.nan}, step)
        run.log_system({"system.heat": 30.5})
        otel_trackio.get_meter("test").create_histogram("sizes", unit="By").record(3)
        run.summary["best"] = 0.5
        run.alert("look", "at this", "error", step=4)
    return run.id


def test_answers_are_what_the_document_says(asking: Asking, recorded: str) -> None:
    """Every answer has the form that /api/openapi.json names for it."""
    asked: list[tuple[str, type[BaseModel], dict[str, Any]]] = [
        ("about", answers.About, {}),
        ("projects", answers.Projects, {}),
        ("runs", answers.Runs, {"project": "project"}),
        ("values", answers.Values, {"project": "project", "keys": "huge,odd,none"}),
        (f"runs/{recorded}", answers.Detail, {}),
        (f"runs/{recorded}/records", answers.Records, {"kind": "alert"}),
        ("alerts", answers.Alerts, {"project": "project"}),
    ]
    document = asking.get("/api/openapi.json")
    for path, model, parameters in asked:
        model.model_validate(asking.get(f"/api/{path}", **parameters))
        template = path.replace(recorded, "{run_id}")
        answer = document["paths"][f"/api/{template}"]["get"]["responses"]["200"]
        named = answer["content"]["application/json"]["schema"]["$ref"]
        assert named == f"#/components/schemas/{model.__name__}"
    for x in ("step", "time", "relative", {"metric": "huge"}):
        answers.Chart.model_validate(asking.chart("project", "train/deep/loss", x=x))


def test_projects_are_counted(asking: Asking, recorded: str) -> None:
    """Each project with its runs, those that are running, and when it was last heard of."""
    with otel_trackio.init("project") as run:
        run.log({"loss": 1}, 0)
        found = {each["name"]: each for each in asking.get("/api/projects")["projects"]}
        assert list(found) == ["other", "project"]
        assert (found["other"]["runs"], found["other"]["running"]) == (1, 0)
        assert (found["project"]["runs"], found["project"]["running"]) == (2, 1)
        assert found["project"]["updated"] >= found["other"]["updated"] > 1e12
    assert asking.get("/api/projects")["projects"][1]["running"] == 0


def test_runs_are_told_with_all_that_lists_show(asking: Asking, recorded: str) -> None:
    """Name, state, config, summary and metrics of a project's runs, and of no other's."""
    found = asking.get("/api/runs", project="project")
    (run,) = found["runs"]
    told = {
        "id": recorded,
        "name": "name",
        "group": "g",
        "tags": ["a", "b"],
        "notes": "n",
        "config": {"lr": 0.1},
        "summary": {"best": 0.5},
        "state": "finished",
        "error": None,
        "ranks": [0],
        "attempt": 1,
        "last_step": 9,
        "missing": [],
    }
    assert told.items() <= run.items()
    assert 1e12 < run["started"] < run["ended"]
    metrics = {each["key"]: each for each in found["metrics"]}
    assert list(metrics) == sorted(metrics)
    assert (metrics["train/deep/loss"]["section"], metrics["huge"]["section"]) == ("train/deep", "")
    assert [key for key, each in metrics.items() if each["system"]] == ["system.heat"]
    assert not metrics["system.heat"]["steps"]
    assert metrics["huge"]["steps"]
    assert (metrics["sizes"]["kind"], metrics["sizes"]["unit"]) == ("histogram", "By")
    assert all(each["runs"] == 1 for each in metrics.values())


def test_a_run_that_failed_says_why(asking: Asking) -> None:
    """What it died of is told where it is listed."""
    with pytest.raises(MemoryError), otel_trackio.init("failing") as run:
        run.log({"loss": 1}, 0)
        raise MemoryError("no room")
    (run_shown,) = asking.get("/api/runs", project="failing")["runs"]
    assert run_shown["state"] == "failed"
    assert "no room" in run_shown["error"]


def test_values_are_exact(asking: Asking, recorded: str) -> None:
    """What no JavaScript number holds is told as text: large integers, NaN and infinities."""
    found = asking.get("/api/values", project="project", keys="huge,odd,train/deep/loss,none")
    values = found["values"][recorded]
    assert set(values) == {"huge", "odd", "train/deep/loss"}
    assert (values["huge"]["last"], values["huge"]["count"]) == (str(HUGE + 9), 10)
    assert (values["odd"]["last"], values["odd"]["nonfinite"]) == ("NaN", 10)
    assert values["odd"]["min"] is None
    assert values["train/deep/loss"]["max"] == 9 / 7
    assert values["train/deep/loss"]["last_step"] == 9


def test_values_follow_a_run_that_goes_on(asking: Asking) -> None:
    """What was told before is not told again once there is more."""
    with otel_trackio.init("going") as run:
        for step in range(3):
            run.log({"loss": step}, step)
            values = asking.get("/api/values", project="going", keys="loss")["values"]
            assert values[run.id]["loss"]["last"] == step


def test_keys_with_commas_can_be_asked_for(asking: Asking) -> None:
    """Those of attributes, in braces, as they are; any other one by a parameter of its own."""
    with otel_trackio.init("commas") as run:
        run.log({"a,b": 1, "c": 2}, 0)
        gauge = otel_trackio.get_meter("test").create_gauge("heat")
        gauge.set(3, {"gpu": "0", "place": "core"})
    keys = "heat{gpu=0,place=core},c"
    found = asking.get("/api/values", project="commas", keys=keys, key=["a,b"])["values"]
    assert {key: each["last"] for key, each in found[run.id].items()} == {
        "heat{gpu=0,place=core}": 3,
        "c": 2,
        "a,b": 1,
    }


def test_a_run_is_told_with_lines_that_load_it(asking: Asking, recorded: str) -> None:
    """The lines on its page run as they stand, and load what they say."""
    found = asking.get(f"/api/runs/{recorded}")
    assert {each["key"] for each in found["metrics"]} >= {"huge", "sizes", "system.heat"}
    names: dict[str, Any] = {}
    exec(found["python"], names)
    assert names["run"].id == recorded
    assert len(names["history"]["value"]) == 10
    names["api"].close()


def test_a_run_is_told_attempt_by_attempt(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its rank, its end, its time and how far it came; a run's edits are none of them."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in (0, 1):
        monkeypatch.setenv("RANK", str(rank))
        with (
            suppress(MemoryError),
            otel_trackio.init("tries", id="tried", resume="allow") as run,
        ):
            run.log({"loss": 1}, 4 + rank)
            if rank:
                raise MemoryError("no room")
    monkeypatch.setenv("RANK", "0")
    with otel_trackio.init("tries", id="tried", resume="must") as run:
        run.log({"loss": 1}, 6)
        run.flush()
        with otel_trackio.Api() as api:
            api.run("tried").tag(["edited"])
        attempts = asking.get("/api/runs/tried")["attempts"]
    told = [tuple(each[key] for key in ("attempt", "rank", "state")) for each in attempts]
    assert told == [(1, 0, "finished"), (1, 1, "failed"), (2, 0, "running")]
    assert [(each["last_step"], each["points"]) for each in attempts] == [(4, 1), (5, 1), (6, 1)]
    first, second, third = attempts
    assert first["started"] <= first["ended"] <= second["started"] <= second["ended"]
    assert second["ended"] <= third["started"]
    assert third["ended"] is None


def test_alerts_are_told_by_time(asking: Asking, recorded: str) -> None:
    """With the run, the rank and the step, and where they come from."""
    with otel_trackio.init("project") as later:
        later.alert("again")
    first, second = asking.get("/api/alerts", project="project")["alerts"]
    told = {"run": recorded, "rank": 0, "step": 4, "level": "error", "source": "run"}
    assert (told | {"title": "look", "text": "at this"}).items() <= first.items()
    assert (second["run"], second["step"], second["title"]) == (later.id, None, "again")
    assert asking.get("/api/alerts", project="other")["alerts"] == []


def test_of_records_the_latest_are_told(asking: Asking, recorded: str) -> None:
    """As many as were asked for, and whether there are earlier ones."""
    with otel_trackio.init("records") as run:
        for number in range(5):
            run.alert(f"number {number}")
    found = asking.get(f"/api/runs/{run.id}/records", kind="alert", limit=2)
    assert [each["data"]["title"] for each in found["records"]] == ["number 3", "number 4"]
    assert found["more"]
    assert asking.get(f"/api/runs/{run.id}/records", kind="table") == {
        "version": found["version"],
        "records": [],
        "more": False,
    }


def test_unchanged_runs_are_not_read_again(tmp_path: Path) -> None:
    """Listing a thousand finished runs opens none of their files a second time."""
    for number in range(30):
        store(tmp_path, f"run-{number}", Shape(2, 50))
    with Asking(tmp_path) as asking:
        first = asking.get("/api/runs", project="bench")
        assert len(first["runs"]) == 30
        opened.clear()
        assert asking.get("/api/runs", project="bench") == first
        assert [path for path in opened if str(tmp_path) in path] == []
        store(tmp_path, "one more", Shape(2, 50))
        assert len(asking.get("/api/runs", project="bench")["runs"]) == 31
        assert len({path for path in opened if str(tmp_path) in path and "mode=ro" in path}) == 1


def test_a_chart_that_was_shown_before_is_not_read_again(tmp_path: Path) -> None:
    """Of two hundred runs only some stay open; what their charts were made of is kept all the same.

    Of a run that goes on it is read anew.
    """
    for number in range(200):
        store(tmp_path, f"run-{number}", Shape(1, 50))
    with Asking(tmp_path) as asking, otel_trackio.init("bench", dir=tmp_path) as run:
        key = "train/metric_0"
        run.log({key: 0.5}, 0)
        first = asking.chart("bench", key)
        assert len(first["curves"]) == 201
        opened.clear()
        assert asking.chart("bench", key) == first
        run.log({key: 0.25}, 1)
        again = {each["run"]: each["y"] for each in asking.chart("bench", key)["curves"]}
        assert again[run.id] == [0.5, 0.25]
        assert [path for path in opened if str(tmp_path) in path and run.id not in path] == []


def test_runs_come_change_and_go(asking: Asking, recorded: str) -> None:
    """What other processes do to runs shows in the next answer."""
    other = Shelf(asking.shelf.api.dir)
    run = other.look().run(recorded).run
    run.rename("another")
    assert asking.get("/api/runs", project="project")["runs"][0]["name"] == "another"
    run.move("elsewhere")
    assert asking.get("/api/runs", project="project")["runs"] == []
    run.delete()
    assert "elsewhere" not in {each["name"] for each in asking.get("/api/projects")["projects"]}
    other.close()


def test_answers_are_compressed(asking: Asking, recorded: str) -> None:
    """Curves go over the wire as gzip where the client takes it."""
    keys = ["huge", "train/deep/loss", "odd", *(f"none {number}" for number in range(40))]
    body = {"project": "project", "keys": keys}
    for coding in ("gzip", "identity"):
        answer = asking.send("POST", "/api/series", json=body, headers={"accept-encoding": coding})
        assert answer.headers.get("content-encoding", "identity") == coding
        assert len(answer.json()["charts"]) == len(keys)


def test_the_files_of_the_page_are_kept_by_browsers(asking: Asking) -> None:
    """They are asked for again each time, and sent again only where they have changed."""
    answer = asking.send("GET", "/ui/main.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    again = asking.send("GET", "/ui/main.js", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["../answers.py", "..%2fanswers.py", "%2e%2e/app.py", "nothing"])
def test_nothing_but_the_files_of_the_page_is_served(asking: Asking, path: str) -> None:
    """No path leads out of their folder."""
    assert asking.send("GET", f"/ui/{path}").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_page_is_only_read(asking: Asking, method: str) -> None:
    """A client makes `/` of an id of dots, and must not take the page for what it asked for."""
    answer = asking.send(method, "/api/runs/../..", json={})
    assert failure(answer)[0] == 405


def test_too_many_questions_are_refused_at_once() -> None:
    """Whoever would wait behind all too many others is told to come again, and nothing piles up."""
    free = threading.Event()

    async def ask() -> list[Any]:
        readers = Readers()
        asked = [
            asyncio.create_task(readers.run(free.wait)) for _ in range(MAX_READING + MAX_WAITING)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as refused:
            await readers.run(free.wait)
        assert refused.value.status == 503
        free.set()
        return await asyncio.gather(*asked)

    assert all(aside(ask()))
