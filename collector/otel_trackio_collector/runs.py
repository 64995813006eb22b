"""Which run a resource is, and what it says of it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from otel_trackio import semconv
from otel_trackio.identity import default_name
from otel_trackio.text import storable

RUN_ID: Final = (semconv.RUN_ID, "trackio.run.id")
PROJECT: Final = (semconv.PROJECT, "trackio.project")
RUN_NAME: Final = (semconv.RUN_NAME, "trackio.run.name")
"""Resource attributes, the first that is there counts: of which run this is, and its names."""

_SERVICE: Final = ("service.namespace", "service.name", "service.instance.id")
_INSTANCE: Final = (
    "host.name",
    "host.id",
    "k8s.pod.uid",
    "k8s.pod.name",
    "k8s.container.name",
    "container.id",
    "process.pid",
    "process.creation.time",
)
"""What tells instances of a service apart that say no `service.instance.id`."""

MAX_NUMBER: Final = 2**31 - 1
"""The greatest rank, size or attempt: segments hold them in 32 bits."""


@dataclass(frozen=True, slots=True)
class Sender:
    """What a resource says of its run. `writer` is the id of the process that recorded it, if it
    is one of ours, `synced` whether that process, or another, syncs it; `attempt` is 0 where
    nothing says which."""

    run_id: str
    project: str
    name: str
    group: str = ""
    rank: int = 0
    world_size: int = 1
    attempt: int = 0
    writer: str = ""
    synced: bool = False
    state: str = ""
    host: str = ""
    pid: int = 0

    @property
    def about(self) -> dict[str, Any]:
        """The members of a `run` event."""
        told = {"name": self.name, "project": self.project, "group": self.group}
        return {key: value for key, value in told.items() if value}


def sender_of(attributes: Mapping[str, Any]) -> Sender:
    """The sender that a resource with these attributes is.

    Its run is the one that `otel_trackio.run.id` names, else that of `service.name` and
    `service.instance.id`.
    """
    run_id = _first(attributes, RUN_ID)
    namespace, service, instance = (_text(attributes.get(key)) for key in _SERVICE)
    if not run_id:
        told = [namespace, service, instance]
        if not instance:
            told += [_text(attributes.get(key)) for key in _INSTANCE]
        run_id = f"otlp-{digest(*told)[:26]}"
    host, rank = _text(attributes.get("host.name")), _number(attributes.get(semconv.RANK), 0)
    writer = _text(attributes.get(semconv.WRITER_ID))
    state = _text(attributes.get(semconv.STATE))
    return Sender(
        run_id,
        _first(attributes, PROJECT) or "/".join(filter(None, (namespace, service))) or "default",
        _first(attributes, RUN_NAME) or instance or default_name(run_id),
        group=_text(attributes.get(semconv.RUN_GROUP)),
        rank=rank,
        world_size=max(_number(attributes.get(semconv.WORLD_SIZE), 1), rank + 1),
        attempt=_number(attributes.get(semconv.ATTEMPT), 0),
        writer=writer,
        synced=bool(writer) and attributes.get(semconv.SYNC_TO) != "",
        state=state if state in ("finished", "failed") else "",
        host=host,
        pid=_number(attributes.get("process.pid"), 0),
    )


def digest(*parts: str) -> str:
    """Hexadecimal digits that no other parts have."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _first(attributes: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next(filter(None, (_text(attributes.get(name)) for name in names)), "")


def _text(value: object) -> str:
    if isinstance(value, str):
        return storable(value)
    return "" if value is None else json.dumps(value, sort_keys=True)


def _number(value: object, otherwise: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER:
        return value
    return otherwise
