"""What one trainer does, recorded."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Final

from otel_trackio.diagnostics import Diagnostics
from otel_trackio.redact import redact
from otel_trackio.run import Run
from otel_trackio.steps import set_step
from otel_trackio.trainer import seen
from otel_trackio.trainer.arguments import config_of
from otel_trackio.trainer.chosen import for_evaluation, for_training, started_here
from otel_trackio.trainer.described import describe
from otel_trackio.trainer.guard import edge, outside
from otel_trackio.trainer.keys import display_key, is_evaluation
from otel_trackio.trainer.laps import Laps
from otel_trackio.trainer.mark import Mark, mark_in
from otel_trackio.trainer.rates import Rates
from otel_trackio.trainer.subject import about_model, dataset_name, parameters_of
from otel_trackio.trainer.tokens import Tokens

FLUSH_SECONDS: Final = 10.0
"""How long the end of a training waits until all of it is stored; none of it is lost if not."""

PRUNED: Final = "TrialPruned"
"""What ends a trial that a search for parameters has seen enough of; optuna's."""

_training: list[Recording] = []
"""Those whose `train()` is under way, the outermost first."""

_choosing = threading.RLock()
"""Trainers that begin at once, in several threads, do not end each other's run."""

_latest: weakref.ref[Recording] | None = None
"""The one that recorded last."""


