"""What charts show, read under their crosshair and in their legends, against the oracle."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Locator, expect

from tests.space import oracle
from tests.space.browser.shelf import RATES, SEEDS, SPIKE, STEPS, Noted, Shelf
from tests.space.browser.visitor import MINUS, TO, Chart, Visitor, number, until

pytestmark = pytest.mark.xdist_group("browser")

DIGITS: Final = [f"digits-{rate:g}-{seed}" for rate in RATES for seed in SEEDS]
GROUPS: Final = {f"rate {rate:g}": [f"digits-{rate:g}-{seed}" for seed in SEEDS] for rate in RATES}
SHOWN: Final = 1e-3
"""How far a number of four digits may be from the true one, in parts of it."""

WIDTH: Final = oracle.width(0, STEPS - 1, 300)


@pytest.fixture
def look(visitor: Callable[..., Visitor]) -> Callable[..., Chart]:
    """`look(key, **view)` opens the charts of `digits` and waits for one."""

    def looking(key: str = "train/loss", told: str = "12 lines", **view: object) -> Chart:
        chart = Chart(visitor().open({"project": "digits", **view}), key)
        chart.tells(f"{key}: {told}")
        return chart

    return looking


def steps(amount: int) -> list[str]:
    """Keys that move the crosshair so far to the right."""
    return ["Shift+ArrowRight"] * (amount // 10) + ["ArrowRight"] * (amount % 10)


def means(noted: Noted, width: int = WIDTH) -> tuple[list[float], list[float | None]]:
    """Start and mean of each bucket."""
    buckets = oracle.buckets(noted, width)
    return [each.start for each in buckets], [each.mean for each in buckets]


def test_the_crosshair_reads_the_buckets(look: Callable[..., Chart], shelf: Shelf) -> None:
    """Mean and range of the bucket under it, of every run, greatest first."""
    chart = look()
    for keys, place in ((["Home"], 0), (["ArrowRight"] * 3, 3), (["End"], -1)):
        reading = chart.press(*keys)
        true = {name: oracle.buckets(shelf.noted[name]["train/loss"], WIDTH) for name in DIGITS}
        start = true[DIGITS[0]][place].start
        assert reading.title == f"step {start:,}{TO}{start + WIDTH - 1:,}"
        values = reading.values()
        assert values == {
            name: pytest.approx(buckets[place].mean, rel=SHOWN) for name, buckets in true.items()
        }
        assert list(values.values()) == sorted(values.values(), reverse=True)
        for name, buckets in true.items():
            own = (buckets[place].min, buckets[place].max)
            assert reading.range(name) == pytest.approx(own, rel=5e-3)


def test_legends_have_the_last_values(look: Callable[..., Chart], shelf: Shelf) -> None:
    """Of each run, of a metric of every step and of one that is logged now and then."""
    chart = look(legend="1")
    for key in ("train/loss", "eval/loss"):
        own = beside(chart, key)
        until(lambda own=own: number(own.legend()[DIGITS[0]][0]), chart.page)  # type: ignore[misc]
        for name in DIGITS:
            _, y = means(shelf.noted[name][key])
            assert number(own.legend()[name][0]) == pytest.approx(y[-1], rel=SHOWN)


def beside(other: Chart, key: str) -> Chart:
    """Another chart of the same page."""
    chart = Chart(other.visitor, key)
    return chart


def test_smoothing_is_that_of_the_oracle(look: Callable[..., Chart], shelf: Shelf) -> None:
    """By half-life in steps, over the means of buckets; what it was made of stands beside it."""
    chart = look()
    chart.page.get_by_role("spinbutton", name="Smoothing: half-life in steps").fill("100")
    for keys, place in ((["Home"], 0), (["ArrowRight"] * 5, 5), (["End"], -1)):
        reading = chart.press(*keys)
        for name in DIGITS:
            x, y = means(shelf.noted[name]["train/loss"])
            smooth = oracle.smoothed(x, y, 100)[place]
            assert reading.values()[name] == pytest.approx(smooth, rel=SHOWN)
            assert number(reading.rows[name][1].removeprefix("raw ")) == pytest.approx(
                y[place], rel=SHOWN
            )


@pytest.mark.parametrize("band", ["std", "minmax"])
def test_groups_are_means_with_a_band(look: Callable[..., Chart], shelf: Shelf, band: str) -> None:
    """Of the runs of each group, bucket by bucket."""
    chart = look(told="4 lines", group="group", lines=band)
    reading = chart.press("Home", *["ArrowRight"] * 7)
    for group, names in GROUPS.items():
        true = oracle.group(
            zip(*means(shelf.noted[name]["train/loss"]), strict=True) for name in names
        )[7]
        low, high = true.min, true.max
        if band == "std":
            low, high = true.mean - true.deviation, true.mean + true.deviation
        assert reading.values()[f"{group} (3)"] == pytest.approx(true.mean, rel=SHOWN)
        assert reading.range(f"{group} (3)") == pytest.approx((low, high), rel=5e-3)


def test_a_config_groups_runs(look: Callable[..., Chart]) -> None:
    """Any key of it, a nested one too."""
    chart = look()
    group = chart.page.get_by_role("combobox", name="Group")
    lines = chart.page.get_by_role("combobox", name="Lines")
    group.select_option(label="seed")
    lines.select_option(label=f"Mean, min{TO}max")
    chart.tells("train/loss: 3 lines")
    group.select_option(label="model.kind")
    chart.tells("train/loss: 1 line")
    chart.tells("(mlp (12))")


def test_a_spike_is_seen_however_far_away(look: Callable[..., Chart], shelf: Shelf) -> None:
    """The envelope of its bucket reaches its top."""
    chart = look("gradient/norm")
    step, _ = SPIKE
    reading = chart.press("Home", *steps(step // WIDTH))
    top = dict(shelf.noted["digits-0.01-1"]["gradient/norm"])[step]
    assert reading.range("digits-0.01-1")[1] == pytest.approx(top, rel=5e-3)


def test_zooming_fetches_finer_data(look: Callable[..., Chart], shelf: Shelf) -> None:
    """A drag over a chart zooms all of them in step; a double click shows all again."""
    chart = look()
    box = chart.plot.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    chart.page.mouse.move(box["x"] + box["width"] * 0.5, y)
    chart.page.mouse.down()
    chart.page.mouse.move(box["x"] + box["width"] * 0.6, y, steps=5)
    chart.page.mouse.up()
    until(lambda: finer(chart), chart.page)
    lo, hi = (int(re.findall(rf"{end}=(\d+)", chart.page.url)[0]) for end in ("lo", "hi"))
    reading = chart.press("Home")
    step = int(re.findall(r"^step ([\d,]+)$", reading.title)[0].replace(",", ""))
    assert lo <= step <= hi
    for name in DIGITS:
        true = dict(shelf.noted[name]["train/loss"])[step]
        assert reading.values()[name] == pytest.approx(true, rel=SHOWN)
    other = beside(chart, "train/accuracy")
    other.tells(f"step {lo:,} to step {hi:,}")
    chart.plot.dblclick()
    until(lambda: whole(chart), chart.page)
    other.tells("step 0 to")


def finer(chart: Chart) -> None:
    assert "lo=" in chart.page.url
    assert TO not in chart.press("Home").title


def whole(chart: Chart) -> None:
    assert "lo=" not in chart.page.url


def test_the_keyboard_zooms_too(look: Callable[..., Chart]) -> None:
    """Plus shows less, Escape all again."""
    chart = look()
    chart.plot.focus()
    chart.plot.press("+")
    until(lambda: inside("lo=", chart), chart.page)
    chart.plot.press("Escape")
    until(lambda: whole(chart), chart.page)


def inside(text: str, chart: Chart) -> None:
    assert text in chart.page.url


@pytest.mark.parametrize(
    ("label", "title"),
    [
        ("Relative time", r"^[\d.]+ (ms|s)$"),
        ("Wall time", r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"),
        ("tokens", r"^tokens [\d,.e]+$"),
    ],
)
def test_other_x_axes(look: Callable[..., Chart], label: str, title: str) -> None:
    """Time since the start, time of day, or any metric."""
    chart = look()
    chart.page.get_by_role("combobox", name="X axis").select_option(label=label)
    until(lambda: matches(title, chart.press("Home").title), chart.page)
    until(lambda: matches(title, chart.press("End").title), chart.page)


def matches(pattern: str, text: str) -> None:
    assert re.search(pattern, text), text


def test_a_metric_as_x_axis_is_joined_by_step(look: Callable[..., Chart], shelf: Shelf) -> None:
    """Over tokens, a loss stands where both were logged at one step."""
    chart = look(x="metric:tokens")
    reading = chart.press("End")
    assert number(reading.title.removeprefix("tokens ")) <= (STEPS - 1) * 512
    for name, value in reading.values().items():
        near = [value for _, value in shelf.noted[name]["train/loss"][-16:]]
        assert min(near) * 0.999 <= value <= max(near) * 1.001


def test_a_logarithmic_axis_leaves_out_what_has_no_place(visitor: Callable[..., Visitor]) -> None:
    """And says how much that is."""
    chart = Chart(visitor().open({"project": "odd", "logy": "1"}), "special")
    chart.tells("special: 1 line")
    expect(chart.card.get_by_text("1 value ≤ 0 left out")).to_be_visible()


def test_what_is_not_finite_is_marked(visitor: Callable[..., Visitor], shelf: Shelf) -> None:
    """The crosshair tells NaN from infinities; a metric that is nothing else has a chart, too."""
    chart = Chart(visitor().open({"project": "odd"}), "special")
    chart.tells("Values that are not finite: special")
    read = [chart.press(key) for key in ["Home", *["ArrowRight"] * 7]]
    cells = [each.rows.get("special", [""])[0] for each in read]
    assert cells == ["1", "NaN", "2", "∞", "3", f"{MINUS}∞", "4", "0"]
    never = beside(chart, "never")
    never.tells("Values that are not finite: special")


def test_outliers_are_clipped(look: Callable[..., Chart]) -> None:
    """The chart says so, and looks otherwise."""
    chart = look("gradient/norm")
    before = chart.plot.screenshot()
    press(chart, "Clip outliers")
    expect(chart.card.get_by_text("1st to 99th percentile")).to_be_visible()
    until(lambda: differs(before, chart), chart.page)


@pytest.mark.parametrize("switch", ["Log y", "Log x", "Envelope", "Alerts"])
def test_switches_change_the_picture(look: Callable[..., Chart], switch: str) -> None:
    """Each is pressed or not, and the chart looks otherwise."""
    chart = look()
    before = chart.plot.screenshot()
    press(chart, switch)
    until(lambda: differs(before, chart), chart.page)


def press(chart: Chart, switch: str) -> None:
    """Turns a switch on or off; those that are not in the row stand behind its button."""
    button = chart.page.get_by_role("button", name=switch, exact=True)
    if not button.is_visible():
        chart.page.get_by_role("button", name="Options").click()
    pressed = button.get_attribute("aria-pressed")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false" if pressed == "true" else "true")
    button.press("Escape")


def differs(before: bytes, chart: Chart) -> None:
    assert chart.plot.screenshot() != before


def test_alerts_are_flags_on_charts(look: Callable[..., Chart]) -> None:
    """Under the crosshair the flag tells its title."""
    chart = look()
    reading = chart.press("Home", *steps(600 // WIDTH))
    assert "⚑ loss is rising (digits-1-2)" in reading.text


def test_a_baseline_shows_differences(look: Callable[..., Chart], shelf: Shelf) -> None:
    """Beside each value, how far it is from the baseline's there."""
    chart = look()
    row = chart.page.get_by_role("listitem").filter(has_text="digits-0.1-0")
    row.hover()
    row.get_by_role("button", name="Baseline: digits-0.1-0").click()
    until(lambda: inside("baseline=", chart), chart.page)
    reading = chart.press("Home")
    base = oracle.buckets(shelf.noted["digits-0.1-0"]["train/loss"], WIDTH)[0].mean
    assert base is not None
    for name in DIGITS:
        if name == "digits-0.1-0":
            continue
        own = oracle.buckets(shelf.noted[name]["train/loss"], WIDTH)[0].mean
        assert own is not None
        shown = reading.rows[name][1].replace("±", "").replace("+", "")
        assert number(shown) == pytest.approx(own - base, rel=5e-3, abs=1e-9)


