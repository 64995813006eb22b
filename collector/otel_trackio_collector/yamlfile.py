"""A YAML file as items that know their line: what is wrong in it is said with its place."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from otel_trackio.errors import ConfigError, ConfigErrors

REFERENCE: Final = re.compile(r"\$(?:\$|\{(?:(env|[a-z]+):)?([^}:]*)(?::-([^}]*))?\})")
"""`${env:NAME}`, `${NAME}`, either with `:-DEFAULT`; `$$` is a dollar sign."""

DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|us|ns|h|m|s)")
SECONDS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

MERGE: Final = "tag:yaml.org,2002:merge"
"""Of the key `<<`, whose mapping is put in where it says nothing else."""

SIZE: Final = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]i?)?B?", re.IGNORECASE)
SCALES: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}

TRUE, FALSE = ("true", "yes", "on"), ("false", "no", "off")


T = TypeVar("T")


class Faults:
    """Errors that are gathered, so that whoever mends a file is told of all of them at once."""

    def __init__(self) -> None:
        self._errors: list[ConfigError] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        try:
            yield
        except ConfigErrors as error:
            self._errors += error.errors
        except ConfigError as error:
            self._errors.append(error)

    def each(self, items: Mapping[str, Item], read: Callable[[str, Item], T]) -> tuple[T, ...]:
        """What is read of them, without those that cannot be."""
        found: list[T] = []
        for name, item in items.items():
            with self.gathered():
                found.append(read(name, item))
        return tuple(found)

    def tell(self) -> None:
        """Raises ConfigError, if anything was gathered."""
        if self._errors:
            raise self._errors[0] if len(self._errors) == 1 else ConfigErrors(self._errors)


@dataclass(frozen=True)
class Item:
    """One value of a file: `path` is how it is reached, as in exporters.otlp_http.endpoint, and
    `line` is that of its key."""

    node: yaml.Node
    file: str
    path: str
    line: int
    environment: Mapping[str, str]
    numbered: bool = True
    """Whether errors tell the line: not of what is one anyway."""

    notes: list[str] = field(default_factory=list)
    """What is said of the whole file beside errors, each with its place."""

    def error(self, message: str, hint: str = "") -> ConfigError:
        place = f"{self.file}:{self.line}" if self.numbered else self.file
        return ConfigError(f"{place}: {message}", hint)

    def note(self, message: str) -> None:
        """Something that whoever reads the configuration should know."""
        self.notes.append(f"{self.file}:{self.line}: {self.path} {message}")

    @property
    def empty(self) -> bool:
        """Whether nothing stands there, as after `otlp:` with all its defaults."""
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag.endswith(":null")

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.node, yaml.MappingNode)

    def items(self) -> dict[str, Item]:
        """A mapping's values by key. Raises ConfigError for anything else, or a repeated key."""
        if self.empty:
            return {}
        if not isinstance(self.node, yaml.MappingNode):
            raise self.error(f"{self.path or 'the file'} must be a mapping", "KEY: VALUE lines")
        found: dict[str, Item] = {}
        merged: dict[str, Item] = {}
        for key, value in self.node.value:
            name = str(key.value)
            if key.tag == MERGE:
                for each in replace(self, node=value).list():
                    merged = {**each.items(), **merged}
                continue
            path, line = f"{self.path}.{name}".lstrip("."), key.start_mark.line + 1
            inner = replace(self, node=value, path=path, line=line)
            if name in found:
                raise inner.error(f"{path} stands there twice")
            found[name] = inner
        return {**merged, **found}

    def known(self, keys: Mapping[str, Callable[[Item], Any]]) -> dict[str, Any]:
        """A mapping read by its keys; one that is not among them is an error at its line."""
        read: dict[str, Any] = {}
        faults = Faults()
        for name, item in self.items().items():
            with faults.gathered():
                if name not in keys:
                    where = f" in {self.path}" if self.path else ""
                    raise item.error(f"no key {name!r}{where}", nearest(name, keys))
                read[name] = keys[name](item)
        faults.tell()
        return read

    def list(self) -> list[Item]:
        """A list's items; a single value is a list of one."""
        if self.empty:
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            return [self]
        return [replace(self, node=each, line=each.start_mark.line + 1) for each in self.node.value]

    def text(self) -> str:
        """A value as it is written, with what stands for variables put in."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.error(f"{self.path} must be a single value")
        return "" if self.empty else REFERENCE.sub(self._referred, str(self.node.value))

    def texts(self) -> tuple[str, ...]:
        return tuple(each.text() for each in self.list())

    def mapped(self) -> dict[str, str]:
        """A mapping of names to text."""
        return {name: item.text() for name, item in self.items().items()}

    def path_of_file(self) -> Path:
        """A file, relative ones beside where the program was started."""
        if not (text := self.text()):
            raise self.error(f"{self.path} names no file")
        return Path(text).expanduser()

    def flag(self) -> bool:
        text = self.text().lower()
        if text not in TRUE + FALSE:
            raise self.error(f"{self.path} is {text!r}", "use true or false")
        return text in TRUE

    def whole(self) -> int:
        """A whole number from 0."""
        try:
            number = int(text := self.text())
        except ValueError:
            number = -1
        if number < 0:
            raise self.error(f"{self.path} is {text!r}", "use a whole number from 0")
        return number

    def number(self) -> float:
        """A number from 0."""
        try:
            number = float(text := self.text())
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf"):
            raise self.error(f"{self.path} is {text!r}", "use a number from 0")
        return number

    def seconds(self) -> float:
        """A duration as Go writes one: 30s, 1m30s, 500ms; 0 needs no unit."""
        text = self.text().strip()
        if text == "0":
            return 0.0
        if not re.fullmatch(f"(?:{DURATION.pattern})+", text):
            raise self.error(f"{self.path} is {text!r}", "use a duration such as 30s or 1m30s")
        return sum(float(n) * SECONDS[unit] for n, unit in DURATION.findall(text))

    def bytes(self) -> int:
        """A size: a number of bytes, or with a unit such as MB or GiB."""
        found = SIZE.fullmatch(text := self.text().strip())
        if not found:
            raise self.error(f"{self.path} is {text!r}", "use bytes, or a size such as 64MiB")
        unit = (found[2] or "").lower()
        return int(float(found[1]) * (1024 if unit.endswith("i") else 1000) ** SCALES[unit[:1]])

    def among(self, *choices: str) -> str:
        if (text := self.text()) not in choices:
            raise self.error(f"{self.path} is {text!r}", f"use {listed(choices)}")
        return text

    def _referred(self, found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        scheme, name, default = found.groups()
        if scheme not in (None, "env"):
            raise self.error(f"{found[0]} is not understood", "only ${env:NAME} is")
        if name in self.environment:
            return self.environment[name]
        if default is None:
            raise self.error(f"the environment variable {name} is not set", f"export {name}=...")
        return str(default)


def read(path: Path, environment: Mapping[str, str] = os.environ) -> Item:
    """The file as one item. Raises ConfigError where it cannot be read, or is no YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    return parsed(text, str(path), environment)


def parsed(text: str, file: str, environment: Mapping[str, str] = os.environ) -> Item:
    """YAML text as one item; `file` is what errors call it."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}: {error.problem}", "it must be YAML") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: {error}", "it must be YAML") from error
    if node is None:
        raise ConfigError(f"{file}: the file is empty", "see otel-trackio collector --help")
    return Item(node, file, "", 1, environment)


def nearest(name: str, known: Mapping[str, object] | Iterator[str]) -> str:
    """What to try in place of a name that is not known."""
    if not (names := sorted(known)):
        return "define it"
    close = get_close_matches(name, names, 1, 0.6)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}"


def listed(choices: tuple[str, ...]) -> str:
    """a, b or c"""
    return " or ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))
