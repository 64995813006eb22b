"""Exporting points: every one, exactly, of whichever runs and metrics."""

from __future__ import annotations

import csv
import io
import re
import secrets
import socket
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

import otel_trackio
from otel_trackio import Run
from otel_trackio_space import export
from tests.space.browser.dashboard import Dashboard
from tests.space.serving import failure, until

ODD = [float("nan"), float("inf"), float("-inf"), -0.0, 2**70 + 1, -(2**63), 0.1, 2**53 + 1]
TEXTS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "-0.0",
    str(2**70 + 1),
    str(-(2**63)),
    "0.1",
    str(2**53 + 1),
]


@pytest.fixture
def project() -> str:
    """A project of the test's own."""
    return secrets.token_hex(4)


def recorded(dir: Path, project: str, name: str = "one") -> Run:
    with otel_trackio.init(project, name, dir=dir) as run:
        for step, value in enumerate(ODD):
            run.log({"odd, value": value, "=cmd()": step}, step)
        run.log({"weights": otel_trackio.Histogram([1.0, 2.0])}, 0)
        run.log_system({"gpu": 71})
    return run


def table(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_csv_has_every_point_exactly(client: httpx.Client, dir: Path, project: str) -> None:
    """Steps, times in ns, and values that read back as they were logged."""
    run = recorded(dir, project)
    answer = client.get("/api/export", params={"project": project, "keys": "odd, value"})
    rows = table(answer)
    history = otel_trackio.Api(dir).run(run.id).history("odd, value")
    assert list(rows[0]) == list(export.COLUMNS)
    assert [row["value"] for row in rows] == TEXTS
    assert [int(row["step"]) for row in rows] == history["step"].tolist()
    assert [int(row["time"]) for row in rows] == history["time"].tolist()
    assert {(row["run"], row["name"], row["rank"]) for row in rows} == {(run.id, "one", "0")}
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_parquet_has_every_point_exactly(client: httpx.Client, dir: Path, project: str) -> None:
    """As a remote has them: integers beyond a float64 stand beside it."""
    run = recorded(dir, project)
    asked = {"project": project, "keys": ["odd, value", "gpu"], "format": "parquet"}
    answer = client.get("/api/export", params=asked)
    rows = pq.read_table(io.BytesIO(answer.content)).to_pylist()
    exact = [row["digits"] or row["integer"] or row["value"] for row in rows[: len(ODD)]]
    assert [str(value) for value in exact] == [str(value) for value in ODD]
    history = otel_trackio.Api(dir).run(run.id).history("odd, value")
    assert [row["time"].value for row in rows[: len(ODD)]] == history["time"].tolist()
    assert [row["step"] for row in rows] == [*range(len(ODD)), None]
    assert [row["key"] for row in rows] == ["odd, value"] * len(ODD) + ["gpu"]


def test_several_metrics_and_runs_are_exported(
    client: httpx.Client, dir: Path, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every rank of each, or of the runs that are named; what a run has not it is left out of."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in range(2):
        monkeypatch.setenv("RANK", str(rank))
        with otel_trackio.init(project, "ranks", id=project, resume="allow", dir=dir) as run:
            run.log({"a": rank, "b": rank + 0.5}, 0)
    monkeypatch.delenv("WORLD_SIZE")
    monkeypatch.delenv("RANK")
    with otel_trackio.init(project, "other", dir=dir) as other:
        other.log({"a": 7}, 0)

    def rows(**params: Any) -> list[tuple[str, ...]]:
        found = table(client.get("/api/export", params={"project": project, **params}))
        return [(row["name"], row["key"], row["rank"], row["value"]) for row in found]

    ranks = [("ranks", "a", "0", "0"), ("ranks", "a", "1", "1")]
    assert rows(keys="a") == [*ranks, ("other", "a", "0", "7")]
    assert rows(keys=["a", "b"], runs=run.id) == [
        *ranks,
        ("ranks", "b", "0", "0.5"),
        ("ranks", "b", "1", "1.5"),
    ]
    assert rows(keys="b", runs=[run.id, other.id]) == rows(keys="b")


def test_points_that_others_replace_are_left_out(
    client: httpx.Client, dir: Path, project: str
) -> None:
    """As in `history`: of a step that was logged twice the last counts."""
    with otel_trackio.init(project, "one", dir=dir) as run:
        for value in (1, 2.5):
            run.log({"twice": value}, 3)
        found = table(client.get("/api/export", params={"project": project, "keys": "twice"}))
    assert [(row["step"], row["value"]) for row in found] == [("3", "2.5")]


def test_keys_are_left_as_they_are(client: httpx.Client, dir: Path, project: str) -> None:
    """Also one that a spreadsheet takes for a formula: with a mark before it, it is another."""
    recorded(dir, project)
    rows = table(client.get("/api/export", params={"project": project, "keys": "=cmd()"}))
    assert {row["key"] for row in rows} == {"=cmd()"}


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        'a"; filename="b.exe',
        "a\r\nset-cookie: x=1",
        "\u00e4\U0001f600",
        "",
        "." * 300,
    ],
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_file_has_a_name_that_is_safe(name: str, form: str) -> None:
    """In a header, and on any disk."""
    for keys in ([name], [name, name]):
        made = export.file_name(name, keys, form)
        assert re.fullmatch(rf"[A-Za-z0-9_-]{{1,100}}\.{form}", made)


def test_it_is_a_file_to_keep(client: httpx.Client, dir: Path, project: str) -> None:
    """No page of a browser, whatever the names are."""
    recorded(dir, f"{project}/<script>")
    asked = {"project": f"{project}/<script>", "keys": "odd, value"}
    answer = client.get("/api/export", params=asked)
    disposition = answer.headers["content-disposition"]
    assert disposition == f'attachment; filename="{project}_script-odd_value.csv"'


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"keys": "loss"}, 422),
        ({"project": "p"}, 422),
        ({"project": "p", "keys": ["k"] * 51}, 422),
        ({"project": "p", "keys": "k" * 1001}, 422),
        ({"project": "p", "keys": "k", "runs": ["r"] * 2001}, 422),
        ({"project": "p", "keys": "k", "format": "xlsx"}, 422),
        ({"project": "p", "keys": "k"}, 404),
        ({"project": "p", "keys": "../../etc/passwd"}, 404),
        ({"project": "p", "keys": "k", "runs": "../../etc"}, 404),
    ],
)
def test_what_cannot_be_exported_is_told(
    params: dict[str, Any], status: int, client: httpx.Client
) -> None:
    """Before anything is sent."""
    assert failure(client.get("/api/export", params=params))[0] == status


