"""The HTTP API of tables, images and files: all is told, and nothing that is sent does harm."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import otel_trackio
from otel_trackio import Image, Markdown, Run, Table, Trace, cell, layout
from otel_trackio.attachment import MAX_FILE_BYTES
from otel_trackio_space import answers
from otel_trackio_space.exhibits import MAX_CELL, MAX_ROWS
from tests.space.asking import Asking
from tests.space.serving import failure

ROWS: Final = 2_500
ODD: Final = (math.nan, math.inf, -math.inf)
EVIL: Final = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


@pytest.fixture
def run(asking: Asking) -> Iterator[Run]:
    """One that goes on."""
    with otel_trackio.init("p", "r") as going:
        yield going


def told(asking: Asking, run: Run, kind: str, **asked: Any) -> list[dict[str, Any]]:
    found = asking.get(f"/api/runs/{run.id}/records", kind=kind, **asked)
    answers.Records.model_validate(found)
    records: list[dict[str, Any]] = found["records"]
    return records


def rows(asking: Asking, run: Run, record: dict[str, Any], **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = asking.get(
        f"/api/runs/{run.id}/rows/{record['id']}", key=record["key"], **asked
    )
    answers.Rows.model_validate(found)
    return found


def test_a_list_is_brief_where_it_may_be(asking: Asking, run: Run) -> None:
    """Rows, texts and messages are told one by one; what a list needs stands in it."""
    run.log({"t": Table(["a"], [[1]]), "m": Markdown("x"), "i": Image(picture(), "one")}, 3)
    run.log({"c": Trace([{"role": "user", "content": "x"}])}, 3)
    assert [each["data"] for each in told(asking, run, "table", brief=True)] == [{"count": 1}]
    assert [each["data"] for each in told(asking, run, "markdown", brief=True)] == [{}]
    [image] = told(asking, run, "image", brief=True)
    assert (image["step"], image["data"]["caption"]) == (3, "one")
    assert told(asking, run, "table")[0]["data"]["rows"] == [[1]]
    for kind, key in (("markdown", "m"), ("trace", "c"), ("image", "i")):
        [record] = told(asking, run, kind)
        path = f"/api/runs/{run.id}/records/{kind}/{record['id']}"
        assert asking.get(path, key=key) == record


def picture() -> Any:
    return np.full((3, 3), 7, np.uint8)


def test_the_latest_are_told(asking: Asking, run: Run) -> None:
    """Where there are more than are asked for, those recorded last, stored or not."""
    for step in range(6):
        run.log({"m": Markdown(str(step))}, step)
        if step == 3:
            assert run.flush()
    found = asking.get(f"/api/runs/{run.id}/records", kind="markdown", limit=4)
    assert [each["data"]["text"] for each in found["records"]] == ["2", "3", "4", "5"]
    assert found["more"]
    assert not asking.get(f"/api/runs/{run.id}/records", kind="markdown", limit=6)["more"]


@pytest.mark.parametrize("amount", [3, ROWS])
def test_rows_are_told_by_the_page(asking: Asking, run: Run, amount: int) -> None:
    """Of a table in its record and of one in a file; exact, as JSON that JavaScript holds."""
    data = [[n, ODD[n % 3], 2**62 + n, {"deep": [n]}, None] for n in range(amount)]
    run.log({"t/t": Table(list("abcde"), data)})
    [record] = told(asking, run, "table", brief=True)
    whole = [
        [n, ("NaN", "Infinity", "-Infinity")[n % 3], str(2**62 + n), {"deep": [n]}, None]
        for n in range(amount)
    ]
    first = rows(asking, run, record)
    assert (first["columns"], first["types"]) == (
        list("abcde"),
        ["int", "float", "int", "json", "text"],
    )
    assert (first["count"], first["rows"]) == (amount, whole[:MAX_ROWS])
    late = rows(asking, run, record, start=amount - 2, limit=1)
    assert (late["start"], late["rows"]) == (amount - 2, whole[-2:-1])
    assert rows(asking, run, record, start=amount + 5)["rows"] == []


def test_long_cells_are_cut(asking: Asking, run: Run) -> None:
    """A page of a table stays small, whatever stands in it."""
    run.log({"t": Table(["a"], [["x" * (MAX_CELL + 1)]])})
    [record] = told(asking, run, "table", brief=True)
    [[cell]] = rows(asking, run, record)["rows"]
    assert cell == "x" * MAX_CELL + "…"


@pytest.mark.parametrize("id", ["0", "-1", "x", "9" * 30, "²", "%2e%2e"])
def test_what_was_not_recorded_is_not_found(asking: Asking, run: Run, id: str) -> None:
    """A record is asked for by what tells it apart, and by nothing else."""
    run.log({"t": Table(["a"], [[1]])})
    [record] = told(asking, run, "table")
    for path in (f"rows/{id}", f"records/table/{id}"):
        assert failure(asking.send("GET", f"/api/runs/{run.id}/{path}?key=t"))[0] == 404
    other = f"/api/runs/{run.id}/rows/{record['id']}?key=u"
    assert failure(asking.send("GET", other))[0] == 404


def test_an_image_is_sent_as_what_it_is(asking: Asking, run: Run) -> None:
    """With its bytes and type, kept by browsers for good, and powerless where it is opened."""
    run.log({"i": Image(picture())})
    [record] = told(asking, run, "image")
    file = record["data"]["file"]
    answer = asking.send("GET", f"/api/runs/{run.id}/files/{file['name']}")
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].split("; ") == [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "sandbox",
    ]
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-disposition"].startswith("inline")


def planted(run: Run, name: str, content: bytes) -> str:
    """A file that somebody has put beside a run; where the API has it, if it has."""
    assert run.path is not None
    path = layout.files_dir(run.path) / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return f"/api/runs/{run.id}/files/{quote(name, safe='')}"


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "webp", "json", "parquet"])
def test_content_that_means_harm_is_never_what_it_is(asking: Asking, run: Run, ending: str) -> None:
    """SVG and HTML are sent as what the name stands for, which no browser may doubt."""
    for content in (EVIL, b"<!doctype html><script>alert(1)</script>"):
        answer = asking.send("GET", planted(run, f"{'a' * 64}.{ending}", content))
        kind = answer.headers["content-type"]
        assert not any(each in kind for each in ("svg", "html", "xml", "script", "text/"))
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        shown = answer.headers["content-disposition"].partition(";")[0]
        assert shown == ("inline" if kind.startswith("image/") else "attachment")


@pytest.mark.parametrize(
    "name",
    [
        "evil.svg",
        f"{'a' * 64}.svg",
        f"{'a' * 64}.html",
        f"{'a' * 64}.png.svg",
        f"{'A' * 64}.png",
        f"{'a' * 63}.png",
        f"{'a' * 64}.png\n",
        "..%2fw.db",
        "x.png",
    ],
)
def test_only_files_of_ours_are_sent(asking: Asking, run: Run, name: str) -> None:
    """What has no name of ours is not found, though it lies there."""
    path = f"/api/runs/{run.id}/files/{quote(name, safe='%')}"
    if "%" not in name:
        path = planted(run, name, EVIL)
    assert failure(asking.send("GET", path))[0] == 404


def test_no_name_leads_to_another_folder(asking: Asking, run: Run) -> None:
    """Neither up, nor to another run's, nor along a link."""
    assert run.path is not None
    run.log({"i": Image(picture())})
    [record] = told(asking, run, "image")
    name = record["data"]["file"]["name"]
    with otel_trackio.init("p", "other") as other:
        other.log({"loss": 1})
    for path in (
        f"/api/runs/{other.id}/files/{name}",
        f"/api/runs/{other.id}/files/..%2f..%2f{run.id}%2ffiles%2f{name}",
        f"/api/runs/{run.id}/files/..%2f{run.path.name}.db",
        f"/api/runs/{run.id}/files/%2fetc%2fpasswd",
        f"/api/runs/{run.id}/files/{name}%00.svg",
    ):
        assert asking.send("GET", path).status_code == 404, path


