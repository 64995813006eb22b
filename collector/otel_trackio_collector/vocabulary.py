"""The keys of the configuration, as the official Collector spells them, and how each is read."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from otel_trackio.peer import RetryPolicy
from otel_trackio_collector.clienttls import ClientTls
from otel_trackio_collector.forwarding import Bounds
from otel_trackio_collector.jsonlines import Rotation
from otel_trackio_collector.otlpgrpc import COMPRESSION
from otel_trackio_collector.otlphttp import PACK
from otel_trackio_collector.resolution import KEEPS, Resolution
from otel_trackio_collector.selection import Rule
from otel_trackio_collector.yamlfile import Item

Keys = Mapping[str, Callable[[Item], Any]]

MOST_PORT: Final = 65_535

UNNEEDED: Final = object()
"""Stands for a key that may be pasted, and changes nothing here."""


def unneeded(item: Item) -> object:
    item.note("changes nothing here")
    return UNNEEDED


def known(item: Item, keys: Keys) -> dict[str, Any]:
    """The mapping's values, without those that change nothing."""
    return {name: each for name, each in item.known(keys).items() if each is not UNNEEDED}


def enabled(item: Item) -> bool:
    """For what the official Collector wraps: `target_info: {enabled: true}`."""
    return bool(known(item, {"enabled": Item.flag}).get("enabled", True))


CLIENT_TLS: Final[Keys] = {
    "insecure": Item.flag,
    "insecure_skip_verify": Item.flag,
    "ca_file": Item.path_of_file,
    "cert_file": Item.path_of_file,
    "key_file": Item.path_of_file,
    "server_name_override": Item.text,
    "include_system_ca_certs_pool": unneeded,
    "min_version": unneeded,
    "reload_interval": unneeded,
}


def client_tls(item: Item) -> ClientTls:
    found = known(item, CLIENT_TLS)
    if ("key_file" in found) != ("cert_file" in found):
        raise item.error(f"{item.path} has half of a pair", "give cert_file and key_file")
    return ClientTls(**found)


RETRY: Final[Keys] = {
    "enabled": Item.flag,
    "initial_interval": Item.seconds,
    "max_interval": Item.seconds,
    "max_elapsed_time": Item.seconds,
    "multiplier": Item.number,
    "randomization_factor": Item.number,
}


def retry(item: Item) -> RetryPolicy:
    found = known(item, RETRY)
    found["jitter"] = found.pop("randomization_factor", RetryPolicy().jitter)
    if found["jitter"] > 1:
        raise item.error(f"{item.path}.randomization_factor is above 1", "use a share from 0 to 1")
    return RetryPolicy(**found)


UNNEEDED_QUEUE: Final = (
    "block_on_overflow",
    "enabled",
    "num_consumers",
    "queue_size",
    "sizer",
    "storage",
    "wait_for_result",
)


def queue(item: Item) -> Bounds:
    """`max_bytes` and `max_age` are ours; the official keys are read for their spelling alone, as
    every request is on disk, and each exporter has its place."""
    keys: dict[str, Callable[[Item], Any]] = dict.fromkeys(UNNEEDED_QUEUE, unneeded)
    keys |= {"batch": batch, "max_bytes": Item.bytes, "max_age": Item.seconds}
    return Bounds(**known(item, keys))


def batch(item: Item) -> object:
    """Read for its spelling alone: max_message_bytes bounds what is joined."""
    names = ("flush_timeout", "max_size", "min_size", "partition", "sizer")
    item.known(dict.fromkeys(names, unneeded))
    return UNNEEDED


def rule(item: Item) -> Rule:
    def resource(each: Item) -> dict[str, tuple[str, ...]]:
        return {name: patterns.texts() for name, patterns in each.items().items()}

    return Rule(**known(item, {"metrics": Item.texts, "resource": resource}))


def resolution(item: Item) -> Resolution | None:
    if not item.is_mapping:
        item.among("all")
        return None
    keys = {"interval": Item.seconds, "keep": lambda each: each.among(*KEEPS)}
    found = known(item, keys)
    if not found.get("interval"):
        raise item.error(f"{item.path} has no interval", "such as {interval: 10s, keep: last}")
    return Resolution(**found)


def encoding(item: Item) -> str:
    return item.among("proto")


def url(item: Item) -> str:
    """A URL without credentials, which would be told with it wherever it is told."""
    text = endpoint(item)
    if not text.startswith(("http://", "https://")):
        raise item.error(f"{item.path} is {text!r}", "it begins with http:// or https://")
    try:
        host = httpx.URL(text).host
    except httpx.InvalidURL as error:
        raise item.error(f"{item.path} is no URL: {error}", "such as https://HOST:PORT") from None
    if not host:
        raise item.error(f"{item.path} names no host", "such as https://HOST:PORT")
    return text


