"""What the stand-in for the Hub promises, as the real client of Python sees it."""

from __future__ import annotations

import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import HfApi, HfFileSystem
from huggingface_hub.errors import (
    BadRequestError,
    BucketNotFoundError,
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.contract.visitor import ODD, REPO, Visitor, noise
from tests.fakes.hub import Hub

pytestmark = [
    # One process runs them all, so that each Hub starts once.
    pytest.mark.xdist_group("hub"),
    # Of huggingface_hub itself, where it uploads by LFS.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]

UPLOADS = {"regular": "POST .*/commit/", "lfs": "PUT /lfs-storage/", "xet": "POST /xet/.*/xorbs/"}
"""The requests with the contents, by the mode in which they are made."""


def status(error: pytest.ExceptionInfo[HfHubHTTPError]) -> int:
    return error.value.response.status_code


def test_creation_can_be_repeated(one: Visitor) -> None:
    """A repository that exists is found again by who asks for that, and else a conflict."""
    api = one.create()
    assert api.create_repo(REPO, repo_type="dataset", exist_ok=True).repo_id == REPO
    with pytest.raises(HfHubHTTPError) as error:
        api.create_repo(REPO, repo_type="dataset")
    assert status(error) == 409
    assert api.whoami()["name"] == "alice"


def test_one_commit_adds_and_deletes(visitor: Visitor, tmp_path: Path) -> None:
    """All of a commit is there at its id, and what was there before at the id before."""
    visitor.create()
    old = {ODD: noise(1), "data/b/2.parquet": noise(2), "data/b/3.bin": b"\0", "README.md": b"#"}
    first = visitor.commit(old)
    second = visitor.commit({ODD: noise(4)}, "README.md", "data/b/", parent=first)
    assert visitor.files(first) == set(old)
    assert visitor.files() == visitor.files("HEAD") == visitor.files(second[:7]) == {ODD}
    for revision, content in ((first, noise(1)), (second, noise(4)), ("main", noise(4))):
        assert visitor.read(ODD, revision, tmp_path) == content
    assert len(visitor.commits()) == 3


def test_each_mode_uploads_in_its_own_way(hub: Hub, visitor: Visitor) -> None:
    """Contents travel inline, by LFS or by xet, and once; the log has the number of bytes."""
    visitor.create()
    visitor.commit({"data/1.parquet": noise(1)})
    sizes = {mode: sum(each.received for each in hub.requests(UPLOADS[mode])) for mode in UPLOADS}
    assert [mode for mode in sizes if sizes[mode] >= 100_000] == [hub.mode]
    assert sum(each.received for each in hub.requests()) < 140_000


def test_nothing_new_is_no_commit(visitor: Visitor) -> None:
    """Who sends again what is there gets the head, and no commit is made."""
    visitor.create()
    files = {"data/1.parquet": noise(1), "README.md": b"#"}
    assert visitor.commit(files) == visitor.commit(files)
    assert visitor.commits() == ["points", "initial commit"]


def test_after_a_lost_acknowledgement_a_retry_makes_no_duplicate(visitor: Visitor) -> None:
    """The connection breaks, the commit is there, and the same again adds nothing."""
    visitor.create()
    visitor.hub.fault("/commit/", "drop_after")
    with pytest.raises(httpx2.RemoteProtocolError):
        visitor.commit({"data/1.parquet": noise(1)})
    assert visitor.files() == {"data/1.parquet"}
    visitor.commit({"data/1.parquet": noise(1)})
    assert visitor.commits() == ["points", "initial commit"]


def test_a_dropped_request_has_no_effect(visitor: Visitor) -> None:
    """The connection breaks, and nothing has changed."""
    visitor.create()
    visitor.hub.fault("/commit/", "drop_before")
    with pytest.raises(httpx2.RemoteProtocolError):
        visitor.commit({"data/1.parquet": noise(1)})
    assert visitor.files() == set()


def test_a_stale_parent_is_refused(one: Visitor) -> None:
    """A parent that is not the head, or no longer is when the commit arrives, gets 412."""
    one.create()
    first, second = one.commit({"1": b"1"}), one.commit({"2": b"2"})
    with pytest.raises(HfHubHTTPError) as error:
        one.commit({"3": b"3"}, parent=first)
    assert status(error) == 412
    one.hub.fault("/commit/", "stale_parent")
    with pytest.raises(HfHubHTTPError) as error:
        one.commit({"3": b"3"}, parent=second)
    assert status(error) == 412
    assert one.commits()[0] == "a rival's commit"
    assert one.files() == {"1", "2"}


def test_a_commit_is_whole_or_not_at_all(one: Visitor) -> None:
    """One deletion that cannot be, and nothing of the commit is done."""
    one.create()
    with pytest.raises(EntryNotFoundError):
        one.commit({"1": b"1"}, "absent")
    assert one.files() == set()


def test_many_commit_at_once(visitor: Visitor) -> None:
    """Commits that name no parent follow one another; none is lost, none is refused."""
    visitor.create()
    paths = [f"data/{n}.parquet" for n in range(8)]
    with ThreadPoolExecutor() as threads:
        made = set(threads.map(lambda path: visitor.commit({path: path.encode() * 99}), paths))
    assert len(made) == len(paths)
    assert visitor.files() == set(paths)


def test_private_repositories_are_absent_to_others(one: Visitor) -> None:
    """Without a token, or with another's, a private repository is not found; a public one is."""
    api = one.create()
    api.create_repo("alice/open", repo_type="dataset")
    for stranger in (one.api("bob"), HfApi(one.hub.endpoint, token=False)):
        with pytest.raises(RepositoryNotFoundError):
            stranger.dataset_info(REPO)
        assert stranger.dataset_info("alice/open", expand=["sha"]).sha


def test_rights(one: Visitor) -> None:
    """Who may not write gets 403, an unknown token 401; an organization's members may."""
    one.create(private=False)
    unknown = HfApi(one.hub.endpoint, "hf_" + "x" * 34)
    for api, code in ((one.api(scope="read"), 403), (one.api("bob"), 403), (unknown, 401)):
        with pytest.raises(HfHubHTTPError) as error:
            api.upload_file(
                path_or_fileobj=b"1", path_in_repo="1", repo_id=REPO, repo_type="dataset"
            )
        assert status(error) == code
    member = HfApi(one.hub.endpoint, one.hub.token("bob", orgs=["acme"]))
    assert member.create_repo("acme/ours", repo_type="dataset").repo_id == "acme/ours"
    assert [each["name"] for each in member.whoami()["orgs"]] == ["acme"]


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 409, 412, 413, 429, 500, 503])
def test_refusals_reach_the_caller(one: Visitor, code: int) -> None:
    """A commit that is refused raises at once, with the status and the words of the refusal."""
    one.create()
    one.hub.fault("/commit/", status=code, message="not now")
    with pytest.raises(HfHubHTTPError, match="not now") as error:
        one.commit({"1": b"1"})
    assert status(error) == code
    special = {400: BadRequestError, 404: RepositoryNotFoundError}
    assert type(error.value) is special.get(code, HfHubHTTPError)
    assert error.value.response.headers.get("Retry-After") == ("1" if code == 429 else None)
    assert len(one.hub.requests("/commit/")) == 1
    one.commit({"1": b"1"})


