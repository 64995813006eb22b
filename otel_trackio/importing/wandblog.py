"""Runs from the files that W&B writes beside a run, offline ones above all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any, Final, TypeAlias

from otel_trackio.attachment import MAX_FILE_BYTES
from otel_trackio.attachments import Attachments
from otel_trackio.diagnostics import logger
from otel_trackio.errors import ConfigError, MissingExtra, StoreError
from otel_trackio.image import Image
from otel_trackio.importing.gathering import Gathering, gathered
from otel_trackio.importing.left import Left
from otel_trackio.importing.logged import TYPE, inside, log, step_of
from otel_trackio.importing.moment import ns_of_seconds
from otel_trackio.importing.origin import Batch, Origin, Positions
from otel_trackio.importing.records import is_framed, records
from otel_trackio.media import Media
from otel_trackio.model import NO_STEP, Record
from otel_trackio.table import Table

PLACES: Final = ("*.wandb", "*/*.wandb", "wandb/*/*.wandb")
"""Where in a folder files may lie: in that of a run, of all runs, or of a project."""

HEAD: Final = 100
"""Records within which a file says whose it is."""

INTERNAL: Final = "_"
"""What the keys begin with that W&B adds by itself."""

Keys: TypeAlias = tuple[str, ...]

_decode: Final = json.JSONDecoder().raw_decode

LEVELS: Final = {"INFO": "info", "WARN": "warn", "ERROR": "error"}

LEFT: Final = {
    "artifact": "artifacts",
    "output": "lines of console output",
    "output_raw": "lines of console output",
}
"""Kinds of records that are not taken, and what they hold."""


def wandb_runs(path: Path) -> Sequence[Origin]:
    """The runs of W&B at `path`: a file, the folder of a run, or that of all runs.

    A run that was resumed has several files. Raises ConfigError where there is none, MissingExtra
    without W&B's library, and StoreError for a file that is not W&B's.
    """
    _internal()
    found = [head for file in _files(path) if (head := _head(file)) is not None]
    if not found:
        raise ConfigError(f"no run of W&B in {path}", "give a .wandb file, or the folder wandb")
    found.sort(key=lambda each: (each.identity, each.created, str(each.path)))
    runs = [_run(list(heads)) for _, heads in groupby(found, key=lambda each: each.identity)]
    return sorted(runs, key=lambda run: run.created)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.exists():
        raise ConfigError(f"no file {path}", "give a .wandb file, or the folder wandb")
    for place in PLACES:
        # `latest-run` is a link.
        found = {each.resolve() for each in path.glob(place) if each.is_file()}
        if found:
            return sorted(found)
    return []


class _Head:
    """What the first records of a file tell of its run."""

    def __init__(self, path: Path, run: Any) -> None:
        self.path = path
        self.run = run
        self.identity = ("wandb", run.entity, run.project, run.run_id)
        self.created = run.start_time.seconds * 10**9 + run.start_time.nanos


def _head(path: Path) -> _Head | None:
    if not is_framed(path):
        raise StoreError(f"{path} is no file of W&B", "give one that ends in .wandb")
    for number, (_, data) in enumerate(_records(path, 0)):
        with suppress(ValueError):  # The next one may be whole.
            record = _parsed(data)
            if record.WhichOneof("record_type") == "run":
                return _Head(path, record.run)
        if number == HEAD:
            break
    logger.warning("%s holds no run yet", path)
    return None


def _run(heads: Sequence[_Head]) -> Origin:
    first, last = heads[0].run, heads[-1].run
    return Origin(
        identity=heads[0].identity,
        source=f"wandb {heads[0].path.parent.name}",
        read=lambda *reading: _batches([head.path for head in heads], *reading),
        name=last.display_name or last.run_id,
        project=last.project or "uncategorized",
        group=last.run_group,
        notes=last.notes,
        tags=tuple(last.tags),
        created=heads[0].created,
        host=first.host,
        state="crashed",  # Unless it says how it ended.
    )


def _batches(
    paths: Sequence[Path], positions: Positions, left: Left, files: Attachments
) -> Iterator[Batch]:
    for path in paths:
        reading = _Reading(Gathering(path.name, left, files), path.parent / "files")
        start = positions.get(path.name, 0)
        items = _records(path, start)
        yield from gathered(items, start, reading.take, reading.gathering, reading.batch)


class _Reading:
    """One file, record by record; `files` is where its media lie."""

    def __init__(self, gathering: Gathering, files: Path) -> None:
        self.gathering = gathering
        self._media = partial(_media, files)
        self._step = NO_STEP
        self._time = 0
        self._config: dict[str, Any] = {}
        self._summary: dict[Keys, str] = {}  # Not decoded: each call to log() replaces it.

    def batch(self, position: int) -> Batch:
        if self._config:
            self.gathering.tell("config", self._config)
        if self._summary:
            self.gathering.tell("summary", _own(_values(self._summary.items())))
        self._config = {}
        return self.gathering.batch(position)

    def take(self, data: bytes) -> None:
        record = _parsed(data)
        kind = record.WhichOneof("record_type")
        if kind == "history":
            self._log(_values(_pairs(record.history.item)), record.history.step.num)
        elif kind == "stats":
            moment = record.stats.timestamp
            self._time = moment.seconds * 10**9 + moment.nanos
            values = {f"system.{each.key}": _value(each.value_json) for each in record.stats.item}
            log(values, NO_STEP, self._time, self.gathering, system=True)
        elif kind == "summary":
            self._summary |= _pairs(record.summary.update)
        elif kind in ("run", "config"):
            self._configure(record.run.config if kind == "run" else record.config)
            if kind == "run":
                self._begin(record.run)
        elif kind == "alert":
            self.gathering.add_record(self._alert(record.alert))
        elif kind == "exit":
            code = record.exit.exit_code
            self._tell_state("failed" if code else "finished", exit_code=code)
        elif kind in LEFT:
            self.gathering.left.add(LEFT[kind])

    def _begin(self, run: Any) -> None:
        self._time = run.start_time.seconds * 10**9 + run.start_time.nanos
        self._tell_state("crashed")

    def _tell_state(self, state: str, **about: Any) -> None:
        self.gathering.tell("state", {"state": state, **about})

    def _log(self, values: dict[str, Any], step: int) -> None:
        self._step = step_of(values.get("_step", step))
        stamp = values.get("_timestamp")
        if isinstance(stamp, float | int):
            self._time = ns_of_seconds(stamp)
        own = {key: value for key, value in values.items() if not key.startswith(INTERNAL)}
        log(own, self._step, self._time, self.gathering, self._media)

    def _configure(self, config: Any) -> None:
        self._config |= _own(_values(_pairs(config.update)))

    def _alert(self, alert: Any) -> Record:
        level = LEVELS.get(alert.level, "warn")
        data = {"title": alert.title, "text": alert.text, "level": level}
        return Record("alert", alert.title, self._step, self._time, data)


def _media(folder: Path, value: Mapping[str, Any]) -> Sequence[Media]:
    """What is kept of W&B's media, whose files lie in a folder."""
    kind = value[TYPE]
    if kind == "images/separated":
        captions = value.get("captions") or []
        found = [inside(folder, name) for name in value.get("filenames", ())]
        pairs = zip_longest(found, captions if isinstance(captions, list) else [])
        return [Image(path, caption) for path, caption in pairs if path]
    path = inside(folder, value.get("path"))
    if kind == "image-file" and path:
        return [Image(path, value.get("caption"))]
    if kind == "table-file" and path and path.stat().st_size <= MAX_FILE_BYTES:
        table = json.loads(path.read_bytes())
        return [Table(table.get("columns"), table.get("data"))]
    return []


