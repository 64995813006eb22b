"""What went wrong with the Hub, in words that its user can act on."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from otel_trackio.deadline import Overdue
from otel_trackio.errors import RemoteError, RemoteRefused, RemoteUnavailable
from otel_trackio.lifetime import is_in_job
from otel_trackio.redact import REDACTED, redact

PASSING: Final = frozenset({408, 409, 412, 425, 429})
"""Statuses after which the same may go through later, beside those of 500 and more."""

MAX_WORDS: Final = 300
"""Characters of what the Hub said that a message quotes."""

_STORE: Final = re.compile(r"HTTP status \w+ error \((\d{3})[^)]*\), domain: (\S+)")
"""How the client's xet library tells a status and an address: in a builtin ConnectionError."""

_DISK: Final = "I/O error"
"""How it begins where the client cannot write files of its own."""

_USER: Final = re.compile(r"(https?://)[^\s/@]+@")

READ: Final = "read"
WRITE: Final = "write to"
TOKENS: Final = "https://huggingface.co/settings/tokens"
HERE: Final = "HF_TOKEN or `hf auth login`"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried: `verb` is READ or WRITE; `name` is the place's, `token` one's own."""

    verb: str
    url: str
    name: str
    endpoint: str
    token: str | None

    def failed(self, error: BaseException) -> RemoteError:
        """The error to raise for one of the client's."""
        kind = type(error).__name__
        status = 401 if kind == "LocalTokenNotFoundError" else status_of(error)
        if kind == "OfflineModeIsEnabled":
            message = f"cannot {self.verb} {self.url}: HF_HUB_OFFLINE is set"
            return RemoteRefused(message, "unset it")
        message = f"cannot {self.verb} {self.url}: {self._words(error, status)}"
        if isinstance(error, ValueError | FileNotFoundError) and status is None:
            return RemoteRefused(message, "check names and paths")
        if status is None or kind == "BucketBatchError" or passes(error, status):
            hint = self._patience(error, status)
            return RemoteUnavailable(message, hint, _kind(error, status), retry_after(error))
        hint = self._remedy(status)
        if self.verb == WRITE and not is_in_job(os.environ):  # Which goes away with its runs.
            hint += "; runs stay on this machine meanwhile, and"
            hint += f" `otel-trackio sync --to {self.url}` sends them later"
        return RemoteRefused(message, hint, str(status))

    def _patience(self, error: BaseException, status: int | None) -> str:
        if seconds := retry_after(error):
            return f"try again in {seconds:g} s"
        if isinstance(error, Overdue):
            return f"see whether {anonymous(self.endpoint)} answers here"
        if status is None and _DISK in str(error):
            return "set HF_HOME to a folder that may be written, on a disk with room"
        if status is None:
            return f"see whether {anonymous(self.endpoint)} can be reached from here"
        if is_from_store(error):
            return "see whether something blocks it here; HF_HUB_DISABLE_XET=1 goes another way"
        return "try again later; https://status.huggingface.co says what is down"

    def _remedy(self, status: int) -> str:
        right = "write" if self.verb == WRITE else "read"
        owner = self.name.partition("/")[0] if "/" in self.name else "its user"
        here = "the job by `--secrets HF_TOKEN`" if is_in_job(os.environ) else HERE
        token = (
            f"make a token with {right} access to {self.name} at {TOKENS}, and give it to {here}"
        )
        match status:
            case 401:
                return f"the token is not valid: {token}" if self.token else token
            case 402:
                return f"make room, or upgrade the plan of {owner}: huggingface.co/settings/billing"
            case 403:
                return f"{token}; if fine-grained, it needs to {right} repositories of {owner}"
            case 404:
                return f"check the name; where it is private, {token}"
            case 413:
                return "pip install hf_xet, which sends less at once, or ask who runs the proxy"
        return "see whether pip install -U huggingface_hub helps"

    def _words(self, error: BaseException, status: int | None) -> str:
        """Status and words of the Hub, or what the client said, without secrets."""
        if status == 401 and not self.token:
            return "there is no token"
        chain = _chain(error)
        told = (getattr(each, "server_message", None) for each in chain)
        said = next(filter(None, told), None) or str(chain[-1] if status is None else error)
        if by_store := _STORE.search(said):
            said = by_store[2]
        said = re.sub(r"(https?://[^\s?]+)\?\S+", r"\1", " ".join(said.split()))  # signed addresses
        if self.token:
            said = said.replace(self.token, REDACTED)
        said = anonymous(said)
        said = str(redact({"said": said})["said"])[:MAX_WORDS].rstrip(".")
        if status is None:
            return said or type(error).__name__
        known = status in HTTPStatus.__members__.values()
        return f"{status} {HTTPStatus(status).phrase if known else ''}, {said}"


def _kind(error: BaseException, status: int | None) -> str:
    if status is not None:
        return str(status)
    return "timeout" if isinstance(error, Overdue) else "unreachable"


def anonymous(text: str) -> str:
    """A text in whose addresses no user stands, nor a password."""
    return _USER.sub(r"\1", text)


def passes(error: BaseException, status: int) -> bool:
    """Whether the same may go through later."""
    if status in PASSING or status >= 500 or is_from_store(error):
        return True
    # A burst of commits may get 403, and one that comes too soon after its upload 400.
    said = str(error).lower()
    return "too many" in said or "lfs pointer pointed to a file that does not exist" in said


def is_from_store(error: BaseException) -> bool:
    """Whether it was not the Hub that answered but where it keeps files, by rights of its own."""
    answered = _STORE.search(str(error))
    return answered is not None and "/api/" not in answered[2]


def status_of(error: BaseException) -> int | None:
    """The HTTP status behind an error, if one is."""
    for each in _chain(error):
        status = getattr(getattr(each, "response", None), "status_code", None)
        if status is not None:
            return int(status)
        if found := _STORE.search(str(each)):
            return int(found[1])
    return None


def retry_after(error: BaseException) -> float | None:
    """The seconds to wait that an answer names, if it does."""
    for each in _chain(error):
        headers: Mapping[str, Any] = getattr(getattr(each, "response", None), "headers", {})
        if str(seconds := headers.get("Retry-After", "")).isdigit():
            return float(seconds)
        if found := re.search(r"\bt=(\d+)", str(headers.get("RateLimit", ""))):
            return float(found[1])
    return None


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__
    return chain
