"""Changing runs from the dashboard: names, projects, tags, and deleting them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import otel_trackio
from otel_trackio import Api, Run, UnknownRun
from tests.e2e.puppet import Puppet
from tests.space.serving import failure, served

HOSTILE = [
    "..",
    "../..",
    "../../../etc/passwd",
    "..%2f..%2fetc",
    "/etc/passwd",
    "~",
    "runs",
    "%",
    "%00",
    "a\x00b",
    "a\nb",
    "x" * 3000,
    "C:\\Windows",
    "*",
    "?",
    "' OR 1=1 --",
    "\U0001f600",
]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")


@pytest.fixture(scope="module")
def dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("edits") / "here"
    found.mkdir()
    return found


@pytest.fixture(scope="module")
def client(dir: Path) -> Iterator[httpx.Client]:
    with served(dir) as found:
        yield found


@pytest.fixture
def project() -> str:
    """A project of the test's own."""
    return secrets.token_hex(4)


Recording = Callable[..., Run]


@pytest.fixture
def recorded(dir: Path, project: str) -> Recording:
    """`recorded(name)` is a run that has ended."""

    def recording(name: str = "one", project: str = project, **given: Any) -> Run:
        with otel_trackio.init(project, name, dir=dir, tags=["a", "b"], **given) as run:
            run.log({"loss": 0.5})
        return run

    return recording


def at(run: Run | str, what: str = "") -> str:
    run_id = run if isinstance(run, str) else run.id
    return f"/api/runs/{quote(run_id, safe='')}{what and f'/{what}'}"


def test_a_run_is_renamed_moved_and_tagged(
    dir: Path, client: httpx.Client, recorded: Recording, project: str
) -> None:
    """As the command line would; the answer says what it is called now, and so does the list."""
    run = recorded()
    assert client.post(at(run, "name"), json={"name": " other "}).json() == {
        "id": run.id,
        "project": project,
        "name": "other",
        "tags": ["a", "b"],
    }
    moved = client.post(at(run, "project"), json={"project": f"{project}/\u00e4 \U0001f600"})
    assert moved.json()["name"] == "other"
    tagged = client.post(at(run, "tags"), json={"add": ["c", "a", "d"], "remove": ["a", "d"]})
    assert tagged.json()["tags"] == ["b", "c", "a", "d"]
    stored = Api(dir).run(run.id)
    assert (stored.project, stored.name) == (f"{project}/\u00e4 \U0001f600", "other")
    assert stored.tags == ("b", "c", "a", "d")
    assert stored.history("loss")["value"].tolist() == [0.5]


def test_a_run_is_deleted(
    dir: Path, client: httpx.Client, recorded: Recording, project: str
) -> None:
    """For good; what is deleted twice is not there the second time."""
    run, other = recorded(), recorded("two")
    answer = client.delete(at(run))
    assert (answer.status_code, answer.content) == (204, b"")
    with pytest.raises(UnknownRun):
        Api(dir).run(run.id)
    assert [each.id for each in Api(dir).runs(project)] == [other.id]
    assert failure(client.delete(at(run)))[0] == 404


def test_a_live_run_is_deleted_by_force_alone(
    dir: Path, client: httpx.Client, project: str
) -> None:
    """It is 409 with what helps; its name and tags may change meanwhile."""
    puppet = Puppet(env={"OTEL_TRACKIO_DIR": str(dir)})
    try:
        run_id = puppet.init(project)
        assert client.post(at(run_id, "name"), json={"name": "still live"}).status_code == 200
        answer = client.delete(at(run_id))
        assert failure(answer) == (409, f"{project}/still live is still being recorded")
        assert "force=true" in answer.json()["hint"]
        assert client.delete(at(run_id), params={"force": True}).status_code == 204
    finally:
        puppet.close()


def test_two_runs_of_a_project_keep_two_names(
    dir: Path, client: httpx.Client, recorded: Recording, project: str
) -> None:
    """A name that is taken is 409, and says by whom; a run's own name is not taken."""
    run, other = recorded(), recorded("two")
    elsewhere = recorded("one", f"{project}/q")
    answer = client.post(at(other, "name"), json={"name": "one"})
    assert failure(answer) == (409, f"{project}/one is the name of run {run.id}")
    assert failure(client.post(at(elsewhere, "project"), json={"project": project}))[0] == 409
    assert client.post(at(run, "name"), json={"name": "one"}).status_code == 200


@pytest.mark.parametrize("run_id", HOSTILE)
def test_an_id_leads_to_no_file(
    run_id: str, dir: Path, client: httpx.Client, recorded: Recording
) -> None:
    """Whatever it is, it is 404, and nothing is there that was not."""
    recorded()
    (dir.parent / "outside").mkdir(exist_ok=True)
    before = sorted(dir.parent.rglob("*"))
    for path in (quote(run_id, safe=""), quote(run_id)):
        asked = [
            client.delete(f"/api/runs/{path}"),
            client.post(f"/api/runs/{path}/name", json={"name": "x"}),
            client.post(f"/api/runs/{path}/tags", json={"add": ["x"]}),
            client.post(f"/api/runs/{path}/project", json={"project": "x"}),
        ]
        assert {each.status_code for each in asked} <= {404, 405}
    assert sorted(dir.parent.rglob("*")) == before


def test_any_id_that_a_run_has_is_found(
    dir: Path, client: httpx.Client, recorded: Recording
) -> None:
    """Also one that looks like a path."""
    for run_id in ("a/b", "../up", "with space?", "name", "x/name", "\u00e4%2f"):
        run = recorded(run_id, id=run_id)
        assert client.post(at(run, "tags"), json={"add": ["found"]}).json()["id"] == run_id
        assert Api(dir).run(run_id).tags[-1] == "found"


@pytest.mark.parametrize(
    ("what", "asked"),
    [
        ("name", {}),
        ("name", {"name": ""}),
        ("name", {"name": "  "}),
        ("name", {"name": "x" * 501}),
        ("name", {"name": 1}),
        ("name", {"name": "x", "force": True}),
        ("project", {"project": None}),
        ("tags", {"add": "abc"}),
        ("tags", {"add": ["x"] * 101}),
        ("tags", {"remove": [""]}),
        ("tags", []),
    ],
)
def test_what_cannot_be_done_is_told(
    what: str, asked: object, dir: Path, client: httpx.Client, recorded: Recording
) -> None:
    """With what is wrong about which field; the run stays as it was."""
    run = recorded()
    assert failure(client.post(at(run, what), json=asked))[0] == 422
    stored = Api(dir).run(run.id)
    assert (stored.name, stored.tags) == ("one", ("a", "b"))


def test_a_name_may_be_any_text(client: httpx.Client, recorded: Recording) -> None:
    """It comes back as it went in, and half a character is spelled out."""
    run = recorded()
    for name in ("<img src=x onerror=alert(1)>", "\x1b[31mred", "=cmd()", "\u202eright to left"):
        assert client.post(at(run, "name"), json={"name": name}).json()["name"] == name
    half = client.post(
        at(run, "name"),
        content=rb'{"name": "\ud800"}',
        headers={"content-type": "application/json"},
    )
    assert half.status_code in (200, 422)
