"""Any text may name a run, a project or a metric: it comes back as it was, and leads nowhere."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

import otel_trackio
from tests.e2e.puppet import Puppet

HOSTILE = {
    "up": "../x",
    "absolute": "/etc/hosts",
    "device": "CON",
    "device with suffix": "nul.txt",
    "dots": "..",
    "long": "x" * 500,
    "long and not ASCII": "é" * 500,
    "NUL": "a\0b",
    "lines": "a\nb\r\nc",
    "emoji": "🚀🔥",
    "blanks": "  a  b ",
    "quotes": "';DROP TABLE point;--\"",
    "percent": "%2e%2e/%00",
    "case": "Train_Loss",
    "database": "run.db",
    "escape": "\x1b[31mred",
    "right to left": "\u202egnp.exe",
    "half a pair": "a\ud800b",
}
"""Half a surrogate pair is no text that any store takes: it comes back spelled out."""


def stored_as(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_hostile_ids(name: str, tmp_path: Path) -> None:
    """A run of any id is found by it, lies inside the directory, and goes on under it."""
    dir = tmp_path / "inside" / "runs"
    for steps in ((0, 1), (2, 3)):
        with otel_trackio.init("ids", id=name, resume="allow", dir=dir) as run:
            for step in steps:
                run.log({"loss": float(step)}, step)
    api = otel_trackio.Api(dir)
    found = api.by_id(name)
    assert found is not None
    assert found.id == run.id == stored_as(name)
    assert found.history("loss")["value"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert found.standing().state == "finished"
    assert [each.id for each in api.runs()] == [found.id]
    assert [each.relative_to(tmp_path).parts[0] for each in tmp_path.iterdir()] == ["inside"]
    assert found.path.parent == dir / "runs"
    found.rename("renamed")
    assert api.run("ids/renamed").id == found.id
    found.delete()
    assert api.runs() == []


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names(name: str) -> None:
    """Project, name, group, tags, notes, config and alerts come back as they were written."""
    with otel_trackio.init(
        name, name, group=name, tags=[name], notes=name, config={name: name}
    ) as run:
        run.alert(name, name)
        run.summary[name] = name
    same = stored_as(name)
    api = otel_trackio.Api()
    (found,) = api.runs()
    facts = found.facts()
    assert (facts.project, facts.name, facts.group, facts.notes) == (same, same, same, same)
    assert facts.tags in ((same,), (same.strip(),))
    assert facts.config == facts.summary == {same: same}
    assert [each.data["title"] for each in found.alerts()] == [same]
    assert api.projects() == [same]
    assert [each.id for each in api.runs(same)] == [run.id]
    assert api.run(f"{same}/{same}").id == run.id
    found.move(name)
    found.tag([name], [])
    assert found.facts().project == same


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names_on_the_terminal(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run says three lines at its start and one at its end, whatever its name does to lines."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "0")
    otel_trackio.init(name, name, id=name)
    started = capsys.readouterr().err
    otel_trackio.finish()
    ended = capsys.readouterr().err
    assert (len(started.splitlines()), len(ended.splitlines())) == (3, 1)
    assert all(line.isprintable() for line in (started + ended).split("\n"))


def test_hostile_keys() -> None:
    """Metrics of any name stay apart, and each comes back under the name it was logged with."""
    keys = [*HOSTILE.values(), "train_loss", "id", "step", "time", "value", "_", "0", "Ⅷ", "İ"]
    with otel_trackio.init("keys") as run:
        for step in range(3):
            run.log({key: float(number) for number, key in enumerate(keys)}, step)
            for number, key in enumerate(keys):
                run.log_system({f"alone/{key}": number})
    (found,) = otel_trackio.Api().runs()
    wanted = {stored_as(key) for key in keys} | {f"alone/{stored_as(key)}" for key in keys}
    assert {each.key for each in found.metrics()} == wanted
    for number, key in enumerate(keys):
        assert found.history(stored_as(key))["value"].tolist() == [float(number)] * 3
        assert found.history(f"alone/{stored_as(key)}")["value"].tolist() == [number] * 3


@pytest.mark.parametrize(
    "variable", ["OTEL_TRACKIO_RUN_ID", "OTEL_TRACKIO_PROJECT", "OTEL_TRACKIO_NAME"]
)
def test_an_environment_that_is_not_text(
    variable: str, puppet: Callable[..., Puppet], tmp_path: Path
) -> None:
    """Bytes in a variable that are no UTF-8 do not keep a run from being recorded."""
    run = puppet(env={variable: os.fsdecode(b"caf\xe9")})
    run.init()
    run.log(0, 10)
    run.finish()
    (found,) = otel_trackio.Api().runs()
    assert found.history("count")["step"].tolist() == list(range(10))


def test_a_clock_that_jumps_back() -> None:
    """Points keep the order they were recorded in and none is dropped, whatever their times say."""
    hour = 3600 * 10**9
    times = [hour * n for n in (500_000, 500_001, 3, 2, 2, 1, 499_999, 2**62 // hour)]
    with otel_trackio.init("clock"):
        exporter = otel_trackio.OtelTrackioExporter()
        for number, time in enumerate(times):
            exporter.export(collection(float(number), time))
    (found,) = otel_trackio.Api().runs()
    history = found.history("jumping", all=True)
    assert history["time"].tolist() == times
    assert history["value"].tolist() == [float(number) for number in range(len(times))]
    (metric,) = found.metrics()
    assert (metric.count, metric.last) == (len(times), float(len(times) - 1))
    (curve,) = otel_trackio.Api().query([found], ["jumping"], axis="time", max_points=10)
    assert int(curve.buckets.count.sum()) == len(times)
    assert math.isclose(curve.buckets.sum.sum(), sum(range(len(times))))


def collection(value: float, time: int) -> MetricsData:
    """What a reader would deliver: one point of a gauge."""
    gauge = Gauge([NumberDataPoint({}, time, time, value)])
    scope = ScopeMetrics(InstrumentationScope("tests"), [Metric("jumping", "", "", gauge)], "")
    return MetricsData([ResourceMetrics(Resource.get_empty(), [scope], "")])
