"""How the Hub says no: a status, words, and the header by which its client tells causes apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

BROKEN: Final = ("Internal Error - We're working hard to fix this as soon as possible!", "")
WORDS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("Invalid credentials in Authorization header", ""),
    402: ("Storage quota exceeded, please upgrade your plan", ""),
    403: ("You don't have the required permissions to perform this action", ""),
    404: ("Repository not found", "RepoNotFound"),
    412: ("A commit has happened since. Please refresh and try again.", ""),
    413: ("Payload Too Large", ""),
    429: ("You have exceeded our hourly quotas for action: commit. Please retry later.", ""),
}
"""A message and an X-Error-Code for each status. Only 402's words are not known from the Hub."""
RETRY_AFTER: Final = {429: {"Retry-After": "1"}}


class Refusal(Exception):
    """Raised by a handler, answered by the application."""

    def __init__(
        self,
        status: int,
        message: str = "",
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        words, usual = WORDS.get(status, BROKEN)
        self.status = status
        self.message = message or words
        self.code = usual if code is None else code
        self.headers = {**RETRY_AFTER.get(status, {}), **(headers or {})}

    def response(self) -> Response:
        told = {"X-Error-Message": ascii(self.message)[1:-1], **self.headers}
        if self.code:
            told["X-Error-Code"] = self.code
        return JSONResponse({"error": self.message}, self.status, told)


async def answer(request: Request, refusal: Exception) -> Response:
    """For Starlette's table of exception handlers."""
    assert isinstance(refusal, Refusal)
    return refusal.response()
