"""What the Hub knows: accounts, repositories and buckets, as the sum of what has happened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.fakes.hub.refusal import Refusal

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
HEAD: Final = ("main", "HEAD", "refs/heads/main")


@dataclass(frozen=True, slots=True)
class Account:
    """A user by one of their tokens, whose scope is "write" or "read"; `orgs` they belong to."""

    user: str
    scope: str = "write"
    orgs: tuple[str, ...] = ()

    @property
    def token(self) -> str:
        """Looks like the Hub's own; the same for the same account."""
        named = " ".join((self.user, self.scope, *self.orgs))
        return "hf_" + hashlib.sha256(named.encode()).hexdigest()[:34]

    def belongs(self, namespace: str) -> bool:
        return namespace == self.user or namespace in self.orgs


@dataclass(frozen=True, slots=True)
class File:
    """`oid` is git's name for what git holds of it: the content, or a pointer if it is `large`.

    Where the content is: `sha256`, or `xet` in the xet store. In a bucket it is only there.
    """

    size: int
    oid: str = ""
    sha256: str = ""
    large: bool = False
    xet: str = ""
    mtime: int = 0


Changes = Mapping[str, File | None]
"""A file for each path that changed, none where it was deleted."""


@dataclass(frozen=True, slots=True)
class Commit:
    id: str
    title: str
    description: str
    user: str
    date: str
    changes: Changes


@dataclass(slots=True)
class Repo:
    """A repository with one branch; a bucket is one too, whose past nobody can ask for.

    `kind` is "datasets", "models", "spaces" or "buckets"; `id` is namespace/name.
    """

    kind: str
    id: str
    private: bool
    commits: list[Commit] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)

    @property
    def place(self) -> tuple[str, str]:
        return self.kind, self.id

    @property
    def namespace(self) -> str:
        return self.id.split("/")[0]

    def add(self, commit: Commit) -> None:
        self.commits.append(commit)
        apply(commit.changes, self.files)

    def at(self, revision: str) -> tuple[Commit, dict[str, File]]:
        """The commit that a branch or (shortened) id names, and the files at it."""
        if revision in HEAD:
            return self.commits[-1], self.files
        files: dict[str, File] = {}
        for commit in self.commits:
            apply(commit.changes, files)
            if len(revision) >= 7 and commit.id.startswith(revision):
                return commit, files
        raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def apply(changes: Changes, files: dict[str, File]) -> None:
    for path, file in changes.items():
        if file is None:
            files.pop(path, None)
        else:
            files[path] = file


class World:
    """Everything on one Hub. It remembers by a journal in `root`, so it survives a `kill -9`.

    Its clock goes one second an event, so the same events give the same commit ids and dates.
    """

    def __init__(self, root: Path) -> None:
        self.path = root / "journal.jsonl"
        self.path.touch()
        self._forget()
        whole, _, torn = self.path.read_bytes().rpartition(b"\n")
        if torn:
            self.path.write_bytes(whole + b"\n" if whole else b"")
        for line in whole.splitlines():
            self._happen(json.loads(line))

    def _forget(self) -> None:
        self.events = 0
        self.accounts: dict[str, Account] = {}
        self.repos: dict[tuple[str, str], Repo] = {}

    def clear(self) -> None:
        """Only the accounts stay."""
        accounts = list(self.accounts.values())
        self.path.write_bytes(b"")
        self._forget()
        for account in accounts:
            self.welcome(account)

    def welcome(self, account: Account) -> None:
        """Adds an account; one that is there already is left."""
        if account.token not in self.accounts:
            self._record({"do": "welcome", **asdict(account)})

    def commit(
        self,
        place: tuple[str, str],
        user: str,
        title: str,
        changes: Changes,
        description: str = "",
        private: bool = False,
    ) -> Commit:
        """To the repository of a kind and an id; the first commit makes it."""
        made = {path: file and asdict(file) for path, file in changes.items()}
        about = {"kind": place[0], "id": place[1], "private": private, "user": user}
        about |= {"title": title, "description": description}
        self._record({"do": "commit", **about, "changes": made})
        return self.repos[place].commits[-1]

    def _record(self, event: dict[str, Any]) -> None:
        with self.path.open("ab") as journal:
            journal.write(json.dumps(event).encode() + b"\n")
        self._happen(event)

    def _happen(self, event: dict[str, Any]) -> None:
        match event:
            case {"do": "welcome", "user": user, "scope": scope, "orgs": orgs}:
                account = Account(user, scope, tuple(orgs))
                self.accounts[account.token] = account
            case {"do": "commit", "kind": kind, "id": id, "private": private}:
                repo = self.repos.setdefault((kind, id), Repo(kind, id, private))
                repo.add(self._commit(event, repo.commits[-1].id if repo.commits else ""))
        self.events += 1

    def _commit(self, event: dict[str, Any], parent: str) -> Commit:
        name = hashlib.sha1(f"{parent} {json.dumps(event)}".encode()).hexdigest()
        changes = {path: file and File(**file) for path, file in event["changes"].items()}
        now = date(EPOCH + timedelta(seconds=self.events))
        title, description = event["title"], event["description"]
        return Commit(name, title, description, event["user"], now, changes)


def date(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
