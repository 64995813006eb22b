"""A remote in a dataset repository of the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from otel_trackio.errors import RemoteUnavailable
from otel_trackio.hubfault import READ, WRITE, status_of
from otel_trackio.hubplace import CARD, UPLOAD_BYTES, HubPlace, bars, portions
from otel_trackio.remote import DATASETS, Card, Entry

MOST_PATHS: Final = 500
"""Paths that one request asks about."""


class HubDataset(HubPlace):
    """Its files are those of the branch main."""

    scheme = DATASETS

    def prepare(self, card: Card) -> None:
        self._try(WRITE, lambda: self._prepare(card))

    def list(self, prefix: str) -> list[Entry]:
        """Every file below a folder; none, too, where the dataset is not there or not visible."""
        return [*self._try(READ, lambda: self._list(prefix.strip("/")))]

    def read(self, path: str) -> bytes:
        return self._try(READ, lambda: self._read(path), path)

    def commit(self, add: Mapping[str, Path], delete: Sequence[str], message: str) -> None:
        """One commit for all of it, or none where nothing is left to do."""
        self._try(WRITE, lambda: self._commit(add, delete, message))

    def _prepare(self, card: Card) -> None:
        from huggingface_hub import CommitOperationAdd
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            if self._existing([CARD]):
                return
        except RepositoryNotFoundError:
            self._api().create_repo(
                self._id(), repo_type="dataset", private=self.private, exist_ok=True
            )
        with bars.hidden():
            self._api().create_commit(
                self._id(),
                [CommitOperationAdd(CARD, card(self.url))],
                commit_message="otel-trackio: card",
                repo_type="dataset",
            )

    def _list(self, prefix: str) -> Sequence[Entry]:
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.hf_api import RepoFile

        try:
            # At one commit: a merge between two pages might hide both what it adds and deletes.
            head = self._api().dataset_info(self._id(), expand=["sha"]).sha
            found = self._api().list_repo_tree(
                self._id(), prefix or None, recursive=True, revision=head, repo_type="dataset"
            )
            files = [Entry(each.path, each.size) for each in found if isinstance(each, RepoFile)]
        except HfHubHTTPError as error:
            if status_of(error) != 404:
                raise
            return []
        return sorted(files, key=lambda entry: entry.path)

    def _read(self, path: str) -> bytes:
        from huggingface_hub import hf_hub_url

        endpoint = self._api().endpoint
        return self._download(hf_hub_url(self._id(), path, repo_type="dataset", endpoint=endpoint))

    def _commit(self, add: Mapping[str, Path], delete: Sequence[str], message: str) -> None:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete
        from huggingface_hub.errors import EntryNotFoundError

        added = [CommitOperationAdd(path, source) for path, source in add.items()]
        deleted = [CommitOperationDelete(path) for path in self._existing(delete)]
        if not added and not deleted:
            return
        # Without xet several go up by a pool of threads, which an interpreter that ends refuses.
        together = UPLOAD_BYTES if xet_is_used() else 0
        sizes = [each.upload_info.size for each in added]
        with bars.hidden():
            for portion in portions(sizes, together):
                self._api().preupload_lfs_files(self._id(), added[portion], repo_type="dataset")
            try:
                self._api().create_commit(
                    self._id(), [*added, *deleted], commit_message=message, repo_type="dataset"
                )
            except EntryNotFoundError as error:
                again = "try again; another process deletes there, too"
                raise RemoteUnavailable(f"cannot write to {self.url}: {error}", again) from error

    def _existing(self, paths: Sequence[str]) -> Sequence[str]:
        """Those of the paths at which there are files."""
        return [
            found.path
            for at in range(0, len(paths), MOST_PATHS)
            for found in self._api().get_paths_info(
                self._id(), list(paths[at : at + MOST_PATHS]), repo_type="dataset"
            )
        ]


def xet_is_used() -> bool:
    """Whether the client uploads by its xet library, where the Hub doesn't want files inline."""
    from huggingface_hub.constants import HF_HUB_DISABLE_XET

    return not HF_HUB_DISABLE_XET and find_spec("hf_xet") is not None
