"""No token is written anywhere: not where all is well, and not where nothing is."""

from __future__ import annotations

import base64
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.fakes.hub import Hub

pytestmark = pytest.mark.xdist_group("hub")

LOGGED = """
import logging, os
logger = logging.getLogger(os.environ.get("LOGGED"))
logger.setLevel(logging.DEBUG)
logger.addHandler(logging.FileHandler("log.txt"))
"""
TRAINING = """
import sys
from huggingface_hub import get_token
secret = os.environ.get("CANARY") or get_token()
assert secret
sys.argv += ["--token", secret]

import otel_trackio
config = {"hf_token": secret, "hub": {"token": secret}, "note": f"Bearer {secret}"}
config |= {"argv": f"train.py --hf-token={secret}", "url": f"https://alice:{secret}@host/x"}
try:
    with otel_trackio.init("p", "job", dataset_id="alice/metrics", config=config) as run:
        run.config["later"] = {"api_key": secret}
        run.log({"loss": 0.5})
        print(run, file=sys.stderr)
        run.sync_now(timeout=5)
        try:
            raise OSError(f"401 for https://alice:{secret}@host with {secret}")
        except OSError as error:
            raise RuntimeError(f"cannot push with {secret}") from error
except RuntimeError:
    pass
"""
COMMANDS = """
import sys, traceback
from otel_trackio.cli import main
for words in sys.argv[1:]:
    try:
        main(words.replace("REMOTE", "hf://datasets/alice/metrics").split())
    except SystemExit as ended:
        print(words, ended.code)
    except BaseException as error:
        traceback.print_exc()
        print(repr(error))
"""
EVERY = (
    *("sync --all --to REMOTE", "pull REMOTE --dir back", "remote ls REMOTE", "doctor", "ls"),
    *("remote verify REMOTE", "remote merge REMOTE", "info p/job", "info p/job --json"),
)
CALLS = """
import traceback
from pathlib import Path
from otel_trackio.card import card
from otel_trackio.errors import OtelTrackioError
from otel_trackio.pull import pull
from otel_trackio.remotes import remote_of
remote = remote_of("hf://datasets/alice/metrics")
print(repr(remote), remote.url)
for remote.timeout, call in (
    (5, lambda: remote.prepare(card)),
    (5, lambda: remote.commit({"data/x": Path(__file__)}, (), "x")),
    (0.3, lambda: remote.list("")),
    (5, lambda: pull(remote, Path("more"))),
):
    try:
        call()
    except OtelTrackioError as error:
        traceback.print_exc()
        print(repr(error), error.args, vars(error))
"""


@dataclass
class Scene:
    """A machine's folders, all below `root`; what is said goes into files there, too."""

    hub: Hub
    root: Path
    environ: dict[str, str]
    secret: str

    def run(self, script: str, *arguments: str) -> None:
        name = f"{len(list(self.root.glob('*.out')))}"
        path = self.root.with_name(f"script{name}.py")
        path.write_text(LOGGED + script)
        with (
            (self.root / f"{name}.out").open("w") as out,
            (self.root / f"{name}.err").open("w") as err,
        ):
            subprocess.run(
                [sys.executable, str(path), *arguments],
                cwd=self.root / "cwd",
                env=self.environ,
                stdout=out,
                stderr=err,
                timeout=120,
            )

    def text(self, pattern: str) -> str:
        return "".join(path.read_text() for path in sorted(self.root.glob(pattern)))