def test_what_is_not_there_is_told_apart(one: Visitor, tmp_path: Path) -> None:
    """A revision, a file and a folder that are not there raise errors of their own."""
    api = one.create()
    with pytest.raises(RevisionNotFoundError):
        api.dataset_info(REPO, revision="0" * 40)
    with pytest.raises(EntryNotFoundError):
        one.read("absent", "main", tmp_path)
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(REPO, "absent", repo_type="dataset"))
    found = api.get_paths_info(REPO, [".gitattributes", "absent"], repo_type="dataset")
    assert [each.path for each in found] == [".gitattributes"]


def test_parts_of_files_can_be_read(hub: Hub, visitor: Visitor) -> None:
    """A range of a file is sent alone, also where it lies in the xet store, packed."""
    visitor.create()
    content = b"".join(n.to_bytes(4, "little") for n in range(100_000)) + noise(1)
    visitor.commit({ODD: content})
    files = HfFileSystem(endpoint=hub.endpoint, token=hub.token(), skip_instance_cache=True)
    with files.open(f"datasets/{REPO}/{ODD}", block_size=1000) as file:
        file.seek(399_000)
        assert file.read(2000) == content[399_000:401_000]
    sent = hub.requests("GET .*/resolve/")
    assert {each.status for each in sent} == {206}
    assert sum(each.sent for each in sent) < 10_000


