"""A person at the dashboard: what they can see, by its role and text, and what they do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlencode

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, Locator, Page, expect

from tests.space.browser.dashboard import Dashboard
from tests.space.browser.witness import Witness

PATIENCE: Final = 20_000
"""Milliseconds that a page may take for anything: other tests share these cores."""

STEP: Final = 100
"""Milliseconds between two looks at what is waited for."""

WIDE: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
TWO_FRAMES: Final = (
    "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
)

MINUS: Final = "\N{MINUS SIGN}"
TO: Final = "\N{EN DASH}"
GRAVE: Final = ("serious", "critical")


class Visitor:
    """One page; nothing it says or does goes unseen."""

    def __init__(self, page: Page, server: Dashboard) -> None:
        self.page = page
        self.server = server
        self.witness = Witness.of(page, server.address)

    def open(self, view: Mapping[str, object] | str = "") -> Self:
        """Opens a view, given as the fields of its address, or as all that follows the `?`."""
        query = view if isinstance(view, str) else urlencode({k: str(v) for k, v in view.items()})
        self.page.goto(f"{self.server.address}/?{query}")
        return self

    @property
    def query(self) -> str:
        """What follows the `?` in the address of the page."""
        return self.page.url.partition("?")[2]

    def go(self, page: str) -> None:
        """Opens a page by its tab."""
        self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=page).click()

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.page.get_by_role("button", name=name)

    def is_live(self) -> None:
        """Waits until the page follows what happens."""
        expect(self.page.get_by_title("New points show up by themselves")).to_be_visible()

    def sees(self, text: str | re.Pattern[str]) -> None:
        """Waits until a text is to be seen."""
        expect(self.page.get_by_text(text).locator("visible=true").first).to_be_visible()

    def faults(self) -> list[str]:
        """What axe finds that keeps somebody from using the page: its rule, and where."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']} ({each['impact']}): {node['target']} {node['failureSummary']}"
            for each in found
            if each["impact"] in GRAVE
            for node in each["nodes"][:3]
        ]

    def overflow(self) -> int:
        """Pixels that the page is wider than its window."""
        return int(
            self.page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
        )

    def table(self, name: str = "Runs") -> list[dict[str, str]]:
        """The rows of a table, by heading."""
        script = """table => {
          const text = cell => cell.innerText.trim();
          const head = cell => text(cell).replace(/\\s*[↑↓]$/, '');
          const heads = [...table.tHead.rows[0].cells].map(head);
          const rows = [...table.tBodies[0].rows].filter(row => !row.ariaHidden);
          return rows.map(row => [...row.cells].map((cell, at) => [heads[at], text(cell)]));
        }"""
        rows = self.page.get_by_role("table", name=name).evaluate(script)
        return [dict(row) for row in rows]

    def column(self, heading: str, table: str = "Runs") -> list[str]:
        return [row[heading] for row in self.table(table)]


def number(text: str) -> float:
    """A number as people read it: with commas, a minus sign, or as infinity."""
    plain = text.replace(MINUS, "-").replace(",", "").replace("∞", "inf")
    return float(plain)


def until(promise: Callable[[], object], page: Page) -> None:
    """Waits until a promise holds: until it returns without an AssertionError."""
    for _ in range(PATIENCE // STEP):
        with suppress(AssertionError, LookupError, ValueError, Error):
            promise()
            return
        page.wait_for_timeout(STEP)
    promise()


class Chart:
    """A chart, as it tells of itself and as it is read under its crosshair."""

    def __init__(self, visitor: Visitor, key: str) -> None:
        self.visitor = visitor
        self.page = visitor.page
        self.key = key
        name = re.compile(rf"^{re.escape(key)}\. Arrow".replace("/", "."))
        self.plot = self.page.get_by_role("application", name=name).locator("visible=true").last
        self.card = self.page.get_by_role("figure").filter(has=self.plot)

    def told(self) -> str:
        """What a screen reader is told of it."""
        id = self.plot.get_attribute("aria-describedby")
        return self.page.locator(f"[id='{id}']").inner_text()

    def tells(self, text: str) -> None:
        """Waits until a screen reader is told that of it."""

        def telling() -> None:
            self.plot.scroll_into_view_if_needed()
            assert text in self.told(), self.told()

        until(telling, self.page)

    def press(self, *keys: str) -> Reading:
        """Moves the crosshair with the keyboard, and reads."""
        self.plot.focus()
        for key in keys:
            self.plot.press(key)
        self.page.evaluate(TWO_FRAMES)  # What is read follows in the next one.
        return self.read()

    def read(self) -> Reading:
        """What stands beside the crosshair."""
        box = self.page.locator(".tooltip:visible")
        assert box.count() == 1
        title, *_ = box.inner_text().split("\n")
        script = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"
        rows = box.locator("tbody tr").evaluate_all(script)
        return Reading(title, box.inner_text(), {name: rest for _, name, *rest in rows})

    def legend(self) -> dict[str, list[str]]:
        """Under the chart: of each line the last value, and what else stands there."""
        script = "rows => rows.map(row => row.innerText.split('\\n').map(text => text.trim()))"
        rows = self.card.get_by_role("listitem").evaluate_all(script)
        return {name: rest for name, *rest in rows}


@dataclass(frozen=True, slots=True)
class Reading:
    """Where the crosshair is, all that the box says, and the cells of each line, by its name."""

    title: str
    text: str
    rows: dict[str, list[str]]

    def values(self) -> dict[str, float]:
        return {name: number(cells[0]) for name, cells in self.rows.items()}

    def range(self, name: str) -> tuple[float, float]:
        """The least and greatest that stand in the last column."""
        low, high = self.rows[name][-1].split(" … ")
        return number(low), number(high)
