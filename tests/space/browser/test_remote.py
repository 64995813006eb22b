"""Pages that show what is elsewhere: a remote that is followed, and a dashboard in a notebook."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.e2e.puppet import Puppet
from tests.space.browser.dashboard import ROOT, Dashboard, address_in
from tests.space.browser.shelf import Shelf
from tests.space.browser.visitor import Chart, Visitor

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]

TURNS: Final = 120_000
"""Milliseconds in which a remote is looked at several times."""


@contextmanager
def following(remote: Path, cache: Path) -> Iterator[Dashboard]:
    """`otel-trackio show --remote`, which keeps its copy in a folder of the test's own."""
    environment = {"XDG_CACHE_HOME": str(cache)}
    with Dashboard(Path("/"), "--remote", str(remote), env=environment) as server:
        yield server


def test_a_remote_is_followed_as_it_grows(
    visitor: Callable[..., Visitor], trainee: Callable[..., Puppet], tmp_path: Path
) -> None:
    """What a run syncs shows up by itself, and the page says how old it is."""
    remote = tmp_path / "remote"
    process = trainee(tmp_path / "own")
    process.init("far", run_name="away", remote=str(remote))
    process.log(0, 10)
    assert process.do("sync", 60)
    with following(remote, tmp_path / "cache") as server:
        came = visitor(server).open({"page": "runs", "project": "far"})
        row = came.page.get_by_role("row", name=re.compile("away"))
        expect(row).to_contain_text("running", timeout=TURNS)
        expect(row.locator("[data-column='run:step']")).to_have_text("9")
        age = came.page.get_by_title(str(remote))
        expect(age).to_have_text(re.compile(r"^Synced (now|\d+ (s|min) ago)$"), timeout=TURNS)
        process.log(10, 20)
        assert process.do("sync", 60)
        expect(row.locator("[data-column='run:step']")).to_have_text("19", timeout=TURNS)
        came.go("Metrics")
        Chart(came, "loss").tells("loss: 1 line")
        Chart(came, "loss").tells("step 0 to step 19")
        assert came.faults() == []
        came.page.close()


def test_a_remote_that_goes_is_told(
    visitor: Callable[..., Visitor], trainee: Callable[..., Puppet], tmp_path: Path
) -> None:
    """What has come stays, with its age and with what is wrong."""
    remote = tmp_path / "remote"
    process = trainee(tmp_path / "own")
    process.init("far", run_name="away", remote=str(remote))
    process.log(0, 10)
    assert process.do("sync", 60)
    process.kill()
    with following(remote, tmp_path / "cache") as server:
        came = visitor(server).open({"page": "runs", "project": "far"})
        expect(came.page.get_by_text(re.compile("^Synced"))).to_be_visible(timeout=TURNS)
        remote.rename(tmp_path / "gone")
        lost = came.page.get_by_text(re.compile("^Not reached, synced"))
        expect(lost).to_be_visible(timeout=TURNS)
        expect(lost).to_have_attribute("title", re.compile(f"no runs in {re.escape(str(remote))}"))
        came.sees("away")
        came.page.close()


NOTEBOOK: Final = """
import sys, types

class IFrame:
    def __init__(self, src, width, height):
        self.src, self.width, self.height = src, width, height
    def _repr_html_(self):
        size = f'width="{self.width}" height="{self.height}"'
        return f'<iframe {size} src="{self.src}" frameborder="0" allowfullscreen></iframe>'

shell = types.SimpleNamespace(kernel=1)
display = types.SimpleNamespace(IFrame=IFrame, display=lambda shown: print(shown._repr_html_()))
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: shell, display=display)
sys.modules["IPython.display"] = display

import otel_trackio
otel_trackio.show("digits")
sys.stdout.flush()
sys.stdin.read()
"""
"""A kernel, as far as it takes part: it displays a frame as IPython writes it."""


@contextmanager
def displayed(shelf: Shelf) -> Iterator[str]:
    """The HTML that a notebook has below its cell, while its kernel lives."""
    environment = {**os.environ, "OTEL_TRACKIO_DIR": str(shelf.dir)}
    with subprocess.Popen(
        [sys.executable, "-c", NOTEBOOK],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline()
        finally:
            process.kill()


@contextmanager
def notebook(html: str) -> Iterator[str]:
    """The address of a notebook on this machine that displays it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(f"<!doctype html><title>Notebook</title>{html}".encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_notebook_shows_charts_below_its_cell(
    visitor: Callable[..., Visitor], shelf: Shelf
) -> None:
    """What `show()` displays is a live page within that of the notebook."""
    with displayed(shelf) as html, notebook(html) as address:
        kernel = Dashboard(shelf.dir)
        kernel.address = address_in(html)
        came = visitor(kernel)
        came.witness.allow(f"GET {address}")
        came.page.goto(address)
        frame = came.page.frame_locator("iframe")
        chart = frame.get_by_role("application", name=re.compile("^train.loss. Arrow"))
        expect(chart).to_be_visible(timeout=TURNS)
        expect(frame.get_by_title("New points show up by themselves")).to_be_visible()
        expect(came.page.locator("iframe")).to_have_attribute("height", "800")
        came.page.close()