def test_histograms_have_no_points(client: httpx.Client, dir: Path, project: str) -> None:
    """They export as no rows, beside metrics that have some."""
    recorded(dir, project)
    assert table(client.get("/api/export", params={"project": project, "keys": "weights"})) == []


def long(dir: Path, project: str, points: int) -> Run:
    with otel_trackio.init(project, "long", dir=dir) as run:
        for step in range(points):
            run.log({"loss": step / 7}, step)
    return run


def test_long_histories_come_in_pieces(
    client: httpx.Client, dir: Path, project: str, size: Any
) -> None:
    """All of it, in order, and nothing twice."""
    points = size(50_000, 1_000_000)
    long(dir, project, points)
    for form in ("csv", "parquet"):
        params = {"project": project, "keys": "loss", "format": form}
        with client.stream("GET", "/api/export", params=params) as answer:
            content = b"".join(answer.iter_bytes())
        if form == "csv":
            steps = [int(line.split(b",")[4]) for line in content.splitlines()[1:]]
        else:
            found = pq.ParquetFile(io.BytesIO(content))
            assert found.num_row_groups == -(-points // export.ROWS)
            steps = found.read(["step"])["step"].to_pylist()
        assert steps == list(range(points))


def test_who_does_not_read_holds_nobody_up(
    client: httpx.Client, dashboard: Dashboard, dir: Path, project: str
) -> None:
    """Some exports wait for those that take them; one more is told so, and the page is alive."""
    long(dir, project, 200_000)  # More than lies in the buffers between us.
    path = f"/api/export?project={project}&keys=loss"
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: identity\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(4):
            slow = stack.enter_context(closing(socket.socket()))
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", dashboard.port))
            slow.sendall(request.encode())
            assert slow.recv(12) == b"HTTP/1.1 200"
        assert failure(client.get(path)) == (503, "4 exports are under way")
        assert client.get("/api/projects").status_code == 200
    assert until(lambda: client.get(path).status_code == 200)
