"""From files to a run: sections 6 and 8 of FORMAT.md, again without any code of ours.

`content` has the form of expected.json: see content.py, which makes the same of our own `Api`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.golden.stranger import Chunk, File, Number, Point, Series, is_finite, read_file

Curve = list[Point]


def folder_of(dir: Path, run_id: str) -> Path:
    """Where a run lies; its id is not a long one."""
    kept = "abcdefghijklmnopqrstuvwxyz0123456789_.-"
    name = "".join(c if c in kept else "".join(f"%{b:02x}" for b in c.encode()) for c in run_id)
    name = f"%2e{name[1:]}" if name.startswith(".") else name or "%"
    name = f"{name[:-1]}%2e" if name.endswith(".") else name
    devices = {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(10))}
    if name.partition(".")[0] in devices:
        name = f"%{ord(name[0]):02x}{name[1:]}"
    return dir / "runs" / name


def read_run(folder: Path) -> list[File]:
    """The run's files in the order that decides who wins."""
    files = [read_file(path) for path in folder.iterdir() if path.suffix == ".db"]
    own = {file.meta["writer"] for file in files if "origin" not in file.meta}
    files = [file for file in files if file.meta.get("origin") not in own]
    return sorted(files, key=lambda file: file.order)


def content(files: list[File], now: int, widths: Mapping[str, int]) -> dict[str, Any]:
    recording = [file for file in files if file.meta["part"] != "edit"]
    curves = curves_of(files)
    return {
        "id": files[0].meta["run_id"],
        "facts": facts_of(files),
        "standing": standing_of(recording, now) | {"lamport": greatest_lamport(files)},
        "metrics": metrics_of(files),
        "curves": {
            key: {str(rank): shown(points) for rank, points in sorted(by_rank.items())}
            for key, by_rank in sorted(curves.items())
        },
        "histograms": histograms_of(files),
        "records": [record for file in files for record in file.records],
        "buckets": {axis: charts(curves, axis, width) for axis, width in widths.items()},
        "rollups": {str(file.meta["writer"]): rollups_of(file) for file in files},
    }


def rollups_of(file: File) -> list[dict[str, Any]]:
    found = [
        (chunk.series.metric, chunk.points[0].seq, *place, rows)
        for chunk in file.chunks
        for place, rows in chunk.rollups.items()
    ]
    names = ("metric", "first_seq", "axis", "width", "buckets")
    return [dict(zip(names, each, strict=True)) for each in sorted(found, key=lambda x: x[:4])]


def recomputed(chunk: Chunk, axis: str, width: int) -> list[list[Number]]:
    """What a rollup of that chunk must hold."""
    points = totals(chunk.points, chunk.base) if chunk.series.increments else chunk.points
    return bucketed(counting(points), axis, width)


def facts_of(files: list[File]) -> dict[str, Any]:
    events = sorted(
        (lamport, str(file.meta["writer"]), seq, kind, data)
        for file in files
        for lamport, seq, kind, data in file.events
    )
    facts: dict[str, Any] = {"name": "", "project": "default", "group": "", "notes": ""}
    facts |= {"tags": [], "created": 0, "config": {}, "summary": {}, "resource": {}}
    facts["deleted"] = False
    for *_, kind, data in events:
        if kind == "run":
            facts |= data
        elif kind in ("config", "summary", "resource"):
            facts[kind] |= data
        elif kind == "delete":
            facts["deleted"] = True
    return facts


def standing_of(files: list[File], now: int) -> dict[str, Any]:
    points = [point for file in files for each in file.points.values() for point in each]
    attempts: dict[str, int] = {}
    for file in files:
        rank = str(file.meta["rank"])
        attempts[rank] = max(attempts.get(rank, 0), file.meta["attempt"])
    return {
        "state": state_of([file for file in files if file.meta["part"] != "fork"], now),
        "attempts": attempts,
        "started": min(file.meta["created_ns"] for file in files),
        "ended": max(file.heartbeat for file in files),
        "last_step": max(point.step for point in points if point.step is not None),
        "points": len(points),
        "torn": any(file.torn for file in files),
    }


def state_of(files: list[File], now: int) -> str:
    latest = max(file.meta["attempt"] for file in files)
    states = {file.state(now) for file in files if file.meta["attempt"] == latest}
    return next((s for s in ("running", "failed", "crashed") if s in states), "finished")


def greatest_lamport(files: list[File]) -> int:
    return max(lamport for file in files for lamport, *_ in file.events)


