"""Following a remote: a copy of it in a folder of this user's own, brought up to date in turns.

The remote is listed while somebody looks, and read only where the list has changed. What is in the
copy is shown at once, however old it is.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

from otel_trackio import layout, place
from otel_trackio.diagnostics import logger
from otel_trackio.errors import OtelTrackioError, RemoteError, RemoteUnavailable, StoreError
from otel_trackio.filesystem import filesystem_type, is_network
from otel_trackio.lease import Lease
from otel_trackio.pull import Pulled, Total, pull
from otel_trackio.remote import Entry, Remote
from otel_trackio.scratch import is_own, own_folder
from otel_trackio.threads import started

SOONEST: Final = 15.0
"""Seconds between two looks at the remote, where the last one brought something."""

LATEST: Final = 30.0
"""The same, where it brought nothing for a while."""

LONGEST: Final = 600.0
"""The same, where the remote cannot be read: twice as long each time, up to this."""

LOOKING_SECONDS: Final = 40.0
"""How long somebody counts as looking after the last sign of it."""


CLOSE_SECONDS: Final = 1.0
"""How long the end waits for what is under way."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How following goes. `synced` is when the copy was as new as the remote, in ms.

    While runs come, `done` of `total` files have.
    """

    remote: str
    synced: float | None
    error: str = ""
    hint: str = ""
    busy: bool = False
    done: int = 0
    total: int = 0


class Follow:
    """`dir` is the copy's folder. Any thread may use it; nothing in it waits for the remote.

    Raises StoreError where there is no room for a copy.

    `is_watched` says whether pages are open that are told what is new. `wait` are the seconds from
    one look at the remote to the next, `idle` says that nobody looks, and nothing is asked.
    """

    def __init__(self, remote: Remote, dir: Path | None = None) -> None:
        self.remote = remote
        self.is_watched: Callable[[], bool] = lambda: False
        self.dir = dir or copy_of(remote.url)
        try:
            self.dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            message = f"cannot keep a copy in {self.dir}: {error.strerror}"
            raise StoreError(
                message, "set XDG_CACHE_HOME to a folder that can be written"
            ) from error
        self._standing = Standing(remote.url, _time(self._stamp))
        self._listed: list[Entry] | None = None
        self.wait = 0.0
        self._failures = 0
        self.idle = False
        self._looked = time.monotonic()
        self._woken = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="otel-trackio pull", daemon=True)

    @property
    def _stamp(self) -> Path:
        """Its time is that of the last sync."""
        return self.dir / "synced"

    @property
    def standing(self) -> Standing:
        # Another server may follow into the same folder.
        return replace(self._standing, synced=_time(self._stamp))

    def start(self) -> None:
        started(self._thread)

    def looked(self) -> None:
        """Somebody looks: the copy is kept up to date for a while."""
        idle = time.monotonic() - self._looked > LOOKING_SECONDS
        self._looked = time.monotonic()
        if idle:
            self._woken.set()

    def soon(self) -> None:
        """The remote has something new, as we know."""
        self.wait = 0.0
        self._woken.set()

    def close(self) -> None:
        """Ends it; what has come stays."""
        self._ended.set()
        self._woken.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_SECONDS)

    def _follow(self) -> None:
        while not self._ended.is_set():
            recent = time.monotonic() - self._looked <= LOOKING_SECONDS
            self.idle = not (recent or self.is_watched())
            if not self.idle:
                self._turn()
            self._woken.wait(SOONEST if self.idle else self.wait)
            self._woken.clear()

    def _turn(self) -> None:
        try:
            lease = Lease.take(self.dir / "follow.lock")
            if lease is None:
                self.wait = SOONEST  # Another server does it, into the same folder.
                return
            try:
                brought = self._pull()
            finally:
                lease.release()
        except OtelTrackioError as error:
            self._failed(error)
        except OSError as error:
            hint = f"free the disk, or make {self.dir} writable"
            self._failed(StoreError(f"cannot keep a copy: {error}", hint))
        except Exception as error:  # noqa: BLE001 (it is told on the page, and ends nothing)
            self._failed(StoreError(f"it cannot be brought here: {error!r}", "report it"))
        else:
            self._failures = 0
            self.wait = SOONEST if brought else min(LATEST, max(SOONEST, self.wait * 1.25))
            self._stamp.touch(mode=0o600)
            self._standing = Standing(self.remote.url, None)

    def _pull(self) -> bool:
        """Whether anything came that was not here."""
        listed = self.remote.list(place.ROOT)
        if listed and listed == self._listed:
            return False
        self._standing = replace(self._standing, busy=True)
        done = pull(self.remote, self.dir, progress=self._progress)
        # What was cut short by others is asked for again.
        self._listed = None if done.busy or done.unfinished else listed
        return done.numbers > 0

    def _progress(self, done: Pulled, total: Total) -> None:
        if self._ended.is_set():
            raise _Ended
        self._standing = replace(self._standing, done=done.files, total=total.files)

    def _failed(self, error: OtelTrackioError) -> None:
        if isinstance(error, _Ended):
            return
        if self._standing.error != error.message:
            logger.warning("cannot follow %s: %s", self.remote.url, error)
        self._standing = Standing(self.remote.url, None, error.message, error.hint)
        asked = error.retry_after if isinstance(error, RemoteUnavailable) else None
        self.wait = min(LONGEST, max(SOONEST * 2**self._failures, asked or 0.0))
        self._failures = min(self._failures + 1, 10)


class _Ended(RemoteError):
    """Raised inside a pull to end it; what has come stays."""

    def __init__(self) -> None:
        super().__init__("the server ends")


def copy_of(url: str) -> Path:
    """The folder of this user's copy of a remote, on a disk of this machine.

    Raises StoreError where it would belong to somebody else.
    """
    base = user_cache_path("otel-trackio", appauthor=False)
    if is_network(filesystem_type(base)):
        base = own_folder(Path(tempfile.gettempdir()))
        if not is_own(base):
            raise StoreError(f"{base} belongs to somebody else", "set XDG_CACHE_HOME")
    return base / "remotes" / layout.encode_id(url)


def _time(stamp: Path) -> float | None:
    try:
        return os.stat(stamp).st_mtime * 1e3
    except OSError:
        return None
