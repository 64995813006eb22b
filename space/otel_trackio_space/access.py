"""Who may use the dashboard: everybody on this machine, beyond it who shows a token.

On loopback no token is asked for. There a page of another site must not reach us through the
browser of who has both open: the Host that it names has to be ours (DNS rebinding), and what
changes anything has to come from our own page.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from otel_trackio.errors import ConfigError

TOKEN_VARIABLE: Final = "OTEL_TRACKIO_TOKEN"
"""Names the token, which then is asked for on loopback, too: other users share some machines."""

TOKEN_BYTES: Final = 24
"""Random bytes of a token that we make."""

SHORTEST_TOKEN: Final = 16
"""Characters that a token has at least."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a server is guarded. `token` is empty where none is asked for.

    `readonly` refuses all that would change runs or rules.
    """

    token: str = ""
    readonly: bool = False

    def __repr__(self) -> str:
        return f"Access(token={'...' if self.token else ''!r}, readonly={self.readonly})"

    @property
    def cookie(self) -> str:
        """What a browser keeps instead of the token: it cannot be told from it."""
        return hmac.new(self.token.encode(), b"cookie", hashlib.sha256).hexdigest()

    def is_token(self, given: str) -> bool:
        """Whether that is the token, in a time that tells nothing of it."""
        return hmac.compare_digest(given.encode(), self.token.encode())

    def is_cookie(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.cookie.encode())

    def serves(self, host: str) -> bool:
        """Whether the Host header names us. Where a token is asked for, any name may be ours."""
        return bool(self.token) or is_loopback(host_name(host))


def access_on(host: str, environ: Mapping[str, str], readonly: bool = False) -> Access:
    """The access of a server that listens on `host`. Raises ConfigError for a token too short."""
    token = environ.get(TOKEN_VARIABLE, "")
    if token and len(token) < SHORTEST_TOKEN:
        raise ConfigError(
            f"{TOKEN_VARIABLE} has {len(token)} characters",
            f"give {SHORTEST_TOKEN} or more, or leave it out and one is made",
        )
    if not token and not is_loopback(host):
        token = secrets.token_urlsafe(TOKEN_BYTES)
    return Access(token, readonly)


def is_loopback(host: str) -> bool:
    """Whether a name or address, without a port, can only be this machine."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(header: str) -> str:
    """The name in a Host header, without the port; empty where that is no host at all."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def is_own_page(headers: Mapping[str, str]) -> bool:
    """Whether a request that changes something may be our own page's, or comes from no browser.

    A browser names the Origin of every such request, and no page can change what it says. Where
    it says `same-origin` a proxy may stand between us, and Host and Origin may differ.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    # Not taken apart: what is no address is not ours, either.
    return origin is None or origin.lower().partition("://")[2] == headers.get("host", "").lower()
