"""The configuration as one YAML file, in the official Collector's words:

receivers:  {otlp: {protocols: {grpc: {}, http: {}}}}
exporters:
  otel_trackio: {}
  otlp_http: {endpoint: "https://...", headers: {Authorization: "${env:TOKEN}"}}
service: {pipelines: {metrics: {receivers: [otlp], exporters: [otel_trackio, otlp_http]}}}
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from otel_trackio.peer import RetryPolicy
from otel_trackio_collector.config import (
    GRPC,
    HTTP,
    Config,
    Export,
    Listen,
    Receive,
    default_directory,
    openness,
)
from otel_trackio_collector.extensions import Secrets, authorization_of, extensions_of
from otel_trackio_collector.forwarding import Bounds
from otel_trackio_collector.logs import LEVELS
from otel_trackio_collector.selection import Rule, Selection
from otel_trackio_collector.servertls import ServerTls
from otel_trackio_collector.vocabulary import (
    ALIASES,
    EXPORTERS,
    Keys,
    address,
    header,
    known,
    unneeded,
)
from otel_trackio_collector.yamlfile import Faults, Item, listed, nearest, parsed, read

UNNEEDED_PROCESSORS: Final = {
    "batch": "requests are joined when they are sent, and none waits in memory",
    "memory_limiter": "what is in flight is bounded already, and the rest is on disk",
}

SHOWN: Final = "`otel-trackio collector status` says what went where, and `file` writes all of it"

UNNEEDED_EXPORTERS: Final = {"debug": SHOWN, "logging": SHOWN, "nop": "nothing waits for it"}

UNNEEDED_SERVER: Final = (
    "compression_algorithms",
    "cors",
    "idle_timeout",
    "include_metadata",
    "keepalive",
    "logs_url_path",
    "max_concurrent_streams",
    "profiles_url_path",
    "read_buffer_size",
    "read_header_timeout",
    "traces_url_path",
    "transport",
    "write_buffer_size",
    "write_timeout",
)
"""Keys of a receiver that may be pasted, and change nothing here."""

NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "otlp_grpc": ("endpoint",),
    "otlp_http": ("endpoint or metrics_endpoint",),
    "prometheusremotewrite": ("endpoint",),
    "prometheus": ("endpoint",),
    "file": ("path",),
    "otel_trackio": (),
}
"""What an exporter of a kind cannot be without."""

SECTIONS: Final = (
    "receivers",
    "processors",
    "exporters",
    "extensions",
    "service",
    "request_log",
)


def from_file(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """Raises ConfigError, which names the line: one of them for all that is wrong."""
    return _config(read(path, environment))


def from_text(text: str, file: str, environment: Mapping[str, str] = os.environ) -> Config:
    """The same of a file's content; `file` is what errors call it."""
    return _config(parsed(text, file, environment))


