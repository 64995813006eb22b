"""Which run a process records, and what that run was before."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from otel_trackio import identity, layout
from otel_trackio.api import Api
from otel_trackio.diagnostics import logger
from otel_trackio.errors import ConfigError, StoreError
from otel_trackio.facts import Facts
from otel_trackio.identity import Rank
from otel_trackio.settings import Settings
from otel_trackio.storedrun import Standing, StoredRun

_opened: Counter[str] = Counter()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_opened.clear)


@dataclass(frozen=True, slots=True)
class Before:
    """What a run was before this process joined it."""

    facts: Facts
    standing: Standing


def which(settings: Settings, rank: Rank) -> tuple[str, Before | None]:
    """The id of the run to record, and what it was before, if it goes on."""
    api = Api(settings.dir)
    shared = settings.run_id if settings.source_of("run_id") != "argument" else ""
    shared = shared or ("" if settings.run_id else _launched())
    if shared:
        return _shared(api, shared, rank, settings.resume)
    if settings.run_id:
        if _is_deleted(api.dir, settings.run_id):
            raise ConfigError(f"run {settings.run_id!r} was deleted", "choose another id")
        before = _before(api, settings.run_id)
        if before and settings.resume == "never" and rank.world_size == 1:
            raise ConfigError(
                f"run {settings.run_id!r} exists already",
                "pass resume='allow' to go on with it, or another id",
            )
        if before is None and settings.resume == "must":
            raise ConfigError(f"no run {settings.run_id!r} in {api.dir}", "pass resume='allow'")
        return settings.run_id, before
    if settings.resume == "must" and not settings.name:
        raise ConfigError("resume='must' of no run in particular", "give its id, or its name too")
    if settings.resume == "never" or not settings.name:
        return identity.new_id(), None
    return _resumed_by_name(api, settings)


def _resumed_by_name(api: Api, settings: Settings) -> tuple[str, Before | None]:
    named = [run for run in api.runs(settings.project) if run.facts().name == settings.name]
    if named:
        return named[-1].id, _before(api, named[-1].id)
    if settings.resume == "must":
        raise ConfigError(
            f"no run {settings.project}/{settings.name} in {api.dir}", "pass resume='allow'"
        )
    return identity.new_id(), None


def _launched() -> str:
    # Finding the launcher walks the process tree: not where no launcher can be.
    if not {"TORCHELASTIC_RUN_ID", "SLURM_STEP_ID"} & os.environ.keys():
        return ""
    return identity.launcher_run_id(os.environ, identity.this_parent()) or ""


def _shared(api: Api, base: str, rank: Rank, resume: str) -> tuple[str, Before | None]:
    """An id that other processes work out too: the nth run of each process is the same run.

    A launch whose id was used before by one that ended well is a new run; but a rank that the
    last such run has not seen is late, and belongs to it.
    """
    _opened[base] += 1
    nth = _opened[base]
    run_id = base if nth == 1 else f"{base}-{nth}"
    missed: tuple[str, Before | None] | None = None
    for again in range(2, 1000):
        before = _before(api, run_id)
        if before is None and not _is_deleted(api.dir, run_id):
            if resume == "must" and missed is None:
                raise ConfigError(f"no run {run_id!r} in {api.dir}", "set resume to allow")
            return missed or (run_id, None)
        if before and (before.standing.state != "finished" or resume != "never"):
            return run_id, before
        if before is None:
            run_id = f"{base}-{nth}-again{again}"
            continue
        missed = None if rank.rank in before.standing.attempts else (run_id, before)
        run_id = f"{base}-{nth}-again{again}"
    raise ConfigError(f"run id {base!r} was used a thousand times", "choose another")


def _is_deleted(dir: Path, run_id: str) -> bool:
    folder = layout.run_dir(dir, run_id)
    if not layout.run_files(folder):
        return False
    with StoredRun(folder) as run:
        try:
            return run.facts().deleted
        except StoreError:
            return False


def _before(api: Api, run_id: str) -> Before | None:
    try:
        run = api.by_id(run_id)
        if run is None:
            return None
        with run:
            return Before(run.facts(), run.standing())
    except StoreError as error:
        logger.warning("%s; the run is recorded beside it", error)
        return None