def address(item: Item) -> str:
    """HOST:PORT to listen at; without a host, at all addresses."""
    text = item.text().strip()
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > MOST_PORT:
        raise item.error(f"{item.path} is {text!r}", "use HOST:PORT, such as 127.0.0.1:4318")
    return f"{host or '0.0.0.0'}:{port}"


def endpoint(item: Item) -> str:
    """HOST:PORT or a URL, without credentials."""
    text = item.text().strip()
    if "@" in text:
        raise item.error(f"{item.path} holds credentials", "give them by headers, or by auth")
    return text


def headers(item: Item) -> dict[str, str]:
    """Names and values as HTTP and gRPC take them."""
    return {name: header(value, name) for name, value in item.items().items()}


def header(item: Item, name: str, value: str | None = None) -> str:
    """The value of a header, which an error does not tell: it may be a secret. The end of the line
    is taken off, which many a file with a token has."""
    text = (item.text() if value is None else value).strip()
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
        raise item.error(f"{name!r} is no name of a header", "letters, digits and hyphens")
    if not re.fullmatch(r"[\t -~]*", text):
        hint = "a value is one line of ASCII; is its variable what you think it is?"
        raise item.error(f"the header {name} holds what no header may", hint)
    return text


def rotation(item: Item) -> Rotation:
    keys: Keys = {
        "max_megabytes": Item.number,
        "max_days": Item.number,
        "max_backups": Item.whole,
        "localtime": unneeded,
    }
    return Rotation(**known(item, keys))


def basic(user: str, password: str) -> str:
    """The Authorization header of a name and a password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


COMMON: Final[Keys] = {
    "include": rule,
    "exclude": rule,
    "resolution": resolution,
    "retry_on_failure": retry,
    "sending_queue": queue,
}
"""What every exporter has, but for our own store."""

CLIENT: Final[Keys] = {
    "headers": headers,
    "tls": client_tls,
    "timeout": Item.seconds,
    "auth": lambda item: known(item, {"authenticator": Item.text}).get("authenticator", ""),
    "max_message_bytes": Item.bytes,
    **dict.fromkeys(
        (
            "balancer_name",
            "idle_conn_timeout",
            "keepalive",
            "max_conns_per_host",
            "max_idle_conns",
            "max_idle_conns_per_host",
            "read_buffer_size",
            "wait_for_ready",
            "write_buffer_size",
        ),
        unneeded,
    ),
}

OTLP_GRPC: Final[Keys] = {
    **COMMON,
    **CLIENT,
    "endpoint": endpoint,
    "compression": lambda item: item.among(*COMPRESSION),
}

OTLP_HTTP: Final[Keys] = {
    **COMMON,
    **CLIENT,
    "endpoint": url,
    "metrics_endpoint": url,
    "compression": lambda item: item.among(*PACK),
    "encoding": encoding,
}

FILE: Final[Keys] = {
    **COMMON,
    "path": Item.path_of_file,
    "rotation": rotation,
    "format": lambda item: item.among("json"),
    "append": unneeded,
    "create_directory": unneeded,
    "flush_interval": unneeded,
}

REMOTE_WRITE: Final[Keys] = {
    **COMMON,
    **CLIENT,
    "endpoint": url,
    "external_labels": Item.mapped,
    "series_limit": Item.whole,
    "add_metric_suffixes": Item.flag,
    "target_info": enabled,
    "resource_to_telemetry_conversion": enabled,
    "max_batch_size_bytes": unneeded,
    "remote_write_queue": unneeded,
    "send_metadata": unneeded,
    "wal": unneeded,
}

PROMETHEUS: Final[Keys] = {
    **COMMON,
    "endpoint": address,
    "const_labels": Item.mapped,
    "series_limit": Item.whole,
    "metric_expiration": Item.seconds,
    "add_metric_suffixes": Item.flag,
    "resource_to_telemetry_conversion": enabled,
    "enable_open_metrics": unneeded,
    "send_timestamps": unneeded,
}

STORE: Final[Keys] = {"dir": Item.path_of_file, "remote": Item.text}

EXPORTERS: Final[Mapping[str, Keys]] = {
    "otlp_grpc": OTLP_GRPC,
    "otlp_http": OTLP_HTTP,
    "prometheusremotewrite": REMOTE_WRITE,
    "prometheus": PROMETHEUS,
    "file": FILE,
    "otel_trackio": STORE,
}

ALIASES: Final = {"otlp": "otlp_grpc", "otlphttp": "otlp_http"}
"""Older names of the official Collector."""
