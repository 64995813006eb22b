"""What is shown is in the address: it comes back, goes forward, and is the same for others."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.space.browser.shelf import Shelf
from tests.space.browser.visitor import TO, Chart, Visitor, until

pytestmark = pytest.mark.xdist_group("browser")

COPY = {"permissions": ["clipboard-read", "clipboard-write"]}


@pytest.fixture
def charts(visitor: Callable[..., Visitor]) -> Visitor:
    """Somebody who looks at the charts of `digits`, and may copy links."""
    came: Visitor = visitor(**COPY).open({"project": "digits"})
    Chart(came, "train/loss").tells("train/loss: 12 lines")
    return came


def loss(visitor: Visitor, told: str) -> None:
    Chart(visitor, "train/loss").tells(told)


def row(visitor: Visitor, name: str) -> Callable[..., object]:
    """A button or box of a run in the list, by its kind and name."""
    item = visitor.page.get_by_role("listitem").filter(has_text=name)
    item.hover()
    return item.get_by_role


def configure(visitor: Visitor) -> None:
    """Changes much of what there is to change."""
    page = visitor.page
    page.get_by_role("combobox", name="Group").select_option(label="Group")
    page.get_by_role("combobox", name="Lines").select_option(label=f"Mean, min{TO}max")
    page.get_by_role("searchbox", name="Filter metrics").fill("loss")
    page.get_by_role("spinbutton", name="Smoothing: half-life").fill("20")
    page.get_by_role("button", name="Log y").click()
    page.get_by_role("checkbox", name="Show group rate 1").uncheck()
    loss(visitor, "train/loss: 3 lines")


def picture(visitor: Visitor) -> dict[str, object]:
    """All that the page tells: controls, list and charts."""
    page = visitor.page
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(600)  # Texts follow the charts.
    return {
        "boxes": page.get_by_role("checkbox").evaluate_all("all => all.map(each => each.checked)"),
        "lists": page.get_by_role("combobox").evaluate_all("all => all.map(each => each.value)"),
        "fields": page.locator("input:visible").evaluate_all("all => all.map(each => each.value)"),
        "pressed": page.locator("[aria-pressed=true]:visible").evaluate_all(
            "all => all.map(each => each.innerText || each.ariaLabel)"
        ),
        "charts": page.locator("figure").evaluate_all("all => all.map(each => each.innerText)"),
        "list": page.get_by_role("listitem").all_inner_texts(),
    }


def test_a_copied_link_shows_the_same(charts: Visitor, visitor: Callable[..., Visitor]) -> None:
    """Somebody else sees the runs, groups, smoothing, axes and filter of who copied it."""
    configure(charts)
    charts.button("Copy link").click()
    charts.sees("The link is copied")
    link = charts.page.evaluate("navigator.clipboard.readText()")
    other = visitor()
    other.page.goto(link)
    loss(other, "train/loss: 3 lines")
    until(lambda: same(picture(other), picture(charts)), other.page)


def same(one: object, other: object) -> None:
    assert one == other


def test_a_reload_shows_the_same(charts: Visitor) -> None:
    """Nothing of the view is kept anywhere else."""
    configure(charts)
    before = picture(charts)
    charts.page.reload()
    loss(charts, "train/loss: 3 lines")
    until(lambda: same(picture(charts), before), charts.page)


def test_back_and_forward(charts: Visitor) -> None:
    """One step for each change, however it was made."""
    page = charts.page
    page.get_by_role("button", name="Log y").click()
    page.get_by_role("combobox", name="Group").select_option(label="Group")
    page.get_by_role("combobox", name="Lines").select_option(label=f"Mean, min{TO}max")
    loss(charts, "4 lines")
    charts.go("Runs")
    expect(page.get_by_role("table", name="Runs")).to_be_visible()
    page.go_back()
    loss(charts, "4 lines")
    page.go_back()
    loss(charts, "12 lines")
    expect(page.get_by_role("combobox", name="Group")).to_have_value("group")
    page.go_back()
    expect(page.get_by_role("combobox", name="Group")).to_have_value("")
    expect(page.get_by_role("button", name="Log y")).to_have_attribute("aria-pressed", "true")
    page.go_back()
    expect(page.get_by_role("button", name="Log y")).to_have_attribute("aria-pressed", "false")
    page.go_forward()
    page.go_forward()
    page.go_forward()
    loss(charts, "4 lines")


def test_typing_is_one_step_back(charts: Visitor) -> None:
    """Not one for each letter."""
    box = charts.page.get_by_role("searchbox", name="Filter metrics")
    box.press_sequentially("accuracy")
    charts.sees("2 charts")
    charts.page.go_back()
    charts.sees("8 charts")


def test_another_project_is_another_page(charts: Visitor) -> None:
    """What was chosen of one project's runs does not follow to the next."""
    charts.page.get_by_role("checkbox", name="digits-0.1-0").uncheck()
    loss(charts, "11 lines")
    charts.page.get_by_role("combobox", name="Project").select_option(value="ranks")
    Chart(charts, "loss").tells("loss: 1 line")
    assert "hide=" not in charts.query
    charts.page.go_back()
    loss(charts, "11 lines")


