"""Rules, as tests give them to a server, and what it says of them."""

from __future__ import annotations

import secrets
from typing import Any, Final

import httpx

from otel_trackio import Run
from tests.space.serving import until

NAN: Final = float("nan")

MARK: Final = {"key": "mark/*", "kind": "above", "value": 0.5, "level": "info"}
"""Finds the marks of `settled`."""


def put(client: httpx.Client, project: str, *rules: dict[str, Any]) -> list[Any]:
    answer = client.put("/api/rules", json={"project": project, "rules": rules})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["rules"])


def stands(client: httpx.Client, project: str) -> Any:
    return client.get("/api/rules", params={"project": project}).json()


def found(client: httpx.Client, project: str) -> list[Any]:
    """What rules found, the oldest first."""
    answer = client.get("/api/alerts", params={"project": project}).json()["alerts"]
    told = [each for each in answer if each["source"] == "rule"]
    return sorted(told, key=lambda each: float(each["time"]))


def await_found(client: httpx.Client, project: str, amount: int) -> list[Any]:
    until(lambda: len(found(client, project)) >= amount)
    return found(client, project)


def settled(client: httpx.Client, project: str, run: Run) -> list[Any]:
    """What was found when all that is recorded was looked at: a mark at the end is found."""
    key = f"mark/{secrets.token_hex(4)}"
    run.log({key: 1.0})
    until(lambda: any(each["title"].startswith(key) for each in found(client, project)))
    told = found(client, project)
    return [each for each in told if not each["title"].startswith("mark/")]
