"""Which rank of a run keeps the others waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import otel_trackio
from otel_trackio.straggler import Straggler, slowest

if TYPE_CHECKING:
    from tests.sdk.cli.conftest import Program

EVEN = dict.fromkeys(range(4), 0.5)


@pytest.mark.parametrize(
    ("seconds", "found"),
    [
        ({}, None),
        ({"step": EVEN}, None),
        ({"step": EVEN, "data": {0: 0.01, 1: 0.01, 2: 0.04, 3: 0.01}}, None),
        (
            {"step": EVEN, "data": {0: 0.01, 1: 0.01, 2: 0.3, 3: 0.01}},
            Straggler(2, "data", 0.3, 0.01),
        ),
        ({"step": {0: 1.0, 1: 1.0, 2: 3.0}}, Straggler(2, "step", 3.0, 1.0)),
        ({"data": {0: 0.0, 1: 9.0}}, None),
    ],
    ids=["nothing", "even", "little", "one phase", "whole steps", "no steps"],
)
def test_the_rank_furthest_behind_is_told_if_it_matters(
    seconds: dict[str, dict[int, float]], found: Straggler | None
) -> None:
    """What a rank loses counts against the time of a step."""
    assert slowest(seconds) == found


def test_info_names_the_straggler(own: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the steps it took last: what was slow long ago does not count."""
    for rank in range(3):
        monkeypatch.setenv("OTEL_TRACKIO_RANK", str(rank))
        about: dict[str, Any] = {"id": "r", "dir": own.dir, "resume": "allow"}
        with otel_trackio.init("p", "several", **about) as run:
            for step in range(300):
                slow = rank == 2 if step >= 150 else rank == 1
                run.log({"time/step": 0.5, "time/data": 0.25 if slow else 0.125}, step)
    line = next(each for each in own("info", "several").splitlines() if "straggler" in each)
    assert (
        line.split(None, 1)[1] == "rank 2: 0.25 s a step for data, the median of 3 ranks is 0.125 s"
    )
    assert own.json("info", "several")["straggler"] == {
        "rank": 2,
        "phase": "data",
        "seconds": 0.25,
        "median": 0.125,
    }
