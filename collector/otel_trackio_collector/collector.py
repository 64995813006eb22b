"""A collector: receivers, the request log, and a forwarder for each exporter."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from otel_trackio import version
from otel_trackio.diagnostics import logger
from otel_trackio_collector.admission import Admission, Limits, Tokens
from otel_trackio_collector.building import forwarder_for
from otel_trackio_collector.config import LOG_FILE, STORE, Config, Listen
from otel_trackio_collector.forwarding import Forwarder
from otel_trackio_collector.grpcreceiver import GrpcReceiver
from otel_trackio_collector.httpreceiver import metrics_app
from otel_trackio_collector.httpserver import HttpServer
from otel_trackio_collector.operations import operations_app
from otel_trackio_collector.reception import Reception
from otel_trackio_collector.requestlog import RequestLog
from otel_trackio_collector.standing import Standing, samples_of
from otel_trackio_collector.telemetry import Family, Sample, Telemetry

RUNNING_FILE: Final = "running.json"
"""In the collector's folder while it runs: where it listens, and answers for its health."""

GRACE_SECONDS: Final = 2.0
"""How long requests under way have to be kept and answered, once the collector is told to end."""

LOG_BYTES: Final = Family(
    "otel_trackio_request_log_bytes", "gauge", "Bytes of the requests held, as stored."
)
LOG_CAPACITY: Final = Family(
    "otel_trackio_request_log_capacity_bytes", "gauge", "How many it holds at most."
)

Server = GrpcReceiver | HttpServer


