"""Sending stored runs on to an OTLP endpoint: what no live process sends by itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from otel_trackio import database, forking, layout, recovery
from otel_trackio.courier import Courier
from otel_trackio.edit import EDITOR
from otel_trackio.endpoint import cursor_of
from otel_trackio.lease import Lease
from otel_trackio.outgoing import Outgoing
from otel_trackio.reader import RunFileReader
from otel_trackio.runfile import SENT_TO, RunFile
from otel_trackio.source import told_once
from otel_trackio.storedrun import StoredRun


def is_wanted(path: Path, url: str) -> bool:
    """Whether what a file holds was to be sent there, or has been, at least in part. Only reads."""
    with closing(RunFileReader(path)) as reader:
        return reader.meta().get(SENT_TO) == url or cursor_of(url) in reader.cursors()


def sources_of(run: StoredRun) -> list[Path]:
    """The files of a run that have something to send: not those that people's changes are in, nor
    what a collector holds of a writer whose own file is there, too."""
    with run.sources() as sources:
        kept = [each for each in told_once(sources) if each.meta["part"] != EDITOR]
        return [each.reader.path for each in kept]


def send_stored(
    path: Path,
    courier: Courier,
    again: bool = False,
    enough: Callable[[], bool] = lambda: False,
) -> int | None:
    """Sends what a file holds and the endpoint has not got, or with `again` all of it.

    Returns how many numbers are still to be sent, for `enough` may end it; None where a live
    process holds the file. Raises StoreError, Retryable and Unwelcome; what was sent by then is
    not sent again.
    """
    with forking.unforked():
        if layout.journal_file(path).exists():
            recovery.recover(path)
        if layout.journal_file(path).exists():
            return None  # Recovery left it: its writer may live on another machine.
        lease = Lease.take(layout.lock_file(path))
    if lease is None:
        return None
    try:
        with forking.unforked():
            file = RunFile.open(path)
        try:
            return _send(file, courier, again, enough)
        except database.DAMAGE as error:
            raise database.damaged(path, error) from error
        finally:
            with forking.unforked():
                file.close()
    finally:
        lease.remove()
        lease.release()


def _send(file: RunFile, courier: Courier, again: bool, enough: Callable[[], bool]) -> int:
    name = cursor_of(courier.url)
    held, last = file.cursor(name), int(file.meta("next_seq")) - 1
    outgoing = Outgoing(file.path, 0 if again else held, ended=True)

    def moved() -> None:
        if outgoing.position > held:
            with forking.unforked(), file.transaction():
                file.set_cursor(name, outgoing.position)

    courier.bring(outgoing, last, moved, enough)
    meant = file.meta(SENT_TO, "")
    if outgoing.position == last and meant and file.cursor(cursor_of(meant)) < last:
        # Where it was meant for may have been a slip of the pen: now it is owed to nobody.
        with forking.unforked(), file.transaction():
            file.set_meta(SENT_TO, courier.url)
    return last - outgoing.position
