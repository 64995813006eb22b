"""A remote in a bucket of the Hugging Face Hub: no commits, no limit on how often one writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from otel_trackio.errors import RemoteRefused
from otel_trackio.hubfault import READ, WRITE, status_of
from otel_trackio.hubplace import CARD, UPLOAD_BYTES, HubPlace, bars, portions
from otel_trackio.remote import BUCKETS, Card, Entry


class HubBucket(HubPlace):
    """A commit that fails may be there in part: everything is added before anything is deleted."""

    scheme = BUCKETS

    def prepare(self, card: Card) -> None:
        self._try(WRITE, lambda: self._prepare(card))

    def list(self, prefix: str) -> list[Entry]:
        """Every file below a folder; none, too, where the bucket is not there or not visible."""
        return [*self._try(READ, lambda: self._list(prefix.strip("/")))]

    def read(self, path: str) -> bytes:
        return self._try(READ, lambda: self._read(path), path)

    def commit(self, add: Mapping[str, Path], delete: Sequence[str], message: str) -> None:
        self._try(WRITE, lambda: self._commit(add, delete))

    def _prepare(self, card: Card) -> None:
        from huggingface_hub.errors import HfHubHTTPError

        try:
            if self._sizes([CARD]):
                return
        except HfHubHTTPError as error:
            if status_of(error) != 404:
                raise
            self._api().create_bucket(self._id(), private=self.private, exist_ok=True)
        with bars.hidden():
            self._api().batch_bucket_files(self._id(), add=[(card(self.url), CARD)])

    def _list(self, prefix: str) -> Sequence[Entry]:
        from huggingface_hub.errors import HfHubHTTPError

        try:
            found = self._api().list_bucket_tree(self._id(), prefix or None, recursive=True)
            files = [Entry(each.path, each.size) for each in found if each.type == "file"]
        except HfHubHTTPError as error:
            if status_of(error) != 404:
                raise
            return []
        # What it takes is the start of paths, not a folder.
        inside = prefix and prefix + "/"
        return sorted(
            (entry for entry in files if entry.path.startswith(inside)), key=lambda each: each.path
        )

    def _read(self, path: str) -> bytes:
        endpoint = self._api().endpoint
        return self._download(f"{endpoint}/buckets/{self._id()}/resolve/{quote(path)}")

    def _commit(self, add: Mapping[str, Path], delete: Sequence[str]) -> None:
        if out := [path for path in add if ".." in path.split("/")]:
            raise RemoteRefused(f"{out[0]!r} leads out of {self.url}", "it is no path of a remote")
        there = self._sizes([*add, *delete])
        gone = [path for path in delete if path in there]
        # Files never change, so what is there in its size is there; but before what it replaces
        # is deleted it is sent all the same, as it may be damaged there.
        new = {
            path: file
            for path, file in add.items()
            if gone or there.get(path) != file.stat().st_size
        }
        with bars.hidden():
            pairs: list[tuple[str | Path | bytes, str]] = [(new[path], path) for path in new]
            for portion in portions([new[path].stat().st_size for path in new], UPLOAD_BYTES):
                self._api().batch_bucket_files(self._id(), add=pairs[portion])
            if gone:
                self._api().batch_bucket_files(self._id(), delete=gone)

    def _sizes(self, paths: Iterable[str]) -> dict[str, int]:
        found = self._api().get_bucket_paths_info(self._id(), paths)
        return {each.path: each.size for each in found}
