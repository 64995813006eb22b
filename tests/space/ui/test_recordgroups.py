"""Records of one name by step, and where a slider goes when more come."""

from __future__ import annotations

from typing import Any

from tests.space.ui.module import evaluate


def record(step: int | None, time: int) -> dict[str, Any]:
    return {"id": str(time), "step": step, "time": time}


def test_records_are_grouped_by_their_step() -> None:
    """In order of steps; of tables the last of a step counts, of images all; then by time."""
    given = [record(2, 1), record(0, 2), record(None, 9), record(2, 3), record(None, 5)]
    for every, last in (("true", ["1", "3"]), ("false", ["3"])):
        found = evaluate("recordgroups.js", f"m.groupsOf(given, {every})", given)

        assert [each["step"] for each in found] == [0, 2, None, None]
        assert [each["time"] for each in found][2:] == [5, 9]
        assert [each["id"] for each in found[1]["records"]] == last


def test_a_slider_follows_the_last_step_alone() -> None:
    """At the end it goes along; elsewhere it stays with its step, or near where that was."""
    groups = [[{"id": name} for name in names] for names in ("abc", "abcd", "bcd", "cd")]
    for at, after, to in ((2, 1, 3), (1, 1, 1), (1, 2, 0), (0, 3, 0), (1, 3, 1)):
        given = [groups[0], at, groups[after]]

        assert evaluate("recordgroups.js", "m.followed(...given)", given) == to
