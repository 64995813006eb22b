"""Runs that are stored, as Trackio's `Api` gives them, and their metrics, which that does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

from otel_trackio import api
from otel_trackio.errors import ConfigError
from otel_trackio.history import History
from otel_trackio.metric import Metric
from otel_trackio.model import NO_STEP, Record
from otel_trackio.storedrun import StoredRun
from otel_trackio.trackio.unsupported import FILES, refuse

Alert = dict[str, Any]


class Run:
    """A run that is stored; what it was called last is read each time."""

    def __init__(self, stored: StoredRun) -> None:
        self.stored = stored

    @property
    def id(self) -> str:
        return self.stored.id

    @property
    def name(self) -> str:
        return self.stored.name

    @property
    def project(self) -> str:
        return self.stored.project

    @property
    def config(self) -> dict[str, Any]:
        return self.stored.config

    @property
    def state(self) -> str:
        """running, finished, failed or crashed."""
        return self.stored.state

    def metrics(self) -> list[Metric]:
        """Every metric of the run, by key, with its last value, least and greatest."""
        return self.stored.metrics()

    def history(self, key: str) -> History:
        """The points of a metric as columns `step`, `time` (ns) and `value`, sorted by step.

        Raises UnknownMetric.
        """
        return self.stored.history(key)

    def alerts(self, level: str | None = None, since: str | None = None) -> list[Alert]:
        """Alerts, the newest first; `since` is a time in ISO 8601, which they are later than."""
        after = _moment(since)
        name = self.name
        found = [_alert(name, each) for each in self.stored.alerts() if _time(each) > after]
        return [each for each in reversed(found) if level in (None, each["level"])]

    def delete(self) -> bool:
        """Deletes it here, for good. Raises StoreBusy while it is recorded."""
        self.stored.delete()
        return True

    def move(self, new_project: str) -> bool:
        """Puts it into another project."""
        self.stored.move(new_project)
        return True

    def rename(self, new_name: str) -> Run:
        """Gives it another name."""
        self.stored.rename(new_name)
        return self

    def __repr__(self) -> str:
        return f"<Run {self.name} in project {self.project}>"


class Runs(Sequence[Run]):
    """The runs of a project, oldest first, as they are when it is made."""

    def __init__(self, project: str, runs: Sequence[Run]) -> None:
        self.project = project
        self._runs = list(runs)

    def __getitem__(self, index: Any) -> Any:
        return self._runs[index]

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        return f"<Runs project={self.project} count={len(self)}>"


class Api:
    """Reads the runs of this machine: those in TRACKIO_DIR, or where else runs are recorded."""

    def runs(self, project: str) -> Runs:
        """The runs of a project. Raises ConfigError where there is none."""
        found = api.Api().runs(project)
        if not found:
            raise ConfigError(f"project {project!r} does not exist", "otel-trackio ls shows all")
        return Runs(project, [Run(each) for each in found])

    def alerts(
        self,
        project: str,
        run: str | None = None,
        level: str | None = None,
        since: str | None = None,
    ) -> list[Alert]:
        """The alerts of a project, or of one run in it, the newest first."""
        found = [
            alert
            for each in self.runs(project)
            if run in (None, each.name)
            for alert in each.alerts(level, since)
        ]
        return sorted(found, key=lambda alert: str(alert["timestamp"]), reverse=True)

    def create_registry(
        self, name: str, description: str | None = None, bucket_id: str | None = None
    ) -> NoReturn:
        """Raises Unsupported."""
        refuse("Api.create_registry", FILES)

    def registry(self, name: str, bucket_id: str | None = None) -> NoReturn:
        """Raises Unsupported."""
        refuse("Api.registry", FILES)


def _alert(run: str, record: Record) -> Alert:
    return {
        "timestamp": _time(record).isoformat(),
        "run": run,
        "title": record.data.get("title", ""),
        "text": record.data.get("text") or None,
        "level": record.data.get("level"),
        "step": None if record.step == NO_STEP else record.step,
    }


def _time(record: Record) -> datetime:
    return datetime.fromtimestamp(record.time / 1e9, UTC)


def _moment(since: str | None) -> datetime:
    if since is None:
        return datetime.min.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        hint = "give one such as 2026-01-31T12:00:00+00:00"
        raise ConfigError(f"since={since!r} is no time", hint) from None
    # Without a zone it is UTC, as Trackio's are.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
