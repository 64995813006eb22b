"""The run that is active in this process: `init`, `finish`, and what happens when it ends."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.util import Finalize
from types import TracebackType
from typing import Any, Literal, SupportsIndex

from opentelemetry import metrics
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource

from otel_trackio import announce, delivery, offer, opening, provider, signals
from otel_trackio.errors import ConfigError
from otel_trackio.intake import Taken
from otel_trackio.mirror import Mirror
from otel_trackio.plain import mapping_of
from otel_trackio.run import AlertLevel, Run
from otel_trackio.savedmap import SavedMap
from otel_trackio.settings import Settings, resolve
from otel_trackio.steps import set_step

Resume = Literal["never", "allow", "must"]
Mode = Literal["online", "offline", "disabled"]

_starting = threading.RLock()
_active: Run | None = None
_hooked = False
_worker = 0
_fatal: BaseException | None = None
_mirror: Mirror | None = None


def init(
    project: str | None = None,
    name: str | None = None,
    *,
    group: str | None = None,
    config: object = None,
    tags: Sequence[str] | None = None,
    notes: str | None = None,
    id: str | None = None,
    resume: Resume | None = None,
    mode: Mode | None = None,
    dir: str | os.PathLike[str] | None = None,
    remote: str | None = None,
    dataset_id: str | None = None,
    bucket_id: str | None = None,
    private: bool | None = None,
    otlp_endpoint: str | None = None,
    otlp_headers: Mapping[str, str] | None = None,
    run_name: str | None = None,
) -> Run:
    """Starts a run, or goes on with one, and makes it the active run of this process.

    `project` groups runs that belong together; `name` is for people (`run_name` is the same).
    `config` is a mapping, a Namespace, a dataclass or anything with `to_dict`.
    `resume` says whether a run of that `id`, or that project and name, may ("allow") or must
    exist already. `mode` "offline" keeps everything on this machine, "disabled" records nothing.
    `remote`, `dataset_id` or `bucket_id` names where the run is synced, if anywhere; what has to
    be made there is private unless `private` is False. `otlp_endpoint`, with `otlp_headers`, is
    the URL of a collector, or of any OTLP/HTTP backend, that gets every point, too.
    What is not given comes from the environment, then from defaults: see Settings. A run that is
    active already is finished first, unless it is the one asked for. Raises ConfigError.
    """
    settings = resolve(
        {
            "project": project,
            "name": _one_name(name, run_name),
            "group": group,
            "tags": tags,
            "run_id": id,
            "resume": resume,
            "mode": mode,
            "dir": dir,
            "remote": remote,
            "dataset_id": dataset_id,
            "bucket_id": bucket_id,
            "private": private,
            "otlp_endpoint": otlp_endpoint,
            "otlp_headers": otlp_headers,
        },
        os.environ,
    )
    return _begun(settings, mapping_of(config), notes)


def _begun(settings: Settings, values: Mapping[str, Any], notes: str | None) -> Run:
    global _active
    with _starting:
        if _active is not None and _active.state == "running":
            if _is_asked_for(_active, settings):
                _active.config.update(values)
                return _active
            _active.finish()
        _hook()
        set_step(None)
        if settings.mode != "disabled":
            provider.attach(settings.interval)
        _active = run = opening.open_run(
            settings,
            values,
            notes,
            _mirrored,
            lambda run, complete: _finished(run, complete, settings),
        )
        if run.state == "running":
            delivery.set_destination(run)
            signals.watch(lambda: _active)
            announce.started(run, settings, provider.attachment())
        return run


def _one_name(name: str | None, run_name: str | None) -> str | None:
    if name and run_name and name != run_name:
        raise ConfigError(f"name={name!r} and run_name={run_name!r} differ", "give one of them")
    return name or run_name


def _is_asked_for(run: Run, settings: Settings) -> bool:
    """Whether the settings name the run that is active already."""
    if settings.source_of("run_id") == "argument":
        return settings.run_id == run.id
    named = settings.source_of("name") == "argument" and settings.name == run.name
    return named and settings.project == run.project


def _mirrored(taken: Taken) -> None:
    """Lets other readers of the provider see what `log()` recorded; on the writer thread."""
    global _mirror
    if taken.last and provider.has_other_readers():
        _mirror = _mirror or Mirror()
        _mirror.update(taken.last)


def _finished(run: Run, complete: bool, settings: Settings) -> None:
    announce.finished(run, complete, settings)
    if _mirror is not None:
        _mirror.clear()


def start_if_none(**arguments: Any) -> None:
    """Starts a run if this process has had none: for instruments that nobody called `init` for."""
    with _starting:
        if _active is None:
            init(**arguments)


def active() -> Run:
    """The last run of this process, finished or not. Raises ConfigError where there was none."""
    if _active is None:
        raise ConfigError("no run is active", "call otel_trackio.init() first")
    return _active


def running() -> Run | None:
    """The active run, if there is one that has not come to its end."""
    if _active is not None and _active.state in ("running", "disabled"):
        return _active
    return None


def log(metrics: Mapping[str, Any], step: SupportsIndex | None = None) -> None:
    """Records metrics of the active run; see `Run.log`."""
    active().log(metrics, step)


def log_system(metrics: Mapping[str, Any]) -> None:
    """Records metrics of the active run that have a time and no step; see `Run.log_system`."""
    active().log_system(metrics)


def alert(
    title: str,
    text: str | None = None,
    level: AlertLevel = "warn",
    step: SupportsIndex | None = None,
) -> None:
    """Records an alert of the active run; see `Run.alert`."""
    active().alert(title, text, level, step)


def finish(exit_code: int = 0, timeout: float = 60) -> None:
    """Ends the active run, if there is one; see `Run.finish`."""
    if _active is not None:
        _active.finish(exit_code, timeout)


def current_config() -> SavedMap:
    """The active run's config."""
    return active().config


