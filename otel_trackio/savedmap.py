"""A mapping of a run, such as its config, each change of which is saved when it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

Save = Callable[[dict[str, Any]], None]


class SavedMap(MutableMapping[str, Any]):
    """Works like a dict, and like an object: `config["lr"]` and `config.lr` are the same.

    What was changed inside a value (a nested dict, say) is not noticed: assign it again.
    """

    _values: dict[str, Any]
    _save: Save

    def __init__(self, values: Mapping[str, Any], save: Save) -> None:
        object.__setattr__(self, "_values", dict(values))
        object.__setattr__(self, "_save", save)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        raise TypeError(f"{key!r} was saved already and cannot be deleted: set another value")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def update(self, other: Any = (), /, **more: Any) -> None:
        """Changes several keys and saves them together."""
        changes = dict(other, **more)
        self._values.update(changes)
        self._save(changes)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"no {name!r} here; there are {', '.join(self._values)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return repr(self._values)