class Collector:
    """Runs what the configuration says, from `start` until `stop`.

    `endpoints` are where it listens once it has started: `NAME/grpc`, `NAME/http` and `health`;
    `last` is how the exporters stood when it ended.
    """

    def __init__(self, config: Config) -> None:
        self.endpoints: dict[str, str] = {}
        self.last: list[Standing] = []
        self._config = config
        self._began = time.time()
        self._telemetry = Telemetry()
        self._receptions: dict[tuple[int, tuple[str, ...]], Reception] = {}
        self._servers: list[Server] = []
        self._forwarders: list[Forwarder] = []
        self._log: RequestLog | None = None
        self._health: HttpServer | None = None
        self._asked = ThreadPoolExecutor(1, thread_name_prefix="operations")
        self._ready = False

    def start(self) -> None:
        """Raises ConfigError or StoreError for what cannot be had; nothing is left running then."""
        with ExitStack() as undo:
            self._log = RequestLog(
                self._config.directory / LOG_FILE, self._config.max_bytes, self._config.max_age
            )
            undo.callback(self._log.close)
            undo.callback(self._asked.shutdown)
            for export in self._config.exporters:
                forwarder = forwarder_for(export, self._config, self._log)
                self._forwarders.append(forwarder)
                undo.callback(forwarder.stop)
            self._forget_others(self._log)
            self._health = HttpServer(self._operations(), self._config.health)
            self._serve("health", self._health, undo)
            for forwarder in self._forwarders:
                forwarder.start()
            self._listen(self._log, undo)
            undo.pop_all()
        self._ready = True
        self._announce()

    def stop(self) -> bool:
        """Takes no more, sends what is left within the deadline, and ends; whether all of it went.

        What did not go is in the log, and goes after the next start.
        """
        deadline = time.monotonic() + self._config.drain
        self._ready = False
        assert self._log is not None
        assert self._health is not None
        for reception in self._receptions.values():
            reception.stop()
        self._in_parallel(lambda server: server.stop(GRACE_SECONDS), self._servers)
        went = self._in_parallel(lambda each: each.drain(deadline), self._forwarders)
        self.last = self.standings()
        self._health.stop(GRACE_SECONDS)
        self._asked.shutdown()
        self._log.close()
        self._running_file.unlink(missing_ok=True)
        return all(went)

    def standings(self) -> list[Standing]:
        """How the exporters stand."""
        return [each.standing() for each in self._forwarders]

    def status(self) -> dict[str, Any]:
        """What `otel-trackio collector status` shows."""
        assert self._log is not None
        log, faults = self._log, self._unready()
        return {
            "version": version.__version__,
            "pid": os.getpid(),
            "seconds": round(time.time() - self._began, 3),
            "ready": not faults,
            "faults": faults,
            "endpoints": self.endpoints,
            "log": {
                "path": str(log.path),
                "head": log.head(),
                "bytes": log.size(),
                "max_bytes": log.max_bytes,
                "max_age": log.max_age,
            },
            "exporters": [asdict(each) for each in self.standings()],
        }

    @property
    def _running_file(self) -> Path:
        return self._config.directory / RUNNING_FILE

    def _listen(self, log: RequestLog, undo: ExitStack) -> None:
        for receiver in self._config.receivers:
            if receiver.grpc is not None:
                reception = self._reception(log, receiver.grpc)
                grpc = GrpcReceiver(reception, receiver.grpc.endpoint, receiver.grpc.tls)
                self._serve(f"{receiver.name}/grpc", grpc, undo)
                self._servers.append(grpc)
            if receiver.http is not None:
                app = metrics_app(self._reception(log, receiver.http))
                http = HttpServer(app, receiver.http.endpoint, receiver.http.tls)
                self._serve(f"{receiver.name}/http", http, undo)
                self._servers.append(http)

    def _serve(self, name: str, server: Server, undo: ExitStack) -> None:
        server.start()
        undo.callback(server.stop)
        host = server.endpoint.rpartition(":")[0]
        self.endpoints[name] = f"{host}:{server.port}"

    def _reception(self, log: RequestLog, listen: Listen) -> Reception:
        """One for all that admit the same, so that they share a budget."""
        key = (listen.max_bytes, listen.tokens)
        if key not in self._receptions:
            admission = Admission(Limits(max_request_bytes=listen.max_bytes))
            self._receptions[key] = Reception(log, admission, Tokens(listen.tokens))
        return self._receptions[key]

    def _forget_others(self, log: RequestLog) -> None:
        """Exporters that are configured no more would hold requests back for ever."""
        for name in set(log.names()) - {each.exporter.name for each in self._forwarders}:
            logger.warning("exporter %s is configured no more: what it had yet to send goes", name)
            log.forget(name)

    def _operations(self) -> Any:
        self._telemetry.register(lambda: samples_of(self.standings()))
        self._telemetry.register(self._log_samples)
        self._telemetry.register(self._received)
        return operations_app(
            self._faults, self._unready, self.status, self._telemetry, self._asked
        )

    def _received(self) -> list[Sample]:
        """What all receptions count, summed where they count the same."""
        totals: dict[tuple[Family, tuple[tuple[str, str], ...]], float] = {}
        for reception in self._receptions.values():
            for each in reception.samples():
                key = (each.family, tuple(sorted(each.labels.items())))
                totals[key] = totals.get(key, 0) + each.value
        return [Sample(family, dict(labels), value) for (family, labels), value in totals.items()]

    def _log_samples(self) -> Iterable[Sample]:
        assert self._log is not None
        return [
            Sample(LOG_BYTES, {}, self._log.size()),
            Sample(LOG_CAPACITY, {}, self._log.max_bytes),
        ]

    def _faults(self) -> list[str]:
        if not self._ready:
            return []  # It starts, or it ends as it was told to.
        names = [each.exporter.name for each in self._forwarders if not each.at_work]
        return [f"exporter {name} has ended" for name in names]

    def _unready(self) -> list[str]:
        """Why requests are not taken now."""
        if not self._ready or self._log is None:
            return ["it does not take requests now"]
        if self._log.has_room():
            return self._faults()
        hint = "free the disk, or raise request_log.max_bytes"
        if any(each.kind == STORE for each in self._config.exporters):  # It alone holds requests.
            hint = "free the disk, raise request_log.max_bytes, or see what holds otel_trackio up"
        return [*self._faults(), f"the request log has no room now: {hint}"]

    def _announce(self) -> None:
        written = self._running_file.with_suffix(".new")
        try:
            written.write_text(json.dumps({"pid": os.getpid(), "endpoints": self.endpoints}))
            written.replace(self._running_file)
        except OSError as error:  # It works, but for `status`, which needs --at then.
            logger.warning("cannot write %s: %s", self._running_file, error)

    @staticmethod
    def _in_parallel(work: Any, parts: list[Any]) -> list[Any]:
        if not parts:
            return []
        with ThreadPoolExecutor(len(parts)) as pool:
            return list(pool.map(work, parts))
