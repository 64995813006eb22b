"""Which run a process records, and what that run was before."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from otel_trackio import before, identity
from otel_trackio.api import Api
from otel_trackio.before import Before
from otel_trackio.diagnostics import Diagnostics, logger
from otel_trackio.errors import ConfigError, RemoteError, StoreError
from otel_trackio.identity import Rank
from otel_trackio.remote import Remote
from otel_trackio.settings import Settings

if TYPE_CHECKING:
    from otel_trackio.remoterun import RemoteRuns

V = TypeVar("V")

_opened: Counter[str] = Counter()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_opened.clear)


def which(
    settings: Settings, rank: Rank, remote: Remote | None, diagnostics: Diagnostics
) -> tuple[str, Before | None]:
    """The id of the run to record, and what it was before, if it goes on.

    A remote is read only where it may go on. Raises ConfigError.
    """
    known = Known(settings, remote, diagnostics)
    shared = settings.run_id if settings.source_of("run_id") != "argument" else ""
    shared = shared or ("" if settings.run_id else _launched())
    if shared:
        return _shared(known, shared, rank, settings.resume)
    if settings.run_id:
        past = known.by_id(settings.run_id)
        if past and past.facts.deleted:
            raise ConfigError(f"run {settings.run_id!r} was deleted", "choose another id")
        if past and settings.resume == "never" and rank.world_size == 1:
            raise ConfigError(
                f"run {settings.run_id!r} exists already",
                "pass resume='allow' to go on with it, or another id",
            )
        if past is None and settings.resume == "must":
            raise known.nothing(f"run {settings.run_id!r}")
        return settings.run_id, past
    if settings.resume == "must" and not settings.name:
        raise ConfigError("resume='must' of no run in particular", "give its id, or its name too")
    if settings.resume == "never" or not settings.name:
        return identity.new_id(), None
    return _resumed_by_name(known, settings)


def _resumed_by_name(known: Known, settings: Settings) -> tuple[str, Before | None]:
    wanted = settings.project, settings.name
    for run_id in known.named(*wanted):
        past = known.by_id(run_id)
        # Here it may have been renamed, or deleted, since the remote was told.
        if past and (past.facts.project, past.facts.name, past.facts.deleted) == (*wanted, False):
            return run_id, past
    if settings.resume == "must":
        raise known.nothing(f"run {settings.project}/{settings.name}")
    return identity.new_id(), None


def _launched() -> str:
    # Finding the launcher walks the process tree: not where no launcher can be.
    if not {"TORCHELASTIC_RUN_ID", "SLURM_STEP_ID"} & os.environ.keys():
        return ""
    return identity.launcher_run_id(os.environ, identity.this_parent()) or ""


def _shared(known: Known, base: str, rank: Rank, resume: str) -> tuple[str, Before | None]:
    """An id that other processes work out too: the nth run of each process is the same run.

    A launch whose id was used before by one that ended well is a new run; but a rank that the
    last such run has not seen is late, and belongs to it.
    """
    _opened[base] += 1
    nth = _opened[base]
    run_id = base if nth == 1 else f"{base}-{nth}"
    missed: tuple[str, Before | None] | None = None
    for again in range(2, 1000):
        past = known.by_id(run_id)
        if past is None:
            if resume == "must" and missed is None:
                raise known.nothing(f"run {run_id!r}")
            return missed or (run_id, None)
        if not past.facts.deleted:
            if not past.finished or resume != "never":
                return run_id, past
            missed = None if rank.rank in past.attempts else (run_id, past)
        run_id = f"{base}-{nth}-again{again}"
    raise ConfigError(f"run id {base!r} was used a thousand times", "choose another")


class Known:
    """Runs that are known: here, and, where a run may go on, to the remote."""

    def __init__(self, settings: Settings, remote: Remote | None, diagnostics: Diagnostics) -> None:
        self._api = Api(settings.dir)
        self._must = settings.resume == "must"
        self._remote = None if settings.resume == "never" else remote
        self._runs: RemoteRuns | None = None
        self._diagnostics = diagnostics

    def by_id(self, run_id: str) -> Before | None:
        """What a run was, deleted or not."""
        here = self._here(run_id)
        if here and here.facts.deleted:
            return here
        there = self._asked(lambda runs: runs.by_id(run_id), here is not None)
        return before.together(here, there)

    def named(self, project: str, name: str) -> list[str]:
        """The ids of runs of that project and name, the newest first."""
        stored = [(run.id, run.facts()) for run in self._api.runs(project)]
        here = {run_id: facts.created for run_id, facts in stored if facts.name == name}
        there = self._asked(lambda runs: runs.named(project, name), bool(here)) or {}
        created = {**there, **here}
        return sorted(created, key=lambda run_id: (created[run_id], run_id), reverse=True)

    def nothing(self, what: str) -> ConfigError:
        """The error for what must be known and is not."""
        beyond = f" or {self._remote.url}" if self._remote else ""
        return ConfigError(f"no {what} in {self._api.dir}{beyond}", "pass resume='allow'")

    def _here(self, run_id: str) -> Before | None:
        try:
            run = self._api.by_id(run_id, deleted=True)
            if run is None:
                return None
            with run:
                return before.stored(run)
        except StoreError as error:
            logger.warning("%s; the run is recorded beside it", error)
            return None

    def _asked(self, question: Callable[[RemoteRuns], V], known: bool) -> V | None:
        """What the remote answers, if it does; `known` says whether this machine does, too."""
        if self._remote is None:
            return None
        from otel_trackio.remoterun import RemoteRuns  # Loads pyarrow, which is not light.

        try:
            self._runs = self._runs or RemoteRuns(self._remote)
            return question(self._runs)
        except (RemoteError, StoreError) as error:
            if self._must and not known:
                message = f"the run is not known here, and {error.message}"
                raise ConfigError(message, error.hint) from error
            self._remote = None  # Nothing waits for it again.
            instead = "goes on from what is known here" if known else "is recorded as a new one"
            self._diagnostics.count("resume.failed")
            self._diagnostics.warn_once("resume", f"{error}; the run {instead}")
            return None
