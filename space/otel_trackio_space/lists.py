"""What lists show of runs, as the API has it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from otel_trackio.frames import number_to_json, step_or_none
from otel_trackio.metric import Metric
from otel_trackio.model import Record
from otel_trackio_space.attempts import Attempt
from otel_trackio_space.entry import Entry, Listed
from otel_trackio_space.window import NS_IN_MS
from otel_trackio_space.wire import exact

SYSTEM: Final = ("hw.", "system.")
"""How the keys of metrics begin that tell of machines."""

BRIEF: Final = ("caption", "count", "file")
"""What of a record stands in a list of many."""


def project(name: str, entries: Sequence[Entry]) -> dict[str, Any]:
    return {
        "name": name,
        "runs": len(entries),
        "running": sum(each.standing.state == "running" for each in entries),
        "updated": max(each.standing.ended or each.facts.created for each in entries) / NS_IN_MS,
    }


def projects(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """All projects that have runs, by name."""
    found: dict[str, list[Entry]] = {}
    for each in entries:
        found.setdefault(each.facts.project, []).append(each)
    return [project(name, found[name]) for name in sorted(found)]


def run(entry: Entry) -> dict[str, Any]:
    facts, standing = entry.facts, entry.standing
    over = standing.state != "running" and standing.ended > 0
    return {
        "id": entry.id,
        "name": facts.name,
        "project": facts.project,
        "group": facts.group,
        "tags": facts.tags,
        "notes": facts.notes,
        "state": standing.state,
        "error": entry.error or None,
        "attempt": max(standing.attempts.values(), default=1),
        "ranks": sorted(standing.attempts),
        "created": facts.created / NS_IN_MS,
        "started": standing.started / NS_IN_MS if standing.started else None,
        "ended": standing.ended / NS_IN_MS if over else None,
        "last_step": standing.last_step,
        "points": standing.points,
        "config": facts.config,
        "summary": facts.summary,
        "missing": entry.missing,
    }


def attempt(each: Attempt) -> dict[str, Any]:
    return {
        "attempt": each.attempt,
        "rank": each.rank,
        "state": each.state,
        "started": each.started / NS_IN_MS,
        "ended": each.ended / NS_IN_MS if each.state != "running" else None,
        "last_step": each.last_step,
        "points": each.points,
    }


def metrics(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Every metric that any of the runs has, by key."""
    found: dict[str, list[Listed]] = {}
    for entry in entries:
        for each in entry.metrics.values():
            found.setdefault(each.key, []).append(each)
    return [_metric(found[key]) for key in sorted(found)]


def _metric(found: Sequence[Listed]) -> dict[str, Any]:
    newest = found[-1]  # Its unit and description are what people last thought right.
    return {
        "key": newest.key,
        "kind": newest.kind,
        "unit": newest.unit,
        "description": newest.description,
        "section": newest.key.rpartition("/")[0],
        "steps": any(rank.steps for each in found for rank in each.ranks.values()),
        "system": newest.key.startswith(SYSTEM),
        "runs": len(found),
    }


def value(metric: Metric) -> dict[str, Any]:
    """How a metric of a run stands."""
    return {
        "last": _number(metric.last),
        "last_step": metric.last_step,
        "min": _number(metric.min),
        "max": _number(metric.max),
        "count": metric.count,
        "nonfinite": metric.nonfinite,
    }


def measured(metric: Metric) -> dict[str, Any]:
    """A metric on the page of its run."""
    about = {"key": metric.key, "kind": metric.kind, "unit": metric.unit}
    described = {"description": metric.description, "ranks": metric.ranks}
    return {**about, **described, **value(metric)}


def _number(number: float | int | None) -> float | int | str | None:
    return None if number is None else number_to_json(number)


def alerts(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """What the runs themselves asked people to look at."""
    return [_alert(entry.id, each.rank, each.record) for entry in entries for each in entry.alerts]


def _alert(run_id: str, rank: int, record: Record) -> dict[str, Any]:
    return {
        "run": run_id,
        "rank": rank,
        "time": record.time / NS_IN_MS,
        "step": step_or_none(record.step),
        "level": str(record.data.get("level", "warn")),
        "title": str(record.data.get("title", "")),
        "text": str(record.data.get("text") or ""),
        "source": "run",
    }


def record(each: Record, brief: bool = False) -> dict[str, Any]:
    """A record; where that is to be brief, without what a page asks for when it shows it."""
    time, step = each.time / NS_IN_MS, step_or_none(each.step)
    data = each.data
    if brief:
        data = {name: value for name, value in data.items() if name in BRIEF}
    return {"id": str(each.time), "key": each.key, "step": step, "time": time, "data": exact(data)}


def python(entry: Entry, dir: str) -> str:
    """Lines that load a run."""
    lines = ["import otel_trackio", "", f"api = otel_trackio.Api({dir!r})"]
    lines.append(f"run = api.run({entry.id!r})")
    keys: Mapping[str, Listed] = entry.metrics
    loadable = [key for key, each in keys.items() if each.kind != "histogram"]
    # What was trained is asked for more often than what the machine did meanwhile.
    if key := min(loadable, key=lambda each: each.startswith(SYSTEM), default=None):
        lines += ["# Columns step, time and value:", f"history = run.history({key!r})"]
    return "\n".join([*lines, ""])
