"""Rules: what is found in runs as data arrives."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import otel_trackio
from otel_trackio.model import Points
from otel_trackio_space.rules import Rule, breach
from tests.e2e.puppet import Puppet
from tests.space.browser.dashboard import Dashboard
from tests.space.receiver import Receiver
from tests.space.ruled import MARK, NAN, await_found, found, put, settled, stands
from tests.space.serving import client_of, failure, served, until


@pytest.mark.parametrize(
    ("kind", "value", "values", "first", "recovered"),
    [
        ("above", 1.0, [0.5, 1.0], None, None),
        ("above", 1.0, [0.5, 1.5, 2.0], 1, False),
        ("above", 1.0, [0.5, 1.5, 0.5], 1, True),
        ("above", 1.0, [NAN, float("inf")], 1, False),
        ("below", 0.0, [-0.0, NAN], None, None),
        ("below", 0.0, [1.0, float("-inf")], 1, False),
        ("nan", None, [0.0, 1e308], None, None),
        ("nan", None, [0.0, NAN, 1.0], 1, True),
        ("nan", None, [float("-inf")], 0, False),
        ("above", 2.0**60, [2**60, 2**70 + 1], 1, False),
    ],
)
def test_a_rule_finds_the_first_point_that_breaks_it(
    kind: str, value: float | None, values: list[float], first: int | None, recovered: bool | None
) -> None:
    """Beyond its value, or not finite; and says whether the last one is well again."""
    rule = Rule.model_validate({"key": "*", "kind": kind, "value": value})
    column = np.array(values, dtype=object if any(type(v) is int for v in values) else float)
    numbers = np.arange(len(values), dtype=np.int64)
    broken = breach(rule, Points(numbers, numbers, column))
    assert (broken and (broken.step, broken.recovered)) == (
        None if first is None else (first, recovered)
    )


@pytest.mark.parametrize(
    ("pattern", "matched", "others"),
    [
        ("loss", ["loss"], ["Loss", "train/loss", "loss2"]),
        ("*loss", ["loss", "train/loss"], ["loss/train"]),
        ("train/*", ["train/loss", "train/a/b"], ["train", "eval/loss"]),
        ("a?c", ["abc"], ["ac"]),
        ("*" * 200 + "x", ["x", "aax"], ["a" * 900]),
    ],
)
def test_rules_are_about_patterns_of_keys(
    pattern: str, matched: list[str], others: list[str]
) -> None:
    """A star is any text; no pattern takes long."""
    rule = Rule.model_validate({"key": pattern, "kind": "nan"})
    assert [rule.matches(key) for key in matched] == [True] * len(matched)
    assert [rule.matches(key) for key in others] == [False] * len(others)


def test_what_is_found_is_an_alert(client: httpx.Client, dir: Path, project: str) -> None:
    """With the run, the point's step and time, and the value that broke it."""
    [rule] = put(client, project, {"key": "loss", "kind": "above", "value": 5, "level": "error"})
    with otel_trackio.init(project, "one", dir=dir) as run:
        for step, loss in enumerate([1.0, 2.0, 7.25, 9.0]):
            run.log({"loss": loss, "other": 100}, step)
        [told] = await_found(client, project, 1)
    point = otel_trackio.Api(dir).run(run.id).history("loss")
    assert told == {
        "run": run.id,
        "rank": 0,
        "time": point["time"][2] / 1e6,
        "step": 2,
        "level": "error",
        "title": "loss is above 5",
        "text": "7.25 at step 2",
        "source": "rule",
        "rule": rule["id"],
    }


def test_it_is_told_once_until_it_has_recovered(
    client: httpx.Client, dir: Path, project: str
) -> None:
    """A run and metric each; another metric that matches is told of itself."""
    put(client, project, {"key": "*loss", "kind": "nan"}, MARK)
    with otel_trackio.init(project, "one", dir=dir) as run:
        for value in (NAN, NAN, NAN):
            run.log({"loss": value})
            assert len(settled(client, project, run)) == 1
        run.log({"eval/loss": NAN})
        assert [e["title"] for e in settled(client, project, run)][1:] == [
            "eval/loss is not finite"
        ]
        run.log({"loss": 1.0})
        assert len(settled(client, project, run)) == 2
        run.log({"loss": NAN})
        assert len(settled(client, project, run)) == 3


