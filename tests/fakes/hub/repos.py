"""Repositories: made, described, listed, committed to, and their files sent."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.hub.refusal import Refusal
from tests.fakes.hub.site import Site, lines, part
from tests.fakes.hub.state import Changes, File
from tests.fakes.hub.storage import git_oid

KINDS: Final = {None: "models", "model": "models", "dataset": "datasets", "space": "spaces"}
LARGE: Final = 10_000_000
"""Bytes from which a file is stored outside git, whatever it is called."""
ATTRIBUTES: Final = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"


@dataclass(frozen=True, slots=True)
class Repos:
    site: Site

    def routes(self) -> list[Route]:
        repo = "/api/{kind}/{ns}/{name}"
        git = "/{kind}/{ns}/{name}.git/info/lfs/objects/batch"
        return [
            Route("/api/repos/create", self.create, methods=["POST"]),
            Route(repo, self.info),
            Route(repo + "/revision/{rev}", self.info),
            Route(repo + "/commits/{rev}", self.commits),
            Route(repo + "/tree/{rev}", self.tree),
            Route(repo + "/tree/{rev}/{path:path}", self.tree),
            Route(repo + "/paths-info/{rev}", self.paths_info, methods=["POST"]),
            Route(repo + "/preupload/{rev}", self.preupload, methods=["POST"]),
            Route(repo + "/commit/{rev}", self.commit, methods=["POST"]),
            Route(git, self.lfs_batch, methods=["POST"]),
            Route("/lfs-storage/{oid}", self.lfs_put, methods=["PUT"]),
            Route("/lfs-storage/{oid}/verify", self.lfs_verify, methods=["POST"]),
            Route("/{kind}/{ns}/{name}/resolve/{rev}/{path:path}", self.resolve),
        ]

    async def create(self, request: Request) -> Response:
        asked = await request.json()
        account = self.site.account(request)
        namespace = asked.get("organization") or (account.user if account else "")
        words = f"You don't have the rights to create a repo under the namespace {namespace}"
        account = self.site.writer(request, namespace, words)
        kind, id = KINDS[asked.get("type")], f"{namespace}/{asked['name']}"
        url = f"{request.base_url}{'' if kind == 'models' else kind + '/'}{id}"
        if (kind, id) in self.site.world.repos:
            return JSONResponse({"error": "You already created this repo", "url": url}, 409)
        private = asked.get("visibility") == "private"
        first = {".gitattributes": self.small(ATTRIBUTES)}
        title = "initial commit"
        self.site.world.commit((kind, id), account.user, title, first, private=private)
        return JSONResponse({"url": url, "name": id, "id": id})

    async def info(self, request: Request) -> Response:
        repo = self.site.repo(request)
        commit, files = repo.at(part(request, "rev") or "main")
        told: dict[str, Any] = {"_id": "0" * 24, "id": repo.id, "author": repo.namespace}
        told |= {"sha": commit.id, "lastModified": commit.date, "createdAt": repo.commits[0].date}
        told |= {"private": repo.private, "gated": False, "disabled": False, "tags": []}
        told |= {"downloads": 0, "likes": 0, "siblings": [{"rfilename": path} for path in files]}
        wanted = request.query_params.getlist("expand")
        shown = {"_id", "id", *(wanted or told)}
        return JSONResponse({name: told[name] for name in told if name in shown})

    async def commits(self, request: Request) -> Response:
        """The newest first."""
        repo = self.site.repo(request)
        last, _ = repo.at(part(request, "rev"))
        made = repo.commits[: repo.commits.index(last) + 1]
        told = [
            {"id": each.id, "title": each.title, "message": each.description, "date": each.date}
            | {"authors": [{"user": each.user}]}
            for each in reversed(made)
        ]
        return JSONResponse(told)

    async def tree(self, request: Request) -> Response:
        _, files = self.site.repo(request).at(part(request, "rev"))
        base = part(request, "path").strip("/")
        if base and not any(path.startswith(base + "/") for path in files):
            raise Refusal(404, f"{base} does not exist", "EntryNotFound")
        return self.site.listing(request, files, entry)

    async def paths_info(self, request: Request) -> Response:
        """Python sends a form, JavaScript JSON."""
        _, files = self.site.repo(request).at(part(request, "rev"))
        body = (await request.body()).decode()
        json_sent = request.headers.get("Content-Type", "").startswith("application/json")
        paths = (json.loads(body) if json_sent else parse_qs(body)).get("paths", [])
        told = [entry(path, files[path]) for path in paths if path in files]
        folders = [path for path in paths if any(each.startswith(path + "/") for each in files)]
        told += [{"type": "directory", "path": path, "oid": "0" * 40} for path in folders]
        return JSONResponse(told)

    async def preupload(self, request: Request) -> Response:
        """How each file is to be uploaded, and what is there already at its path."""
        _, files = self.site.repo(request, write=True).at(part(request, "rev"))
        told = []
        for each in (await request.json())["files"]:
            binary = b"\0" in base64.b64decode(each["sample"]) or each["path"].endswith(".parquet")
            large = self.site.mode != "regular" and (binary or each["size"] >= LARGE)
            mode = "lfs" if large else "regular"
            about = {"path": each["path"], "uploadMode": mode, "shouldIgnore": False}
            if file := files.get(each["path"]):
                about["oid"] = file.sha256 if file.large else file.oid
            told.append(about)
        return JSONResponse({"files": told})

    async def commit(self, request: Request) -> Response:
        """All of it or nothing; nothing comes between, for nothing is awaited in the middle."""
        sent = list(await lines(request))
        repo = self.site.repo(request, write=True)
        parent, files = repo.at(part(request, "rev"))
        header = next(each["value"] for each in sent if each["key"] == "header")
        if not parent.id.startswith(header.get("parentCommit") or ""):
            raise Refusal(412)
        changes: dict[str, File | None] = {}
        for each in sent:
            changes |= self.change(each["key"], each["value"], files)
        account = self.site.writer(request, repo.namespace)
        title, description = header["summary"], header.get("description", "")
        made = self.site.world.commit(repo.place, account.user, title, changes, description)
        url = f"{request.base_url}{repo.kind}/{repo.id}/commit/{made.id}"
        return JSONResponse({"success": True, "commitOid": made.id, "commitUrl": url})

    def change(self, key: str, value: dict[str, Any], files: dict[str, File]) -> Changes:
        match key:
            case "file":
                return {value["path"]: self.small(base64.b64decode(value["content"]))}
            case "lfsFile":
                if file := self.site.storage.large(value["oid"]):
                    return {value["path"]: file}
                missing = f"LFS pointer pointed to a file that does not exist: {value['oid']}"
                raise Refusal(400, missing)
            case "deletedFile":
                if value["path"] not in files:
                    raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
                return {value["path"]: None}
            case "deletedFolder":
                folder = value["path"].rstrip("/") + "/"
                return {path: None for path in files if path.startswith(folder)}
        return {}

    def small(self, content: bytes) -> File:
        return File(len(content), git_oid(content), self.site.storage.put(content))

    async def lfs_batch(self, request: Request) -> Response:
        """Where to put each content that isn't here yet."""
        self.site.repo(request, write=True)
        told = []
        for each in (await request.json())["objects"]:
            about: dict[str, Any] = {"oid": each["oid"], "size": each["size"]}
            if not self.site.storage.has(each["oid"]):
                href = f"{request.base_url}lfs-storage/{each['oid']}"
                about["actions"] = {"upload": {"href": href}, "verify": {"href": f"{href}/verify"}}
            told.append(about)
        return JSONResponse({"transfer": "basic", "objects": told})

    async def lfs_put(self, request: Request) -> Response:
        content = await request.body()
        if hashlib.sha256(content).hexdigest() != part(request, "oid"):
            raise Refusal(400, "the content is not what its name says")
        self.site.storage.put(content)
        return Response(headers={"ETag": f'"{part(request, "oid")}"'})

    async def lfs_verify(self, request: Request) -> Response:
        return JSONResponse({}, 200 if self.site.storage.has(part(request, "oid")) else 404)

    async def resolve(self, request: Request) -> Response:
        repo = self.site.repo(request)
        commit, files = repo.at(part(request, "rev"))
        headers = {"X-Repo-Commit": commit.id}
        file = files.get(part(request, "path"))
        if file is None:
            raise Refusal(404, "Entry not found", "EntryNotFound", headers)
        headers["ETag"] = f'"{file.sha256 if file.large else file.oid}"'
        auth = f"api/{repo.kind}/{repo.id}/xet-read-token/{commit.id}"
        return self.site.send(request, file, headers, auth)


def entry(path: str, file: File) -> dict[str, Any]:
    about: dict[str, Any] = {"type": "file", "path": path, "size": file.size, "oid": file.oid}
    if file.large:
        about["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": 134}
    return about | ({"xetHash": file.xet} if file.xet else {})
