"""Our exception hierarchy:

OtelTrackioError
├── ConfigError          a setting or argument cannot be used
│   └── ConfigErrors       several of a file
├── MissingExtra         an optional dependency is not installed
├── UnknownFile          a run has no such file here
├── UnknownRun           no run, or more than one, answers to that name
├── UnknownMetric        the run has no such metric
├── RemoteError          a remote cannot be reached or used
│   ├── RemoteUnavailable  trying again may help
│   └── RemoteRefused      only what the hint says helps
└── StoreError           a run file cannot be read or written
    ├── NewerFormat      it was written by a later version
    └── StoreBusy        it is in use by a live process

Every error is a lower-case clause that holds the value, followed by the remedy.
"""

from __future__ import annotations

from collections.abc import Sequence


class OtelTrackioError(Exception):
    """Root of every error raised by otel_trackio; `hint` says what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message}; {hint}" if hint else message)


class ConfigError(OtelTrackioError, ValueError):
    """A setting or an argument has a value that cannot be used."""


class ConfigErrors(ConfigError):
    """What is wrong in a configuration, all of it: a line each, from `errors`."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(map(str, errors)))


class MissingExtra(OtelTrackioError, ImportError):
    """An optional dependency is not installed; `hint` is the line that installs it."""

    def __init__(self, what: str, requirement: str) -> None:
        super().__init__(f"{what} is not installed", f"pip install '{requirement}'")


class UnknownFile(OtelTrackioError, LookupError):
    """A run has no file of that name on this machine."""


class UnknownRun(OtelTrackioError, LookupError):
    """No run answers to that id or name, or several do."""


class UnknownMetric(OtelTrackioError, LookupError):
    """The run holds no metric of that name."""


class RemoteError(OtelTrackioError):
    """A remote does not take or give what was asked of it.

    `kind` is what such failures are counted by: an HTTP status, or a word.
    """

    def __init__(self, message: str, hint: str = "", kind: str = "failed") -> None:
        super().__init__(message, hint)
        self.kind = kind


class RemoteUnavailable(RemoteError):
    """It did not answer, or not now: the same may go through later, or have gone through.

    `retry_after` is how many seconds it asks to wait, where it does.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        kind: str = "unavailable",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint, kind)
        self.retry_after = retry_after


class RemoteRefused(RemoteError):
    """It will not do that; `hint` says what helps."""

    def __init__(self, message: str, hint: str = "", kind: str = "refused") -> None:
        super().__init__(message, hint, kind)


class StoreError(OtelTrackioError):
    """A run file cannot be read or written as it should."""


class NewerFormat(StoreError):
    """The file was written by a later version of otel-trackio."""


class StoreBusy(StoreError):
    """The run file belongs to a process that is still recording."""
