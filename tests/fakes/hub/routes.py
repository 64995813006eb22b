"""The application: the Hub's own paths, and those by which tests steer it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.hub.buckets import Buckets
from tests.fakes.hub.cas import Cas
from tests.fakes.hub.faults import Fault
from tests.fakes.hub.gate import Gate
from tests.fakes.hub.refusal import Refusal, answer
from tests.fakes.hub.repos import Repos
from tests.fakes.hub.site import Site, part
from tests.fakes.hub.state import Account, World
from tests.fakes.hub.storage import Storage


def open_hub(root: Path, mode: str, page: int) -> Desk:
    """A Hub that keeps what it knows in the folder `root`."""
    return Desk(Site(World(root), Storage(root), mode, page))


class Desk:
    """Steers a site, and answers what concerns no repository; `gate` is the application."""

    def __init__(self, site: Site) -> None:
        self.site = site
        routes = [
            Route("/_{what}", self.control, methods=["GET", "POST", "DELETE"]),
            Route("/api/whoami-v2", self.whoami),
            Route("/api/validate-yaml", self.validate, methods=["POST"]),
        ]
        # Buckets first: `/api/{kind}/...` would take their paths, too.
        routes += [*Buckets(site).routes(), *Cas(site).routes(), *Repos(site).routes()]
        app = Starlette(routes=routes, exception_handlers={Refusal: answer})
        self.gate = Gate(app, self.rival)

    async def control(self, request: Request) -> Response:
        """How a test steers the Hub, and asks what has happened."""
        asked = json.loads(await request.body() or "{}")
        match request.method, part(request, "what"):
            case "POST", "account":
                account = Account(asked["user"], asked["scope"], tuple(asked["orgs"]))
                self.site.world.welcome(account)
                return JSONResponse({"token": account.token})
            case "POST", "fault":
                try:
                    self.gate.faults.append(Fault(**asked))
                except (TypeError, ValueError, re.error) as error:
                    raise Refusal(400, str(error)) from error
            case "DELETE", "faults":
                self.gate.faults.clear()
            case "GET", "requests":
                return JSONResponse([asdict(each) for each in self.gate.log])
            case "DELETE", "requests":
                self.gate.log.clear()
            case "POST", "reset":
                for each in (self.site.world, self.site.storage, self.gate.faults, self.gate.log):
                    each.clear()
            case _:
                raise Refusal(404, "tests steer by account, fault, faults, requests and reset")
        return JSONResponse({})

    def rival(self, path: str) -> None:
        """Someone else commits, and changes nothing, to the repository that a path is about."""
        found = re.match("/api/([^/]+)/([^/]+/[^/]+)/", path)
        if found and (found[1], found[2]) in self.site.world.repos:
            self.site.world.commit((found[1], found[2]), "rival", "a rival's commit", {})

    async def whoami(self, request: Request) -> Response:
        account = self.site.account(request)
        if account is None:
            raise Refusal(401)
        told = {"type": "user", "id": account.user, "name": account.user, "isPro": False}
        orgs = [{"type": "org", "name": name} for name in account.orgs]
        access = {"displayName": account.scope, "role": account.scope}
        auth = {"type": "access_token", "accessToken": access}
        return JSONResponse({**told, "fullname": account.user, "orgs": orgs, "auth": auth})

    async def validate(self, request: Request) -> Response:
        """Every card is fine."""
        return JSONResponse({"errors": [], "warnings": []})
