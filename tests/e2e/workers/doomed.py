"""Syncs a folder of runs again and again, killed at one change to a file later each time.

Arguments: a copy of the folder as it is at first, which holds `here` and `remote`; where it is to
be; of how many changes one is tried, and which is the first. After each kill another process syncs
what is left, and looks.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from otel_trackio import database, layout
from otel_trackio.remote import Folder
from otel_trackio.sync import sync
from tests.fakes.doom import Doom
from tests.rows import check_held, stored


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sync_all(folder: Path) -> None:
    here = folder / "here"
    sync(here, layout.run_dirs(here), Folder(folder / "remote"))


def doomed(folder: Path, at: int) -> None:
    doom, opened = Doom(folder, at, die), database.open_writing

    def watched(path: Path) -> sqlite3.Connection:
        connection = opened(path)
        connection.set_trace_callback(lambda statement: doom.count())
        return connection

    database.open_writing = watched
    with doom:
        sync_all(folder)


def heir(folder: Path) -> None:
    sync_all(folder)
    check_held(folder / "remote", stored(folder / "here"))
    left = [path for path in (folder / "here/outbox").rglob("*.[pr]*") if path.is_file()]
    assert left == [], left


def forked(work: Callable[[], None]) -> int:
    """How a child that does the work ends: 0, or minus a signal's number."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 (nothing of a child may go on in its parent's frames)
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    template, folder = map(Path, sys.argv[1:3])
    stride, at = map(int, sys.argv[3:])
    ended = -signal.SIGKILL
    while ended:
        shutil.copytree(template, folder)
        ended = forked(partial(doomed, folder, at))
        assert ended in (0, -signal.SIGKILL), (at, ended)
        assert forked(partial(heir, folder)) == 0, at
        shutil.rmtree(folder)
        at += stride


if __name__ == "__main__":
    main()
