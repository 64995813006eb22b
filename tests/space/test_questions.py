"""Questions that make no sense: each is told what is wrong with it, and none does harm."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

import otel_trackio
from tests.space.asking import Asking
from tests.space.serving import failure


@pytest.fixture
def recorded(asking: Asking) -> str:
    """A run; its id."""
    with otel_trackio.init("project", "name") as run:
        for step in range(10):
            run.log({"train/deep/loss": step / 7, "huge": 2**70 + step}, step)
        otel_trackio.get_meter("test").create_histogram("sizes", unit="By").record(3)
    return run.id


@pytest.mark.parametrize(
    "run_id",
    ["..", "../..", "../../../etc/passwd", "/etc/passwd", "%00", "a\nb", "x" * 3_000, "*", "nope"],
)
def test_an_id_is_no_path(asking: Asking, recorded: str, run_id: str) -> None:
    """Whatever an id looks like, it is looked up among the runs there are, and else not found."""
    for rest in ("", "/records?kind=alert", "/files/config.json", "/files/..%2f..%2fsecret"):
        answer = asking.send("GET", f"/api/runs/{quote(run_id, safe='')}{rest}")
        assert failure(answer)[0] == 404, rest


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"keys": []},
        {"keys": ["k"] * 51},
        {"keys": ["k" * 1_001]},
        {"runs": ["r"] * 2_001},
        {"points": 2_001},
        {"points": 1},
        {"points": 10**30},
        {"width": 3},
        {"width": 0},
        {"width": 1e300},
        {"lo": "one"},
        {"x": "age"},
        {"x": {"metric": 5}},
        {"rank": -1},
        {"ranks": 1},
    ],
    ids=str,
)
def test_a_question_beyond_the_limits_is_refused(
    asking: Asking, recorded: str, asked: dict[str, Any]
) -> None:
    """It gets a 422 that says what is wrong with it; misspelt fields, too."""
    body = {"project": "project"} | ({"keys": ["huge"]} if asked else {}) | asked
    status, error = failure(asking.send("POST", "/api/series", json=body))
    assert status == 422
    assert error


@pytest.mark.parametrize("bound", [-1e308, -(2**70), 1e308, 0.5])
def test_bounds_may_be_any_number(asking: Asking, recorded: str, bound: float) -> None:
    """A chart that begins or ends beyond all there is shows what there is, or nothing."""
    for x in ("step", "time", "relative", {"metric": "train/deep/loss"}):
        for asked in ({"lo": bound}, {"hi": bound}, {"lo": bound, "hi": bound}):
            asking.chart("project", "train/deep/loss", x=x, **asked)


def test_what_is_not_there_has_no_curves(asking: Asking, recorded: str) -> None:
    """Unknown projects, metrics and runs are no failure: others may have deleted them just now."""
    assert asking.chart("nowhere", "loss")["curves"] == []
    assert asking.chart("project", "nothing")["curves"] == []
    assert asking.chart("project", "huge", runs=["nope"])["curves"] == []
    assert asking.chart("project", "sizes")["curves"] == []
    assert asking.get("/api/runs", project="nowhere")["runs"] == []


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/projects", "GET"),
        ("PATCH", "/api/rules", "GET, PUT"),
        ("OPTIONS", "/api/series", "POST"),
        ("GET", "/api/series", "POST"),
        ("GET", "/api/nothing", ""),
        ("POST", "/api/", ""),
    ],
)
def test_a_method_that_a_path_does_not_take_is_told(
    asking: Asking, method: str, path: str, allowed: str
) -> None:
    """With those that it takes; what is not there at all is not found."""
    answer = asking.send(method, path, json={})
    assert failure(answer) == (405 if allowed else 404, f"no {method} {path}")
    assert answer.headers.get("allow", "") == allowed
