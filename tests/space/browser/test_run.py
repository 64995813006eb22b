"""The page of one run: all there is of it."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing

import pytest
from playwright.sync_api import expect

from otel_trackio import layout
from tests.space.browser.dashboard import ROOT
from tests.space.browser.shelf import Shelf
from tests.space.browser.visitor import MINUS, TO, Visitor, until

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture
def run(visitor: Callable[..., Visitor], shelf: Shelf) -> Visitor:
    """Somebody who looks at the run that failed."""
    came: Visitor = visitor()
    came.open({"page": "run", "project": "digits", "run": shelf.ids["digits-1-2"]})
    expect(came.page.get_by_role("heading", name="digits-1-2", level=1)).to_be_visible()
    return came


def test_a_run_tells_what_it_is(run: Visitor) -> None:
    """State and what it died of, facts, summary and config."""
    expect(run.page.get_by_text("The run failed")).to_be_visible()
    expect(run.page.get_by_text(re.compile("MemoryError.*no room"))).to_be_visible()
    facts = run.page.get_by_role("region", name="Facts")
    for text in ("rate 1", "baseline", "seed 2 of rate 1", "1,199"):
        expect(facts.get_by_text(text, exact=True)).to_be_visible()
    config = run.page.get_by_role("region", name="Config")
    expect(config).to_contain_text("lr")
    expect(config).to_contain_text("mlp")
    expect(config).to_contain_text("[64,64]")
    expect(run.page.get_by_role("region", name="Summary")).to_contain_text("best_accuracy")


def test_a_run_shows_its_alerts(run: Visitor) -> None:
    """With their step and text, and a link to that place in the charts."""
    alerts = run.page.get_by_role("region", name="Alerts")
    expect(alerts).to_contain_text("loss is rising")
    expect(alerts).to_contain_text("it was 0.1 before")
    expect(alerts).to_contain_text("step 600")
    alerts.get_by_role("link", name="Show in charts").click()
    run.sees("train/loss")
    assert "lo=540" in run.query
    assert "hi=660" in run.query


def test_a_run_says_how_to_load_it(run: Visitor, shelf: Shelf) -> None:
    """The lines on the page work as they stand."""
    lines = run.page.get_by_role("region", name="In Python").locator("pre").inner_text()
    script = f"{lines}\nimport builtins\nprint(sorted(builtins.dict(globals())))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": "", "OTEL_TRACKIO_DIR": str(shelf.dir)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_run_leads_to_its_charts(run: Visitor, shelf: Shelf) -> None:
    """There it is the only one."""
    run.page.get_by_role("link", name="Show in charts").first.click()
    run.sees("train/loss")
    assert f"only={shelf.ids['digits-1-2']}" in run.query


def test_hardware_stands_beside_training(visitor: Callable[..., Visitor], shelf: Shelf) -> None:
    """Charts of the GPUs on the page of their run."""
    came = visitor().open({"page": "run", "project": "hardware", "run": shelf.ids["gpus"]})
    came.sees(re.compile("hw.temperature"))
    came.sees("train/loss")


def test_a_run_shows_its_tables_and_images(visitor: Callable[..., Visitor], shelf: Shelf) -> None:
    """Of the last step, or of the one that is chosen; what is missing is not what is false."""
    view = {"page": "run", "project": "records", "run": shelf.ids["with-tables"]}
    came = visitor().open(view)
    rows = [["1", "a cat", "0.75", TO], ["2", "<b>a dog</b>", "1e" + MINUS + "9", "true"]]
    until(lambda: same(came.table("samples"), rows), came.page)
    came.page.get_by_role("slider", name="Step of samples").fill("0")
    until(lambda: same(came.table("samples"), rows[:1]), came.page)
    expect(came.page.get_by_role("img", name="one red dot")).to_be_visible()


def test_an_image_whose_file_is_missing(visitor: Callable[..., Visitor], shelf: Shelf) -> None:
    """The page says so, with its caption, instead of a broken picture."""
    with shelf.run("pictures", "afar") as book:
        book.log({"loss": 1}, 0)
    (file,) = layout.run_files(layout.run_dir(shelf.dir, shelf.ids["afar"]))
    data = json.dumps({"file": "map.png", "caption": "attention of layer 3"})
    with closing(sqlite3.connect(file)) as db, db:
        db.execute(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)", (10**6, "image", "maps", 0, 0, data)
        )
    came = visitor()
    came.witness.allow("404", "Failed to load resource")
    came.open({"page": "run", "project": "pictures", "run": shelf.ids["afar"]})
    came.button("Tables and images").click()
    card = came.page.get_by_role("region", name="maps")
    expect(card.get_by_text("The file of this image is not here")).to_be_visible()
    expect(card.get_by_text("attention of layer 3")).to_be_visible()
    expect(card.get_by_role("img")).to_have_count(0)


def test_a_run_tells_of_its_attempts(visitor: Callable[..., Visitor], shelf: Shelf) -> None:
    """The latest first: how each ended, and how far it came."""
    came = visitor().open({"page": "run", "project": "odd", "run": shelf.ids["resumed"]})
    attempts = came.page.get_by_role("region", name="Attempts", exact=True)
    lines = attempts.get_by_role("row")
    expect(lines.nth(1)).to_contain_text(re.compile(r"^2finished.*149$"))
    expect(lines.nth(2)).to_contain_text(re.compile(r"^1finished.*99$"))
    assert came.faults() == []


def test_a_run_tells_of_its_ranks(visitor: Callable[..., Visitor], shelf: Shelf) -> None:
    """Each with its state; a run of one attempt and one rank says nothing of either."""
    came = visitor().open({"page": "run", "project": "ranks", "run": shelf.ids["two"]})
    lines = came.page.get_by_role("region", name="Ranks", exact=True).get_by_role("row")
    expect(lines.nth(1)).to_contain_text(re.compile(r"^0finished.*39$"))
    expect(lines.nth(2)).to_contain_text(re.compile(r"^1finished.*39$"))
    came.open({"page": "run", "project": "odd", "run": shelf.ids["single"]})
    came.sees("plain")
    expect(came.page.get_by_role("region", name=re.compile("Attempts|Ranks"))).to_have_count(0)


def test_charts_of_a_run_are_in_natural_order(
    visitor: Callable[..., Visitor], shelf: Shelf
) -> None:
    """Results first, then layer 2 before layer 10; a curve alone has its last value beside it."""
    with shelf.run("layers", "deep") as book:
        for step in range(3):
            values = {f"layer{n}/norm": n + step / 4 for n in (10, 2, 1)}
            book.log({**values, "train/loss": step + 0.5}, step)
    came = visitor().open({"page": "run", "project": "layers", "run": shelf.ids["deep"]})
    heads = came.page.get_by_role("heading", level=3)
    expect(heads).to_have_text(["train/loss", "layer1/norm", "layer2/norm", "layer10/norm"])
    expect(came.page.get_by_role("region", name="layer10/norm")).to_contain_text("10.5")


def same(table: list[dict[str, str]], rows: list[list[str]]) -> None:
    assert [list(row.values()) for row in table] == rows


def test_a_run_that_is_not_there(visitor: Callable[..., Visitor]) -> None:
    """The page says so, and leads on."""
    came = visitor()
    came.witness.allow("404")
    came.open({"page": "run", "project": "digits", "run": "no-such-run"})
    came.sees("There is no such run")
    came.page.get_by_role("link", name="All runs").click()
    came.sees("digits-0.1-0")
