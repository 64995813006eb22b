"""What handlers share: who asks, for which repository, and may they."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from tests.fakes.hub.refusal import Refusal
from tests.fakes.hub.state import Account, File, Repo, World
from tests.fakes.hub.storage import Storage

FILE_INFO: Final = "application/vnd.xet-fileinfo+json"
"""What a client accepts that would rather get a file from the xet store."""


@dataclass(frozen=True, slots=True)
class Site:
    """`mode` says how binary files are to be uploaded: "regular" (inline), "lfs" or "xet".

    `page` is how many entries of a folder one answer lists.
    """

    world: World
    storage: Storage
    mode: str
    page: int

    def account(self, request: Request) -> Account | None:
        """None for who shows no token; one that is not known is refused."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return None
        if token not in self.world.accounts:
            raise Refusal(401)
        return self.world.accounts[token]

    def writer(self, request: Request, namespace: str, refusal: str = "") -> Account:
        """Who asks, if they may write in a namespace."""
        account = self.account(request)
        if account is None:
            raise Refusal(401, "Invalid username or password.")
        if account.scope == "read" or not account.belongs(namespace):
            raise Refusal(403, refusal)
        return account

    def repo(self, request: Request, write: bool = False) -> Repo:
        """The repository or bucket that a path names; to those who may not see it, it is absent."""
        kind = request.path_params.get("kind", "buckets")
        repo = self.world.repos.get((kind, f"{part(request, 'ns')}/{part(request, 'name')}"))
        account = self.account(request)
        if repo is None or (repo.private and not (account and account.belongs(repo.namespace))):
            raise Refusal(404 if account else 401, "Repository not found", "RepoNotFound")
        if write:
            self.writer(request, repo.namespace)
        return repo

    def send(self, request: Request, file: File, headers: Mapping[str, str], auth: str) -> Response:
        """A file, or what a client must know to get it from the xet store.

        `auth` is the address of tokens for that.
        """
        about = {"Accept-Ranges": "bytes", **headers}
        if file.sha256 and file.large:
            about |= {"X-Linked-ETag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)}
        if file.xet:
            about |= {"X-Xet-Hash": file.xet, "X-Linked-Size": str(file.size)}
            plan = f"xet/{self.storage.xet.id}/v2/reconstructions/{file.xet}"
            links = {"xet-auth": auth, "xet-reconstruction-info": plan}
            told = (f'<{request.base_url}{links[rel]}>; rel="{rel}"' for rel in links)
            about |= {"Link": ", ".join(told)}
            if FILE_INFO in request.headers.get("Accept", ""):
                return JSONResponse({"hash": file.xet}, 200, about, media_type=FILE_INFO)
        if request.method == "HEAD":
            return Response(headers={**about, "Content-Length": str(file.size)})
        path = self.storage.content(file)
        return FileResponse(path, headers=about, media_type="application/octet-stream")

    def listing(
        self,
        request: Request,
        files: Mapping[str, File],
        describe: Callable[[str, File], dict[str, Any]],
    ) -> Response:
        """One page of a folder, folders included, with a link to the next page."""
        base = part(request, "path").strip("/")
        recursive = request.query_params.get("recursive", "").lower() == "true"
        start = base + "/" if base else ""
        items: dict[str, dict[str, Any]] = {}
        for path in files:
            names = path.removeprefix(start).split("/")
            if not path.startswith(start):
                continue
            for depth in range(1, len(names) if recursive else min(len(names), 2)):
                folder = start + "/".join(names[:depth])
                items[folder] = {"type": "directory", "path": folder, "size": 0, "oid": "0" * 40}
            if recursive or len(names) == 1:
                items[path] = describe(path, files[path])
        at = int(request.query_params.get("cursor", 0))
        page = [items[path] for path in sorted(items)[at : at + self.page]]
        headers = {}
        if at + self.page < len(items):
            following = request.url.include_query_params(cursor=at + self.page)
            headers["Link"] = f'<{following}>; rel="next"'
        return JSONResponse(page, headers=headers)


def part(request: Request, name: str) -> str:
    """A part of the path; nothing if its route has none of that name."""
    return unquote(request.path_params.get(name, ""))


async def lines(request: Request) -> Iterator[dict[str, Any]]:
    """The body's JSON lines."""
    return map(json.loads, (await request.body()).splitlines())
