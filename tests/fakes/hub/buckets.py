"""Buckets: files by path, without a past; their contents are always in the xet store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.hub.refusal import Refusal
from tests.fakes.hub.site import Site, lines, part
from tests.fakes.hub.state import File, date


@dataclass(frozen=True, slots=True)
class Buckets:
    site: Site

    def routes(self) -> list[Route]:
        bucket = "/api/buckets/{ns}/{name}"
        return [
            Route(bucket, self.create, methods=["POST"]),
            Route(bucket, self.info),
            Route(bucket + "/batch", self.batch, methods=["POST"]),
            Route(bucket + "/tree", self.tree),
            Route(bucket + "/tree/{path:path}", self.tree),
            Route(bucket + "/paths-info", self.paths_info, methods=["POST"]),
            Route("/buckets/{ns}/{name}/resolve/{path:path}", self.resolve),
        ]

    async def create(self, request: Request) -> Response:
        account = self.site.account(request)
        namespace = part(request, "ns")
        if namespace == "me" and account:
            namespace = account.user
        account = self.site.writer(request, namespace)
        id = f"{namespace}/{part(request, 'name')}"
        url = f"{request.base_url}buckets/{id}"
        if ("buckets", id) in self.site.world.repos:
            return JSONResponse({"error": "You already created this bucket", "url": url}, 409)
        asked = await request.json()  # Clients before 2.1 say `private` here.
        private = asked.get("visibility") == "private" or asked.get("private", False)
        self.site.world.commit(("buckets", id), account.user, "", {}, private=private)
        return JSONResponse({"url": url})

    async def info(self, request: Request) -> Response:
        bucket = self.site.repo(request)
        told = {"id": bucket.id, "private": bucket.private, "createdAt": bucket.commits[0].date}
        sizes = [file.size for file in bucket.files.values()]
        return JSONResponse(told | {"size": sum(sizes), "totalFiles": len(sizes)})

    async def batch(self, request: Request) -> Response:
        """What can be done is done, the rest reported."""
        sent = list(await lines(request))
        bucket = self.site.repo(request, write=True)
        changes: dict[str, File | None] = {}
        failed = []
        for each in sent:
            path = each["path"]
            if each["type"] == "deleteFile":
                changes[path] = None
            elif content := self.site.storage.xet.files.get(each["xetHash"]):
                changes[path] = File(content.size, xet=each["xetHash"], mtime=each["mtime"])
            else:
                failed.append({"path": path, "error": f"no such content: {each['xetHash']}"})
        account = self.site.writer(request, bucket.namespace)
        if changes:
            self.site.world.commit(bucket.place, account.user, "batch", changes)
        told = {"success": not failed, "processed": len(sent), "failed": failed}
        return JSONResponse(told, 200 if changes or not failed else 422)

    async def tree(self, request: Request) -> Response:
        return self.site.listing(request, self.site.repo(request).files, entry)

    async def paths_info(self, request: Request) -> Response:
        files = self.site.repo(request).files
        paths = (await request.json())["paths"]
        return JSONResponse([entry(path, files[path]) for path in paths if path in files])

    async def resolve(self, request: Request) -> Response:
        bucket = self.site.repo(request)
        file = bucket.files.get(part(request, "path"))
        if file is None:
            raise Refusal(404, "Entry not found", "EntryNotFound")
        auth = f"api/buckets/{bucket.id}/xet-read-token"
        return self.site.send(request, file, {"ETag": f'"{file.xet}"'}, auth)


def entry(path: str, file: File) -> dict[str, Any]:
    modified = date(datetime.fromtimestamp(file.mtime / 1000, UTC))
    about = {"type": "file", "path": path, "size": file.size, "xetHash": file.xet}
    return about | {"mtime": modified, "uploadedAt": modified}