def test_ranks_are_told_of_once(
    client: httpx.Client, dir: Path, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one of them is wrong it is the same story, however well the others are."""
    put(client, project, {"key": "loss", "kind": "nan"}, MARK)
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank, value in ((0, NAN), (1, NAN), (1, 1.0), (1, NAN)):
        monkeypatch.setenv("RANK", str(rank))
        with otel_trackio.init(project, "one", id=project, resume="allow", dir=dir) as run:
            run.log({"loss": value})
            assert len(settled(client, project, run)) == 1


def test_what_was_recorded_before_is_passed_over(
    client: httpx.Client, dir: Path, project: str
) -> None:
    """A rule is about what comes: old runs tell nothing, and live ones only what is new."""
    with otel_trackio.init(project, "old", dir=dir) as run:
        run.log({"loss": NAN})
    with otel_trackio.init(project, "live", dir=dir) as run:
        run.log({"loss": NAN})
        put(client, project, {"key": "loss", "kind": "nan"}, MARK)
        assert settled(client, project, run) == []
        run.log({"loss": NAN}, 17)
        [told] = settled(client, project, run)
        assert (told["run"], told["step"]) == (run.id, 17)


def test_counters_are_judged_by_their_totals(client: httpx.Client, dir: Path, project: str) -> None:
    """Not by the increments that are stored."""
    put(client, project, {"key": "tokens", "kind": "above", "value": 25}, MARK)
    with otel_trackio.init(project, "one", dir=dir):
        counter = otel_trackio.get_meter("tests").create_counter("tokens")
        counter.add(10)
        counter.add(10)
        counter.add(10)
        [told] = await_found(client, project, 1)
        assert told["text"].startswith("30")


def test_silence_is_told_while_a_run_is_running(
    client: httpx.Client, dir: Path, project: str
) -> None:
    """Once, and of a pattern as a whole; one that has ended may be silent."""
    rule = {"key": "loss*", "kind": "silent", "seconds": 5}
    with otel_trackio.init(project, "ended", dir=dir) as run:
        run.log({"loss": 1})
    put(client, project, rule, MARK)
    puppet = Puppet(env={"OTEL_TRACKIO_DIR": str(dir)})
    try:
        run_id = puppet.init(project)
        puppet.log(0, 1)
        [told] = await_found(client, project, 1)
        assert (told["run"], told["title"]) == (run_id, "no data of loss* for 5 s")
        assert (told["step"], told["text"]) == (None, "")
    finally:
        puppet.close()


def test_nothing_is_lost_or_told_twice_by_a_restart(tmp_path: Path, project: str) -> None:
    """Killed at once, a server that starts again knows what was found, and looks at the rest."""
    with Receiver() as receiver, Dashboard(tmp_path) as dashboard:
        rule = {"key": "loss", "kind": "nan", "webhook": receiver.url}
        with client_of(dashboard) as client:
            put(client, project, rule, MARK)
            with otel_trackio.init(project, "one", dir=tmp_path) as run:
                run.log({"loss": NAN})
                settled(client, project, run)
        until(lambda: len(receiver.got) == 1)
        dashboard.kill()
        with otel_trackio.init(project, "two", dir=tmp_path) as other:
            other.log({"loss": NAN})
        dashboard.start(dashboard.port)
        with client_of(dashboard) as client:
            told = [each for each in await_found(client, project, 3) if "loss" in each["title"]]
            assert [each["run"] for each in told] == [run.id, other.id]
        until(lambda: len(receiver.got) == 2)
        assert [each["run"] for each in receiver.got] == [run.id, other.id]


def test_of_two_servers_one_tells(tmp_path: Path, project: str) -> None:
    """Both show it; where the one ends the other takes over."""
    with Receiver() as receiver, Dashboard(tmp_path) as one, Dashboard(tmp_path) as two:
        with client_of(one) as first, client_of(two) as second:
            put(second, project, {"key": "loss", "kind": "nan", "webhook": receiver.url})
            with otel_trackio.init(project, "a", dir=tmp_path) as run:
                run.log({"loss": NAN})
                assert await_found(first, project, 1) == await_found(second, project, 1)
                until(lambda: receiver.got)
                one.stop()
                with otel_trackio.init(project, "b", dir=tmp_path) as again:
                    again.log({"loss": NAN})
                    await_found(second, project, 2)
                    until(lambda: len(receiver.got) == 2)
                two.kill()
                one.start(one.port)
        with client_of(one) as first, otel_trackio.init(project, "c", dir=tmp_path) as last:
            last.log({"loss": NAN})
            await_found(first, project, 3)
        until(lambda: len(receiver.got) >= 3)
        assert [each["name"] for each in receiver.got] == ["a", "b", "c"]


def test_a_deleted_run_tells_nothing_more(client: httpx.Client, dir: Path, project: str) -> None:
    """What was found in it goes with it."""
    put(client, project, {"key": "loss", "kind": "nan"})
    with otel_trackio.init(project, "one", dir=dir) as run:
        run.log({"loss": NAN})
        await_found(client, project, 1)
    assert client.delete(f"/api/runs/{run.id}").status_code == 204
    assert found(client, project) == []


def test_of_deleted_runs_nothing_is_kept(client: httpx.Client, dir: Path, project: str) -> None:
    """A server that is open for weeks forgets them, and a run that only hides for a while is not
    looked at anew."""
    put(client, project, {"key": "loss", "kind": "nan"}, MARK)
    with otel_trackio.init(project, "gone", dir=dir) as gone:
        gone.log({"loss": NAN})
        settled(client, project, gone)
    with otel_trackio.init(project, "hidden", dir=dir) as hidden:
        hidden.log({"loss": NAN})
        settled(client, project, hidden)

    def kept() -> Any:
        return json.loads((dir / "rules-state.json").read_bytes())["seen"].keys()

    assert {gone.id, hidden.id} <= kept()
    folder = otel_trackio.Api(dir).run(hidden.id).path
    folder.rename(dir / "aside")
    assert client.delete(f"/api/runs/{gone.id}").status_code == 204
    until(lambda: gone.id not in kept())
    (dir / "aside").rename(folder)
    with otel_trackio.init(project, "mark", dir=dir) as run:
        told = settled(client, project, run)
    assert [each["run"] for each in told] == [hidden.id]


def test_rules_are_kept_for_people_to_read(client: httpx.Client, dir: Path, project: str) -> None:
    """In rules.json, for the owner of the folder alone; ids are given and stay."""
    [one, two] = put(
        client,
        project,
        {"key": "a", "kind": "above", "value": 1},
        {"key": "b", "kind": "silent", "seconds": 60, "form": "slack"},
    )
    assert one["id"] != two["id"]
    assert stands(client, project)["rules"] == [one, two]
    assert put(client, project, two, one) == [two, one]
    path = dir / "rules.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = json.loads(path.read_bytes())
    assert kept["format"] == 1
    assert [each["key"] for each in kept["projects"][project]] == ["b", "a"]
    assert put(client, project) == []
    assert project not in json.loads(path.read_bytes())["projects"]


@pytest.mark.parametrize(
    "rule",
    [
        {"key": "a", "kind": "above"},
        {"key": "a", "kind": "silent"},
        {"key": "a", "kind": "silent", "seconds": 1},
        {"key": "a", "kind": "silent", "seconds": -1},
        {"key": "", "kind": "nan"},
        {"key": "a", "kind": "odd"},
        {"key": "a", "kind": "nan", "level": "loud"},
        {"key": "a", "kind": "nan", "webhook": "ftp://host/x"},
        {"key": "a", "kind": "nan", "webhook": "http://example.com/hook"},
        {"key": "a", "kind": "nan", "webhook": "https://"},
        {"key": "a", "kind": "nan", "webhook": "file:///etc/passwd"},
        {"key": "a", "kind": "nan", "id": "../x"},
        {"key": "a", "kind": "nan", "extra": 1},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    rule: dict[str, Any], client: httpx.Client, project: str
) -> None:
    """With what is wrong; the rules that there were stay."""
    kept = put(client, project, {"key": "kept", "kind": "nan"})
    answer = client.put("/api/rules", json={"project": project, "rules": [rule]})
    assert failure(answer)[0] == 422
    assert stands(client, project)["rules"] == kept


def test_too_many_rules_are_refused(client: httpx.Client, project: str) -> None:
    """A hundred a project."""
    rules = [{"key": "a", "kind": "nan"}] * 101
    answer = client.put("/api/rules", json={"project": project, "rules": rules})
    assert failure(answer)[0] == 422


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"format": 2, "projects": {}}', '{"format": 1}', "\0"]
)
def test_damaged_rules_are_told(content: str, tmp_path: Path, project: str) -> None:
    """The page lives, nothing is overwritten unasked, and new rules keep the old file aside."""
    path = tmp_path / "rules.json"
    path.write_text(content)
    with served(tmp_path) as client:
        problem = stands(client, project)["problem"]
        assert str(path) in problem["error"]
        assert "delete it" in problem["hint"]
        assert client.get("/api/alerts", params={"project": project}).status_code == 200
        assert path.read_text() == content
        put(client, project, {"key": "loss", "kind": "nan"})
        assert (tmp_path / "rules.json.damaged").read_text() == content
        until(lambda: stands(client, project)["problem"] is None)
        with otel_trackio.init(project, "one", dir=tmp_path) as run:
            run.log({"loss": NAN})
            await_found(client, project, 1)


def test_rules_may_be_written_by_hand(client: httpx.Client, dir: Path, project: str) -> None:
    """What another program writes counts from the next look on."""
    put(client, project, MARK)
    path = dir / "rules.json"
    document = json.loads(path.read_bytes())
    document["projects"][project].append({"id": "mine", "key": "loss", "kind": "nan"})
    path.write_text(json.dumps(document))
    assert [each["id"] for each in stands(client, project)["rules"]][1:] == ["mine"]
    with otel_trackio.init(project, "one", dir=dir) as run:

        def logged() -> bool:
            run.log({"loss": NAN})
            return bool(found(client, project))

        until(logged)
