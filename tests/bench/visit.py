"""A browser of its own at one page: what that takes in time, bytes, memory and traffic."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import CDPSession, Page, ViewportSize, sync_playwright

CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking")
WINDOW: Final[ViewportSize] = {"width": 1400, "height": 1000}
LONGEST: Final = 180.0
"""Seconds after which a page that still draws nothing is given up."""

STEADY: Final = 3.0
"""Seconds without a further chart after which all that the window shows count as drawn."""

HANDS: Final = 40
"""Movements of a hand that points and scrolls."""

WATCH: Final = Path(__file__).parent / "drawn.js"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Seconds to the first chart and to all in the window, how many, and MB sent and held."""

    first: float
    all: float
    charts: int
    sent: float
    heap: float


class Visit:
    """A page in a fresh browser."""

    def __init__(self, page: Page, cdp: CDPSession) -> None:
        self.page = page
        self._cdp = cdp
        self._bytes = 0.0
        cdp.on("Network.loadingFinished", self._received)
        cdp.on("Network.eventSourceMessageReceived", self._told)
        for domain in ("Network", "Performance", "HeapProfiler"):
            cdp.send(f"{domain}.enable")

    def _received(self, event: dict[str, Any]) -> None:
        self._bytes += event["encodedDataLength"]

    def _told(self, event: dict[str, Any]) -> None:
        self._bytes += len(event["data"])

    def load(self, address: str) -> Loaded:
        """Opens an address and waits until charts are drawn."""
        self._bytes = 0.0
        self.page.goto(address, wait_until="commit")
        times = self._drawn()
        self._cdp.send("HeapProfiler.collectGarbage")
        return Loaded(times[0] / 1e3, times[-1] / 1e3, len(times), self._bytes / 1e6, self.heap())

    def _drawn(self) -> list[float]:
        end, known, since = time.monotonic() + LONGEST, 0, time.monotonic()
        while time.monotonic() < end:
            times: list[float] = self.page.evaluate("drawn.times()")
            if len(times) != known:
                known, since = len(times), time.monotonic()
            if known and time.monotonic() > since + STEADY:
                return times
            self.page.wait_for_timeout(100)
        raise TimeoutError(f"no chart within {LONGEST:.0f} s of {self.page.url}")

    def heap(self) -> float:
        """MB of the page's JavaScript."""
        metrics = self._cdp.send("Performance.getMetrics")["metrics"]
        return float(next(m["value"] for m in metrics if m["name"] == "JSHeapUsedSize")) / 1e6

    def idle(self, seconds: float) -> float:
        """KB a second that it receives while nothing happens."""
        before = self._bytes
        self.page.wait_for_timeout(1e3 * seconds)
        return (self._bytes - before) / 1e3 / seconds

    def blocked(self) -> float:
        """Milliseconds that the page answers nothing, the most while one points and scrolls."""
        self.page.evaluate("drawn.longest()")
        for turn in range(HANDS):
            self.page.mouse.move(WINDOW["width"] * (0.4 + 0.01 * turn), WINDOW["height"] * 0.4)
            self.page.mouse.wheel(0, 150)
            self.page.wait_for_timeout(50)
        self.page.wait_for_timeout(1e3)
        return float(self.page.evaluate("drawn.longest()"))

    def picture(self) -> int:
        """A number for what the charts show."""
        return int(self.page.evaluate("drawn.picture()"))

    def changes(self, picture: int, within: float) -> float:
        """Waits until the charts show something else; the clock then, in seconds."""
        self.page.wait_for_function(
            "before => drawn.picture() !== before", arg=picture, timeout=1e3 * within, polling="raf"
        )
        return time.time()


@contextmanager
def visit() -> Iterator[Visit]:
    """A browser with nothing in its cache."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page(viewport=WINDOW)
        page.add_init_script(path=WATCH)
        yield Visit(page, page.context.new_cdp_session(page))
        browser.close()
