"""The table of runs: what it shows, in what order, and what can be done to runs there."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

import otel_trackio
from tests.e2e.puppet import Puppet
from tests.space.browser.dashboard import Dashboard
from tests.space.browser.shelf import RATES, SEEDS, Shelf
from tests.space.browser.visitor import Visitor, number, until

pytestmark = pytest.mark.xdist_group("browser")

DIGITS = [f"digits-{rate:g}-{seed}" for rate in RATES for seed in SEEDS]
PAGE = {"page": "runs", "project": "digits"}


@pytest.fixture
def runs(visitor: Callable[..., Visitor]) -> Visitor:
    """Somebody who looks at the table of the project `digits`."""
    came: Visitor = visitor().open(PAGE)
    came.sees(DIGITS[-1])
    return came


def shows(visitor: Visitor, names: list[str]) -> None:
    """Waits until the table has these runs, in this order."""
    until(lambda: same(visitor.column("Run"), names), visitor.page)


def same(one: object, other: object) -> None:
    assert one == other


def test_every_run_has_a_row_with_what_tells_it_apart(runs: Visitor, shelf: Shelf) -> None:
    """Name, state, tags, group, the config that differs, and the last value of metrics."""
    until(lambda: number(runs.table()[0]["train/loss last"]), runs.page)
    rows = {row["Run"]: row for row in runs.table()}
    assert list(rows) == DIGITS[::-1]
    best, failed = rows["digits-0.1-0"], rows["digits-1-2"]
    assert (best["State"], failed["State"]) == ("finished", "failed")
    assert (best["Group"], best["lr"], best["seed"]) == ("rate 0.1", "0.1", "0")
    assert set(best["Tags"].split()) == {"baseline", "best"}
    for name, row in rows.items():
        _, last = shelf.noted[name]["train/loss"][-1]
        assert number(row["train/loss last"]) == pytest.approx(last, rel=1e-3)


def test_a_click_on_a_heading_sorts(runs: Visitor) -> None:
    """Up, then down; the heading says so, and numbers sort as numbers."""
    heading = runs.page.get_by_role("columnheader", name=re.compile("^lr"))
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "ascending")
    until(lambda: same([float(each) for each in runs.column("lr")], ascending()), runs.page)
    heading.get_by_role("button").click()
    expect(heading).to_have_attribute("aria-sort", "descending")
    until(lambda: same([float(each) for each in runs.column("lr")], ascending()[::-1]), runs.page)


def ascending() -> list[float]:
    return sorted(rate for rate in RATES for _ in SEEDS)


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("lr>0.05", [name for name in DIGITS if name.startswith(("digits-0.1-", "digits-1-"))]),
        ("seed=2 lr<=0.01", ["digits-0.001-2", "digits-0.01-2"]),
        ("state=failed", ["digits-1-2"]),
        ("best", ["digits-0.1-0"]),
        ("nothing has this", []),
    ],
)
def test_a_filter_leaves_the_runs_that_match(runs: Visitor, typed: str, left: list[str]) -> None:
    """Words, comparisons, and both at once."""
    runs.page.get_by_role("searchbox", name="Filter the table").fill(typed)
    shows(runs, left[::-1])


def test_a_filter_that_leaves_nothing_says_so(runs: Visitor) -> None:
    """Until it is cleared."""
    box = runs.page.get_by_role("searchbox", name="Filter the table")
    box.fill("nothing has this")
    runs.sees("No run matches the filter")
    box.fill("")
    expect(runs.page.get_by_text("No run matches the filter")).to_be_hidden()


def test_without_runs_every_page_says_so(
    visitor: Callable[..., Visitor], own: Shelf, trainee: Callable[..., Puppet]
) -> None:
    """With the lines that record one; the first that comes shows up by itself."""
    own.dir.mkdir()
    with Dashboard(own.dir) as server:
        came = visitor(server)
        for page in ("system", "alerts", "runs"):
            came.open({"page": page})
            came.sees("No runs yet")
            came.sees(re.compile("otel_trackio.init"))
            expect(came.page.get_by_role("main").get_by_role("button")).to_have_count(0)
        process = trainee(own.dir)
        process.init("first", run_name="newcomer")
        process.log(0, 3)
        came.sees("newcomer")
        came.page.close()


def test_one_state_alone(runs: Visitor) -> None:
    """The list of states filters, too."""
    runs.page.get_by_role("combobox", name="State").select_option("failed")
    shows(runs, ["digits-1-2"])


def test_columns_are_chosen(runs: Visitor, shelf: Shelf) -> None:
    """Least and greatest value of a metric, found by a search, are those that were logged."""
    runs.button("Columns").click()
    dialog = runs.page.get_by_role("dialog", name="Columns")
    dialog.get_by_role("searchbox").fill("gradient")
    group = dialog.get_by_role("group", name="gradient/norm")
    group.get_by_role("checkbox", name="min").check()
    group.get_by_role("checkbox", name="max").check()
    dialog.get_by_role("button", name="Done").click()
    until(lambda: number(runs.table()[0]["gradient/norm max"]), runs.page)
    for row in runs.table():
        values = [value for _, value in shelf.noted[row["Run"]]["gradient/norm"]]
        assert number(row["gradient/norm min"]) == pytest.approx(min(values), rel=1e-3)
        assert number(row["gradient/norm max"]) == pytest.approx(max(values), rel=1e-3)


def test_configs_are_compared(runs: Visitor) -> None:
    """In what selected runs differ, then also in what they do not."""
    for name in ("digits-0.1-0", "digits-1-0"):
        runs.page.get_by_role("checkbox", name=f"Select {name}").check()
    runs.sees("2 selected")
    runs.button("Compare configs").click()
    panel = runs.page.get_by_role("region", name="Configs compared")
    expect(panel.get_by_role("row", name=re.compile(r"^lr 1 0\.1|^lr 0\.1 1"))).to_be_visible()
    expect(panel.get_by_role("row", name=re.compile(r"^model\.kind"))).to_be_hidden()
    panel.get_by_role("checkbox", name="Show what is equal, too").check()
    expect(panel.get_by_role("row", name=re.compile(r"^model\.kind mlp mlp"))).to_be_visible()


def test_two_columns_as_a_scatter_plot(runs: Visitor) -> None:
    """A point a run; arrow keys tell of each, and Enter opens it."""
    runs.button("Scatter").click()
    panel = runs.page.get_by_role("region", name="Scatter plot")
    panel.get_by_role("combobox", name="Column along x").select_option(label="lr")
    panel.get_by_role("combobox", name="Column along y").select_option(label="train/loss last")
    plot = panel.get_by_role("application", name=re.compile("train.loss last against lr, 12 runs"))
    plot.focus()
    plot.press("ArrowRight")
    runs.sees(re.compile(r"digits-0\.001-\d: lr 0\.001, train/loss last 0\.\d+"))
    plot.press("Enter")
    until(lambda: same("page=run&" in runs.query, True), runs.page)


def test_the_table_as_csv(runs: Visitor, shelf: Shelf) -> None:
    """What is shown, in full precision."""
    until(lambda: number(runs.table()[0]["train/loss last"]), runs.page)
    with runs.page.expect_download() as saved:
        runs.button("CSV").click()
    assert saved.value.suggested_filename == "digits.csv"
    rows = list(csv.DictReader(Path(saved.value.path()).read_text().splitlines()))
    assert [row["Run"] for row in rows] == DIGITS[::-1]
    for row in rows:
        _, last = shelf.noted[row["Run"]]["train/loss"][-1]
        assert float(row["train/loss last"]) == last


@pytest.fixture
def draft(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A project of two runs, which a test may change."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")
    for name in ("first", "second"):
        with otel_trackio.init("draft", name, dir=shelf.dir, tags=["old"]) as run:
            run.log({"loss": 1}, 0)
    yield "draft"
    with otel_trackio.Api(shelf.dir) as api:
        for each in [*api.runs("draft"), *api.runs("elsewhere")]:
            each.delete()


def stored(shelf: Shelf, project: str) -> dict[str, tuple[str, ...]]:
    """Names and tags of the runs of a project, as they are on disk."""
    with otel_trackio.Api(shelf.dir) as api:
        return {run.name: run.tags for run in api.runs(project)}


def picked(visitor: Visitor, project: str, *names: str) -> Visitor:
    """Somebody who selected runs in the table."""
    visitor.open({"page": "runs", "project": project})
    for name in names:
        visitor.page.get_by_role("checkbox", name=f"Select {name}").check()
    return visitor


def test_a_run_is_renamed(visitor: Callable[..., Visitor], shelf: Shelf, draft: str) -> None:
    """The new name is stored, and shown."""
    came = picked(visitor(), draft, "first")
    came.button("Rename").click()
    dialog = came.page.get_by_role("dialog", name="Rename run")
    dialog.get_by_role("textbox").fill("third")
    dialog.get_by_role("button", name="Rename").click()
    until(lambda: same(set(came.column("Run")), {"third", "second"}), came.page)
    assert set(stored(shelf, draft)) == {"third", "second"}


def test_runs_are_tagged(visitor: Callable[..., Visitor], shelf: Shelf, draft: str) -> None:
    """Several at once: tags are added and taken away."""
    came = picked(visitor(), draft, "first", "second")
    came.button("Edit tags").click()
    dialog = came.page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("new, <b>bold</b>")
    dialog.get_by_role("checkbox", name="old").check()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    until(lambda: same(came.column("Tags"), ["new <b>bold</b>"] * 2), came.page)
    assert set(stored(shelf, draft).values()) == {("new", "<b>bold</b>")}


def test_runs_are_moved(visitor: Callable[..., Visitor], shelf: Shelf, draft: str) -> None:
    """To a project that need not be there yet."""
    came = picked(visitor(), draft, "first")
    came.button("Move").click()
    dialog = came.page.get_by_role("dialog", name=re.compile("Move"))
    dialog.get_by_role("combobox").fill("elsewhere")
    dialog.get_by_role("button", name="Move").click()
    until(lambda: same(came.column("Run"), ["second"]), came.page)
    assert set(stored(shelf, "elsewhere")) == {"first"}


def test_a_run_is_deleted_once_that_is_confirmed(
    visitor: Callable[..., Visitor], shelf: Shelf, draft: str
) -> None:
    """Cancel keeps it; only then is it gone for good."""
    came = picked(visitor(), draft, "first")
    came.button("Delete").click()
    dialog = came.page.get_by_role("dialog", name=re.compile("Delete run"))
    dialog.get_by_role("button", name="Cancel").click()
    assert set(stored(shelf, draft)) == {"first", "second"}
    came.button("Delete").click()
    dialog.get_by_role("button", name="Delete run").click()
    until(lambda: same(came.column("Run"), ["second"]), came.page)
    assert set(stored(shelf, draft)) == {"second"}


def test_what_is_live_is_not_deleted_by_mistake(
    visitor: Callable[..., Visitor], trainee: Callable[..., Puppet], shelf: Shelf
) -> None:
    """The dialog says that it is still recorded, and wants that to be confirmed, too."""
    process = trainee()
    process.init("training", run_name="alive")
    process.log(0, 3)
    came = picked(visitor(), "training", "alive")
    came.button("Delete").click()
    dialog: Any = came.page.get_by_role("dialog")
    expect(dialog.get_by_text("still being recorded")).to_be_visible()
    dialog.get_by_role("button", name="Delete run").click()
    assert set(stored(shelf, "training")) == {"alive"}
    dialog.get_by_role("checkbox").check()
    dialog.get_by_role("button", name="Delete run").click()
    until(lambda: same(stored(shelf, "training"), {}), came.page)
