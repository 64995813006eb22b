"""Who may use the dashboard, and what pages of other sites cannot do through a browser."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from otel_trackio import ConfigError
from otel_trackio_space.access import TOKEN_VARIABLE, access_on, is_loopback
from tests.space.browser.dashboard import ROOT, Dashboard, free_port
from tests.space.serving import client_of, failure, served, until

TOKEN = "a-token-of-this-test"
JSON = {"content-type": "application/json"}
QUERY = {"project": "p", "keys": ["loss"]}


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """On loopback, without a token."""
    with Dashboard(tmp_path_factory.mktemp("runs")) as serving:
        yield serving


@pytest.fixture(scope="module")
def open_one(dashboard: Dashboard) -> Iterator[httpx.Client]:
    with client_of(dashboard) as client:
        yield client


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """One that asks for a token that its variable names."""
    dir = tmp_path_factory.mktemp("guarded")
    with Dashboard(dir, env={TOKEN_VARIABLE: TOKEN}) as serving:
        yield serving


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "a.localhost."])
def test_no_token_is_asked_for_on_loopback(host: str) -> None:
    """Unless its variable names one."""
    assert is_loopback(host)
    assert access_on(host, {}).token == ""
    assert access_on(host, {TOKEN_VARIABLE: TOKEN}).token == TOKEN


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.168.0.7", "localhost.example", "box"])
def test_beyond_loopback_a_token_is_asked_for(host: str) -> None:
    """One that is made anew at each start, and that no repr tells."""
    one, other = access_on(host, {}), access_on(host, {})
    assert len(one.token) >= 32
    assert one.token != other.token
    assert one.token not in repr(one)
    assert access_on(host, {TOKEN_VARIABLE: TOKEN}).token == TOKEN


def test_a_token_that_is_too_short_is_refused() -> None:
    """The error names the variable, not its value."""
    with pytest.raises(ConfigError, match=r"OTEL_TRACKIO_TOKEN has 5 characters; give 16 or more"):
        access_on("0.0.0.0", {TOKEN_VARIABLE: "abcde"})


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "LOCALHOST", "[::1]:7860", "me.localhost:1"])
def test_a_host_that_is_this_machine_is_served(host: str, open_one: httpx.Client) -> None:
    """Whatever the port: a tunnel may have another."""
    assert open_one.get("/api/projects", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "evil.example:7860", "a@evil.example", "[", ""],
)
@pytest.mark.parametrize("path", ["/", "/api/projects", "/ui/main.js", "/api/openapi.json"])
def test_a_host_of_another_name_is_refused(host: str, path: str, open_one: httpx.Client) -> None:
    """A site that gives itself our address (DNS rebinding) reads nothing."""
    answer = open_one.get(path, headers={"host": host})
    status, error = failure(answer)
    assert (status, error) == (403, f"this server is not called {host!r}")
    assert TOKEN_VARIABLE in answer.json()["hint"]


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": ""},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/series"),
        ("POST", "/api/runs/x/name"),
        ("DELETE", "/api/runs/x"),
        ("PUT", "/api/rules"),
    ],
)
def test_other_sites_change_nothing(
    method: str, path: str, headers: dict[str, str], open_one: httpx.Client
) -> None:
    """Not a port of this machine either."""
    answer = open_one.request(method, path, headers={**JSON, **headers}, content=b"{}")
    assert failure(answer) == (403, "another site asked for this")
    assert "access-control-allow-origin" not in answer.headers


def test_no_other_site_is_allowed_to_ask(open_one: httpx.Client) -> None:
    """A browser that asks first is told no."""
    headers = {"origin": "http://evil.example", "access-control-request-method": "DELETE"}
    answer = open_one.options("/api/runs/x", headers=headers)
    assert answer.status_code >= 400
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "headers", [{}, {"sec-fetch-site": "same-origin", "origin": "https://hub.example"}]
)
def test_our_own_page_and_programs_may_ask(headers: dict[str, str], open_one: httpx.Client) -> None:
    """Also behind a proxy of another name, if the browser says that the page is the same."""
    answer = open_one.post("/api/series", json=QUERY, headers=headers)
    assert answer.status_code == 200
    own = {"origin": str(open_one.base_url).rstrip("/")}
    assert open_one.post("/api/series", json=QUERY, headers=own).status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_changes_something_is_json(kind: str, open_one: httpx.Client) -> None:
    """A form of another site can send these without being asked; JSON it cannot."""
    answer = open_one.post("/api/series", content=b"{}", headers={"content-type": kind})
    assert failure(answer)[0] == 415


def test_large_bodies_are_refused(open_one: httpx.Client) -> None:
    """By the length they say, and by what comes where they say none."""
    big = b'{"project": "' + b"x" * (5 * 2**20) + b'"}'
    assert failure(open_one.post("/api/series", content=big, headers=JSON))[0] == 413
    pieces = iter([big[:1000], big[1000:]])
    try:
        answer = open_one.post("/api/series", content=pieces, headers=JSON)
    except httpx.HTTPError:
        pass  # It hung up before all was sent, which is as good.
    else:
        assert failure(answer)[0] == 413
    assert open_one.get("/healthz").text == "ok"


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'{"project": "p"}', b'{"project": "p", "keys": []}', b"\xff", b"[" * 100_000],
)
def test_what_is_no_question_is_told_so(content: bytes, open_one: httpx.Client) -> None:
    """In the form of every failure, with what is wrong."""
    answer = open_one.post("/api/series", content=content, headers=JSON)
    assert failure(answer)[0] in (400, 422)


def test_a_page_runs_no_script_but_those_it_was_sent_with(
    open_one: httpx.Client,
) -> None:
    """Our own modules, and Gradio's inline scripts by their hashes: text is never evaluated."""
    until(lambda: "gradio_config" in open_one.get("/").text)
    answer = open_one.get("/")
    [scripts] = re.findall(r"script-src ([^;]*);", answer.headers["content-security-policy"])
    inline = re.findall(r"<script(?![^>]*src=)[^>]*>(.*?)</script>", answer.text, re.DOTALL)
    assert inline
    assert scripts.split() == ["'self'", *dict.fromkeys(map(hash_of, inline))]


