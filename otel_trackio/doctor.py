"""What may stand between a user and their runs: facts about this machine, DIR and its files.

Nothing here prints; `otel-trackio doctor` and the tests read the same report.
"""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import otel_trackio
from otel_trackio import database, filesystem, layout, lease, recovery
from otel_trackio.errors import ConfigError, StoreError
from otel_trackio.exchange import Exchange
from otel_trackio.lag import Destination, destinations
from otel_trackio.reader import RunFileReader
from otel_trackio.recovery import Recovered
from otel_trackio.scratch import Scratch, scratch_of
from otel_trackio.settings import SETTINGS, resolve

PACKAGES: Final = (
    *("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "numpy", "pyarrow"),
    *("huggingface_hub", "nvidia-ml-py", "gradio", "grpcio", "transformers", "torch"),
)
"""Whose versions a report names, where they are installed."""

LOW_SPACE: Final = 1_000_000_000
"""Free bytes under which a run may soon find the disk full."""

CLOCK_TOLERANCE: Final = 60.0
"""Seconds by which clocks may differ: heartbeats of other machines are judged by ours."""

FIRST_RELEASE: Final = 1_767_225_600
"""The start of 2026, in seconds: no clock that is right shows an earlier time."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a person should look at, and what to do about it."""

    subject: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class InForce:
    """A setting's value, and where it came from: "argument", a variable's name, or "default"."""

    name: str
    value: object
    source: str


@dataclass(frozen=True, slots=True)
class Directory:
    """DIR: `free` and `used` in bytes, `used` by runs; `filesystem` None where none is named.

    `scratch` is the folder of this machine that stands in for it, where one does: it is what the
    runs are counted in. `waiting` are files there of processes that are gone, of which DIR has not
    got everything.
    """

    path: Path
    scratch: Path | None
    waiting: tuple[Path, ...]
    exists: bool
    writable: bool
    filesystem: str | None
    network: bool
    free: int
    used: int
    runs: int
    files: int


@dataclass(frozen=True, slots=True)
class Clock:
    """`now` and `newest`, the latest time in any run, in ns since the epoch.

    `ahead` is by how many seconds this machine's clock is ahead of the file system's.
    """

    now: int
    newest: int
    ahead: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found out. `orphans` were left by processes that died, and not recovered."""

    versions: Mapping[str, str]
    directory: Directory
    clock: Clock
    settings: tuple[InForce, ...]
    destinations: tuple[Destination, ...]
    recovered: tuple[Recovered, ...]
    orphans: tuple[Path, ...]
    problems: tuple[Problem, ...]


def examine(
    dir: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] = os.environ,
    recover: bool = True,
) -> Report:
    """Looks at everything; with `recover`, completes first what dead processes left.

    What it finds wrong is in the report: nothing is raised.
    """
    settings, misset = _settings(dir, environ)
    values = {each.name: each.value for each in settings}
    path, wanted = Path(str(values["dir"])), values.get("scratch")
    scratch = scratch_of(path, wanted if isinstance(wanted, Path) else None, environ)
    exchange = Exchange(scratch) if scratch else None
    store = scratch.folder if scratch else path
    folders = layout.run_dirs(path) + (layout.run_dirs(store) if store != path else [])
    recovered, orphans, unrecovered = _recovery(folders, recover)
    if exchange and recover:
        exchange.settle()
    directory = _directory(path, folders, exchange)
    newest, unreadable = _read_everything(folders)
    clock = Clock(time.time_ns(), newest, _ahead_of_files(directory))
    found = destinations(store)
    problems = (
        *misset,
        *_directory_problems(directory),
        *_scratch_problems(directory, wanted if isinstance(wanted, Path) else None, scratch),
        *_clock_problems(clock),
        *unrecovered,
        *unreadable,
        *_sync_problems(found),
    )
    return Report(
        _versions(), directory, clock, settings, tuple(found), recovered, orphans, problems
    )


def _versions() -> dict[str, str]:
    found = {
        "otel-trackio": otel_trackio.__version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _settings(
    dir: str | os.PathLike[str] | None, environ: Mapping[str, str]
) -> tuple[tuple[InForce, ...], list[Problem]]:
    """Each setting by itself, so that one that is wrong does not hide the others."""
    found, problems = [], []
    for row in SETTINGS:
        own = {name: environ[name] for name in row.env if name in environ}
        try:
            settings = resolve({"dir": dir}, own)
        except ConfigError as error:
            problems.append(Problem("settings", error.message, error.hint))
        else:
            value = getattr(settings, row.name)
            found.append(InForce(row.name, value, settings.source_of(row.name)))
    return tuple(found), problems


def _recovery(
    folders: Iterable[Path], recover: bool
) -> tuple[tuple[Recovered, ...], tuple[Path, ...], list[Problem]]:
    """What was recovered, what is left to recover, and why."""
    recovered: list[Recovered] = []
    left: list[Path] = []
    problems: list[Problem] = []
    for path in _orphans(folders):
        if not recover:
            left.append(path)
            message = f"{path} was left by a process that died"
            problems.append(Problem("orphans", message, "run otel-trackio doctor to recover it"))
            continue
        try:
            done = recovery.recover(path)
        except (StoreError, OSError) as error:
            left.append(path)
            problems.append(_unreadable("orphans", path, error))
        else:
            recovered += [done] if done else []
    return tuple(recovered), tuple(left), problems


def _orphans(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in recovery.orphans(folder):
            if not lease.is_held(layout.lock_file(path)):
                yield path


def _directory(path: Path, folders: Sequence[Path], exchange: Exchange | None) -> Directory:
    there = next(each for each in (path, *path.parents) if each.exists())
    kind = filesystem.filesystem_type(path)
    return Directory(
        path,
        exchange.scratch.folder if exchange else None,
        tuple(exchange.waiting()) if exchange else (),
        exists=path.is_dir(),
        writable=there.is_dir() and os.access(there, os.W_OK | os.X_OK),
        filesystem=kind,
        network=filesystem.is_network(kind),
        free=shutil.disk_usage(there).free,
        used=sum(map(occupied, folders)),
        runs=len({folder.name for folder in folders}),
        files=sum(len(layout.run_files(folder)) for folder in folders),
    )


def occupied(folder: Path) -> int:
    """Bytes that the files of a folder take up on the disk."""
    return sum(_on_disk(path) for path in folder.iterdir())


def _on_disk(path: Path) -> int:
    try:
        status = path.stat()
    except FileNotFoundError:  # Its writer removed it meanwhile.
        return 0
    blocks: int | None = getattr(status, "st_blocks", None)  # Windows does not say.
    return status.st_size if blocks is None else blocks * 512


def _directory_problems(directory: Directory) -> Iterator[Problem]:
    path, elsewhere = directory.path, "set OTEL_TRACKIO_DIR to another folder"
    if path.exists() and not directory.exists:
        yield Problem("directory", f"{path} is no directory", elsewhere)
    elif not directory.writable:
        yield Problem("directory", f"{path} cannot be written", elsewhere)
    if directory.network and directory.scratch is None:
        yield Problem(
            "directory",
            f"{path} lies on {directory.filesystem}, where SQLite is not safe",
            "set OTEL_TRACKIO_SCRATCH to a folder on a local disk",
        )
    if directory.free < LOW_SPACE:
        free = f"{directory.free // 10**6} MB"
        yield Problem("directory", f"{path} has {free} of free space", "make room there")


def _scratch_problems(
    directory: Directory, wanted: Path | None, scratch: Scratch | None
) -> Iterator[Problem]:
    if wanted and not (scratch and scratch.is_in(wanted)):
        hint = "set OTEL_TRACKIO_SCRATCH to a folder on a local disk that you may write"
        yield Problem("scratch", f"{wanted} cannot be the scratch", hint)
    if directory.waiting:
        files = f"{len(directory.waiting)} files in {directory.scratch}"
        hint = "otel-trackio sync --all brings it there"
        yield Problem("scratch", f"{files} hold what {directory.path} has not", hint)


def _ahead_of_files(directory: Directory) -> float | None:
    """By how many seconds our clock is ahead of the one that stamps files; None if unknown."""
    try:
        with tempfile.TemporaryFile(dir=directory.path) as probe:
            return time.time() - os.fstat(probe.fileno()).st_mtime
    except OSError:
        return None


def _clock_problems(clock: Clock) -> Iterator[Problem]:
    hint = "set the clock: when runs began, and whether they are alive, is told by it"
    if clock.now < FIRST_RELEASE * 10**9:
        yield Problem("clock", f"the clock says {time.strftime('%Y-%m-%d')}", hint)
    future = (clock.newest - clock.now) / 1e9
    if future > CLOCK_TOLERANCE:
        yield Problem("clock", f"there are points from {future:.0f} s in the future", hint)
    if clock.ahead is not None and abs(clock.ahead) > CLOCK_TOLERANCE:
        way = "ahead of" if clock.ahead > 0 else "behind"
        yield Problem("clock", f"the clock is {abs(clock.ahead):.0f} s {way} the files'", hint)


def _sync_problems(found: Iterable[Destination]) -> Iterator[Problem]:
    for each in found:
        if each.state.error:
            hint = f"then otel-trackio sync --to {each.url}"
            yield Problem("sync", f"syncing to {each.url} failed: {each.state.error}", hint)


def _read_everything(folders: Iterable[Path]) -> tuple[int, list[Problem]]:
    """The latest time of all points, in ns, and the files that cannot be read as they should."""
    newest = 0
    problems = []
    for folder in folders:
        for path in layout.run_files(folder):
            try:
                newest = max(newest, _read(path))
            except (StoreError, OSError) as error:
                problems.append(_unreadable("files", path, error))
        for journal in sorted(folder.glob("*.journal")):
            if not journal.with_suffix(".db").exists():
                message = f"{journal} has lost its run file, without which it cannot be read"
                problems.append(Problem("files", message, "restore the run file, or remove it"))
    return newest, problems


def _read(path: Path) -> int:
    """Reads a run file whole, as SQLite sees it and as we do; returns its latest time in ns."""
    connection = database.open_reading(path)
    try:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise database.damaged(path, error) from error
    finally:
        connection.close()
    if verdict != "ok":
        raise database.damaged(path, sqlite3.DatabaseError(verdict))
    reader = RunFileReader(path)
    try:
        with reader.snapshot():
            for series in reader.series():
                reader.columns(series)
                reader.histograms(series)
            return reader.last_time()
    finally:
        reader.close()


def _unreadable(subject: str, path: Path, error: StoreError | OSError) -> Problem:
    if isinstance(error, StoreError):
        return Problem(subject, error.message, error.hint)
    return Problem(subject, f"cannot read {path}: {error.strerror}", "see who may read it")
