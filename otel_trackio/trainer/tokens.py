"""One count of tokens over all attempts of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

KEYS: Final = ("num_tokens", "eval_num_tokens")


class Tokens:
    """Several of TRL's trainers count from zero after a checkpoint; what came before is added."""

    def __init__(self, before: float = 0) -> None:
        self.before = before

    def continued(self, logs: Mapping[str, Any], state: Any) -> Mapping[str, Any]:
        """The logs with `num_tokens` as of all attempts."""
        if not self.before:
            return logs
        return {
            key: self._total(value, state) if key in KEYS and value is not None else value
            for key, value in logs.items()
        }

    def _total(self, counted: Any, state: Any) -> Any:
        # transformers' own count is read from the checkpoint: it goes on by itself.
        goes_on = counted == getattr(state, "num_input_tokens_seen", None)
        return counted if goes_on else counted + self.before
