"""`otel-trackio demo`: trains small networks on real images, then shows what was recorded.

`training` is the script, written as you would write yours; `network` is what it trains. `report`
reads the runs back, and `parquet` what was synced of them. `live` trains on while you look.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import Final

from rich.console import Console

from otel_trackio.api import Api
from otel_trackio.demo import live, parquet, report, training
from otel_trackio.demo.network import load_images
from otel_trackio.errors import ConfigError
from otel_trackio.settings import resolve

EPOCHS: Final = 10

INTRODUCTION: Final = (
    "Training six small networks to read {images:,} handwritten digits, two at each of three"
    " learning rates, of which the last is too high. One of the two is recorded through log(),"
    " the other through OpenTelemetry's meter API. Nothing leaves this machine."
)


def main(
    dir: str | os.PathLike[str] | None = None, epochs: int = EPOCHS, serve: bool = False
) -> None:
    """Trains, records to `dir` or else to where runs are kept, and reports on standard output.

    The runs are synced to a folder beside them. `epochs` is how often each run sees every image.
    To `serve` is to end with the dashboard, and more runs that train while it is looked at.
    Raises MissingExtra without scikit-learn, and ConfigError where recording is disabled.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    ids = record(dir, epochs, console.print)
    with Api(dir) as api:
        options = "" if dir is None else f" --dir {shlex.quote(str(api.dir))}"
        synced = parquet.synced(api.dir, [api.run(each) for each in ids])
        report.show(console, api, ids, synced, options)
        if serve:
            live.watch(console, api.dir, options)


def record(
    dir: str | os.PathLike[str] | None = None,
    epochs: int = EPOCHS,
    say: Callable[[str], None] = lambda introduction: None,
) -> list[str]:
    """Trains and records as `main` does, and returns the ids of the runs; `say` is told of it."""
    settings = resolve({"dir": dir}, os.environ)
    if settings.mode == "disabled":
        raise ConfigError(f"{settings.source_of('mode')} disables recording", "unset it")
    images, unseen = load_images()
    say(INTRODUCTION.format(images=len(images) + len(unseen)))
    # Whoever asked says what each run would say by itself.
    os.environ.setdefault("OTEL_TRACKIO_SILENT", "1")
    return [training.train(each, images, unseen, settings.dir) for each in training.recipes(epochs)]
