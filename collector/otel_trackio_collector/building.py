"""From what a configuration says to the parts that do it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from otel_trackio.endpoint import url_of
from otel_trackio.errors import StoreError
from otel_trackio.remote import Remote
from otel_trackio.remotes import remote_of
from otel_trackio.settings import resolve
from otel_trackio_collector.clienttls import ClientTls
from otel_trackio_collector.config import STORE, Config, Export, folder_of
from otel_trackio_collector.forwarding import BATCH_BYTES, Exporter, Forwarder
from otel_trackio_collector.jsonlines import JsonLines
from otel_trackio_collector.otlpexport import OtlpExporter
from otel_trackio_collector.otlpgrpc import GrpcPeer, target_of
from otel_trackio_collector.otlphttp import HttpPeer
from otel_trackio_collector.ownstore import OwnStore
from otel_trackio_collector.promtarget import Naming
from otel_trackio_collector.remotewrite import RemoteWrite
from otel_trackio_collector.requestlog import RequestLog
from otel_trackio_collector.scrape import EXPIRATION, Scrape
from otel_trackio_collector.shaping import shaped
from otel_trackio_collector.sharing import Shared
from otel_trackio_collector.syncing import Syncing

PEER: Final = ("headers", "tls", "compression", "timeout")
"""Options of an OTLP exporter that its peer takes as they are."""

STORE_BYTES: Final = 8_000_000
"""How much the own store takes at a time: each run in it costs a wait for the disk, so twice as
much goes a third faster. More than this is hardly faster, and takes a memory that others need."""


def forwarder_for(export: Export, config: Config, log: RequestLog) -> Forwarder:
    """An exporter with its place in the log. Raises ConfigError, or StoreError."""
    exporter = _exporter(export, config.directory, log)
    is_store = export.kind == STORE
    limit = export.options.get("max_message_bytes", BATCH_BYTES)
    return Forwarder(
        log,
        shaped(exporter, export.selection, export.resolution),
        export.retry,
        export.bounds,
        batch_bytes=STORE_BYTES if is_store else min(limit, BATCH_BYTES),
        never_skipped=is_store,
    )


def check(config: Config) -> None:
    """Raises ConfigError for files that a collector would fail over at its start."""
    for receiver in config.receivers:
        for listen in (receiver.grpc, receiver.http):
            if listen is not None and listen.tls is not None:
                listen.tls.context()
    for export in config.exporters:
        _remote(export.options)
        tls = export.options.get("tls", ClientTls())
        if export.kind == "otlp_grpc" and not (
            tls.insecure or target_of(export.options["endpoint"])[1]
        ):
            tls.credentials()
        elif "tls" in export.options:
            tls.context()


def _exporter(export: Export, directory: Path, log: RequestLog) -> Exporter:
    options = export.options
    if export.kind == "otlp_grpc":
        return _otlp(export, GrpcPeer(options["endpoint"], **_given(options, *PEER)))
    if export.kind == "otlp_http":
        url = options.get("metrics_endpoint") or url_of(options["endpoint"])
        return _otlp(export, HttpPeer(url, **_given(options, *PEER)))
    if export.kind == "file":
        return JsonLines(export.name, options["path"], options.get("rotation"))
    if export.kind == "prometheusremotewrite":
        state = directory / f"{quote(export.name, safe='')}.db"
        return RemoteWrite(
            export.name,
            options["endpoint"],
            naming=_naming(options, "external_labels"),
            state=state,
            **_given(options, "headers", "tls", "timeout", "series_limit"),
        )
    if export.kind == "prometheus":
        naming = _naming(options, "const_labels")
        told = {**options, "expiration": options.get("metric_expiration", EXPIRATION)}
        given = _given(told, "expiration", "series_limit")
        return Scrape(export.name, options["endpoint"], naming, **given)
    assert export.kind == STORE, export.kind
    folder, scratch = folder_of(options.get("dir"), os.environ)
    remote = _remote(options)
    meant = "" if remote is None else remote.url
    store: Exporter = OwnStore(folder, log.id, name=export.name, meant=meant)
    if scratch is not None:
        try:
            scratch.make()
        except OSError as error:
            hint = "set OTEL_TRACKIO_SCRATCH to a folder on a local disk that you may write"
            raise StoreError(f"cannot make {scratch.folder}: {error}", hint) from error
        store = Shared(store, scratch)
    return store if remote is None else Syncing(store, folder, remote)


def _remote(options: Mapping[str, Any]) -> Remote | None:
    """Where runs are synced to, private unless the settings say otherwise. Raises ConfigError."""
    name = options.get("remote", "")
    return remote_of(name, resolve({}, os.environ).private) if name else None


def _otlp(export: Export, peer: GrpcPeer | HttpPeer) -> OtlpExporter:
    return OtlpExporter(export.name, peer, export.options.get("max_message_bytes", BATCH_BYTES))


def _given(options: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those that are set: for the others the part has defaults of its own."""
    return {name: options[name] for name in names if name in options}


def _naming(options: Mapping[str, Any], labels: str) -> Naming:
    return Naming(
        external=tuple(sorted(options.get(labels, {}).items())),
        suffixes=options.get("add_metric_suffixes", True),
        target_info=options.get("target_info", True),
        everything=options.get("resource_to_telemetry_conversion", False),
    )
