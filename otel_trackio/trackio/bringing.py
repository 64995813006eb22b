"""Runs from elsewhere, and to elsewhere: `import_csv`, `import_tf_events`, `sync`, `freeze`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from otel_trackio import remotes
from otel_trackio.api import Api
from otel_trackio.diagnostics import logger
from otel_trackio.errors import ConfigError, OtelTrackioError
from otel_trackio.settings import Settings, resolve
from otel_trackio.threads import started
from otel_trackio.trackio import caller, live, space

SYNC_SECONDS: Final = 60.0
"""How long what the active run has not synced yet is waited for."""


def sync(
    project: str,
    space_id: str | None = None,
    private: bool | None = None,
    force: bool = False,
    run_in_background: bool = False,
    sdk: Literal["gradio", "static"] = "gradio",
    dataset_id: str | None = None,
    bucket_id: str | None = None,
    frontend_dir: str | os.PathLike[str] | None = None,
) -> str:
    """Brings the runs of a project to where a Space reads them, and only what is new of them.

    That is the Dataset `USER/NAME-data` of the Space `USER/NAME`, or what `dataset_id` or
    `bucket_id` names, or else the settings; what has to be made there is private unless `private`
    is False. One that is recorded now is synced there from now on. A trainer that pushes its model
    brings its own run alone. Returns the Space, or else the place. `force`, `sdk` and
    `frontend_dir` change nothing. Raises ConfigError, and, unless a trainer calls or it is in the
    background, what keeps it from being synced.
    """
    place = space.place_of(space_id, dataset_id, bucket_id)
    _bring(place, private, run_in_background, lambda api, url: _folders(api, project), project)
    return space_id or remotes.named(resolve(place.destination, os.environ))


def freeze(
    space_id: str,
    project: str,
    new_space_id: str | None = None,
    private: bool | None = None,
    bucket_id: str | None = None,
    frontend_dir: str | os.PathLike[str] | None = None,
) -> str:
    """Makes sure that all that a Space is to show of a project is where it reads it.

    There is nothing to freeze: its Dataset outlives it, and each run in there stays as it ended. So
    no second Space `new_space_id` is made. Returns the Space. Raises what `sync` raises.
    """
    if new_space_id and caller.occasion() is None:
        dataset = space.dataset_of(space_id)
        logger.warning("%s is not made: %s keeps what was logged", new_space_id, dataset)
    place = space.place_of(space_id, None, bucket_id)
    _bring(place, private, False, lambda api, url: _folders(api, project, meant_for=url), project)
    return space_id


Choice = Callable[[Api, str], list[Path]]
"""The folders of the runs that are to be brought to a place of that URL."""


def _bring(
    place: space.Place, private: bool | None, background: bool, choice: Choice, project: str
) -> None:
    settings = resolve({**place.destination, "private": private}, os.environ)
    name = remotes.named(settings)
    trains = caller.occasion() is not None
    if not name:
        raise ConfigError("nothing names where to sync to", "give space_id or dataset_id")
    if settings.mode != "online":
        logger.warning("%s was not synced to %s: it is offline", project, name)
        return
    run = live.current()
    mine = run if run is not None and (trains or run.project == project) else None

    def work() -> None:
        if mine is not None and mine.run.state == "running":
            mine.sync_to(place, settings)
            mine.run.sync_now(SYNC_SECONDS)
        with Api(settings.dir) as api:
            if trains:
                path = None if mine is None else mine.run.path
                folders = [] if path is None else [path]
            else:
                folders = choice(api, name)
            _send(api, folders, settings)

    if background:
        started(threading.Thread(target=_told, args=(work, name), daemon=True))
    elif trains:
        _told(work, name)
    else:
        work()


def _told(work: Callable[[], None], name: str) -> None:
    try:
        work()
    except OtelTrackioError as error:
        logger.warning("not synced to %s: %s", name, error)


def _folders(api: Api, project: str, meant_for: str | None = None) -> list[Path]:
    """Of all runs of a project, or of those that were recorded for a remote."""
    from otel_trackio.sync import is_meant  # Loads pyarrow, which is not light.

    runs = api.runs(project)
    if not runs:
        logger.warning("project %s has no runs to sync", project)
    return [
        folder
        for run in runs
        if meant_for is None or any(is_meant(path, meant_for) for path in run.files())
        for folder in run.folders
    ]


def _send(api: Api, folders: list[Path], settings: Settings) -> None:
    from otel_trackio.sync import sync as sync_runs  # Loads pyarrow, which is not light.

    remote = remotes.remote_of(remotes.named(settings), settings.private)
    sync_runs(api.store, folders, remote, replicas=api.exchange is not None)


def import_csv(
    csv_path: str | os.PathLike[str],
    project: str,
    name: str | None = None,
    space_id: str | None = None,
    dataset_id: str | None = None,
    private: bool | None = None,
    force: bool = False,
) -> None:
    """Brings in a CSV file as a run: a header, and a row a step; again, only what is new of it.

    With `space_id` or `dataset_id` the project is synced then. Raises ConfigError, StoreError.
    """
    _import("csv", Path(csv_path), project, name)
    if space_id or dataset_id:
        sync(project, space_id, private, dataset_id=dataset_id)


def import_tf_events(
    log_dir: str | os.PathLike[str],
    project: str,
    name: str | None = None,
    space_id: str | None = None,
    dataset_id: str | None = None,
    private: bool | None = None,
    force: bool = False,
) -> None:
    """Brings in TensorBoard's event files, each folder of them as a run; see `import_csv`.

    Several runs are called `name/FOLDER`. Raises MissingExtra without the library that reads them.
    """
    _import("tensorboard", Path(log_dir), project, name)
    if space_id or dataset_id:
        sync(project, space_id, private, dataset_id=dataset_id)


def _import(source: str, path: Path, project: str, name: str | None) -> None:
    from otel_trackio.importing.copying import Wish, copy  # Loads what reads other formats.
    from otel_trackio.importing.sources import runs_of

    settings = resolve({}, os.environ)
    origins = runs_of(source, path)
    with Api() as api:
        if api.exchange is not None:
            api.exchange.scratch.make()
        for origin in origins:
            called = name or ""
            if called and len(origins) > 1:
                called = f"{called}/{origin.name}"
            copied = copy(origin, api, settings, Wish(project, called))
            for reason, amount in copied.left.counts.items():
                logger.warning("%s: not taken: %s %s", path, f"{amount:,}", reason)