def test_a_file_that_is_too_large_is_not_read(asking: Asking, run: Run) -> None:
    """However much somebody has put there."""
    path = planted(run, f"{'a' * 64}.png", b"")
    assert run.path is not None
    with (layout.files_dir(run.path) / f"{'a' * 64}.png").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    assert failure(asking.send("GET", path))[0] == 413


def test_tables_that_mean_harm_are_refused(asking: Asking, run: Run) -> None:
    """One that is none, one with other columns, and one that unpacks to more than ours would."""
    assert run.path is not None
    run.log({"t": Table(["a"], [[n] for n in range(ROWS * 5)])})
    [record] = told(asking, run, "table")
    assert run.flush()
    path = layout.files_dir(run.path) / record["data"]["file"]["name"]
    many = pa.table({"a": pa.array(np.zeros(cell.MAX_ROWS + 1, np.int64))})
    for content in (EVIL, pa.table({"a": [1], "b": [2]}), many):
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            pq.write_table(content, path, row_group_size=10**6)
        url = f"/api/runs/{run.id}/rows/{record['id']}?key=t"
        assert failure(asking.send("GET", url))[0] == 500


def test_a_run_that_was_deleted_sends_nothing(asking: Asking, tmp_path: Path) -> None:
    """Its files are gone with it."""
    with otel_trackio.init("p", "r") as run:
        run.log({"i": Image(picture())})
    [record] = told(asking, run, "image")
    url = f"/api/runs/{run.id}/files/{record['data']['file']['name']}"
    assert asking.send("GET", url).status_code == 200
    otel_trackio.Api().run(run.id).delete()
    assert failure(asking.send("GET", url))[0] == 404
