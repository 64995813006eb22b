"""The xet store: files as chunks, which lie packed in xorbs, and shards, which say in which.

The formats are those of huggingface.co/docs/xet, as far as the client's library uses them.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow

UNIT: Final = 48
"""A shard's records come in units of so many bytes; its header is one, too."""
END: Final = b"\xff" * 32
EMPTY: Final = "0" * 64
"""The name of a file of no bytes, which no shard mentions."""


@dataclass(frozen=True, slots=True)
class Term:
    """The chunks from `start` to before `end` of a xorb, which unpacked are `size` bytes."""

    xorb: str
    size: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Content:
    """What a file is made of; `sha256` is empty where the client left it out."""

    terms: tuple[Term, ...]
    sha256: str

    @property
    def size(self) -> int:
        return sum(term.size for term in self.terms)


class Xet:
    """The store in a folder; files are known by their xet hash, which is their name here."""

    def __init__(self, root: Path) -> None:
        self.id = root.name
        self.xorbs = root / "xorbs"
        self.shards = root / "shards"
        self.files = {EMPTY: Content((), "")}
        self.names: dict[str, str] = {}
        for folder in (self.xorbs, self.shards):
            folder.mkdir(parents=True, exist_ok=True)
        for path in self.shards.iterdir():
            self._learn(path.read_bytes())

    def add_shard(self, shard: bytes) -> str | None:
        """Returns the name of a xorb that it needs and that isn't here; then nothing is done."""
        for _, content in contents(shard):
            for term in content.terms:
                if not (self.xorbs / term.xorb).exists():
                    return term.xorb
        write(self.shards / hashlib.sha256(shard).hexdigest(), shard)
        self._learn(shard)
        return None

    def _learn(self, shard: bytes) -> None:
        for name, content in contents(shard):
            self.files[name] = content
            self.names[content.sha256] = name

    def plan(self, name: str, first: int, last: int, url: str) -> dict[str, Any]:
        """How to make the bytes `first` to `last` of a file; xorbs are found under `url`."""
        at = skip = 0
        terms: list[dict[str, Any]] = []
        fetch: dict[str, list[dict[str, Any]]] = {}
        for term in self.files[name].terms:
            if at <= last and at + term.size > first:
                skip = skip if terms else first - at
                chunks = {"start": term.start, "end": term.end}
                terms.append({"hash": term.xorb, "unpacked_length": term.size, "range": chunks})
                bounds = self.bounds((self.xorbs / term.xorb).read_bytes())
                span = {"start": bounds[term.start], "end": bounds[term.end] - 1}
                part = {"url": f"{url}/{term.xorb}", "ranges": [{"chunks": chunks, "bytes": span}]}
                fetch.setdefault(term.xorb, []).append(part)
            at += term.size
        return {"offset_into_first_range": skip, "terms": terms, "xorbs": fetch}

    def read(self, name: str) -> bytes:
        """The whole file."""
        parts = []
        for term in self.files[name].terms:
            xorb = (self.xorbs / term.xorb).read_bytes()
            bounds = self.bounds(xorb)
            parts += [unpacked(xorb, at) for at in bounds[term.start : term.end]]
        return b"".join(parts)

    def bounds(self, xorb: bytes) -> list[int]:
        """Where each chunk begins, and where the last one ends."""
        found = [0]
        while found[-1] < len(xorb):
            packed = int.from_bytes(xorb[found[-1] + 1 : found[-1] + 4], "little")
            found.append(found[-1] + 8 + packed)
        return found


def unpacked(xorb: bytes, at: int) -> bytes:
    """A chunk: its header has a version, two sizes of three bytes, and how it is packed."""
    packed, size = (int.from_bytes(xorb[at + o : at + o + 3], "little") for o in (1, 5))
    chunk, scheme = xorb[at + 8 : at + 8 + packed], xorb[at + 4]
    if scheme == 0:
        return chunk
    plain: bytes = pyarrow.decompress(chunk, size, codec="lz4", asbytes=True)
    if scheme == 1:
        return plain
    whole, start = bytearray(size), 0
    for offset in range(4):  # Every fourth byte stands together, so that floats pack better.
        count = len(range(offset, size, 4))
        whole[offset::4] = plain[start : start + count]
        start += count
    return bytes(whole)


def contents(shard: bytes) -> Iterator[tuple[str, Content]]:
    """Each file that a shard (version 2) describes, by its name."""
    at = UNIT
    while shard[at : at + 32] != END:
        flags, count = struct.unpack_from("<II", shard, at + 32)
        units = (at + UNIT * unit for unit in range(1, count + 1))
        terms = [Term(text(shard, u), *struct.unpack_from("<III", shard, u + 36)) for u in units]
        last = at + UNIT * (count * (2 if flags >> 31 else 1) + 1)
        has_sha256 = bool(flags >> 30 & 1)
        yield text(shard, at), Content(tuple(terms), text(shard, last) if has_sha256 else "")
        at = last + UNIT * has_sha256


def text(shard: bytes, at: int) -> str:
    """A hash as xet writes it: four little-endian numbers."""
    return "".join(f"{number:016x}" for number in struct.unpack_from("<4Q", shard, at))


def write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    new = path.parent.with_suffix(".new")
    new.write_bytes(content)
    new.rename(path)