def _own(values: dict[str, Any]) -> dict[str, Any]:
    """What the user set, of values that numbers or text stand for."""
    return {
        key: value
        for key, value in values.items()
        if not key.startswith(INTERNAL) and not (isinstance(value, dict) and TYPE in value)
    }


def _pairs(items: Any) -> Iterator[tuple[Keys, str]]:
    """The key of each item, one in another where it is nested, and its value as JSON."""
    for item in items:
        keys = tuple(item.nested_key)
        yield keys if keys and not item.key else (item.key,), item.value_json


def _values(pairs: Iterable[tuple[Keys, str]]) -> dict[str, Any]:
    """Values by their keys; those of nested keys in dicts of their own."""
    found: dict[str, Any] = {}
    for keys, text in pairs:
        at = found
        for key in keys[:-1]:
            inner = at.get(key)
            if not isinstance(inner, dict):
                inner = at[key] = {}
            at = inner
        at[keys[-1]] = _value(text)
    return found


def _value(text: str) -> Any:
    try:
        return _decode(text)[0]
    except (RecursionError, ValueError):
        return None


def _parsed(data: bytes) -> Any:
    """The record in these bytes. Raises ValueError."""
    from google.protobuf.message import DecodeError

    record = _internal().Record()
    try:
        record.ParseFromString(data)
    except DecodeError as error:
        raise ValueError(f"no record: {error}") from error
    return record


def _records(path: Path, position: int) -> Iterator[tuple[int, bytes]]:
    try:
        yield from records(path, position)
    except ValueError as error:
        raise StoreError(
            f"cannot read {path}: {error}", "what was read until there is imported"
        ) from error


def _internal() -> Any:
    try:
        from wandb.proto import wandb_internal_pb2
    except ImportError as error:
        raise MissingExtra("wandb", "wandb") from error
    return wandb_internal_pb2
