"""Every setting, in one table.

A value comes from the argument, else from the first variable of its row that is not empty, else
from the default. The README, `otel-trackio doctor` and the tests read the same rows.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

from platformdirs import user_data_path

from otel_trackio import endpoint
from otel_trackio.endpoint import Headers
from otel_trackio.errors import ConfigError
from otel_trackio.text import storable

Parse = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    `env` holds variables, the first one wins; `default` is text as a variable would hold it.
    `parse` takes text or an argument and raises ValueError with what it accepts. What is `secret`
    is in no error.
    """

    name: str
    env: tuple[str, ...]
    default: str
    parse: Parse
    doc: str
    secret: bool = False


def _folder(value: object) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise ValueError("a path")
    # Made absolute now: a training script may change its directory later.
    return Path(os.path.expanduser(value)).absolute() if value else user_data_path("otel-trackio")


def _text(value: object) -> str:
    return storable(str(value))


def _tags(value: object) -> tuple[str, ...]:
    if not isinstance(value, Iterable):
        raise ValueError("labels between commas, or a list of them")
    tags = value.split(",") if isinstance(value, str) else value
    return tuple(tag for each in tags if (tag := _text(each).strip()))


def _scratch(value: object) -> Path | None:
    return _folder(value) if value else None


_LASTING = re.compile(r"(\d+(?:\.\d+)?) ?(s|m|h|d)?", re.IGNORECASE)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _deadline(value: object) -> datetime | timedelta | None:
    """A duration as Hugging Face Jobs spells one (seconds without a unit), or a moment."""
    if isinstance(value, datetime | timedelta):
        return value
    if not value:
        return None
    if found := _LASTING.fullmatch(str(value).strip()):
        return timedelta(**{_UNITS[(found[2] or "s").lower()]: float(found[1])})
    try:
        moment = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise ValueError(
            "a duration such as 30m or 2h, or a time such as 2026-01-31T12:00Z"
        ) from None
    return moment.astimezone()  # Without a zone it is this machine's.


def _one_of(options: Mapping[str, object]) -> Parse:
    def parse(value: object) -> object:
        if (text := str(value).lower()) not in options:
            raise ValueError(f"one of {', '.join(options)}")
        return options[text]

    return parse


def _within(convert: Callable[[str], float], low: str, high: str, unit: str) -> Parse:
    def parse(value: object) -> object:
        accepts = f"{unit} from {low} to {high}"
        try:
            number = convert(str(value))
        except ValueError:
            raise ValueError(accepts) from None
        if not convert(low) <= number <= convert(high):
            raise ValueError(accepts)
        return number

    return parse


_SIZE = re.compile(r"(\d+) ?(?:([kmg])(i?)b)?", re.IGNORECASE)


def _bytes(text: str) -> int:
    if not (match := _SIZE.fullmatch(text.strip())):
        raise ValueError(text)
    number, prefix, binary = match.groups(default="")
    unit: int = (1024 if binary else 1000) ** " kmg".index(prefix.lower() or " ")
    return int(number) * unit


_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_FLAG = _one_of(dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False))
_COUNT = _within(int, "1", "1000000000", "a whole number")
_SECONDS = _within(float, "0.01", "3600", "seconds")

_FOREIGN: Mapping[str, Callable[[str], str]] = {
    "OTEL_SDK_DISABLED": lambda text: "disabled" if text.lower() == "true" else "",
    "HF_HUB_OFFLINE": lambda text: "offline" if text.upper() in {"1", "ON", "YES", "TRUE"} else "",
}
"""Variables of other libraries that do not hold the setting's own value, and what they mean."""

