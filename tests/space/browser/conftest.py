"""One server for all tests of this folder, a browser a module, and pages that must stay clean.

Playwright keeps an event loop running in this thread. It ends with the module, since tests of
other folders, in the same worker, start loops of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.e2e.puppet import Puppet
from tests.space.browser.dashboard import Dashboard
from tests.space.browser.shelf import Shelf, recorded
from tests.space.browser.visitor import PATIENCE, WIDE, Visitor

CHROMIUM: Final = "/usr/bin/chromium"

# As root there is no sandbox, and a container's /dev/shm may be small.
FLAGS: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Recorded once; a test that changes runs records its own into a project of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_TRACKIO_SILENT", "1")
        return recorded(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="session")
def dashboard(shelf: Shelf) -> Iterator[Dashboard]:
    with Dashboard(shelf.dir) as serving:
        yield serving


@pytest.fixture(scope="module")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """What most pages share, as the tabs of one person's browser do: its cache."""
    with opened(browser) as context:
        yield context


@contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    with browser.new_context(**{"viewport": WIDE, **options}) as context:
        context.set_default_timeout(PATIENCE)
        yield context


@pytest.fixture
def visitor(
    browser: Browser, dashboard: Dashboard, profile: BrowserContext
) -> Iterator[Callable[..., Visitor]]:
    """`visitor(server, **options)` comes with a page; with options, in a profile made with them.

    At the end no page has said or done what it should not have.
    """
    came: list[Visitor] = []
    with ExitStack() as stack:

        def coming(server: Dashboard = dashboard, **options: Any) -> Visitor:
            context = stack.enter_context(opened(browser, **options)) if options else profile
            page = stack.enter_context(context.new_page())
            came.append(Visitor(page, server))
            return came[-1]

        yield coming
    assert [fault for each in came for fault in each.witness.found()] == []


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """An empty folder of the test's own, whose runs say nothing."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")
    return Shelf(tmp_path / "own")


@pytest.fixture
def trainee(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Puppet]]:
    """`trainee()` starts a training process that records what it is told to, for the dashboard."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")
    started: list[Puppet] = []

    def starting(dir: Path = shelf.dir) -> Puppet:
        started.append(Puppet(env={"OTEL_TRACKIO_DIR": str(dir)}))
        return started[-1]

    yield starting
    for each in started:
        each.close()


@pytest.fixture(scope="module")
def call(browser: Browser, dashboard: Dashboard) -> Iterator[Callable[..., Any]]:
    """`call(module, name, *arguments)` calls a pure function of the page's modules there."""
    page = browser.new_page()
    page.goto(f"{dashboard.address}/healthz")

    def calling(module: str, name: str, *arguments: Any) -> Any:
        script = "async ([module, name, given]) => (await import(module))[name](...given)"
        return page.evaluate(script, [f"/ui/{module}.js", name, list(arguments)])

    yield calling
    page.close()
