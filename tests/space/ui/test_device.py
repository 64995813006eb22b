"""Series of the hardware, patterns of rules, and where alerts stand."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from otel_trackio.metric import key_of
from otel_trackio.model import Series
from tests.space.ui.module import evaluate

PIECES = st.sampled_from(
    ["a", "b", "loss", "/", "*", "?", "[ab]", "[!a]", "[", "]", ".", "+", "(", "^", "\\", "é"]
)
TEXTS = st.lists(PIECES, max_size=6).map("".join)


def metric(key: str, unit: str = "1") -> dict[str, Any]:
    return {"key": key, "unit": unit, "description": ""}


def test_a_key_is_taken_apart_as_it_was_made() -> None:
    """Name and attributes come back; a comma within a value is no new attribute."""
    attributes = '{"hw.id":"0, really","hw.sensor_location":"gpu"}'
    key = key_of(Series("hw.temperature", attributes=attributes))
    found = evaluate("attributes.js", "m.parsed(given)", key)

    assert found["name"] == "hw.temperature"
    assert found["attributes"] == [["hw.id", "0, really"], ["hw.sensor_location", "gpu"]]
    assert evaluate("attributes.js", "m.parsed(given)", "odd {x")["name"] == "odd {x"


def test_devices_of_a_measure_share_a_chart() -> None:
    """A chart a name, GPUs first; a curve tells its device and what of it is measured."""
    keys = [
        "system.cpu.utilization",
        "hw.temperature{hw.id=GPU-1,hw.sensor_location=memory,hw.type=gpu}",
        "hw.temperature{hw.id=GPU-1,hw.sensor_location=gpu,hw.type=gpu}",
        "hw.gpu.utilization{hw.id=10}",
        "hw.gpu.utilization{hw.id=2}",
    ]
    expression = (
        "m.measures(given).map((one) => [one.name, one.series.map((each) => m.label(each, one))])"
    )
    found = evaluate("device.js", expression, [metric(key) for key in keys])

    assert found == [
        ["hw.gpu.utilization", ["GPU 10", "GPU 2"]],
        ["hw.temperature", ["GPU-1 memory", "GPU-1 gpu"]],
        ["system.cpu.utilization", [""]],
    ]
    ids = evaluate("device.js", "m.devices(m.measures(given))", [metric(key) for key in keys])
    assert ids == ["2", "10", "GPU-1"]


def test_a_curve_is_called_by_what_differs() -> None:
    """What all curves of a chart have in common is told of none."""
    keys = [f"system.network.io{{direction={side},host.name=a}}" for side in ("in", "out")]
    expression = "m.measures(given).map((one) => one.series.map((each) => m.label(each, one)))"

    assert evaluate("device.js", expression, [metric(key) for key in keys]) == [["in", "out"]]


@given(st.lists(TEXTS, max_size=4), TEXTS)
@settings(max_examples=25)
def test_a_pattern_matches_what_the_server_says(keys: list[str], pattern: str) -> None:
    """The editor shows the keys that the rule will watch: those of fnmatch."""
    assert [key for key in keys if fnmatchcase(key, pattern)] == evaluate(
        "glob.js", "m.matching(...given)", [keys, pattern]
    )


def test_alerts_stand_on_the_axis() -> None:
    """By step, by time, or by time since the run began; those of other runs are left out."""
    alerts = [
        {"run": "r", "step": 5, "time": 9_000, "level": "warn", "title": "high"},
        {"run": "r", "step": None, "time": 8_000, "level": "info", "title": "note"},
        {"run": "other", "step": 1, "time": 1, "level": "info", "title": "no"},
    ]
    run = {"id": "r", "name": "one", "started": 2_000}
    axes = "['step', 'time', 'relative']"
    expression = f"{axes}.map((x) => m.marksOf(given[0], x, new Map([['r', given[1]]])))"
    found = evaluate("alertmark.js", expression, [alerts, run])

    assert [[mark["x"] for mark in marks] for marks in found] == [
        [5],
        [8_000, 9_000],
        [6_000, 7_000],
    ]
    assert (found[0][0]["title"], found[0][0]["name"]) == ("high", "one")


def test_an_alert_is_looked_at_near_its_step() -> None:
    """The link shows its run alone, and a part of the axis with the step in it."""
    alert = {"run": "r", "step": 500, "time": 9_000}
    found = evaluate("alertmark.js", "m.placeToLook(...given)", [alert, {"last_step": 1_000}])

    assert (found["page"], found["only"], found["x"]) == ("metrics", ["r"], "step")
    assert (found["lo"], found["hi"]) == (450, 550)
    stepless = evaluate("alertmark.js", "m.placeToLook(...given)", [{**alert, "step": None}, None])
    assert stepless["x"] == "time"
    assert stepless["lo"] < 9_000 < stepless["hi"]


def test_alerts_are_filtered_newest_first() -> None:
    """By level, and by words in the text, the title or the run's name."""
    alerts = [
        {"run": "r", "time": at, "level": level, "title": f"t{at}", "text": "", "source": "run"}
        for at, level in enumerate(("warn", "error", "warn"))
    ]
    expression = "m.filtered(given, {level: 'warn', text: 'ONE'}, new Map([['r', {name: 'one'}]]))"

    assert [each["time"] for each in evaluate("alertmark.js", expression, alerts)] == [2, 0]


def test_curves_of_one_run_differ_by_device_and_rank() -> None:
    """Each device of a rank has its colour, the same on every chart, and each sensor dashes."""
    keys = [
        f"hw.temperature{{hw.id={device},hw.sensor_location={place}}}"
        for device in (0, 1)
        for place in ("gpu", "memory")
    ]
    found = [
        {"curve": {"run": "r", "rank": rank}, "key": key.replace("id=", f"id={rank}")}
        for rank in (0, 1)
        for key in keys
    ]
    expression = "m.inksOf(given, new Map([['r', {name: 'one', order: 5}]]), false)"
    inks = evaluate("device.js", expression, found)

    assert len({(each["colour"], str(each["dash"])) for each in inks}) == len(inks)
    assert len({each["colour"] for each in inks}) == 4
    assert inks[0]["name"] == "00 gpu · rank 0"


def test_curves_of_several_runs_have_their_runs_colours() -> None:
    """As in every other chart; their names say whose they are."""
    runs = "new Map([['a', {name: 'A', order: 0}], ['b', {name: 'B', order: 1}]])"
    found = [{"curve": {"run": run, "rank": 0}, "key": "hw.power{hw.id=0}"} for run in "ab"]
    inks = evaluate("device.js", f"m.inksOf(given, {runs}, false)", found)
    expected = evaluate("colour.js", "[0, 1].map((order) => m.inkOf(order, false).colour)")

    assert [each["colour"] for each in inks] == expected
    assert [each["name"] for each in inks] == ["A · 0", "B · 0"]