def directory_of(path: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Where the collector of that file has its request log. Nothing else in it is looked at: who
    asks for that need not have its secrets. Raises ConfigError."""
    root = read(path, environment)
    item = root.items().get("request_log")
    return (_log(item) if item else {}).get("directory") or default_directory(environment)


def _config(root: Item) -> Config:
    top = root.known(dict.fromkeys(SECTIONS, lambda item: item))
    for name in ("receivers", "exporters", "service"):
        if name not in top:
            raise root.error(f"there is no {name}", "receivers, exporters and service are needed")
    pipeline, level = _service(top["service"], top.get("extensions"))
    faults = Faults()
    found = {
        kind: _pipeline(pipeline, kind, top.get(kind), faults)
        for kind in ("receivers", "processors", "exporters")
    }
    faults.each(found["processors"], _processor)
    secrets, health = extensions_of(top.get("extensions"), faults)
    log: dict[str, Any] = {}
    with faults.gathered():
        log = _log(top["request_log"]) if "request_log" in top else {}
    receivers = faults.each(found["receivers"], lambda name, item: _receive(name, item, secrets))
    needed = _needed(found["exporters"])
    exporters = faults.each(needed, lambda name, item: exporter_of(name, item, secrets))
    faults.tell()
    if not receivers or not exporters:
        raise pipeline.error("the pipeline is open at one end", "name receivers and exporters")
    return Config(
        receivers,
        exporters,
        **({"directory": default_directory(root.environment)} | log),
        health=health,
        level=level,
        notes=(*root.notes, *openness(receivers)),
    )


def _service(item: Item, extensions: Item | None) -> tuple[Item, str]:
    """The one pipeline, and how much is logged. Raises ConfigError."""
    found = item.known(
        {
            "pipelines": lambda each: each,
            "telemetry": lambda each: each.known(
                {
                    "logs": lambda logs: logs.known(
                        {
                            "level": lambda level: level.text().lower(),
                            **dict.fromkeys(("encoding", "output_paths", "development"), unneeded),
                        }
                    ),
                    **dict.fromkeys(("metrics", "traces", "resource"), unneeded),
                }
            ),
            "extensions": lambda each: _all_defined(each, extensions),
        }
    )
    level = found.get("telemetry", {}).get("logs", {}).get("level", "info")
    if level not in LEVELS:
        raise item.error(
            f"service.telemetry.logs.level is {level!r}", f"use {listed(tuple(LEVELS))}"
        )
    pipelines = found["pipelines"].items() if "pipelines" in found else {}
    ours = {name: each for name, each in pipelines.items() if name.partition("/")[0] == "metrics"}
    for name, each in pipelines.items():
        if name not in ours:
            if name.partition("/")[0] not in ("traces", "logs", "profiles"):
                raise each.error(f"no pipeline {name!r}", nearest(name, {"metrics": None}))
            each.note("is left out: only metrics are taken here")
    if len(ours) != 1:
        hint = "here is one: give service.pipelines.metrics, and choose by include and exclude"
        raise item.error(f"there are {len(ours)} pipelines of metrics", hint)
    return next(iter(ours.values())), level


def _pipeline(pipeline: Item, kind: str, defined: Item | None, faults: Faults) -> dict[str, Item]:
    """What the pipeline names of a kind, as defined; it is a fault for what is not."""
    parts = pipeline.known(
        dict.fromkeys(("receivers", "processors", "exporters"), lambda each: each)
    )
    known = defined.items() if defined is not None else {}
    chosen: dict[str, Item] = {}
    for each in parts[kind].list() if kind in parts else ():
        with faults.gathered():
            name = _defined(each, known)
            chosen[name] = known[name]
    for name, item in known.items():
        if name not in chosen:
            item.note("is in no pipeline of metrics, and does nothing")
    return chosen


def _all_defined(names: Item, defined: Item | None) -> None:
    known = {} if defined is None else defined.items()
    for each in names.list():
        _defined(each, known)


def _defined(item: Item, known: Mapping[str, object]) -> str:
    """The name that stands there. Raises ConfigError where it is not known."""
    if (name := item.text()) not in known:
        told = f"{item.path} names {name!r}, which is not defined"
        raise item.error(told, nearest(name, known))
    return name


def _needed(exporters: dict[str, Item]) -> dict[str, Item]:
    """Without those that show metrics to whoever sets a Collector up."""
    kept: dict[str, Item] = {}
    for name, item in exporters.items():
        if why := UNNEEDED_EXPORTERS.get(name.partition("/")[0]):
            item.note(f"is left out: {why}")
        else:
            kept[name] = item
    return kept


def _processor(name: str, item: Item) -> None:
    kind = name.partition("/")[0]
    if kind not in UNNEEDED_PROCESSORS:
        hint = "exporters choose and fold by include, exclude and resolution"
        raise item.error(f"no processor {kind!r} here", hint)
    item.note(f"is not needed here: {UNNEEDED_PROCESSORS[kind]}")


def _log(item: Item) -> dict[str, Any]:
    keys: Keys = {
        "directory": Item.path_of_file,
        "max_bytes": Item.bytes,
        "max_age": Item.seconds,
        "drain_timeout": Item.seconds,
    }
    found = known(item, keys)
    if "drain_timeout" in found:
        found["drain"] = found.pop("drain_timeout")
    return found


def _receive(name: str, item: Item, secrets: Secrets) -> Receive:
    if name.partition("/")[0] != "otlp":
        hint = "otlp is the one: an OpenTelemetry Collector that has others can send to it"
        raise item.error(f"no receiver {name!r} here", hint)
    grpc: Keys = {"max_recv_msg_size_mib": lambda each: each.whole() << 20}
    http: Keys = {"max_request_body_size": Item.bytes}
    protocols: Keys = {
        "grpc": lambda each: _listen(each, GRPC, grpc, secrets),
        "http": lambda each: _listen(each, HTTP, http, secrets),
    }
    found = known(item, {"protocols": lambda each: known(each, protocols)}).get("protocols", {})
    if not found:
        raise item.error(f"{item.path} has no protocols", "such as {protocols: {grpc: {}}}")
    return Receive(name, found.get("grpc"), found.get("http"))


def _listen(item: Item, endpoint: str, limit: Keys, secrets: Secrets) -> Listen:
    found = known(
        item,
        {
            "endpoint": address,
            "tls": _server_tls,
            "auth": lambda each: known(each, {"authenticator": Item.text}).get("authenticator"),
            **limit,
            **dict.fromkeys(UNNEEDED_SERVER, unneeded),
        },
    )
    authorization = authorization_of(item, found.pop("auth", None), secrets)
    if authorization and not authorization.startswith("Bearer "):
        raise item.error(f"{item.path}.auth names no bearer token", "use bearertokenauth")
    for name in limit:
        if size := found.pop(name, 0):  # 0 is the default, as it is in the official Collector.
            found["max_bytes"] = size
    return Listen(
        **({"endpoint": endpoint} | found),
        tokens=(authorization.removeprefix("Bearer "),) if authorization else (),
    )


def _server_tls(item: Item) -> ServerTls:
    found = known(
        item,
        {
            "cert_file": Item.path_of_file,
            "key_file": Item.path_of_file,
            "client_ca_file": Item.path_of_file,
            **dict.fromkeys(("min_version", "reload_interval"), unneeded),
        },
    )
    if "cert_file" not in found or "key_file" not in found:
        raise item.error(f"{item.path} is not complete", "give cert_file and key_file")
    return ServerTls(**found)


def exporter_of(name: str, item: Item, secrets: Secrets) -> Export:
    """An exporter as it is defined. Raises ConfigError."""
    kind, _, rest = name.partition("/")
    kind = ALIASES.get(kind, kind)
    if kind not in EXPORTERS:
        raise item.error(f"no exporter {kind!r} here", nearest(kind, EXPORTERS))
    found = known(item, EXPORTERS[kind])
    authorization = authorization_of(item, found.pop("auth", None), secrets)
    if authorization:
        told = header(item, "Authorization", authorization)
        found["headers"] = {**found.get("headers", {}), "Authorization": told}
    for key in NEEDED[kind]:
        if not any(found.get(each) for each in key.split(" or ")):
            raise item.error(f"{item.path or name} has no {key}", f"add {key}: ...")
    return Export(
        f"{kind}/{rest}" if rest else kind,
        kind,
        retry=found.pop("retry_on_failure", RetryPolicy()),
        bounds=found.pop("sending_queue", Bounds()),
        selection=Selection(found.pop("include", Rule()), found.pop("exclude", Rule())),
        resolution=found.pop("resolution", None),
        options=found,
    )