def test_runs_are_shown_and_hidden(charts: Visitor) -> None:
    """One, none, all, only one, and back to all."""
    page = charts.page
    page.get_by_role("checkbox", name="digits-0.1-0").uncheck()
    loss(charts, "11 lines")
    page.get_by_role("checkbox", name="Show all runs").check()
    loss(charts, "12 lines")
    page.get_by_role("checkbox", name="Show all runs").uncheck()
    charts.sees("No runs are shown")
    page.get_by_role("listitem").filter(has_text="digits-0.1-1").hover()
    page.get_by_role("button", name="Show only digits-0.1-1").click()
    loss(charts, "1 line, ")
    loss(charts, "(digits-0.1-1)")
    charts.sees("1 of 12 shown")


def test_runs_are_filtered_by_a_regular_expression(charts: Visitor) -> None:
    """One that is none is said to be, and leaves all."""
    box = charts.page.get_by_role("searchbox", name="Filter runs")
    box.fill("0[.]1-[02]$")
    loss(charts, "2 lines")
    box.fill("(")
    charts.sees(re.compile("not a regular expression"))
    loss(charts, "12 lines")


def test_the_latest_run_alone_or_of_each_group(charts: Visitor) -> None:
    """By when they were made."""
    page = charts.page
    page.get_by_role("checkbox", name="Latest only").check()
    loss(charts, "(digits-1-2)")
    page.get_by_role("combobox", name="Group").select_option(label="Group")
    loss(charts, "4 lines")


def test_groups_are_toggled_and_folded(charts: Visitor) -> None:
    """All runs of one at once."""
    page = charts.page
    page.get_by_role("combobox", name="Group").select_option(label="Group")
    page.get_by_role("checkbox", name="Show group rate 0.1", exact=True).uncheck()
    loss(charts, "9 lines")
    page.get_by_role("button", name="Runs of rate 0.1", exact=True).click()
    expect(page.get_by_role("checkbox", name="digits-0.1-0")).to_be_hidden()


def test_metrics_are_filtered(charts: Visitor) -> None:
    """By a regular expression; what is none says so."""
    box = charts.page.get_by_role("searchbox", name="Filter metrics")
    box.fill("^eval/")
    charts.sees("2 charts")
    box.fill("nothing like it")
    charts.sees("No metric matches the filter")
    box.fill("[")
    charts.sees(re.compile("not a regular expression"))


def test_sections_fold(charts: Visitor) -> None:
    """By the prefix of their metrics; a folded one has no charts."""
    charts.page.get_by_role("region", name="train").get_by_role(
        "button", name=re.compile("^train ")
    ).click()
    expect(charts.page.get_by_role("figure", name="learning_rate")).to_be_hidden()
    assert "closed=" in charts.query


def test_charts_are_pinned(charts: Visitor) -> None:
    """They stand first, in a section of their own."""
    charts.button("Pin to the top: train/loss").click()
    pinned = charts.page.get_by_role("region", name="Pinned")
    expect(pinned.get_by_role("figure")).to_have_count(1)
    expect(charts.page.get_by_role("region").nth(0)).to_have_accessible_name("Pinned")
    assert "pin=train/loss" in charts.query


def test_columns_of_charts(charts: Visitor) -> None:
    """As many as were asked for stand side by side."""
    charts.button("Options").click()
    charts.page.get_by_role("combobox", name="Columns").select_option("1")

    def stacked() -> None:
        boxes = [each.bounding_box() for each in charts.page.get_by_role("figure").all()[:2]]
        assert boxes[0] is not None
        assert boxes[1] is not None
        assert boxes[0]["x"] == boxes[1]["x"]

    until(stacked, charts.page)


def test_an_embedded_page_is_charts_alone(visitor: Callable[..., Visitor]) -> None:
    """Without header and list, for a page of somebody else's."""
    came = visitor().open({"project": "digits", "embed": "1", "metrics": "train/loss"})
    loss(came, "12 lines")
    expect(came.page.get_by_role("navigation", name="Pages")).to_be_hidden()
    expect(came.page.get_by_role("searchbox", name="Filter runs")).to_be_hidden()


def test_the_list_of_runs_closes(charts: Visitor) -> None:
    """Charts have the room then, and the address says so."""
    charts.page.get_by_role("button", name="Runs", exact=True).click()
    expect(charts.page.get_by_role("searchbox", name="Filter runs")).to_be_hidden()
    assert "sidebar=0" in charts.query


def test_hardware_of_every_device(visitor: Callable[..., Visitor], shelf: Shelf) -> None:
    """A chart a measure, a line a device, with what it measures."""
    came = visitor().open({"project": "hardware", "page": "system"})
    for text in ("hw.gpu.utilization", "hw.temperature", "hw.power", "system.cpu.utilization"):
        came.sees(text)
    came.sees(re.compile("GPU.?0"))
    came.sees(re.compile("GPU.?1"))
