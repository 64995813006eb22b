"""What others than `huggingface_hub` do with the stand-in for the Hub."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.contract.visitor import REPO, Visitor

pytestmark = [
    pytest.mark.xdist_group("hub"),
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]

CARD = b"---\nconfigs:\n- config_name: points\n  data_files: data/**/*.parquet\n---\n"
PYTHON = f"""
from datasets import load_dataset
rows = load_dataset("{REPO}", "points", split="train")
stream = load_dataset("{REPO}", "points", split="train", streaming=True)
print(sum(rows["step"]), sum(row["step"] for row in stream))
"""
JAVASCRIPT = """
import {commit, downloadFile, listFiles, whoAmI} from "@huggingface/hub";
const [token, xet] = process.argv.slice(2);
const to = {hubUrl: process.env.HF_ENDPOINT, accessToken: token, repo: "datasets/alice/metrics"};
const content = new Blob([new Uint8Array(2000).fill(7)]);
const operations = [{operation: "addOrUpdate", path: "js/1.parquet", content}];
await commit({...to, title: "from JavaScript", operations, useXet: xet == "xet"});
const paths = [], read = [];
for await (const each of listFiles({...to, recursive: true})) paths.push(each.path);
for (const path of ["js/1.parquet", "data/run=é/0.parquet"])
  read.push((await (await downloadFile({...to, path})).arrayBuffer()).byteLength);
console.log(JSON.stringify({name: (await whoAmI(to)).name, paths, read}));
"""
Run = Callable[..., str]


@pytest.fixture
def run(visitor: Visitor, tmp_path: Path) -> Run:
    """`run(*command)` returns what a program prints that may read a dataset of two files."""
    files = {"README.md": CARD}
    for part in range(2):
        sink = BytesIO()
        pq.write_table(pa.table({"step": range(part * 500, part * 500 + 500)}), sink)
        files[f"data/run=é/{part}.parquet"] = sink.getvalue()
    visitor.create()
    visitor.commit(files)
    env = {**os.environ, **visitor.hub.env(scope="read"), "HF_HOME": str(tmp_path)}

    def running(*command: str) -> str:
        made = subprocess.run(command, env=env, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        return made.stdout

    return running


def test_datasets_reads_by_the_card(run: Run) -> None:
    """`load_dataset` finds the files by a config of the card, whole and streamed."""
    assert run(sys.executable, "-c", PYTHON).split() == ["499500", "499500"]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The JavaScript, in a folder where it finds its client for the Hub."""
    folder = tmp_path_factory.mktemp("js")
    install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "@huggingface/hub"]
    if subprocess.run(install, cwd=folder, capture_output=True).returncode != 0:
        pytest.skip("npm cannot install @huggingface/hub here")
    (folder / "script.mjs").write_text(JAVASCRIPT)
    return str(folder / "script.mjs")


@pytest.mark.allow_skip
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs npm")
def test_javascript_reads_and_writes(visitor: Visitor, script: str, run: Run) -> None:
    """npm's `@huggingface/hub` commits, lists and downloads, also what Python has uploaded."""
    told = json.loads(run("node", script, visitor.hub.token(), visitor.hub.mode))
    assert told["name"] == "alice"
    assert {"js/1.parquet", "data/run=é/0.parquet", "README.md"} < set(told["paths"])
    assert told["read"][0] == 2000
    assert told["read"][1] > 500
    assert visitor.commits()[0] == "from JavaScript"
