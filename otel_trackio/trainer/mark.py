"""What a checkpoint remembers of the run that made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

NAME: Final = "otel_trackio"
"""The place in `TrainerState.stateful_callbacks`; no callback class has this name, or
transformers would make an object of it when it restores callbacks."""


@dataclass(slots=True)
class Mark:
    """The run, and how many tokens its trainer had counted; it is saved with each checkpoint."""

    run_id: str = ""
    num_tokens: float = 0

    def put_into(self, state: Any) -> None:
        """Makes the next checkpoint remember this."""
        # A plain number, whatever it was counted with: it becomes JSON.
        tokens = self.num_tokens if type(self.num_tokens) is int else float(self.num_tokens)
        about = {"run_id": self.run_id, "num_tokens": tokens}
        state.stateful_callbacks[NAME] = {"args": {}, "attributes": about}


def mark_in(state: Any) -> Mark:
    """What the checkpoint that `state` was read from remembers; of a fresh one, nothing.

    One that was written without us still tells the tokens that were logged last.
    """
    saved = (getattr(state, "stateful_callbacks", None) or {}).get(NAME)
    about = saved.get("attributes", {}) if isinstance(saved, dict) else {}
    tokens = about.get("num_tokens")
    if not isinstance(tokens, int | float):
        logged = [each["num_tokens"] for each in state.log_history if each.get("num_tokens")]
        tokens = logged[-1] if logged else 0
    return Mark(str(about.get("run_id") or ""), tokens)