def hash_of(script: str) -> str:
    digest = hashlib.sha256(script.replace("\r\n", "\n").encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@pytest.mark.parametrize("path", ["/", "/ui/main.js", "/api/projects", "/api/nothing"])
def test_every_answer_bears_headers_that_guard_it(path: str, open_one: httpx.Client) -> None:
    """Scripts only of our own, types as they are said, and no address for other sites."""
    headers = open_one.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "object-src 'none'" in policy
    assert "frame-ancestors 'self' http://localhost:*" in policy
    embedded = open_one.get(path, params={"embed": "1"}).headers["content-security-policy"]
    assert "frame-ancestors *" in embedded


def test_nothing_is_answered_without_the_token(guarded: Dashboard) -> None:
    """To people a page says what to do, to programs JSON; only health is everybody's."""
    with client_of(guarded) as client:
        for path in ("/api/projects", "/ui/main.js", "/api/stream", "/api/openapi.json"):
            answer = client.get(path)
            assert failure(answer)[0] == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        assert failure(client.post("/api/series", json=QUERY))[0] == 401
        page = client.get("/", headers={"accept": "text/html"})
        assert page.status_code == 401
        assert "asks for its token" in page.text
        assert "refresh" not in page.text
        assert client.get("/healthz").text == "ok"


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}"],
)
def test_a_wrong_token_is_refused(given: str, guarded: Dashboard) -> None:
    """In a header, in the address, and in the cookie."""
    with client_of(guarded) as client:
        assert client.get("/api/projects", headers={"authorization": given}).status_code == 401
        answer = client.get("/", params={"token": given})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        cookie = f"otel_trackio_{guarded.port}={given}"
        assert client.get("/api/projects", headers={"cookie": cookie}).status_code == 401


def test_programs_show_the_token_in_a_header(guarded: Dashboard) -> None:
    """As Authorization: Bearer. A cookie that holds the token itself is none."""
    with client_of(guarded) as client:
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert client.get("/api/projects", headers=bearer).status_code == 200
        assert client.post("/api/series", json=QUERY, headers=bearer).status_code == 200
        cookie = {"cookie": f"otel_trackio_{guarded.port}={TOKEN}"}
        assert client.get("/api/projects", headers=cookie).status_code == 401


def test_the_address_with_the_token_is_left_at_once(guarded: Dashboard) -> None:
    """A cookie stands for it, which no script reads and no other site sends."""
    with client_of(guarded) as client:
        answer = client.get("/", params={"embed": "1", "token": TOKEN, "runs": "a b&c"})
        assert answer.status_code == 303
        assert answer.headers["location"] == "./?embed=1&runs=a+b%26c"
        cookie = answer.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert TOKEN not in cookie
        assert TOKEN not in answer.text
        assert client.get("/api/projects").status_code == 200
        foreign = {"origin": "http://evil.example"}
        assert client.post("/api/series", json=QUERY, headers=foreign).status_code == 403
        assert client.get("/", params={"token": TOKEN}).headers["location"] == "./"