def configure(
    *,
    readers: Sequence[MetricReader] = (),
    views: Sequence[View] = (),
    resource: Resource | None = None,
    histogram_measurements: bool = False,
) -> provider.Attachment:
    """Prepares OpenTelemetry for this process; `init` does it with the defaults.

    Call it before `init` to add metric `readers` and `views` of your own, or a `resource`, to the
    provider that is made; `histogram_measurements` keeps each measurement of histograms too.
    A MeterProvider that the application has set already is never replaced.
    """
    settings = resolve({}, os.environ)
    return provider.attach(settings.interval, readers, views, resource, histogram_measurements)


def get_meter(name: str = "otel_trackio.user", version: str = "") -> Meter:
    """An OpenTelemetry meter whose instruments reach the active run, every measurement of them."""
    configure()
    return metrics.get_meter(name, version)


def finish_at_exit() -> None:
    """Makes sure that the active run is finished when the interpreter ends."""
    with _starting:
        _hook()


def _hook() -> None:
    global _hooked
    _hook_worker()
    if _hooked:
        return
    _hooked = True
    offer.offer()
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_in_forked_child)
    previous = sys.excepthook

    def note_failure(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        global _fatal
        if not hasattr(sys, "ps1"):  # A slip at the prompt does not end the session.
            _fatal = error
        previous(kind, error, traceback)

    sys.excepthook = note_failure


def _hook_worker() -> None:
    global _worker
    if multiprocessing.parent_process() is not None and _worker != os.getpid():
        _worker = os.getpid()
        # Before Python 3.13 a forked worker leaves without `atexit`, but not without these.
        Finalize(None, _at_exit_of_worker, exitpriority=0)
        worker = multiprocessing.current_process()
        worker.name = _WorkerName(worker.name)


class _WorkerName(str):
    """Notes the error that ends a worker: multiprocessing prints it below this name.

    Since Python 3.13 that is its only trace: what is done at the end comes after it is gone.
    """

    def __str__(self) -> str:
        global _fatal
        error = sys.exception()
        if isinstance(error, Exception) and sys._getframe(1).f_code.co_name == "_bootstrap":
            _fatal = error
        return super().__str__()

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (super().__str__(),)  # A worker's own workers know it by name.


def _at_exit_of_worker() -> None:
    run, error = _active, sys.exception() or _fatal
    if run is not None and isinstance(error, Exception):
        run.fail(error)
    elif run is not None:
        run.finish()


def _at_exit() -> None:
    run = _active
    if run is not None and _fatal is not None:
        run.fail(_fatal)
    elif run is not None:
        run.finish()
    if isinstance(_fatal, KeyboardInterrupt):
        # Python ends by SIGINT if what it evaluated last was interrupted; modules that the sync
        # has loaded evaluate some more.
        with suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")


def _in_forked_child() -> None:
    global _starting
    _starting = threading.RLock()
    if _active is not None:
        _active.forked()
