"""`trackio.init`: starts a run, or joins the one that is active."""

from __future__ import annotations

import os
from typing import Any, Literal

from otel_trackio import session
from otel_trackio.diagnostics import logger
from otel_trackio.errors import ConfigError
from otel_trackio.plain import mapping_of
from otel_trackio.settings import resolve
from otel_trackio.trackio import caller, live, space, webhook
from otel_trackio.trackio.caller import Occasion
from otel_trackio.trackio.levels import AlertLevel
from otel_trackio.trackio.live import Run
from otel_trackio.trackio.sampling import samplers
from otel_trackio.trackio.space import Place
from otel_trackio.trainer import seen
from otel_trackio.trainer.chosen import FOREIGN_PROJECT


def init(
    project: str | None = None,
    name: str | None = None,
    group: str | None = None,
    space_id: str | None = None,
    server_url: str | None = None,
    dataset_id: str | None = None,
    bucket_id: str | None = None,
    config: Any = None,
    resume: Literal["never", "allow", "must"] = "never",
    settings: Any = None,
    private: bool | None = None,
    embed: bool = True,
    auto_log_gpu: bool | None = None,
    gpu_log_interval: float = 10.0,
    auto_log_cpu: bool | None = None,
    cpu_log_interval: float = 10.0,
    webhook_url: str | None = None,
    webhook_min_level: AlertLevel | str | None = None,
    *,
    run_name: str | None = None,
) -> Run:
    """Starts a run, and makes it the active run of this process; one that was active ends.

    transformers' own callback, which calls this too, joins the run that is active, unless its user
    has named another project or run. `run_name` is the same as `name`. What is not given comes
    from the environment: `otel_trackio.settings` has the table. `space_id` is remembered; the
    metrics go to the Dataset that the Space reads, `USER/NAME-data`, unless `dataset_id` or
    `bucket_id` names another place. `settings`, `server_url` and `embed` change nothing here.
    The last six are of what is logged beside: hardware, every so many seconds, and a webhook that
    alerts are told to. Raises ConfigError.
    """
    occasion = caller.occasion()
    wanted = {
        "project": project,
        "name": name or run_name,
        "group": group,
        "config": config,
        "resume": resume,
        "private": private,
    }
    if name and run_name and name != run_name:
        raise ConfigError(f"name={name!r} and run_name={run_name!r} differ", "give one of them")
    if occasion is not None:
        _leave_out_defaults(wanted, occasion)
    place = space.place_of(space_id, dataset_id, bucket_id)
    run = live.current()
    if run is not None and _is_meant(run, wanted, occasion):
        return _joined(run, wanted, place, occasion)
    if run is not None:
        if occasion is not None and run.is_open and not run.of_callback:
            # What its user has said of the one holds for another run of the same script.
            wanted["project"] = wanted["project"] or run.project
            place = place if place.destination else run.place
        run.close()
    _say_ignored(settings, server_url)
    if project == FOREIGN_PROJECT and not wanted["project"] and not _names_project():
        wanted["project"] = FOREIGN_PROJECT
    opened = session.init(**wanted, **place.destination)
    hook = webhook.hook(webhook_url, webhook_min_level)
    run = live.adopt(Run(opened, place=place, hook=hook, of_callback=occasion is not None))
    place.remember(opened)
    run.samplers += samplers(
        opened, (auto_log_cpu, cpu_log_interval), (auto_log_gpu, gpu_log_interval)
    )
    return run


def _names_project() -> bool:
    """Whether the environment does."""
    return resolve({}, os.environ).source_of("project") != "default"


def _say_ignored(settings: Any, server_url: str | None) -> None:
    if settings is not None:
        logger.warning("trackio.init(settings=...) changes nothing")
    if server_url or os.environ.get("TRACKIO_SERVER_URL"):
        logger.warning(
            "a server of Trackio is not written to: the run is recorded here; dataset_id or"
            " space_id keeps it on the Hub, and otel-trackio show serves it"
        )


def _leave_out_defaults(wanted: dict[str, Any], occasion: Occasion) -> None:
    """Of what transformers names, what its user has not named."""
    if wanted["project"] == FOREIGN_PROJECT:
        wanted["project"] = None
    if wanted["name"] == getattr(occasion.args, "output_dir", None):
        wanted["name"] = None


def _is_meant(run: Run, wanted: dict[str, Any], occasion: Occasion | None) -> bool:
    """Whether it is the active run that is to go on."""
    if occasion is not None and run.is_open and seen.is_last(run.id):
        return True  # The instrument of trainers has chosen it, and records this trainer there.
    project, name = wanted["project"], wanted["name"]
    if project not in (None, run.project) or name not in (None, run.name):
        return False
    if occasion is None:
        return run.is_open and name is not None and wanted["resume"] != "never"
    if occasion.event == "on_train_begin":
        # One that was started for a training holds that training alone.
        return run.is_open and not (run.of_callback and run.has_trained)
    return True  # It is evaluated what was trained, or what nobody trains.


def _joined(run: Run, wanted: dict[str, Any], place: Place, occasion: Occasion | None) -> Run:
    if not run.is_open:
        run.reopen()
    if wanted["config"]:
        run.config.update(mapping_of(wanted["config"]))
    named = occasion is None or _is_chosen(occasion.args, "trackio_space_id", place.space_id)
    if place.destination and named and not run.is_synced:
        run.sync_to(place, resolve({**place.destination, "private": wanted["private"]}, os.environ))
    return run


def _is_chosen(args: Any, field: str, value: Any) -> bool:
    """Whether a trainer's argument has another value than where nobody gives one."""
    return bool(value != getattr(type(args), field, None))