def test_all_points_of_a_chart_as_csv(look: Callable[..., Chart], shelf: Shelf) -> None:
    """Every point of the runs shown as it was logged, not buckets of them."""
    chart = look()
    with chart.page.expect_download() as saved:
        chart.card.get_by_role("button", name="Points as CSV").click()
    rows = list(csv.DictReader(Path(saved.value.path()).read_text().splitlines()))
    found: dict[str, Noted] = {}
    for row in rows:
        found.setdefault(row["run"], []).append((int(row["step"]), float(row["value"])))
    assert found == {shelf.ids[name]: shelf.noted[name]["train/loss"] for name in DIGITS}


def test_a_chart_as_a_picture(look: Callable[..., Chart]) -> None:
    """A PNG, named for the metric."""
    chart = look()
    with chart.page.expect_download() as saved:
        chart.card.get_by_role("button", name="Picture as PNG").click()
    assert saved.value.suggested_filename == "train-loss.png"
    picture = Path(saved.value.path()).read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5_000


def test_a_chart_in_full_screen(look: Callable[..., Chart]) -> None:
    """In an address of its own; Escape ends it."""
    chart = look()
    chart.card.get_by_role("button", name="Full screen").click()
    dialog = chart.page.get_by_role("dialog", name="Chart in full screen")
    expect(dialog).to_be_visible()
    inside("full=train/loss", chart)
    expect(dialog.get_by_role("listitem")).to_have_count(12)
    until(lambda: stands_above(dialog.locator("canvas"), dialog.get_by_role("list")), chart.page)
    chart.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert "full=" not in chart.page.url


def stands_above(one: Locator, other: Locator) -> None:
    boxes = [each.bounding_box() for each in (one, other)]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]


def test_charts_share_their_crosshair(look: Callable[..., Chart]) -> None:
    """Where one is read, the others show the same place."""
    chart = look()
    chart.press("Home", *["ArrowRight"] * 20)
    lines = chart.page.locator(".u-cursor-x:visible").evaluate_all(
        "lines => lines.map(line => line.getBoundingClientRect().left"
        " - line.parentElement.getBoundingClientRect().left)"
    )
    assert len(lines) >= 3
    assert all(left > 0 for left in lines)


def test_a_run_has_one_colour_everywhere(look: Callable[..., Chart]) -> None:
    """In the list, the legend and the table."""
    chart = look(legend="1")
    swatch = "each => getComputedStyle(each).getPropertyValue('--swatch').trim()"
    for name in DIGITS[:3]:
        row = chart.page.get_by_role("listitem").filter(has_text=name)
        inks = {row.nth(each).locator("[style*='--swatch']").evaluate(swatch) for each in (0, 1)}
        assert len(inks) == 1
