"""What a collector is to do, as values. Secrets among them stay out of their `repr`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from otel_trackio.errors import ConfigError
from otel_trackio.peer import RetryPolicy
from otel_trackio.scratch import Scratch, scratch_of
from otel_trackio.settings import resolve
from otel_trackio_collector import requestlog
from otel_trackio_collector.forwarding import Bounds
from otel_trackio_collector.resolution import Resolution
from otel_trackio_collector.selection import Selection
from otel_trackio_collector.servertls import ServerTls

STORE: Final = "otel_trackio"
"""The kind of exporter that is our own store."""

GRPC, HTTP, HEALTH = "127.0.0.1:4317", "127.0.0.1:4318", "127.0.0.1:13133"
"""Where a collector listens, and answers for its health, unless told otherwise."""

LOCAL: Final = ("127.0.0.1", "::1", "localhost")
"""Hosts that only this machine reaches."""

EVERYWHERE: Final = ("0.0.0.0", "::")
"""Hosts that stand for every address of the machine."""

MAX_REQUEST: Final = 64 << 20
"""Bytes of the largest request that is taken, before and after it is unpacked."""

DRAIN_SECONDS: Final = 10.0
"""How long a collector that is told to end goes on sending."""

LOG_FILE: Final = "requests.db"
"""The request log, in the collector's folder."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a protocol is taken, and from whom: without `tokens` from anybody."""

    endpoint: str
    tls: ServerTls | None = None
    max_bytes: int = MAX_REQUEST
    tokens: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_open(self) -> bool:
        """Whether other machines may send, and none is asked who it is."""
        host = self.endpoint.rpartition(":")[0].strip("[]")
        asks = bool(self.tokens) or (self.tls is not None and self.tls.client_ca_file is not None)
        return not asks and host not in LOCAL


@dataclass(frozen=True, slots=True)
class Receive:
    """An OTLP receiver of one or both protocols."""

    name: str
    grpc: Listen | None
    http: Listen | None


@dataclass(frozen=True, slots=True)
class Export:
    """An exporter: `options` are those of its kind alone, by their keys."""

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    bounds: Bounds = field(default_factory=Bounds)
    selection: Selection = field(default_factory=Selection)
    resolution: Resolution | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """All of it. `notes` are what a user should read: settings that change nothing here.

    Raises ConfigError where an exporter would send to a receiver: all would come again, for ever.
    """

    receivers: tuple[Receive, ...]
    exporters: tuple[Export, ...]
    directory: Path
    max_bytes: int = requestlog.MAX_BYTES
    max_age: float = requestlog.MAX_AGE
    health: str = HEALTH
    drain: float = DRAIN_SECONDS
    level: str = "info"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for export in self.exporters:
            for listen in self._listening(export.kind):
                if _reaches(export.options, listen.endpoint):
                    hint = "give another endpoint to one of them"
                    raise ConfigError(
                        f"{export.name} would send to {listen.endpoint}, where this same collector"
                        " receives: all would come again, for ever",
                        hint,
                    )

    def _listening(self, kind: str) -> list[Listen]:
        """Where what an exporter of that kind sends is taken."""
        protocol = {"otlp_grpc": "grpc", "otlp_http": "http"}.get(kind, "")
        found = [getattr(each, protocol, None) for each in self.receivers]
        return [each for each in found if each is not None]


def _reaches(options: Mapping[str, Any], listening: str) -> bool:
    """Whether an exporter's endpoint is on this machine, by its name, and listened to."""
    target = options.get("metrics_endpoint") or options["endpoint"]
    try:
        there, here = (urlsplit(e if "://" in e else f"//{e}") for e in (target, listening))
        if not there.port or there.port != here.port:
            return False
    except ValueError:
        return False  # It names none, which is another one's to say.
    hosts = {there.hostname, here.hostname}
    return len(hosts) == 1 or hosts <= {*LOCAL, *EVERYWHERE}


def openness(receivers: Iterable[Receive]) -> list[str]:
    """What there is to say of those that take metrics from anybody."""
    listening = [each for one in receivers for each in (one.grpc, one.http) if each is not None]
    hint = "auth asks for a token, tls.client_ca_file for a certificate"
    return [
        f"{e.endpoint} takes metrics from all who reach it: {hint}" for e in listening if e.is_open
    ]


def default_directory(environment: Mapping[str, str]) -> Path:
    """Where the request log is, unless told otherwise: beside the runs."""
    return folder_of(None, environment)[0] / "collector"


def folder_of(dir: Path | None, environment: Mapping[str, str]) -> tuple[Path, Scratch | None]:
    """The folder on this machine for the runs of DIR, `dir` or else the one of the settings.

    Where machines share DIR that is its scratch: SQLite is not safe there.
    """
    settings = resolve({}, environment)
    folder = settings.dir if dir is None else dir
    scratch = scratch_of(folder, settings.scratch, environment)
    return (folder, None) if scratch is None else (scratch.folder, scratch)
