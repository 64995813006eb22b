"""A file beside a run that a record names: an image, or a table too large to stand in the record.

It is named for its content, so it never changes, is kept and sent once however many records name
it, and no name leads anywhere but into its folder.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

MAX_FILE_BYTES: Final = 10_000_000
"""Bytes of one file at most, since whoever syncs or shows it holds it in memory."""

TYPES: Final[Mapping[str, str]] = {
    "gif": "image/gif",
    "jpg": "image/jpeg",
    "json": "application/json",
    "parquet": "application/vnd.apache.parquet",
    "png": "image/png",
    "webp": "image/webp",
}
"""What a file may be, by the ending of its name."""

_NAME: Final = re.compile(rf"(?P<sha256>[0-9a-f]{{64}})\.(?P<ending>{'|'.join(TYPES)})")


@dataclass(frozen=True, slots=True)
class Attachment:
    """What a record says of a file: name, bytes, media type and SHA-256 in hexadecimal."""

    name: str
    size: int
    type: str
    sha256: str

    def document(self) -> dict[str, Any]:
        """As records have it."""
        return asdict(self)


def described(data: bytes, ending: str) -> Attachment:
    """What a record says of a file of that content."""
    digest = hashlib.sha256(data).hexdigest()
    return Attachment(f"{digest}.{ending}", len(data), TYPES[ending], digest)


def type_of(name: object) -> str | None:
    """The media type of a file of that name; None of a name that none of ours has."""
    found = _NAME.fullmatch(name) if isinstance(name, str) else None
    return None if found is None else TYPES[found["ending"]]


def is_sound(name: str, data: bytes) -> bool:
    """Whether a file holds what its name says."""
    return name.partition(".")[0] == hashlib.sha256(data).hexdigest()


def named(data: object) -> Iterator[str]:
    """The names of all files that the data of a record names: as `file`, or among `files`.

    What others may have put there instead is passed over.
    """
    if not isinstance(data, dict):
        return
    several = data.get("files")
    for each in (data.get("file"), *(several if isinstance(several, list) else ())):
        name = each.get("name") if isinstance(each, dict) else None
        if isinstance(name, str) and type_of(name) is not None:
            yield name


def named_in(text: str) -> Iterator[str]:
    """The same, of data that is JSON still; nothing where it is none."""
    if '"sha256"' in text:
        with suppress(ValueError, RecursionError):
            yield from named(json.loads(text))