class Recording:
    """A trainer's numbers, phases and fate. Every method is an edge to training: none raises."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        """`given` are arguments of `init`, for a run that is started for this trainer."""
        self.given = given
        self._trainer: weakref.ref[Any] | None = None
        self._run: Run | None = None
        self._prefix = ""
        self._laps = Laps()
        self._rates = Rates()
        self._tokens = Tokens()
        self._mark: Mark | None = None
        self._batch = 0
        self._profile: dict[str, float] = {}
        self._begun = False
        self._parameters = 0

    @property
    def diagnostics(self) -> Diagnostics:
        return self._run.diagnostics if self._run is not None else outside()

    @edge
    def enter(self, trainer: Any) -> None:
        """`train()` was called."""
        self._trainer = weakref.ref(trainer)
        _training.append(self)
        # Later it may be in shards, of which each rank has its own.
        self._parameters = parameters_of(getattr(trainer, "model", None))

    @edge
    def leave(self, error: BaseException | None) -> None:
        """`train()` has returned, or raised `error`."""
        if self in _training:
            _training.remove(self)
        begun, self._begun = self._begun, False
        self._laps.stop()
        if not _training:
            set_step(None)
        if self._run is None or not begun:
            return
        if error is not None and not _is_well(error) and not self._prefix:
            self._run.note(error)
        self._run.flush(FLUSH_SECONDS)

    def ended(self) -> None:
        """The loop has ended. Trainers with a `train()` all of their own tell nothing else."""
        if self not in _training:
            self.leave(None)

    @edge
    def begin(self, args: Any, state: Any, model: Any, dataloader: Any) -> None:
        """The loop begins, maybe where a checkpoint ended."""
        self._laps.start()
        self._mark, self._profile = None, {}
        mark = mark_in(state)
        self._find_run(args, mark.run_id)
        if self._run is not None and not self._prefix:
            self._run.note(None)
            self._mark = Mark(self._run.id, mark.num_tokens)
            self._mark.put_into(state)
        self._remember(state.global_step, {})
        self._tokens = Tokens(mark.num_tokens)
        self._rates = Rates()
        self._rates.start("num_tokens", mark.num_tokens)
        self._rates.start("num_input_tokens_seen", state.num_input_tokens_seen)
        self._rates.start("total_flos", state.total_flos)
        size = getattr(state, "train_batch_size", None) or args.train_batch_size
        self._batch = size * args.gradient_accumulation_steps * args.world_size
        if state.is_world_process_zero:
            self._configure(args, model, {"dataset": dataloader})

    @edge
    def step_begin(self, state: Any) -> None:
        self._laps.take()
        self._laps.lap("data")
        if not self._prefix:
            set_step(state.global_step + 1)

    @edge
    def lap(self, phase: str) -> None:
        """A phase of the step ends."""
        self._laps.lap(phase)

    @edge
    def step_end(self, state: Any) -> None:
        self._laps.lap("scheduler")
        phases = self._laps.take()
        seconds = sum(phases.values())
        self._rates.spent(seconds)
        values = {"time/step": seconds, **{f"time/{each}": s for each, s in phases.items()}}
        if state.is_world_process_zero and seconds > 0:
            values["throughput/samples_per_second"] = self._batch / seconds
        self._put({**values, **self._profiled("")}, state)
        self._keep_mark(state)

    @edge
    def logged(
        self, args: Any, state: Any, logs: Mapping[str, Any], model: Any, dataloader: Any
    ) -> None:
        """The trainer logs; `dataloader` is that of evaluations."""
        evaluated = is_evaluation(logs)
        phase = "eval" if evaluated else "log"
        timing = self._timing(phase)
        if evaluated:
            timing |= self._profiled("eval/")
        self._join(args, state, model, dataloader)
        if not state.is_world_process_zero:
            self._put(timing, state)
            return
        values = self._shown(logs, state)
        if not evaluated:
            values |= self._throughput(logs, state)
        self._put({**values, **timing}, state)
        self._remember(state.global_step, {display_key(key): v for key, v in logs.items()})

    @edge
    def predicted(
        self, args: Any, state: Any, metrics: Mapping[str, Any], model: Any, dataloader: Any
    ) -> None:
        """The trainer has predicted, which it does not log."""
        timing = {**self._timing("predict"), **self._profiled("test/")}
        self._join(args, state, model, dataloader)
        values = self._shown(metrics, state) if state.is_world_process_zero else {}
        self._put({**values, **timing}, state)
        self._remember(state.global_step, {display_key(key): v for key, v in metrics.items()})

    @edge
    def saved(self, args: Any, state: Any) -> None:
        """A checkpoint was written."""
        self._put(self._timing("save"), state)
        if not state.is_world_process_zero or self._run is None:
            return
        name = f"{self._prefix}checkpoint-{state.global_step}"
        path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        about = {"title": name, "text": str(path), "epoch": state.epoch}
        self._run.annotate(name, about, state.global_step)
        self._run.sync_soon()

    @edge
    def took(self, key: str, seconds: float, step: int | None) -> None:
        """A profiled function has returned. Its calls within a step are added up."""
        self._profile[key] = self._profile.get(key, 0.0) + seconds
        self._remember(step, {key: seconds})

    def _remember(self, step: int | None, values: Mapping[str, Any]) -> None:
        if self._run is not None:
            seen.remember(self._run.id, step, values)

    @property
    def _name(self) -> str:
        trainer = self._trainer() if self._trainer is not None else None
        return type(trainer).__name__ if trainer is not None else ""

    def _configure(self, args: Any, model: Any, datasets: Mapping[str, Any]) -> None:
        if self._run is None:
            return
        names = {key: dataset_name(loader) for key, loader in datasets.items()}
        about = {"trainer": self._name, **about_model(model), **names}
        about["parameters"] = self._parameters or about.get("parameters")
        chosen, rest = config_of(args)
        chosen = {**{key: value for key, value in about.items() if value}, **chosen}
        if self._prefix:
            nested = {self._prefix.rstrip("/"): {**chosen, "args": rest}}
            self._run.config.update(redact(nested))
            return
        given = self.given.get("config") or {}
        describe(self._run, chosen, rest, given if started_here(self._run) else None)

    def _find_run(self, args: Any, run_id: str) -> None:
        """The run of a training: that of the one around it, or the one it began with, or anew."""
        with _choosing:
            if self._run is not None and self._begun:  # A smaller batch size begins it once more.
                return
            self._run, self._prefix, self._begun = None, "", True
            if (around := self._around()) is not None:
                self._run, self._prefix = around._run, self._free_prefix()
            else:
                self._run = for_training(args, run_id, self.given)

    def _around(self) -> Recording | None:
        """A training that is under way: one that this is part of, or that of another thread."""
        others = (each for each in list(_training) if each is not self and each._begun)
        return next((each for each in others if each._run is not None), None)

    def _free_prefix(self) -> str:
        """What tells this trainer's keys from those of all that train now."""
        taken = {each._prefix for each in list(_training) if each is not self}
        name = self._name or "evaluation"
        names = (f"{name}-{number}" if number > 1 else name for number in count(1))
        return next(f"{each}/" for each in names if f"{each}/" not in taken)

    def _join(self, args: Any, state: Any, model: Any, dataloader: Any) -> None:
        """Finds the run where nothing is being trained here: an evaluation, say."""
        global _latest
        _latest = weakref.ref(self)
        if self in _training:
            return
        if (around := self._around()) is not None:
            self._run, self._prefix = around._run, self._free_prefix()
        elif (run := for_evaluation(args, self.given, self._run)) is not self._run:
            self._run, self._prefix = run, ""
            if state.is_world_process_zero:
                self._configure(args, model, {"eval_dataset": dataloader})

    def _shown(self, logs: Mapping[str, Any], state: Any) -> dict[str, Any]:
        """Numbers under their display keys; trainers log None where they have no value."""
        whole = self._tokens.continued(logs, state)
        values = {display_key(key): value for key, value in whole.items() if value is not None}
        if left := len(logs) - len(values):
            self.diagnostics.count("trainer.none", left)
        return values

    def _timing(self, phase: str) -> dict[str, float]:
        seconds = self._laps.lap(phase)
        return {} if seconds is None else {f"time/{phase}": seconds}

    def _profiled(self, prefix: str) -> dict[str, float]:
        taken, self._profile = self._profile, {}
        return {f"{prefix}{key}": seconds for key, seconds in taken.items()}

    def _throughput(self, logs: Mapping[str, Any], state: Any) -> dict[str, float]:
        whole = self._tokens.continued(logs, state)
        tokens = "num_tokens" if whole.get("num_tokens") is not None else "num_input_tokens_seen"
        if self._mark is not None and tokens == "num_tokens":
            self._mark.num_tokens = whole[tokens]
        values: dict[str, float] = {}
        if tokens in whole:
            values |= self._rate("tokens", tokens, whole[tokens])
        if state.total_flos:
            values |= self._rate("flops", "total_flos", state.total_flos)
            values["train/total_flos"] = state.total_flos
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            values["memory/max_allocated"] = torch.cuda.max_memory_allocated()
        return values

    def _rate(self, noun: str, key: str, count: Any) -> dict[str, float]:
        rate = self._rates.rate(key, count)
        return {} if rate is None else {f"throughput/{noun}_per_second": rate}

    def _keep_mark(self, state: Any) -> None:
        """What is trained since the last log is in the next checkpoint, too."""
        trainer = self._trainer() if self._trainer is not None else None
        counted = getattr(trainer, "_total_train_tokens", 0)
        if self._mark is None:
            return
        if counted:
            self._mark.num_tokens = counted + self._tokens.before
        self._mark.put_into(state)

    def _put(self, values: dict[str, Any], state: Any) -> None:
        if self._run is not None and values:
            if self._prefix:
                values = {f"{self._prefix}{key}": value for key, value in values.items()}
            self._run.log(values, state.global_step)


def _is_well(error: BaseException) -> bool:
    """Whether what ends a training this way has not failed."""
    return (isinstance(error, SystemExit) and not error.code) or type(error).__name__ == PRUNED


def took(key: str, seconds: float, step: int | None) -> None:
    """A function that TRL profiles has returned, in the trainer that is at work."""
    latest = _latest() if _latest is not None else None
    at_work = _training[-1] if _training else latest
    if at_work is not None:
        at_work.took(key, seconds, step)