def metrics_of(files: list[File]) -> dict[str, Any]:
    found: dict[str, list[Series]] = {}
    for file in files:
        for series in file.series:
            found.setdefault(series.metric, []).append(series)
    return {
        key: {
            "kind": series[0].kind,
            "unit": series[0].unit,
            "description": series[0].description,
            "scope": series[0].scope,
            "ranks": sorted({each.rank for each in series}),
        }
        for key, series in sorted(found.items())
    }


def histograms_of(files: list[File]) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for file in files:
        for series, aggregates in file.histograms.items():
            found.setdefault(series.metric, []).extend(aggregates)
    return dict(sorted(found.items()))


def curves_of(files: list[File]) -> dict[str, dict[int, Curve]]:
    """All points of each metric and rank, in order, increments added up."""
    curves: dict[str, dict[int, Curve]] = {}
    attempts: dict[tuple[str, int], tuple[int, Number]] = {}
    for file in files:
        for place, parts in parts_of(file).items():
            metric, rank = place
            curve = curves.setdefault(metric, {}).setdefault(rank, [])
            attempt = file.meta["attempt"]
            attempts.setdefault(place, (attempt, 0))
            if len(parts) > 1:
                curve.extend(together(parts))
                continue
            ((series, points),) = parts.items()
            if series.increments:
                if attempts[place][0] != attempt:
                    attempts[place] = attempt, base_of(curve, points)
                points = totals(points, attempts[place][1])
            curve.extend(points)
    return curves


def parts_of(file: File) -> dict[tuple[str, int], dict[Series, Curve]]:
    """The series that a file has of each metric and rank."""
    found: dict[tuple[str, int], dict[Series, Curve]] = {}
    for series, points in file.points.items():
        found.setdefault((series.metric, series.rank), {})[series] = points
    return found


def together(parts: Mapping[Series, Curve]) -> Curve:
    """Several series of one file that make one metric."""
    shown = [totals(each, 0) if series.increments else each for series, each in parts.items()]
    return sorted((point for each in shown for point in each), key=lambda point: point.seq)


def base_of(before: Curve, points: Curve) -> Number:
    first = next((point.step for point in points if point.step is not None), None)
    if first is None:
        return before[-1].value if before else 0
    earlier = [point for point in before if point.step is not None and point.step < first]
    return earlier[-1].value if earlier else 0


def totals(points: Curve, base: Number) -> Curve:
    added = []
    for point in points:
        base += point.value
        added.append(point._replace(value=base))
    return added


def wins(points: Curve) -> list[bool]:
    """Which of the points win; they are in order."""
    last = {point.step: place for place, point in enumerate(points)}
    return [point.step is None or last[point.step] == place for place, point in enumerate(points)]


def counting(points: Curve) -> Curve:
    return [point for point, win in zip(points, wins(points), strict=True) if win]


def shown(points: Curve) -> dict[str, Any]:
    """All points, and those that do not count."""
    outdone = (point for point, win in zip(points, wins(points), strict=True) if not win)
    return {"all": rows(points), "outdone": rows(outdone)}


def rows(points: Iterable[Point]) -> list[list[Any]]:
    return [[point.step, point.time, point.value] for point in points]


def charts(curves: dict[str, dict[int, Curve]], axis: str, width: int) -> dict[str, Any]:
    """Buckets of the lowest rank of each metric."""
    found = {
        key: bucketed(counting(by_rank[min(by_rank)]), axis, width)
        for key, by_rank in sorted(curves.items())
    }
    rows = {  # Without last_seq, which says nothing across files.
        key: [[*row[:5], *row[6:]] for row in buckets] for key, buckets in found.items() if buckets
    }
    return {"width": width, "curves": rows}


def bucketed(points: Curve, axis: str, width: int) -> list[list[Number]]:
    """Rows as a rollup has them, of points that win, in order."""
    groups: dict[int, Curve] = {}
    for point in points:
        position = point.time if axis == "time" else point.step
        if position is not None:
            groups.setdefault(position // width if width else 0, []).append(point)
    return [bucket(index, group) for index, group in sorted(groups.items())]


def bucket(index: int, group: Curve) -> list[Number]:
    values = [nearest(point.value) for point in group]
    finite = [value for value in values if is_finite(value)]
    return [
        index,
        len(values),
        sum(value != value for value in values),
        values.count(math.inf),
        values.count(-math.inf),
        group[-1].seq,
        min(finite, default=math.nan),
        max(finite, default=math.nan),
        sum(finite, 0.0),
        values[-1],
    ]


def nearest(value: Number) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
