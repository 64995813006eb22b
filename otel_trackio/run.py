"""A run that this process records."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Protocol, Self, SupportsIndex

from otel_trackio import delivery, frames, provider
from otel_trackio.diagnostics import Diagnostics
from otel_trackio.model import NO_STEP, Batch
from otel_trackio.plain import plain
from otel_trackio.recorder import Recorder
from otel_trackio.redact import redact
from otel_trackio.savedmap import SavedMap
from otel_trackio.text import storable
from otel_trackio.writer import Writer

State = Literal["running", "finished", "failed", "disabled"]
AlertLevel = Literal["info", "warn", "error"]
LEVELS: Final = ("info", "warn", "error")

MAX_ALERT_TEXT: Final = 10_000
"""Characters of an alert's text that are kept."""


class Syncer(Protocol):
    """Keeps a remote up to date with a run."""

    def soon(self) -> None:
        """Moves the next sync forward, as far as the remote's limits let it."""
        ...

    def now(self, timeout: float) -> Callable[[], int]:
        """Begins to sync what is stored; what it returns waits for that, so many seconds at most,
        and says how many numbers are not there then.

        The machine may go away: from now on it syncs as often as it may.
        """
        ...

    def finish(self, timeout: float) -> Callable[[], int]:
        """The same, for the last time."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """What names a run, and this process's part in it."""

    id: str
    name: str
    project: str
    group: str = ""
    tags: tuple[str, ...] = ()
    rank: int = 0
    attempt: int = 1