SETTINGS: Final = (
    Setting(
        "dir",
        ("OTEL_TRACKIO_DIR", "TRACKIO_DIR"),
        default="",
        parse=_folder,
        doc="where runs are kept; else the user's data folder, `~/.local/share/otel-trackio`",
    ),
    Setting(
        "project",
        ("OTEL_TRACKIO_PROJECT", "TRACKIO_PROJECT", "OTEL_SERVICE_NAME"),
        default="default",
        parse=_text,
        doc="what the run belongs to",
    ),
    Setting(
        "name",
        ("OTEL_TRACKIO_NAME",),
        default="",
        parse=_text,
        doc="what people call the run; else two words and a code",
    ),
    Setting(
        "group",
        ("OTEL_TRACKIO_GROUP",),
        default="",
        parse=_text,
        doc="which runs are repetitions of one experiment",
    ),
    Setting(
        "tags",
        ("OTEL_TRACKIO_TAGS",),
        default="",
        parse=_tags,
        doc="labels, between commas",
    ),
    Setting(
        "run_id",
        ("OTEL_TRACKIO_RUN_ID",),
        default="",
        parse=_text,
        doc="identifies the run on all ranks, `id` in code; else the launcher's id, else a new one",
    ),
    Setting(
        "resume",
        ("OTEL_TRACKIO_RESUME",),
        default="never",
        parse=_one_of({"never": "never", "allow": "allow", "must": "must"}),
        doc="whether a run of that id may, or must, exist already: never, allow or must",
    ),
    Setting(
        "mode",
        ("OTEL_TRACKIO_MODE", "OTEL_SDK_DISABLED", "HF_HUB_OFFLINE"),
        default="online",
        parse=_one_of({"online": "online", "offline": "offline", "disabled": "disabled"}),
        doc="online, offline (nothing leaves the machine) or disabled (nothing is recorded)",
    ),
    Setting(
        "remote",
        ("OTEL_TRACKIO_REMOTE",),
        default="",
        parse=_text,
        doc="where runs are synced: `hf://datasets/USER/NAME`, `hf://buckets/USER/NAME`, a folder",
    ),
    Setting(
        "dataset_id",
        ("OTEL_TRACKIO_DATASET_ID", "TRACKIO_DATASET_ID"),
        default="",
        parse=_text,
        doc="the same, for a dataset: `USER/NAME`, or `NAME` of the token's user",
    ),
    Setting(
        "bucket_id",
        ("OTEL_TRACKIO_BUCKET_ID", "TRACKIO_BUCKET_ID"),
        default="",
        parse=_text,
        doc="the same, for a bucket",
    ),
    Setting(
        "otlp_endpoint",
        ("OTEL_TRACKIO_OTLP_ENDPOINT",),
        default="",
        parse=endpoint.endpoint,
        doc="a collector, or any OTLP/HTTP backend, that gets every point: `http://localhost:4318`",
    ),
    Setting(
        "otlp_headers",
        ("OTEL_TRACKIO_OTLP_HEADERS",),
        default="",
        parse=endpoint.headers,
        doc="headers sent along there, `authorization=Bearer%20TOKEN`, between commas; never shown",
        secret=True,
    ),
    Setting(
        "private",
        ("OTEL_TRACKIO_PRIVATE",),
        default="1",
        parse=_FLAG,
        doc="0 makes a new dataset or bucket public; what exists stays as it is",
    ),
    Setting(
        "deadline",
        ("OTEL_TRACKIO_DEADLINE",),
        default="",
        parse=_deadline,
        doc="when the machine goes away: `90s`, `30m`, `2h` after its start, or a time",
    ),
    Setting(
        "scratch",
        ("OTEL_TRACKIO_SCRATCH",),
        default="",
        parse=_scratch,
        doc="a folder on a local disk to record in, where `dir` is on a network; else the job's",
    ),
    Setting(
        "interval",
        ("OTEL_TRACKIO_INTERVAL",),
        default="1.0",
        parse=_SECONDS,
        doc="seconds between collections of instruments, and between drains of the journal",
    ),
    Setting(
        "silent",
        ("OTEL_TRACKIO_SILENT",),
        default="0",
        parse=_FLAG,
        doc="1 prints nothing at the start and end of a run",
    ),
    Setting(
        "raise_errors",
        ("OTEL_TRACKIO_RAISE",),
        default="0",
        parse=_FLAG,
        doc="1 raises the errors of recording, which else are logged and counted",
    ),
    Setting(
        "journal_size",
        ("OTEL_TRACKIO_JOURNAL_SIZE",),
        default="16MiB",
        parse=_within(_bytes, "64KiB", "1GiB", "bytes"),
        doc="bytes of the journal, which holds what was logged until it is stored",
    ),
    Setting(
        "max_pending",
        ("OTEL_TRACKIO_MAX_PENDING",),
        default="1000000",
        parse=_COUNT,
        doc="measurements of instruments held in memory between collections; more are counted",
    ),
    Setting(
        "heartbeat",
        ("OTEL_TRACKIO_HEARTBEAT",),
        default="10",
        parse=_SECONDS,
        doc="seconds between signs of life, which tell a running run from a crashed one",
    ),
    Setting(
        "fold_points",
        ("OTEL_TRACKIO_FOLD_POINTS",),
        default="16384",
        parse=_COUNT,
        doc="stored points that are compressed together",
    ),
    Setting(
        "full_wait",
        ("OTEL_TRACKIO_FULL_WAIT",),
        default="2.0",
        parse=_within(float, "0", "3600", "seconds"),
        doc="seconds that `log()` waits for a full journal before it drops, and counts",
    ),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force, from `resolve`; text that nobody set is empty."""

    dir: Path
    project: str
    name: str
    group: str
    tags: tuple[str, ...]
    run_id: str
    resume: Literal["never", "allow", "must"]
    mode: Literal["online", "offline", "disabled"]
    remote: str
    dataset_id: str
    bucket_id: str
    otlp_endpoint: str
    otlp_headers: Headers
    private: bool
    deadline: datetime | timedelta | None
    scratch: Path | None
    interval: float
    silent: bool
    raise_errors: bool
    journal_size: int
    max_pending: int
    heartbeat: float
    fold_points: int
    full_wait: float
    sources: Mapping[str, str] = field(repr=False, compare=False)

    def source_of(self, name: str) -> str:
        """Where the value came from: "argument", the variable's name, or "default"."""
        return self.sources[name]


def resolve(overrides: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """The settings in force; an override that is None or empty text counts as not given.

    Raises ConfigError for an unknown name, or a value that the setting does not accept.
    """
    names = [setting.name for setting in SETTINGS]
    for name in overrides:
        if name not in names:
            raise ConfigError(f"unknown setting {name!r}", hint=f"use one of {', '.join(names)}")
    values: dict[str, Any] = {}
    sources = {}
    for setting in SETTINGS:
        source, given = _find(setting, overrides.get(setting.name), environ)
        values[setting.name] = _parsed(setting, source, given)
        sources[setting.name] = source
    return Settings(**values, sources=sources)


def _find(setting: Setting, argument: object, environ: Mapping[str, str]) -> tuple[str, object]:
    if argument is not None and argument != "":
        return "argument", argument
    for variable in setting.env:
        text = environ.get(variable, "").strip()
        if text := _FOREIGN.get(variable, str)(text):
            return variable, text
    return "default", setting.default


def _parsed(setting: Setting, source: str, given: object) -> object:
    try:
        return setting.parse(given)
    except ValueError as error:
        where = setting.name if source == "argument" else source
        given = "..." if setting.secret else endpoint.shown(repr(given))
        raise ConfigError(f"cannot use {where}={given}", hint=f"give {error}") from None


def markdown() -> str:
    """The table for the README."""
    lines = ["| setting | variables, the first one wins | default | meaning |", "|---|---|---|---|"]
    for row in SETTINGS:
        variables = ", ".join(f"`{variable}`" for variable in row.env)
        default = f"`{row.default}`" if row.default else ""
        lines.append(f"| `{row.name}` | {variables} | {default} | {row.doc} |")
    return "\n".join(lines)
