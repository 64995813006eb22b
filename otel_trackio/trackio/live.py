"""The run that is recorded, as Trackio's users know one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, SupportsIndex

from otel_trackio import opening, remotes, session
from otel_trackio import run as recording
from otel_trackio.cadence import REMOTE
from otel_trackio.errors import ConfigError
from otel_trackio.settings import Settings, resolve
from otel_trackio.steps import valid_step
from otel_trackio.trackio import caller
from otel_trackio.trackio.axis import Axis
from otel_trackio.trackio.levels import AlertLevel, level_of
from otel_trackio.trackio.runconfig import Config
from otel_trackio.trackio.sampling import Sampler
from otel_trackio.trackio.space import Place
from otel_trackio.trackio.unsupported import Artifacts
from otel_trackio.trackio.webhook import Hook, Told, messages
from otel_trackio.trainer import seen
from otel_trackio.trainer.seen import GLOBAL_STEP

FLUSH_SECONDS: Final = 60.0
"""How long the end of a training waits until all of it is stored and synced."""


class NoRun(ConfigError, RuntimeError):
    """No run is active. Trackio raises a RuntimeError then, which scripts may expect."""


class Run(Artifacts):
    """A run that is recorded: what `init` returns. Any thread may use it.

    As a context manager it ends with the block, as failed if that raises.
    """

    def __init__(
        self,
        run: recording.Run,
        *,
        place: Place | None = None,
        hook: Hook | None = None,
        of_callback: bool = False,
    ) -> None:
        """`of_callback` says that transformers' callback has started it, and not its user."""
        self.run = run
        self.of_callback = of_callback
        self.has_trained = False
        self.samplers: list[Sampler] = []
        self.place = place or Place()
        self._space_id = self.place.space_id
        self._places = {remotes.named(resolve(self.place.destination, os.environ))}
        self._hook = hook
        self._axis = Axis()
        self._config = Config(lambda: self.run)

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def project(self) -> str:
        return self.run.project

    @property
    def group(self) -> str | None:
        return self.run.group or None

    @property
    def url(self) -> str | None:
        """The page of the Dataset or the bucket that it is synced to, if any."""
        return self.place.url

    @property
    def config(self) -> Config:
        return self._config

    @config.setter
    def config(self, values: Mapping[str, Any]) -> None:
        self._config.update(values)

    @property
    def summary(self) -> Any:
        return self.run.summary

    @property
    def is_open(self) -> bool:
        return self.run.state in ("running", "disabled")

    def log(self, metrics: Mapping[str, Any], step: SupportsIndex | None = None) -> None:
        """Records metrics at the step of the training; see `Axis.step_of`.

        What an instrument has recorded already is not recorded again. Never raises into training.
        """
        try:
            at = self._axis.step_of(metrics, step)
            if self._is_recorded(metrics, step):
                return
            if GLOBAL_STEP in metrics and step is None:
                metrics = {key: value for key, value in metrics.items() if key != GLOBAL_STEP}
        except Exception as error:  # noqa: BLE001 (the edge to training)
            self.run.diagnostics.error("log.failed", f"log() was not recorded: {error}", error)
            return
        self.run.log(metrics, at)

    def log_system(self, metrics: Mapping[str, Any]) -> None:
        """Records metrics that have a time and no step."""
        self.run.log_system(metrics)

    def alert(
        self,
        title: str,
        text: str | None = None,
        level: AlertLevel | str = AlertLevel.WARN,
        step: SupportsIndex | None = None,
        webhook_url: str | None = None,
    ) -> None:
        """Records an alert, and tells it to the webhook if there is one; nobody waits for that."""
        chosen = level_of(level)
        if chosen is None:
            message = f"alert level {level!r} is none of info, warn and error: warn"
            self.run.diagnostics.error("bad_alert", message)
            chosen = AlertLevel.WARN
        self.run.alert(title, text, chosen.value, step)
        hook = Hook(webhook_url) if webhook_url else self._hook
        told = Told(chosen, title, text, self.project, self.name, step)
        messages.tell(hook, told)

    def finish(self) -> None:
        """Ends the run; again, it does nothing.

        Where a training ends, all of it is stored and synced, but the run stays open: what is
        evaluated afterwards belongs to it. It ends with the process then, or with another `init`.
        """
        occasion = caller.occasion()
        if occasion is None or occasion.event != "on_train_end":
            self.close()
        elif self.run.state == "running":
            self.has_trained = True
            if self.of_callback:
                self.run.put_event("state", {"state": "finished", "exit_code": 0})
            self.run.sync_now(FLUSH_SECONDS)

    def close(self) -> None:
        """Ends the run, whoever asks for it."""
        self._let_go()
        self.run.finish()

    def _let_go(self) -> None:
        for each in self.samplers:
            each.stop()
        messages.close()

    @property
    def is_synced(self) -> bool:
        """Whether it was started to be synced somewhere, or has been since."""
        return any(self._places)

    def sync_to(self, place: Place, settings: Settings) -> None:
        """Syncs the run there too from now on, all of it. Raises ConfigError."""
        name = remotes.named(settings)
        if self.run.path is None or settings.mode != "online" or name in self._places:
            return
        self._places.add(name)
        remote, folder = remotes.remote_of(name, settings.private), self.run.path.parents[1]
        opening.keep_synced(self.run, remote, folder, settings.deadline, REMOTE)
        if self._space_id is None:
            self.place, self._space_id = place, place.space_id
            place.remember(self.run)

    def reopen(self) -> None:
        """Goes on with a run that has ended, as its next attempt."""
        self.run = session.init(
            self.project, self.name, id=self.id, resume="allow", **self.place.destination
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._let_go()
        self.run.__exit__(kind, error, traceback)

    def _is_recorded(self, metrics: Mapping[str, Any], step: SupportsIndex | None) -> bool:
        with suppress(ConfigError):  # No step at all: the recorder says it.
            at = None if step is None else valid_step(step)
            return seen.is_recorded(self.run.id, metrics, at)
        return False

    def __repr__(self) -> str:
        return f"<Run {self.project}/{self.name} {self.run.state} id={self.id}>"


_current: Run | None = None


def current() -> Run | None:
    """The active run of this process, whoever has started it; None where there is none."""
    global _current
    try:
        run = session.active()
    except ConfigError:
        return None
    if _current is None or _current.run is not run:
        _current = Run(run)
    return _current


def adopt(run: Run) -> Run:
    """Makes it what `current` returns, while it is the active one."""
    global _current
    _current = run
    return run


def needed(what: str) -> Run:
    """The same. Raises NoRun where there is none."""
    run = current()
    if run is None:
        raise NoRun(f"no run is active for trackio.{what}", "call trackio.init() first")
    return run


def log(metrics: Mapping[str, Any], step: SupportsIndex | None = None) -> None:
    """Records metrics of the active run; see `Run.log`."""
    needed("log").log(metrics, step)


def log_system(metrics: Mapping[str, Any]) -> None:
    """Records metrics of the active run that have a time and no step."""
    needed("log_system").log_system(metrics)


def alert(
    title: str,
    text: str | None = None,
    level: AlertLevel | str = AlertLevel.WARN,
    webhook_url: str | None = None,
) -> None:
    """Records an alert of the active run; see `Run.alert`."""
    needed("alert").alert(title, text, level, webhook_url=webhook_url)


def finish() -> None:
    """Ends the active run, if there is one; see `Run.finish`."""
    if (run := current()) is not None:
        run.finish()


config: Final = Config(lambda: needed("config").run)
"""The active run's config. Raises ConfigError where no run is active."""