@pytest.mark.parametrize("path", ["//evil.example", "//evil.example/", "/\\evil.example", "/a/b"])
def test_the_address_without_the_token_is_on_this_server(path: str, guarded: Dashboard) -> None:
    """Whatever the path, it leads nowhere else."""
    request = f"GET {path}?token={TOKEN} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    with closing(socket.create_connection(("127.0.0.1", guarded.port), 60)) as connection:
        connection.sendall(request.encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    [location] = re.findall(rb"(?i)\r\nlocation: ([^\r]*)", answer)
    assert location.startswith(b"./")


def test_who_comes_by_a_link_of_another_site_gets_in(guarded: Dashboard) -> None:
    """The strict cookie stays behind there; the page asks again by itself, and it comes along."""
    with client_of(guarded) as client:
        headers = {"accept": "text/html", "sec-fetch-site": "cross-site"}
        assert 'http-equiv="refresh"' in client.get("/", headers=headers).text


def test_the_token_is_printed_once_and_logged_never(tmp_path: Path) -> None:
    """In the address to open; and a log of accesses shows addresses without it."""
    with Dashboard(tmp_path, "--host", "0.0.0.0") as dashboard, client_of(dashboard) as client:
        [line] = [line for line in dashboard.said if "token=" in line]
        [token] = re.findall(r"\?token=([\w-]+)\s", line)
        assert client.get("/", params={"token": token}).status_code == 303
        assert client.get("/api/projects").status_code == 200
        client.get("/api/nothing", params={"token": token})
        assert dashboard.stop() in (0, -2, 130)
        assert sum(token in line for line in dashboard.said) == 1


LOGGED = """
import sys, uvicorn
from otel_trackio_space.access import Access
from otel_trackio_space.app import build
from otel_trackio_space.shelf import Shelf
app = build(Shelf(sys.argv[1]), Access(sys.argv[2]))
uvicorn.run(app, port=int(sys.argv[3]), log_level="info", access_log=True)
"""


def test_a_log_of_accesses_does_not_show_the_token(tmp_path: Path) -> None:
    """Whoever serves the app with one, whether the token was right or wrong."""
    port = free_port()
    command = [sys.executable, "-c", LOGGED, str(tmp_path), TOKEN, str(port)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            until(lambda: answers(client))
            assert client.get("/?a=1", params={"token": TOKEN}).status_code == 303
            assert client.get("/api/projects", params={"token": f"{TOKEN}x"}).status_code == 303
    finally:
        process.terminate()
        process.wait(60)
    logged = (tmp_path / "log").read_text()
    assert "GET /" in logged
    assert TOKEN not in logged


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def test_a_server_that_only_shows_changes_nothing(tmp_path: Path) -> None:
    """It says how to start one that does; questions are answered."""
    with served(tmp_path, "--read-only") as client:
        asked = [
            client.post("/api/runs/x/name", json={"name": "y"}),
            client.post("/api/runs/x/project", json={"project": "y"}),
            client.post("/api/runs/x/tags", json={"add": ["y"]}),
            client.delete("/api/runs/x"),
            client.put("/api/rules", json={"project": "p", "rules": []}),
        ]
        assert [failure(each) for each in asked] == [(403, "this server only shows")] * 5
        assert client.post("/api/series", json=QUERY).status_code == 200
        assert client.get("/api/rules", params={"project": "p"}).status_code == 200
    assert [path.name for path in tmp_path.iterdir()] == []


def test_the_end_is_told_to_who_still_waits(tmp_path: Path) -> None:
    """A request that never came whole keeps no server, and leaves no traceback."""
    half = b"POST /api/series HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    with (
        Dashboard(tmp_path) as dashboard,
        closing(socket.create_connection(("127.0.0.1", dashboard.port), 60)) as slow,
    ):
        slow.sendall(half + b"Content-Length: 1000\r\n\r\n{")
        with client_of(dashboard) as client:
            assert client.get("/healthz").text == "ok"
        assert dashboard.stop() == 0
        answer = b"".join(iter(lambda: slow.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"the dashboard has ended" in answer
        assert "Traceback" not in "".join(dashboard.said)


def test_slow_clients_hold_nobody_up(open_one: httpx.Client, dashboard: Dashboard) -> None:
    """Connections that send half a request, or a body a byte at a time, leave the page alive."""
    half = b"POST /api/series HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    with ExitStack() as stack:
        for number in range(100):
            address = "127.0.0.1", dashboard.port
            slow = stack.enter_context(closing(socket.create_connection(address, 60)))
            slow.sendall(half + (b"Content-Length: 1000\r\n\r\n{" if number % 2 else b""))
        assert open_one.post("/api/series", json=QUERY).status_code == 200
