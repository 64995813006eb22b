"""A place on the Hub: what a dataset and a bucket have in common."""

from __future__ import annotations

import os
import re
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar

from otel_trackio.deadline import TIMEOUT_SECONDS, Overdue, bind, hush, within
from otel_trackio.errors import ConfigError, RemoteRefused
from otel_trackio.forking import unforked
from otel_trackio.hubfault import Attempt, anonymous

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD: Final = "README.md"

UPLOAD_BYTES: Final = 4_000_000
"""Bytes that go up together, or one file: the client's xet library holds them in memory, twice."""

TALKATIVE: Final = ("huggingface_hub.hf_api", "huggingface_hub.utils._http")
"""Loggers that warn of each retry, and of each commit that was there already."""

_users: Final[dict[tuple[str, str | None], str]] = {}
"""Whose tokens are, by endpoint: the Hub lets that be asked seldom, so once a process."""

T = TypeVar("T")


class HubPlace:
    """Named `USER/NAME`, or only `NAME`: then the user is the token's.

    `token` and `endpoint` are what huggingface_hub finds (HF_TOKEN, `hf auth login`, HF_ENDPOINT)
    where they are not given. `timeout` is how many seconds a call may take; it may be changed.
    """

    scheme: str

    def __init__(
        self,
        name: str,
        token: str | None = None,
        endpoint: str | None = None,
        private: bool = True,
    ) -> None:
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name, re.ASCII):
            hint = "give USER/NAME or NAME, of letters, digits, and . _ -"
            raise ConfigError(f"{self.scheme}{name} is no remote", hint)
        # Here, not when a thread first needs it: where two import at once, the other of which may
        # be the training code, either can find half a module.
        with unforked():
            from huggingface_hub import CommitOperationAdd, HfApi, errors, hf_api  # noqa: F401
        self.private = private
        self.timeout = TIMEOUT_SECONDS
        self._name = name
        self._token = token.strip() if token else None
        self._endpoint = endpoint

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r})"

    @property
    def url(self) -> str:
        """A bare name's lacks the user until the first call has found out who that is."""
        return self.scheme + self._name

    def _try(self, verb: str, work: Callable[[], T], path: str = "") -> T:
        """Does the work within the time; what it raises is a RemoteError, about that path."""
        try:
            return within(self.timeout, lambda: self._work(verb, work, path))
        except Overdue as error:
            raise self._attempt(verb, self._token, path).failed(error) from error

    def _work(self, verb: str, work: Callable[[], T], path: str) -> T:
        from huggingface_hub import get_token
        from huggingface_hub.errors import HfHubHTTPError

        for name in TALKATIVE:
            hush(name)
        # Its bases are what the client's HTTP library raises, and that depends on its version.
        errors: Any = (*HfHubHTTPError.__bases__, OSError, RuntimeError, ValueError)
        token = self._token or get_token()
        if token and not re.fullmatch("[!-~]+", token):
            message = f"cannot {verb} {self.url}: the token holds a character that none has"
            raise RemoteRefused(message, "copy it again to HF_TOKEN or `hf auth login`")
        try:
            return work()
        except errors as error:
            words = "".join(traceback.format_exception(error))
            leaks = (token is not None and token in words) or anonymous(words) != words
            raise self._attempt(verb, token, path).failed(error) from (None if leaks else error)

    def _attempt(self, verb: str, token: str | None, path: str) -> Attempt:
        endpoint = self._endpoint or os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        url = f"{self.url}/{path}" if path else self.url
        return Attempt(verb, url, self._name, endpoint, token)

    def _api(self) -> HfApi:
        """The client, whose next requests end in time; so not to be kept for long."""
        from huggingface_hub import HfApi, get_session

        bind(get_session())
        return HfApi(self._endpoint, self._token)

    def _id(self) -> str:
        from huggingface_hub import get_token

        if "/" not in self._name:
            api = self._api()
            asking = api.endpoint, self._token or get_token()
            if asking not in _users:
                _users[asking] = str(api.whoami()["name"])
            self._name = f"{_users[asking]}/{self._name}"
        return self._name

    def _download(self, url: str) -> bytes:
        """A file as it is, past the client's cache: it is read once."""
        utils = client_utils()
        answer = utils.http_backoff("GET", url, headers=utils.build_hf_headers(token=self._token))
        utils.hf_raise_for_status(answer)
        content: bytes = answer.content
        return content


def portions(sizes: Sequence[int], most: int) -> Iterator[slice]:
    """Slices of files that follow one another, of `most` bytes together unless one has more."""
    start = total = 0
    for place, size in enumerate(sizes):
        if place > start and total + size > most:
            yield slice(start, place)
            start, total = place, 0
        total += size
    if sizes:
        yield slice(start, len(sizes))


def client_utils() -> Any:
    """What huggingface_hub offers in `utils`, where no type checker finds it."""
    return import_module("huggingface_hub.utils")


class _Bars:
    """The client's progress bars, which it hides for the whole process or not at all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hidden = 0
        self._shown = False

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Hides bars that begin meanwhile; where HF_HUB_DISABLE_PROGRESS_BARS is 0 it may not."""
        from huggingface_hub.constants import HF_HUB_DISABLE_PROGRESS_BARS as DISABLED

        utils = client_utils()
        with self._lock:
            if not self._hidden:
                self._shown = DISABLED is None and not utils.are_progress_bars_disabled()
                if self._shown:
                    utils.disable_progress_bars()
            self._hidden += 1
        try:
            yield
        finally:
            with self._lock:
                self._hidden -= 1
                if self._shown and not self._hidden:
                    utils.enable_progress_bars()


bars: Final = _Bars()
