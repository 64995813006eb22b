"""What may be logged among numbers and is none: text, conversations; see also Table and Image."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from otel_trackio.attachments import Attachments, TooLarge
from otel_trackio.plain import plain
from otel_trackio.text import storable

MAX_TEXT: Final = 100_000
"""Characters of a Markdown at most."""

INLINE_BYTES: Final = 8_192
"""Bytes of JSON up to which a table or a trace stands in its record; a larger one is a file."""

MAX_MESSAGES: Final = 10_000
"""Messages, and spans, of a trace at most."""


class NotShown(ValueError):
    """It cannot be made a record of; the message says what it is and what to do."""


class Media(ABC):
    """Something to log that becomes a record of some kind, with files beside it where it is large.

    It is as it is when it is logged; what is changed later changes nothing.
    """

    kind: ClassVar[str]

    @abstractmethod
    def data(self, files: Attachments) -> dict[str, Any]:
        """What its record holds; puts its files beside the run.

        Raises NotShown, TooLarge, or OSError where there is no room for the files.
        """


def shown(media: Media, files: Attachments) -> dict[str, Any]:
    """What its record holds, whatever it was made of. Raises NotShown, TooLarge, or OSError."""
    try:
        return media.data(files)
    except (NotShown, TooLarge, OSError):
        raise
    except Exception as error:  # Data frames and images of others raise anything.
        raise NotShown(f"cannot be read: {type(error).__name__}: {error}") from error


class Markdown(Media):
    """A text to log: `log({"report": Markdown("# Samples ...")})`."""

    kind = "markdown"

    def __init__(self, text: str) -> None:
        self.text = text

    def data(self, files: Attachments) -> dict[str, Any]:
        text = storable(str(self.text))
        if len(text) > MAX_TEXT:
            hint = "log the part of it that matters"
            raise TooLarge(f"has {len(text):,} characters of at most {MAX_TEXT:,}", hint)
        return {"text": text}

    def __repr__(self) -> str:
        return f"Markdown({str(self.text)[:40]!r})"


class Trace(Media):
    """A conversation to log: `messages` are mappings such as `{"role": ..., "content": ...}`.

    `metadata` is what else is known of it, such as a reward; `spans` are what happened meanwhile,
    such as calls of tools.
    """

    kind = "trace"

    def __init__(
        self,
        messages: Iterable[Mapping[str, Any]],
        metadata: Mapping[str, Any] | None = None,
        spans: Iterable[Mapping[str, Any]] | None = None,
    ) -> None:
        self.messages = messages if isinstance(messages, str | Mapping) else list(messages)
        self.metadata = metadata
        self.spans = None if spans is None else list(spans)

    def data(self, files: Attachments) -> dict[str, Any]:
        given = {"messages": self.messages, "metadata": self.metadata or {}, "spans": self.spans}
        for name in ("messages", "spans"):
            value = given[name] or []
            if not isinstance(value, list) or not all(isinstance(e, Mapping) for e in value):
                raise NotShown(f"is no trace: {name} are a list of dicts")
            if len(value) > MAX_MESSAGES:
                hint = "log the last ones"
                raise TooLarge(f"has {len(value):,} {name} of at most {MAX_MESSAGES:,}", hint)
        found = {name: plain(value) for name, value in given.items() if value is not None}
        body = json.dumps(found).encode()
        if len(body) <= INLINE_BYTES:
            return found
        amount = len(given["messages"] or ())
        return {"count": amount, "file": files.put(body, "json").document()}

    def __repr__(self) -> str:
        return f"Trace(messages={len(self.messages)})"
