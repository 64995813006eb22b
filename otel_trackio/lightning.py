"""`Trainer(logger=OtelTrackioLogger())` of Lightning, whichever of its two packages is there."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from otel_trackio.errors import MissingExtra
from otel_trackio.plain import mapping_of
from otel_trackio.run import Run
from otel_trackio.session import init, running

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger
    from lightning.pytorch.utilities import rank_zero_only
else:
    try:
        from lightning.pytorch.loggers import Logger
        from lightning.pytorch.utilities import rank_zero_only
    except ImportError:
        try:
            from pytorch_lightning.loggers import Logger
            from pytorch_lightning.utilities import rank_zero_only
        except ImportError as error:
            raise MissingExtra("Lightning", "lightning") from error


class OtelTrackioLogger(Logger):  # type: ignore[misc]
    """Logs into the run that is active, or into one that is started with arguments of `init`.

    Hyperparameters become its config. A training that ends leaves the run open, as a test may
    follow: it ends with the process, or `finish`. One that fails ends a run that was started here,
    as failed; one of the user's goes on, and has failed unless a training after it ends well.
    """

    def __init__(self, project: str | None = None, **arguments: Any) -> None:
        super().__init__()
        self._project = project
        self._arguments = arguments
        self._run: Run | None = None
        self._is_ours = False

    @property
    def name(self) -> str | None:
        """The project."""
        return self._run.project if self._run is not None else self._project

    @property
    def version(self) -> str | None:
        """The run's id, once there is a run."""
        return self._run.id if self._run is not None else None

    @property
    def experiment(self) -> Run:
        """The run, which is started if there is none yet, or if it has ended."""
        if self._run is None or self._run.state not in ("running", "disabled"):
            active = running()
            self._is_ours = active is None
            self._run = active or init(self._project, **self._arguments)
        return self._run

    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Records numbers; Lightning counts its steps from 0."""
        self.experiment.log(metrics, step)

    @rank_zero_only  # type: ignore[untyped-decorator]
    def log_hyperparams(
        self, params: Mapping[str, Any] | Namespace | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Adds to the run's config."""
        self.experiment.config.update({**mapping_of(params), **kwargs})

    @rank_zero_only  # type: ignore[untyped-decorator]
    def save(self) -> None:
        """Stores what was recorded so far."""
        self.experiment.flush()

    @rank_zero_only  # type: ignore[untyped-decorator]
    def finalize(self, status: str) -> None:
        """Lightning says how a training ended."""
        if self._run is None:
            return
        error = None if status == "success" else sys.exception() or RuntimeError(status)
        if error is None or not self._is_ours:
            self._run.note(error)
            self._run.flush()
        else:
            self._run.fail(error)
