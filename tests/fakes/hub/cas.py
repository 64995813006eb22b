"""The address at which the client's own library uploads to the xet store, and downloads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from tests.fakes.hub.refusal import Refusal
from tests.fakes.hub.site import Site, part
from tests.fakes.hub.xet import write

NEVER: Final = 4_102_444_800
"""When its tokens expire: in 2100."""


@dataclass(frozen=True, slots=True)
class Cas:
    site: Site

    def routes(self) -> list[Route]:
        return [
            Route("/api/{kind}/{ns}/{name}/xet-{right}-token/{rev}", self.token),
            Route("/api/buckets/{ns}/{name}/xet-{right}-token", self.token),
            Route("/xet/{store}/v1/xorbs/default/{name}", self.add_xorb, methods=["POST"]),
            Route("/xet/{store}/v1/shards", self.add_shard, methods=["POST"]),
            Route("/xet/{store}/v2/reconstructions/{name}", self.plan),
            Route("/xet/{store}/xorbs/{name}", self.xorb),
        ]

    async def token(self, request: Request) -> Response:
        """A client with hf_xet asks for one wherever a file is to be stored outside git."""
        right = part(request, "right")
        repo = self.site.repo(request, write=right == "write")
        if repo.kind != "buckets" and self.site.mode != "xet":
            mode = f"this stand-in is in mode {self.site.mode}; set HF_HUB_DISABLE_XET=1"
            raise Refusal(404, mode)
        url = f"{request.base_url}xet/{self.site.storage.xet.id}"
        token = f"xet-{right}"
        headers = {"X-Xet-Cas-Url": url, "X-Xet-Access-Token": token}
        headers["X-Xet-Token-Expiration"] = str(NEVER)
        return JSONResponse({"casUrl": url, "exp": NEVER, "accessToken": token}, headers=headers)

    def check(self, request: Request, *rights: str) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer xet-")
        if token not in rights:
            raise Refusal(401)
        if part(request, "store") != self.site.storage.xet.id:
            raise Refusal(404, "no such store")

    async def add_xorb(self, request: Request) -> Response:
        self.check(request, "write")
        path = self.site.storage.xet.xorbs / part(request, "name")
        new = not path.exists()
        write(path, await request.body())
        return JSONResponse({"was_inserted": new})

    async def add_shard(self, request: Request) -> Response:
        self.check(request, "write")
        if missing := self.site.storage.xet.add_shard(await request.body()):
            raise Refusal(400, f"no such xorb: {missing}")
        return JSONResponse({"result": 1})

    async def plan(self, request: Request) -> Response:
        self.check(request, "read", "write")
        name = part(request, "name")
        if name not in self.site.storage.xet.files:
            raise Refusal(404, "no such file")
        asked = re.match(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
        size = self.site.storage.xet.files[name].size
        first, last = (int(asked[1]), int(asked[2])) if asked else (0, size)
        if first >= size:
            raise Refusal(416, f"the file has {size} bytes")
        url = f"{request.base_url}xet/{self.site.storage.xet.id}/xorbs"
        return JSONResponse(self.site.storage.xet.plan(name, first, last, url))

    async def xorb(self, request: Request) -> Response:
        return FileResponse(self.site.storage.xet.xorbs / part(request, "name"))