def test_long_folders_come_in_pages() -> None:
    """The client follows the links from page to page, and finds each file once."""
    with Hub("regular", page=2) as hub:
        visitor = Visitor(hub)
        visitor.create()
        paths = {f"data/{n}" for n in range(5)}
        visitor.commit(dict.fromkeys(paths, b"1"))
        assert visitor.files() == paths
        assert len(hub.requests("/tree/")) == 4


def test_buckets(one: Visitor, tmp_path: Path) -> None:
    """Files are added, overwritten and deleted in batches, listed and downloaded."""
    api = one.api()
    for _ in range(2):
        assert api.create_bucket("store", private=True, exist_ok=True).bucket_id == "alice/store"
    api.batch_bucket_files("alice/store", add=[(noise(1), ODD), (b"", "empty"), (b"old", "b/1")])
    api.batch_bucket_files("alice/store", add=[(noise(2), "b/1")], delete=["empty"])
    found = {each.path for each in api.list_bucket_tree("alice/store", recursive=True)}
    assert found == {ODD, "b/1", "b", "data", str(Path(ODD).parent)}
    assert api.bucket_info("alice/store").size == 200_000
    api.download_bucket_files("alice/store", [(ODD, tmp_path / "1"), ("b/1", tmp_path / "2")])
    assert [(tmp_path / name).read_bytes() for name in "12"] == [noise(1), noise(2)]
    with pytest.raises(BucketNotFoundError):
        one.api("bob").bucket_info("alice/store")


def test_what_it_knows_survives_a_kill(tmp_path: Path) -> None:
    """After a `kill -9` and a start, everything is there at the same address."""
    with Hub("xet", root=tmp_path / "hub") as hub:
        visitor = Visitor(hub)
        visitor.create()
        head = visitor.commit({ODD: noise(1)})
        hub.restart()
        assert visitor.commit({ODD: noise(1)}) == head
        assert visitor.read(ODD, head, tmp_path) == noise(1)


def ask(hub: Hub, body: bytes = b"{}") -> int | str:
    """The status of an answer that comes within half a second, or the name of what went wrong."""
    request = urllib.request.Request(hub.endpoint + "/api/validate-yaml", body)
    try:
        with urllib.request.urlopen(request, timeout=0.5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError as error:
        return type(error).__name__


def test_faults_strike_as_declared(any_hub: Hub) -> None:
    """They can be silent, slow, late, limited to large requests, and as random as their seed."""
    any_hub.fault("yaml", "hang", seconds=60)
    any_hub.fault("yaml", "delay", seconds=0.1)
    any_hub.fault("yaml", status=429, skip=1, times=2)
    any_hub.fault("yaml", status=413, size=100, times=None)
    assert [ask(any_hub) for _ in range(6)] == ["TimeoutError", 200, 200, 429, 429, 200]
    assert [ask(any_hub, b"x" * size) for size in (100, 99, 101)] == [413, 200, 413]
    draws = []
    for _ in range(2):
        any_hub.end_faults()
        any_hub.fault("yaml", status=503, times=None, probability=0.5, seed=7)
        draws.append([ask(any_hub) for _ in range(20)])
    assert draws[0] == draws[1]
    assert set(draws[0]) == {200, 503}


def test_tokens_stay_in_headers(hub: Hub, visitor: Visitor) -> None:
    """Neither the log nor what the Hub keeps has a token in it."""
    visitor.create()
    visitor.commit({"data/1.parquet": noise(1)})
    kept = [path.read_bytes() for path in hub.root.rglob("*") if path.is_file()]
    assert hub.token() not in str(hub.requests())
    assert not any(hub.token().encode() in content for content in kept)
