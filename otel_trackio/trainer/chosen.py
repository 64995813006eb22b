"""Which run a trainer is recorded in: the one that is active, or one that is started for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from otel_trackio import session
from otel_trackio.diagnostics import logger
from otel_trackio.errors import ConfigError
from otel_trackio.run import Run
from otel_trackio.settings import resolve
from otel_trackio.trainer.together import agree

FOREIGN_PROJECT: Final = "huggingface"
"""The project that transformers names where its user names none."""

_started: Run | None = None
_trained = False


def for_training(args: Any, run_id: str, given: Mapping[str, Any]) -> Run:
    """The run of a training that begins; `run_id` is that of its checkpoint, if it goes on.

    The user's own run is joined, whatever was in it. One that was started here holds one training:
    the next one gets its own, unless it goes on with this. `given` are arguments of `init`.
    """
    global _trained
    run = session.running()
    if run is not None and run is _started and _trained and run.id != run_id:
        run.finish()
        run = None
    run = run or _start(args, run_id, given)
    _trained = True
    return run


def for_evaluation(args: Any, given: Mapping[str, Any], before: Run | None) -> Run:
    """The run of what is evaluated outside of a training, by a trainer that was in `before`.

    One that its user has started since takes it; else it belongs to that, even if it has ended.
    """
    if before is not None and before.state in ("running", "disabled"):
        return before
    return session.running() or before or _start(args, "", given)


def started_here(run: Run) -> bool:
    """Whether the run is one that was started for a trainer, and not its user's own."""
    return run is _started


def _start(args: Any, run_id: str, given: Mapping[str, Any]) -> Run:
    global _started, _trained
    if "id" not in given:
        agree(os.environ)
    wanted = {**_named(args), **given}
    if run_id and not wanted.get("id") and resolve({}, os.environ).source_of("run_id") == "default":
        wanted |= {"id": run_id, "resume": "allow"}
    try:
        _started = session.init(**wanted)
    except ConfigError as error:
        if "id" not in wanted or wanted["id"] != run_id:
            raise
        logger.warning("%s: the checkpoint's run does not go on, a new one begins", error)
        without = {k: v for k, v in wanted.items() if k not in ("id", "resume")}
        _started = session.init(**without)
    _trained = False
    return _started


def _named(args: Any) -> dict[str, str]:
    """What the trainer's arguments say of the run, where its environment says nothing."""
    settings = resolve({}, os.environ)
    name, project = getattr(args, "run_name", None), getattr(args, "project", None)
    wanted = {}
    if name and name != args.output_dir and settings.source_of("name") == "default":
        wanted["name"] = str(name)
    if project and project != FOREIGN_PROJECT and settings.source_of("project") == "default":
        wanted["project"] = str(project)
    return wanted
