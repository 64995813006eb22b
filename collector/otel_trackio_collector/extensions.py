"""The `extensions` of a configuration: secrets that `auth` names, and where health is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from otel_trackio_collector.config import HEALTH
from otel_trackio_collector.vocabulary import Keys, address, basic, known, unneeded
from otel_trackio_collector.yamlfile import Faults, Item, nearest

UNNEEDED_EXTENSIONS: Final = {
    "file_storage": "every request is on disk; request_log.directory says where",
    "pprof": "there is nothing to profile that way",
    "zpages": "ask `otel-trackio collector status`",
}

Secrets = Mapping[str, str]
"""Of an `auth` extension: what it puts into the Authorization header."""


def extensions_of(item: Item | None, faults: Faults) -> tuple[Secrets, str]:
    """What `auth` may name, and where health is answered."""
    secrets: dict[str, str] = {}
    health = HEALTH

    def read(name: str, each: Item) -> None:
        nonlocal health
        kind = name.partition("/")[0]
        if kind == "health_check":
            keys: Keys = {"endpoint": address, "path": unneeded}
            health = known(each, keys).get("endpoint", HEALTH)
        elif kind in SECRETS:
            secrets[name] = ""  # It is defined, even if it cannot be read.
            secrets[name] = SECRETS[kind](each)
        elif kind in UNNEEDED_EXTENSIONS:
            each.note(f"is not needed here: {UNNEEDED_EXTENSIONS[kind]}")
        else:
            names = (*UNNEEDED_EXTENSIONS, *SECRETS, "health_check")
            raise each.error(f"no extension {kind!r} here", nearest(kind, dict.fromkeys(names)))

    faults.each(item.items() if item is not None else {}, read)
    return secrets, health


def _bearer(item: Item) -> str:
    found = known(item, {"token": Item.text, "filename": Item.path_of_file, "scheme": unneeded})
    try:
        token = found["filename"].read_text() if "filename" in found else found.get("token", "")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise item.error(f"{item.path}.filename: {found['filename']}: {why}") from None
    if not (token := token.strip()):
        raise item.error(f"{item.path} has no token", "such as {token: ${env:TOKEN}}")
    return f"Bearer {token}"


def _basic(item: Item) -> str:
    client = {"username": Item.text, "password": Item.text}
    found = known(item, {"client_auth": lambda each: known(each, client)}).get("client_auth", {})
    if found.keys() != client.keys():
        hint = "such as {client_auth: {username: 1, password: ${env:KEY}}}"
        raise item.error(f"{item.path} lacks a name or a password", hint)
    return basic(found["username"], found["password"])


SECRETS: Final = {"bearertokenauth": _bearer, "basicauth": _basic}
"""Extensions that `auth` may name, and how each is read."""


def authorization_of(item: Item, name: str | None, secrets: Secrets) -> str:
    """What `auth` names, of those. Raises ConfigError for what is not among them."""
    if not name:
        return ""
    if name not in secrets:
        raise item.error(
            f"{item.path}.auth names {name!r}, which is no extension", nearest(name, secrets)
        )
    return secrets[name]
