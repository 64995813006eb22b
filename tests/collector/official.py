"""The official OpenTelemetry Collector, of 0.144 or later, where OTELCOL names its program."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.collector.sinks import until, unused_port

PROGRAM: Final = os.environ.get("OTELCOL", "")
HOST: Final = "127.0.0.1"

Parts = Mapping[str, Mapping[str, Any]]
"""Components by name, each with its settings."""

MODEST: Final = {"metrics": {"level": "none"}, "logs": {"encoding": "json"}}
"""Its telemetry: none at a port that others may have."""


@cache
def stores() -> bool:
    """Whether it can keep its queues on disk."""
    told = subprocess.run([PROGRAM, "components"], capture_output=True, text=True, check=True)
    return "file_storage" in told.stdout


class Official:
    """One process. `grpc` and `http` are the ports at which it takes OTLP, also once restarted."""

    def __init__(
        self,
        dir: Path,
        exporters: Parts,
        processors: Parts | None = None,
        extensions: Parts | None = None,
    ) -> None:
        dir.mkdir(parents=True, exist_ok=True)
        self.grpc, self.http = unused_port(), unused_port()
        self._log, self._config = dir / "otelcol.log", dir / "otelcol.json"
        self.configure(exporters, processors or {}, extensions or {})
        self.start()

    @property
    def said(self) -> str:
        return self._log.read_text()

    def configure(
        self, exporters: Parts, processors: Parts | None = None, extensions: Parts | None = None
    ) -> None:
        """What it does from its next start."""
        at = {"grpc": self.grpc, "http": self.http}
        # A large request is to be taken, as ours takes it.
        limits = {"grpc": {"max_recv_msg_size_mib": 64}, "http": {}}
        protocols = {
            name: {"endpoint": f"{HOST}:{port}", **limits[name]} for name, port in at.items()
        }
        pipeline = {"receivers": ["otlp"], "exporters": [*exporters]}
        told = {
            "receivers": {"otlp": {"protocols": protocols}},
            "processors": processors or {},
            "exporters": exporters,
            "extensions": extensions or {},
            "service": {
                "telemetry": MODEST,
                "extensions": [*(extensions or {})],
                "pipelines": {"metrics": {**pipeline, "processors": [*(processors or {})]}},
            },
        }
        self._config.write_text(json.dumps(told, default=str))  # Which is YAML, too.

    def start(self) -> None:
        """Returns once it takes requests."""
        with self._log.open("ab") as log:
            command = [PROGRAM, "--config", str(self._config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._listens)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Tells it to end, and waits until it has."""
        self.process.terminate()
        self.process.wait(60)

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.said
        return all(is_open(port) for port in (self.grpc, self.http))


@contextmanager
def official(dir: Path, exporters: Parts, **more: Any) -> Iterator[Official]:
    """One until the block ends."""
    found = Official(dir, exporters, **more)
    try:
        yield found
    finally:
        found.kill()


def on_disk(dir: Path) -> tuple[Parts, dict[str, Any]]:
    """An extension that keeps queues in `dir`, each request with an fsync, and what an exporter's
    settings must have for it."""
    storage = {"directory": str(dir), "create_directory": True, "fsync": True}
    return {"file_storage": storage}, {"sending_queue": {"storage": "file_storage"}}


def is_open(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0