@pytest.fixture
def scene(any_hub: Hub, tmp_path: Path) -> Scene:
    root = tmp_path / "machine"
    for name in ("home", "tmp", "cwd"):
        (root / name).mkdir(parents=True)
    secret = any_hub.token()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environ |= any_hub.env() | {
        "HOME": str(root / "home"),
        "TMPDIR": str(root / "tmp"),
        "HF_HOME": str(root / "home" / "hf"),
        "HF_XET_CACHE": str(root / "home" / "xet"),
        "OTEL_TRACKIO_DIR": str(root / "runs"),
        "OTEL_TRACKIO_RAISE": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    return Scene(any_hub, root, environ, secret)


def needles(secret: str) -> list[bytes]:
    """The secret, and how it is written in a header of Basic authorization."""
    pairs = (f"{user}:{word}" for user, word in (("alice", secret), (secret, ""), ("", secret)))
    return [secret.encode(), *(base64.b64encode(pair.encode()) for pair in pairs)]


def leaks(scene: Scene) -> list[str]:
    """Where the secret is to be found."""
    written = {str(path): content(path) for path in scene.root.rglob("*") if path.is_file()}
    written |= {
        str(path): path.read_bytes() for path in scene.hub.root.rglob("*") if path.is_file()
    }
    written["requests"] = repr(scene.hub.requests()).encode()
    assert len(written) > 8
    return [name for name, data in written.items() if any(n in data for n in needles(scene.secret))]


def content(path: Path) -> bytes:
    """A file as it is, and what is packed in it."""
    data = path.read_bytes()
    if data.startswith(b"PAR1"):
        return data + repr(pq.read_table(path).to_pylist()).encode()
    if data.startswith(b"SQLite"):
        return data + "".join(rows(path)).encode()
    return data


def rows(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(path)) as db:
        for table in ("meta", "event", "record", "series"):
            yield from map(repr, db.execute(f"SELECT * FROM {table}"))


FAULTS: dict[str, dict[str, Any]] = {
    "none": {"match": "/never"},
    "commit refused": {"match": "/commit/", "status": 403},
    "store refused": {"match": "/xorbs/", "status": 403},
    "cut off": {"match": "/api/", "action": "drop_before"},
    "hangs": {"match": "/api/", "action": "hang", "seconds": 1},
    **{str(code): {"match": "/api/", "status": code} for code in (429, 401, 403, 404, 413, 500)},
}
SHORT = ("none", "commit refused", "store refused", "403")


@pytest.mark.parametrize(
    "fault",
    [pytest.param(each, marks=[] if each in SHORT else pytest.mark.soak) for each in FAULTS],
)
def test_no_token_is_written(fault: str, scene: Scene) -> None:
    """Whatever the Hub does, by whatever command: not in a file, a log, an error or a URL."""
    scene.hub.fault(**FAULTS[fault], times=None)
    scene.run(TRAINING)
    scene.run(COMMANDS, *EVERY)
    scene.run(CALLS)
    scene.hub.end_faults()
    scene.run(COMMANDS, *EVERY[:2])  # What was recorded meanwhile reaches the Hub now.
    assert scene.hub.requests("POST .*/commit/")
    assert "p/job" in scene.text("*.out")
    assert leaks(scene) == []


def test_a_token_of_a_file_is_not_written(scene: Scene, tmp_path: Path) -> None:
    """Nor is one that the client of the Hub reads from where `hf auth login` has put it."""
    path = tmp_path / "token"
    path.write_text(scene.environ.pop("HF_TOKEN"))
    scene.environ["HF_TOKEN_PATH"] = str(path)
    scene.run(TRAINING)
    scene.hub.fault("/api/", status=403, times=None)
    scene.run(COMMANDS, *EVERY)
    assert scene.hub.requests("POST .*/commit/")
    assert leaks(scene) == []


# From here on only our own log is kept: the client's says which requests it makes.


def test_a_token_that_the_hub_repeats_is_not_written(scene: Scene) -> None:
    """Nor is one of which nobody but the Hub can tell that it is one."""
    scene.secret = scene.environ["HF_TOKEN"] = "canary-" + "5" * 20
    scene.environ |= {"CANARY": scene.hub.token(), "LOGGED": "otel_trackio"}
    words = f"no such token: {scene.secret}"
    scene.hub.fault("/api/", status=401, message=words, times=None)
    scene.run(TRAINING)
    scene.run(CALLS)
    assert "401" in scene.text("*.err")
    assert leaks(scene) == []


@pytest.mark.parametrize("user", ["alice:", ""])
def test_a_secret_in_the_endpoint_is_not_written(user: str, scene: Scene) -> None:
    """As some proxies want it: `http://user:secret@host`; whether they answer or not."""
    plain, scene.secret = scene.environ["HF_ENDPOINT"], "canary-" + "5" * 20
    scene.environ |= {"CANARY": scene.hub.token(), "LOGGED": "otel_trackio"}
    for host in (plain, "http://127.0.0.1:9"):
        scene.environ["HF_ENDPOINT"] = host.replace("//", f"//{user}{scene.secret}@")
        scene.run(CALLS)
    scene.environ["HF_ENDPOINT"] = plain.replace("//", f"//{user}{scene.secret}@")
    scene.run(TRAINING)
    assert "see whether http://127.0.0.1:9 " in scene.text("*.err")
    assert leaks(scene) == []
