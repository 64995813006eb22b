"""What transformers' callback tells of a trainer, as a config in which its user finds their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otel_trackio.run import Run
from otel_trackio.trackio.caller import Occasion
from otel_trackio.trainer.arguments import config_of
from otel_trackio.trainer.described import describe
from otel_trackio.trainer.subject import about_model


def tell(run: Run, values: Mapping[str, Any], occasion: Occasion) -> None:
    """Saves what a trainer's user has set under its own names, all else under `args`.

    `values` are all arguments, and the whole config of the model, which goes to `model_config`.
    """
    chosen, rest = config_of(occasion.args)
    about = {key: value for key, value in about_model(occasion.model).items() if value}
    known = chosen.keys() | rest.keys() | {"peft_config"}
    of_model = {key: value for key, value in values.items() if key not in known}
    describe(run, {**about, **chosen, "model_config": of_model}, rest, None)
