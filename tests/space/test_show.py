"""`otel-trackio show` and `otel_trackio.show()`: the dashboard comes at once, and goes cleanly."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest

import otel_trackio
from tests.space.browser.dashboard import PATIENCE, Dashboard
from tests.space.serving import client_of, until

PROGRAM: Final = (sys.executable, "-m", "otel_trackio")

ELSEWHERE: Final = re.compile(r"""(?:src|href)=["']?(?:https?:)?//|url\(["']?(?:https?:)?//""")
"""What loads from another machine."""


@contextmanager
def shown(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command, and the address that it prints first."""
    command = [*PROGRAM, *options, "--no-browser"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def fails(*options: str) -> str:
    """What the command says on standard error when it refuses."""
    ran = subprocess.run([*PROGRAM, *options, "--no-browser"], capture_output=True, text=True)
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    return ran.stderr


def get(url: str, path: str = "/healthz") -> httpx.Response:
    where = urlsplit(url)
    return httpx.get(f"http://{where.netloc}{path}", timeout=PATIENCE, trust_env=False)


def serves(url: str) -> bool:
    try:
        return get(url).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_the_address_and_ends_when_told(tmp_path: Path, by: signal.Signals) -> None:
    """Ctrl-C is how one ends it: that is no error, and nothing more is said."""
    with shown("--dir", str(tmp_path), "show", "a project", "--port", "0") as (process, url):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?project=a\+project", url)
        until(lambda: serves(url))
        assert get(url, "/api/about").json()["dir"] == str(tmp_path)
        process.send_signal(by)
        said = process.communicate(timeout=PATIENCE)
        assert said == ("", "")
        assert process.returncode == (0 if by == signal.SIGINT else -by)


def test_of_two_the_second_takes_the_next_port(tmp_path: Path) -> None:
    """Without a port each finds a free one; a port that was asked for and is taken is an error."""
    with shown("show", "--dir", str(tmp_path)) as (_, first):
        taken = urlsplit(first).port
        assert taken is not None
        with shown("show", "--dir", str(tmp_path)) as (_, second):
            until(lambda: serves(first) and serves(second))
            # Not "greater": one that others had may be free again by now.
            assert min(taken, urlsplit(second).port or 0) >= 7860
            assert urlsplit(second).port != taken
        error = fails("show", "--port", str(taken))
        assert f"127.0.0.1:{taken} is taken; give another" in error


def test_what_cannot_be_shown_is_told(tmp_path: Path) -> None:
    """The folder of runs itself is not the one to name, and not every host is ours."""
    with otel_trackio.init("project", dir=tmp_path) as run:
        run.log({"loss": 1}, 0)
    assert f"did you mean {tmp_path}?" in fails("show", "--dir", str(tmp_path / "runs"))
    (tmp_path / "file").touch()
    assert "file is no folder; give the one" in fails("show", "--dir", str(tmp_path / "file"))
    assert "cannot listen on 203.0.113.7:" in fails("show", "--host", "203.0.113.7")


def test_the_page_is_there_before_gradio_and_loads_the_same_with_it(tmp_path: Path) -> None:
    """It loads our modules first, and nothing from any other machine."""
    with Dashboard(tmp_path) as dashboard, client_of(dashboard) as client:
        alone = client.get("/")
        until(lambda: client.get("/config").status_code == 200, "Gradio did not come")
        within = client.get("/")
        for page in (alone, within):
            assert page.headers["content-type"].startswith("text/html")
            assert not ELSEWHERE.search(page.text)
            scripts = re.findall(r"<script[^>]*>", page.text)
            assert scripts[0] == '<script type="module" src="/ui/main.js">'
        for module in re.findall(r'modulepreload" href="([^"]+)"', within.text):
            assert client.get(module).status_code == 200, module
        assert "gradio_config" in within.text
        assert "gradio_config" not in alone.text
        info = client.get("/gradio_api/info").json()
        assert info == {"named_endpoints": {}, "unnamed_endpoints": {}}


PROGRAM_THAT_SHOWS: Final = """
import os, sys
from urllib.parse import urlsplit
import otel_trackio
from tests.space.serving import until
from tests.space.test_show import get, serves

with otel_trackio.init("project") as run:
    dashboard = otel_trackio.show("project", browser=False)
    run.log({"loss": 1}, 0)
    until(lambda: serves(dashboard.url))
    (listed,) = get(dashboard.url, "/api/runs?project=project").json()["runs"]
    assert (listed["id"], listed["state"]) == (run.id, "running")
    until(lambda: get(dashboard.url, "/config").status_code == 200)  # With Gradio, too.
    get(dashboard.url, "/")
with otel_trackio.Api() as api:
    assert [each.key for each in api.run(run.id).metrics()] == ["loss"]
assert otel_trackio.show(browser=False) is dashboard
dashboard.close()
until(lambda: not serves(dashboard.url))
again = otel_trackio.show("one", browser=False)
assert again is not dashboard
assert again.url.endswith("?project=one")
assert otel_trackio.show("two", browser=False) is again
assert again.url.endswith("?project=two")
os.environ["OTEL_TRACKIO_DIR"] = "another"
third = otel_trackio.show(browser=False)
until(lambda: serves(third.url))
assert get(third.url, "/api/about").json()["dir"] == os.path.abspath("another")
third.close()
until(lambda: serves(again.url))
try:
    otel_trackio.show(dir="elsewhere", port=urlsplit(again.url).port, browser=False)
except otel_trackio.ConfigError as error:
    assert "is taken" in str(error), error
else:
    raise AssertionError("two on one port")
"""


def test_show_returns_at_once_and_closes() -> None:
    """From Python it serves beside a training, whose metrics it leaves alone, until it is closed.

    Asked for again it is the same server.
    """
    ran = subprocess.run([sys.executable, "-c", PROGRAM_THAT_SHOWS], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")


PROGRAM_THAT_FORKS: Final = """
import os, socket, sys, time
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener
import otel_trackio
dashboard = otel_trackio.show(browser=False)
port = urlsplit(dashboard.url).port
come, go = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    os.read(come[0], 1)
    socket.create_server(("127.0.0.1", port)).close()  # Nobody else has it.
    own = otel_trackio.show(browser=False, port=port)
    build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}/healthz", timeout=20).close()
    os.write(go[1], own.url.encode())
    os._exit(0)
dashboard.close()
os.write(come[1], b"1")
os.waitpid(child, 0)
assert os.read(go[0], 100).decode() == dashboard.url
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it does not fork here")
def test_a_forked_child_leaves_the_port() -> None:
    """It does not serve, may outlive the server, and may serve by itself."""
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM_THAT_FORKS]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_program_that_shows_ends_by_itself(tmp_path: Path) -> None:
    """What is served goes with the program, which waits for nobody."""
    program = f"import otel_trackio; otel_trackio.show(dir={str(tmp_path)!r}, browser=False)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=PATIENCE)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_without_the_extra_it_is_named(tmp_path: Path) -> None:
    """Where the dashboard cannot be imported the error has the line that installs it."""
    program = """
import sys
sys.modules["fastapi"] = None
import otel_trackio
try:
    otel_trackio.show()
except otel_trackio.MissingExtra as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    line = "the dashboard is not installed; pip install 'otel-trackio[space]'"
    assert ran.stdout.strip() == line, ran.stderr


NOTEBOOK: Final = """
import sys, types
shown = []
shell = types.SimpleNamespace(kernel=1)
frame = lambda url, width, height: (url, width)
display = types.SimpleNamespace(IFrame=frame, display=shown.append)
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=lambda: shell, display=display)
sys.modules["IPython.display"] = display
"""

COLAB: Final = """
def serve(port, path, height):
    shown.append((port, path))
output = types.SimpleNamespace(serve_kernel_port_as_iframe=serve)
sys.modules["google.colab"] = types.SimpleNamespace(output=output)
"""


@pytest.mark.parametrize("colab", [False, True])
def test_in_a_notebook_it_is_below_the_cell(tmp_path: Path, colab: bool) -> None:
    """Jupyter gets a frame of the address; Colab, whose browser is elsewhere, one of the port."""
    program = (
        NOTEBOOK
        + (COLAB if colab else "")
        + f"""
import otel_trackio
found = otel_trackio.show("p", dir={str(tmp_path)!r})
port = int(found.url.split(":")[2].split("/")[0])
assert shown == [{'(port, "/?project=p")' if colab else '(found.url, "100%")'}], shown
"""
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_nothing_is_opened_in_a_terminal(tmp_path: Path) -> None:
    """Without a display there is no window, and a browser of text would take the terminal over."""
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    opened = tmp_path / "opened"
    environment["BROWSER"] = f"touch {opened} #%s"
    command = [*PROGRAM, "show", "--dir", str(tmp_path), "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    until(lambda: serves(url))
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert not opened.exists()
