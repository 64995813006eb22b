"""A remote to which things go wrong, in front of one that works."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from otel_trackio.errors import RemoteUnavailable
from otel_trackio.remote import Card, Entry, Remote


class Faulty:
    """Its commits fail as `faults` says, from the first on: "before" anything was done, "after"
    all was, or "amid". Then they work.

    `meanwhile` is what others do just before each of them. It notes in `commits` what each was to
    add and to delete.
    """

    def __init__(
        self,
        remote: Remote,
        faults: Sequence[str] = (),
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        self.remote = remote
        self.faults = list(faults)
        self.meanwhile = meanwhile
        self.commits: list[tuple[list[str], list[str]]] = []

    @property
    def url(self) -> str:
        return self.remote.url

    def prepare(self, card: Card) -> None:
        self.remote.prepare(card)

    def list(self, prefix: str) -> list[Entry]:
        return self.remote.list(prefix)

    def read(self, path: str) -> bytes:
        return self.remote.read(path)

    def commit(self, add: Mapping[str, Path], delete: Sequence[str], message: str) -> None:
        self.meanwhile()
        self.commits.append(([*add], [*delete]))
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "amid":
            half = dict(list(add.items())[: (len(add) + 1) // 2])
            self.remote.commit(half, delete[: len(delete) // 2] if len(add) < 2 else (), message)
        elif fault != "before":
            self.remote.commit(add, delete, message)
        if fault:
            raise RemoteUnavailable(f"fault {fault}", "try again")
