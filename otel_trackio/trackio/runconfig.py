"""`trackio.config`, and that of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from otel_trackio.run import Run
from otel_trackio.savedmap import SavedMap
from otel_trackio.trackio import arguments, caller


class Config(MutableMapping[str, Any]):
    """The config of a run, or of whichever is the active one; changes are saved when made.

    It is a mapping, and an object too: `config["lr"]` and `config.lr` are the same.
    """

    _run: Callable[[], Run]

    def __init__(self, run: Callable[[], Run]) -> None:
        object.__setattr__(self, "_run", run)

    def _values(self) -> SavedMap:
        return self._run().config

    def __getitem__(self, key: str) -> Any:
        return self._values()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._values()[key] = value

    def __delitem__(self, key: str) -> None:
        del self._values()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def update(self, other: Any = (), /, *, allow_val_change: bool = True, **more: Any) -> None:
        """Changes several keys and saves them together; a value may always change.

        What transformers' callback tells of its trainer is put in order first.
        """
        occasion = caller.occasion()
        if occasion is None:
            self._values().update(other, **more)
        else:
            arguments.tell(self._run(), dict(other, **more), occasion)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._values(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return repr(self._values())