class Run:
    """A run that is being recorded; made by `init`. Any thread may use it.

    As a context manager it finishes at the end of the block, as failed if that raises.
    """

    def __init__(
        self,
        identity: Identity,
        open_writer: Callable[[str, Diagnostics], Writer] | None,
        diagnostics: Diagnostics,
        config: Mapping[str, Any],
        first_step: int,
        on_finish: Callable[[Run, bool], None],
    ) -> None:
        """`open_writer` takes the part ("main" or "fork"); without it nothing is recorded."""
        self._identity = identity
        self._open_writer = open_writer
        self.diagnostics = diagnostics
        self._first_step = first_step
        self._on_finish = on_finish
        self._finishing = threading.RLock()
        self._forked = False
        self._syncers: list[Syncer] = []
        self._senders: list[Syncer] = []
        self._failing = False
        self.state: State = "disabled"
        self.unsynced = self.unsent = 0
        self._writer: Writer | None = None
        self._recorder: Recorder | None = None
        if open_writer is not None:
            self.state = "running"
            self._record_with(open_writer("main", diagnostics))
        self._config = SavedMap(config, self._save_config)
        self._summary = SavedMap({}, self._save_summary)

    def _record_with(self, writer: Writer) -> Recorder:
        self._writer = writer
        self._recorder = Recorder(writer.journal, writer.files, self.diagnostics, self._first_step)
        return self._recorder

    @property
    def config(self) -> SavedMap:
        """What the run was set to; changes are saved when they are made."""
        return self._config

    @config.setter
    def config(self, values: Mapping[str, Any]) -> None:
        self._config.update(values)

    @property
    def summary(self) -> SavedMap:
        """What came of the run; changes are saved when they are made."""
        return self._summary

    @summary.setter
    def summary(self, values: Mapping[str, Any]) -> None:
        self._summary.update(values)

    @property
    def id(self) -> str:
        """The run's identity, which never changes."""
        return self._identity.id

    @property
    def name(self) -> str:
        return self._identity.name

    @property
    def project(self) -> str:
        return self._identity.project

    @property
    def group(self) -> str:
        return self._identity.group

    @property
    def tags(self) -> tuple[str, ...]:
        return self._identity.tags

    @property
    def rank(self) -> int:
        """This process's rank among those that record the run."""
        return self._identity.rank

    @property
    def attempt(self) -> int:
        """1, and one more each time the run was resumed."""
        return self._identity.attempt

    @property
    def path(self) -> Path | None:
        """The folder that holds the run's files; None where nothing is recorded."""
        return self._writer.path.parent if self._writer else None

    @property
    def points(self) -> int:
        """Points that this process has stored so far."""
        return self._writer.points if self._writer else 0

    def log(self, metrics: Mapping[str, Any], step: SupportsIndex | None = None) -> None:
        """Records metrics at a step; what returned is safe even from SIGKILL.

        Values are ints, floats, bools, numpy scalars, one-element tensors, `Histogram`, `Table`,
        `Image`, `Markdown`, `Trace` and lists of these four, or dicts of them, whose keys are
        joined by `/`. The step is `step`, else that of the `with step(n)`
        block, else `set_step`'s, else one more than the last. Never raises into training.
        """
        recorder = self._recorder or self._revived()
        if recorder is not None:
            try:
                recorder.log(metrics, step)
            except Exception as error:  # noqa: BLE001 (the edge to training)
                self._failed("log", metrics, error)

    def log_system(self, metrics: Mapping[str, Any]) -> None:
        """Records metrics that belong to a time and to no step, such as a temperature."""
        recorder = self._recorder or self._revived()
        if recorder is not None:
            try:
                recorder.log_system(metrics)
            except Exception as error:  # noqa: BLE001 (the edge to training)
                self._failed("log_system", metrics, error)

    def alert(
        self,
        title: str,
        text: str | None = None,
        level: AlertLevel = "warn",
        step: SupportsIndex | None = None,
    ) -> None:
        """Records something that a person should look at; `level` is info, warn or error."""
        recorder = self._recorder or self._revived()
        if recorder is None:
            return
        chosen = getattr(level, "value", level)
        if chosen not in LEVELS:
            self.diagnostics.error("bad_alert", f"alert level {level!r} is none of {LEVELS}: warn")
            chosen = "warn"
        title, text = storable(str(title)), storable(str(text or ""))[:MAX_ALERT_TEXT]
        data = {"title": title, "text": text, "level": chosen}
        content = {"entry": frames.RECORD, "kind": "alert", "key": title, "data": data}
        recorder.put_entry(content, recorder.step_of(step))

    def annotate(self, title: str, data: Mapping[str, Any], step: SupportsIndex) -> None:
        """Marks a step at which something happened, such as a checkpoint."""
        if (recorder := self._recorder or self._revived()) is not None:
            content = {"kind": "annotation", "key": title, "data": plain_dict(data)}
            recorder.put_entry({"entry": frames.RECORD, **content}, recorder.step_of(step))

    def note(self, error: BaseException | None) -> None:
        """Notes that training failed with `error`, or that it runs (again); recording goes on.

        A run whose last training failed has failed, whoever finishes it.
        """
        if error is not None:
            self.put_event("state", {"state": "failed", **_failure(error)})
        elif self._failing:
            about = {"state": "running", "attempt": self.attempt, "rank": self.rank}
            self.put_event("state", about)
        self._failing = error is not None

    def finish(self, exit_code: int = 0, timeout: float = 60) -> None:
        """Stores what is left and ends the run; `exit_code` other than 0 means it failed.

        Waits at most `timeout` seconds; what is not stored by then stays in the journal, from
        which the next run on this machine, or `otel-trackio doctor`, brings it in. Calling it
        again does nothing.
        """
        exit_code = exit_code or int(self._failing)
        self._end("finished" if exit_code == 0 else "failed", {"exit_code": exit_code}, timeout)

    def fail(self, error: BaseException, timeout: float = 60) -> None:
        """Ends the run as failed because of `error`."""
        self._end("failed", _failure(error), timeout)

    def _end(self, state: State, data: Mapping[str, Any], timeout: float) -> None:
        with self._finishing:
            if self._forked:
                self._leave(timeout)
                return
            if self.state == "disabled":
                self._on_finish(self, True)
            if self.state != "running" or self._recorder is None or self._writer is None:
                return
            deadline = time.monotonic() + timeout
            provider.flush(timeout)
            delivery.set_destination(None)
            self.put_event("state", {"state": state, **plain_dict(data)})
            self._recorder = None
            self.state = state
            self._sync_out(deadline)
            complete = self._writer.close(max(0.0, deadline - time.monotonic()))
            self._on_finish(self, complete)

    def sync_by(self, start: Callable[[Writer], Syncer]) -> None:
        """Keeps a remote, or one more, up to date with the run, until it ends."""
        if self._writer is not None:
            self._syncers.append(start(self._writer))

    def send_by(self, start: Callable[[Writer], Syncer]) -> None:
        """The same for an OTLP endpoint."""
        if self._writer is not None:
            self._senders.append(start(self._writer))

    def sync_soon(self) -> None:
        """Moves the next sync forward, if the run has a remote: a checkpoint was written, say."""
        for syncer in self._syncers:
            syncer.soon()

    def sync_now(self, timeout: float = 60) -> bool:
        """Stores and syncs everything recorded so far; False if that took longer than `timeout`.

        The run goes on, and is synced more often for a while: the machine may be about to go away.
        """
        deadline = time.monotonic() + timeout
        if not self.flush(timeout):
            return False
        left = max(0.0, deadline - time.monotonic())
        return _together([each.now(left) for each in (*self._syncers, *self._senders)]) == 0

    def interrupt(self, signal: str, timeout: float) -> None:
        """Notes that a signal ends the process now, as a failure, and syncs what time allows.

        Recording goes on until then: what `log()` returned is safe all the same.
        """
        with self._finishing:  # A run that is being finished has no need of this.
            if self.state != "running" or self._forked:
                return
            self.put_event("state", {"state": "failed", "exit_code": 1, "error": signal})
            self.sync_now(timeout)

    def _sync_out(self, deadline: float) -> None:
        if (self._syncers or self._senders) and self._writer is not None:
            # What is not stored has no number yet, and is nowhere else.
            least = int(not self._writer.flush(max(0.0, deadline - time.monotonic())))
            left = max(0.0, deadline - time.monotonic())
            syncs = [each.finish(left) for each in self._syncers]
            self.unsent = max(least, _together([each.finish(left) for each in self._senders]))
            self.unsynced = max(least, _together(syncs))

    def _leave(self, timeout: float) -> None:
        # A forked child has its own file; the run itself is its parent's to end.
        writer, self._writer, self._recorder = self._writer, None, None
        if writer is not None:
            writer.close(timeout)

    def put_event(self, kind: str, data: Mapping[str, Any], lamport: int = 0) -> None:
        """Records a fact about the run; see FORMAT.md for the kinds."""
        recorder = self._recorder or self._revived()
        if recorder is not None:
            event = {"kind": kind, "data": plain_dict(data), "lamport": lamport}
            recorder.put_entry({"entry": frames.EVENT, **event}, NO_STEP)

    def submit(self, batch: Batch) -> bool:
        """Takes what instruments measured."""
        return self._writer.submit(batch) if self._writer else False

    def flush(self, timeout: float = 10) -> bool:
        """Waits until everything recorded so far is stored; False if it is not yet."""
        provider.flush(timeout / 4)  # An instrument's callback that hangs is not to take it all.
        return self._writer.flush(timeout) if self._writer else True

    def forked(self) -> None:
        """Called in a forked child: it must not touch its parent's files."""
        if self._open_writer is not None and self.state == "running":
            self._forked = True
            if self._recorder is not None:
                self._first_step = self._recorder.next_step
            self._finishing = threading.RLock()
            self.diagnostics = Diagnostics(self.diagnostics.raise_errors)
            self._writer = self._recorder = None
            # The parent's threads; it brings what its children leave, too.
            self._syncers, self._senders = [], []

    def _revived(self) -> Recorder | None:
        """A forked child that logs joins the run with a file of its own."""
        if self.state == "disabled":
            return None
        if self._forked and self._open_writer is not None:
            with self._finishing:
                if self._recorder is None:
                    self._record_with(self._open_writer("fork", self.diagnostics))
                return self._recorder
        self.diagnostics.error(
            "dropped.finished", f"run {self.name} is {self.state}: call init() to log to a new one"
        )
        return None

    def _failed(self, call: str, metrics: object, error: Exception) -> None:
        self.diagnostics.error(
            f"{call}.failed",
            f"{call}() of a {type(metrics).__name__} was not recorded:"
            f" {type(error).__name__}: {error}; pass a dict of names and numbers",
            error,
        )

    def _save_config(self, changes: dict[str, Any]) -> None:
        self.put_event("config", redact(changes))

    def _save_summary(self, changes: dict[str, Any]) -> None:
        self.put_event("summary", plain_dict(changes))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, GeneratorExit):
            self.finish()
        elif isinstance(error, SystemExit) and isinstance(error.code, int | None):
            self.finish(error.code or 0)
        else:
            self.fail(error)

    def __repr__(self) -> str:
        return f"<Run {self.project}/{self.name} {self.state} id={self.id}>"


def _failure(error: BaseException) -> Mapping[str, Any]:
    told = f"{type(error).__name__}: {error}"[:MAX_ALERT_TEXT]
    return redact({"exit_code": 1, "error": told})


def _together(waits: Sequence[Callable[[], int]]) -> int:
    """What is left at the remote that is behind the most: one that hangs keeps none waiting."""
    return max([wait() for wait in waits], default=0)


def plain_dict(values: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping as JSON can hold it."""
    copy = plain(dict(values))
    return copy if isinstance(copy, dict) else {}
