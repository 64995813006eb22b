"""`Accelerator(log_with="otel_trackio")`, or `log_with=OtelTrackioTracker("project")`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelerate.tracking import GeneralTracker, on_main_process

from otel_trackio.run import Run
from otel_trackio.session import init, running


class OtelTrackioTracker(GeneralTracker):  # type: ignore[misc]
    """Logs into the run that is active, or into one that is started; on the main process alone.

    The end of the training ends a run that was started here; one of the user's is theirs to end.
    `init_trackers(PROJECT, init_kwargs={"otel_trackio": {...}})` gives arguments of `init`.
    """

    name = "otel_trackio"
    requires_logging_directory = False
    main_process_only = True

    def __init__(self, run_name: str | None = None, **arguments: Any) -> None:
        """accelerate calls a project `run_name`."""
        super().__init__()
        self._project = run_name
        self._arguments = arguments
        self._run: Run | None = None
        self._is_ours = False

    @on_main_process  # type: ignore[untyped-decorator]
    def start(self) -> None:
        self._find()

    @property
    def tracker(self) -> Run | None:
        """The run; None on other processes than the main one."""
        return self._run

    @on_main_process  # type: ignore[untyped-decorator]
    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """Adds to the run's config."""
        self._find().config.update(values)

    @on_main_process  # type: ignore[untyped-decorator]
    def log(self, values: Mapping[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Records numbers, and whatever else `Run.log` takes."""
        self._find().log(values, step)

    @on_main_process  # type: ignore[untyped-decorator]
    def finish(self) -> None:
        if self._run is None:
            return
        if self._is_ours:
            self._run.finish()
        else:
            self._run.flush()

    def _find(self) -> Run:
        if self._run is None:
            active = running()
            self._is_ours = active is None
            self._run = active or init(self._project, **self._arguments)
        return self._run


def offer(module: Any) -> None:
    """Makes the tracker known to accelerate by its name, from version 1.13 or so on."""
    if hasattr(module, "register_tracker_class"):
        module.register_tracker_class(OtelTrackioTracker)
