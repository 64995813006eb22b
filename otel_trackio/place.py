"""Where segments lie in a remote: the tree is its manifest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from otel_trackio import attachment, layout

ROOT: Final = "data/v1"
"""Where segments of this schema lie; those of a later one lie elsewhere."""

TABLES: Final = ("points", "events", "histograms", "records")

EVENTS: Final = "events"
"""The table that says what runs are, of which all is read before anything else."""

LAST: Final = "points"
"""The table that every range has, rows or not, and that is added last: then the range is whole."""

FILES: Final = "files"
"""Where the files lie that records name, beside the tables: a folder a run, and in it one for each
two characters that names begin with, as the Hub takes 10,000 files a folder."""

_FILE: Final = re.compile(
    rf"{re.escape(ROOT)}/{FILES}/(?P<run>[^/]+)/(?P<begin>[0-9a-f]{{2}})/(?P<name>(?P=begin)[^/]+)"
)

_PATH: Final = re.compile(
    r"data/v1/(?P<table>[a-z]+)/(?P<run>[^/]+)/(?P<writer>[^/]+)-(?P<first>\d+)-(?P<last>\d+)"
    r"\.parquet"
)


def path_of(table: str, run: str, writer: str, first: int, last: int) -> str:
    """Where a segment lies: the tree of a remote is its manifest."""
    return f"{run_folder(table, run)}/{encoded(writer)}-{first:012}-{last:012}.parquet"


def run_folder(table: str, run: str) -> str:
    """The folder of a run's segments of one table."""
    return f"{ROOT}/{table}/{encoded(run)}"


def encoded(id: str) -> str:
    """An id as on disk, with `!` for `%`, which some clients of the Hub cannot read."""
    return layout.encode_id(id).replace("%", "!")


def on_disk(name: str) -> str:
    """What an id that is encoded in a path is called on disk."""
    return name.replace("!", "%")


def file_path(run: str, name: str) -> str:
    """Where a file that records name lies."""
    return f"{run_folder(FILES, run)}/{name[:2]}/{name}"


def file_of(path: str) -> tuple[str, str] | None:
    """The inverse of `file_path`, the run's id as it is encoded; None for any other path."""
    found = _FILE.fullmatch(path)
    if found is None or attachment.type_of(found["name"]) is None:
        return None
    return found["run"], found["name"]


@dataclass(frozen=True, slots=True)
class Place:
    """What the path of a segment says; ids as they are encoded there."""

    table: str
    run: str
    writer: str
    first: int
    last: int


def place_of(path: str) -> Place | None:
    """The inverse of `path_of`; None for a path that is no segment's."""
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    table, run, writer, first, last = found.groups()
    return Place(table, run, writer, int(first), int(last))
