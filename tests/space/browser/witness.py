"""What a browser did and said meanwhile, beside what its pages show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from playwright.sync_api import ConsoleMessage, Dialog, Page, Request, Response

QUIET: Final = ("log", "debug", "info")
"""Kinds of console messages that are nobody's fault."""


@dataclass  # Not slots: Playwright keeps its own notes on what listens.
class Witness:
    """Sees every request, answer, message of the console and uncaught error of a page."""

    origin: str
    requests: list[Request] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, page: Page, origin: str) -> Self:
        own = cls(origin)
        page.on("request", own._sent)
        page.on("response", own._answered)
        page.on("console", own._said)
        page.on("pageerror", lambda error: own.faults.append(f"uncaught: {error}"))
        page.on("dialog", own._interrupted)
        return own

    def _sent(self, request: Request) -> None:
        self.requests.append(request)
        if not request.url.startswith((f"{self.origin}/", "data:", "blob:")):
            self.faults.append(f"left the machine: {request.method} {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.request.method} {response.url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in QUIET:
            where = f"{message.location.get('url', '')}:{message.location.get('lineNumber', '')}"
            self.faults.append(f"console {message.type}: {message.text} ({where})")

    def _interrupted(self, dialog: Dialog) -> None:
        self.faults.append(f"{dialog.type}: {dialog.message}")
        dialog.dismiss()

    def asked(self, path: str = "") -> list[str]:
        """Methods and addresses of the requests whose path begins so, less the origin."""
        start = f"{self.origin}{path}"
        return [
            f"{each.method} {each.url.removeprefix(self.origin)}"
            for each in self.requests
            if each.url.startswith(start)
        ]

    def allow(self, *faults: str) -> None:
        """What is meant to go wrong, or was: faults that hold one of these texts are none."""
        self.allowed += faults

    def found(self) -> list[str]:
        """All that went wrong and was not allowed."""
        return [
            each for each in self.faults if not any(allowed in each for allowed in self.allowed)
        ]
