"""The callback that every trainer of transformers and TRL takes."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from transformers.trainer_callback import TrainerCallback

from otel_trackio import session
from otel_trackio.trainer import attaching
from otel_trackio.trainer.recording import Recording


class OtelTrackioCallback(TrainerCallback):  # type: ignore[misc]
    """Records all that a trainer logs, with where its time goes: `Trainer(callbacks=[...])`.

    Rank 0 records the numbers, each rank its own timings, in the run that is active; where there
    is none, one is started with these arguments of `otel_trackio.init`.
    """

    def __init__(self, **arguments: Any) -> None:
        inspect.signature(session.init).bind(**arguments)  # A mistyped name shows here and now.
        self.recording = Recording(arguments)
        attaching.watch_training()

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, in another process maybe, begins anew: a search for parameters makes some."""
        return partial(OtelTrackioCallback, **self.recording.given), ()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.recording.begin(args, state, kwargs.get("model"), kwargs.get("train_dataloader"))

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.recording.ended()

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.recording.step_begin(state)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.recording.lap("forward_backward")

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.recording.lap("optimizer")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.recording.step_end(state)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        model, loader = kwargs.get("model"), kwargs.get("eval_dataloader")
        self.recording.logged(args, state, logs or {}, model, loader)

    def on_predict(
        self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any
    ) -> None:
        model, loader = kwargs.get("model"), kwargs.get("eval_dataloader")
        self.recording.predicted(args, state, metrics or {}, model, loader)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.recording.saved(args, state)
