"""The real Hub client, as the contract of the stand-in uses it: one user, one dataset."""

from __future__ import annotations

import random
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from tests.fakes.hub import Hub

REPO = "alice/metrics"
ODD = "data/run=%47olden run/ä.parquet"
"""A path that survives only who quotes it once and unquotes it once."""


def noise(seed: int, size: int = 100_000) -> bytes:
    """Bytes that nothing packs."""
    return random.Random(seed).randbytes(size)


@dataclass(frozen=True, slots=True)
class Visitor:
    hub: Hub

    def api(self, user: str = "alice", scope: str = "write") -> HfApi:
        return HfApi(self.hub.endpoint, self.hub.token(user, scope))

    def create(self, private: bool = True) -> HfApi:
        api = self.api()
        api.create_repo(REPO, repo_type="dataset", private=private)
        return api

    def commit(self, files: dict[str, bytes], *delete: str, parent: str | None = None) -> str:
        """Adds and deletes in one commit; returns the id of what is then the head."""
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            # What comes from a buffer goes by LFS even where hf_xet is installed.
            CommitOperationAdd(path, BytesIO(content) if self.hub.mode == "lfs" else content)
            for path, content in files.items()
        ]
        operations += map(CommitOperationDelete, delete)
        made = self.api().create_commit(
            REPO, operations, commit_message="points", repo_type="dataset", parent_commit=parent
        )
        return made.oid

    def files(self, revision: str = "main") -> set[str]:
        """What has been committed."""
        found = self.api().list_repo_files(REPO, repo_type="dataset", revision=revision)
        return set(found) - {".gitattributes"}

    def commits(self) -> list[str]:
        """Their titles, the newest first."""
        return [each.title for each in self.api().list_repo_commits(REPO, repo_type="dataset")]

    def read(self, path: str, revision: str, cache: Path) -> bytes:
        found = self.api().hf_hub_download(
            REPO, path, repo_type="dataset", revision=revision, cache_dir=cache
        )
        return Path(found).read_bytes()
