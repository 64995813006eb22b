"""The configuration by flags, for small cases."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from otel_trackio.errors import ConfigError
from otel_trackio_collector.config import (
    GRPC,
    HEALTH,
    HTTP,
    STORE,
    Config,
    Export,
    Listen,
    Receive,
    folder_of,
    openness,
)
from otel_trackio_collector.configfile import exporter_of
from otel_trackio_collector.vocabulary import ALIASES, EXPORTERS
from otel_trackio_collector.yamlfile import nearest, parsed


def from_flags(
    to: Iterable[str] = (),
    grpc: str = GRPC,
    http: str = HTTP,
    dir: Path | None = None,
    health: str = HEALTH,
    remote: str = "",
    environment: Mapping[str, str] = os.environ,
) -> Config:
    """`to` holds KIND=TARGET each; runs are stored, too, in `dir`, and synced to
    `remote`. Raises ConfigError."""
    told = {"dir": dir, "remote": remote}
    exporters = [Export(STORE, STORE, {key: value for key, value in told.items() if value})]
    for each in to:
        exporters.append(_export(each, {known.name for known in exporters}, environment))
    receivers = (Receive("otlp", Listen(grpc), Listen(http)),)
    return Config(
        receivers,
        tuple(exporters),
        folder_of(dir, environment)[0] / "collector",
        health=health,
        notes=tuple(openness(receivers)),
    )


def _export(told: str, taken: set[str], environment: Mapping[str, str]) -> Export:
    kind, _, target = told.partition("=")
    kind = ALIASES.get(kind, kind)
    if kind not in EXPORTERS or kind == STORE:
        known = dict.fromkeys(name for name in EXPORTERS if name != STORE)
        raise ConfigError(f"--to: no exporter {kind!r}", nearest(kind, known))
    if not target:
        raise ConfigError(f"--to {told} has no target", f"such as --to {kind}=...")
    name, number = kind, 2
    while name in taken:
        name, number = f"{kind}/{number}", number + 1
    key = "path" if kind == "file" else "endpoint"
    quoted = target.replace("'", "''")
    item = parsed(f"{key}: '{quoted}'", f"--to {kind}", environment)
    return exporter_of(name, replace(item, numbered=False), {})
