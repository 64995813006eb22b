"""The config of a run, told by its trainers, beside what its user told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from otel_trackio.redact import redact
from otel_trackio.run import Run

_told: WeakKeyDictionary[Run, set[str]] = WeakKeyDictionary()


def describe(
    run: Run, chosen: Mapping[str, Any], rest: Mapping[str, Any], users: Iterable[str] | None
) -> None:
    """Saves what was `chosen` under its own names, and the rest under `args`.

    What the user said stays: where `users` does not tell which keys those are, all that we did not
    write. An argument of the same name goes to `args` then.
    """
    told = _told.setdefault(run, set())
    kept = (set(run.config) if users is None else set(users)) - told
    clash = {key: value for key, value in chosen.items() if key in kept}
    new = {key: value for key, value in chosen.items() if key not in kept}
    if "args" not in kept and (rest or clash):
        new["args"] = {**rest, **clash}
    told.update(new)
    run.config.update(redact(new))  # As text and numbers: nothing of the trainer is kept alive.
