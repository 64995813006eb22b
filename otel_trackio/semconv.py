"""Every attribute key, scope and metric name that otel_trackio itself writes.

OpenTelemetry has no conventions for training, so these are ours. Units are UCUM's; what has none
stays without, as "1" is for ratios alone. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from otel_trackio.names import MAX_NAME, instrument_name

# Attributes on points and exemplars.
TRAINING_STEP: Final = "training.step"
TRACKIO_KEY: Final = "otel_trackio.key"
POINT_NUMBER: Final = "otel_trackio.seq"  # The point's seq in its origin's run file.

# Attributes of a resource that is a run, or one process of it.
RUN_ID: Final = "otel_trackio.run.id"
RUN_NAME: Final = "otel_trackio.run.name"
RUN_GROUP: Final = "otel_trackio.run.group"
PROJECT: Final = "otel_trackio.project"
RANK: Final = "otel_trackio.rank"
WORLD_SIZE: Final = "otel_trackio.world_size"
ATTEMPT: Final = "otel_trackio.attempt"
WRITER_ID: Final = "otel_trackio.writer.id"  # Its points are numbered, by their exemplars.
SYNC_TO: Final = "otel_trackio.sync.to"  # Where it syncs to itself; empty for nowhere.
STATE: Final = "otel_trackio.state"  # `finished` or `failed`, with its last points.

# Instrumentation scopes: `log()` points, and their mirror for other readers.
LOG_SCOPE: Final = "otel_trackio.log"
SYSTEM_SCOPE: Final = "otel_trackio.system"
SELF_SCOPE: Final = "otel_trackio"

# What the recorder counts about itself, by reason.
NONFINITE: Final = "training.nonfinite"

# Set by the OpenTelemetry SDK on the point that merges series over its limit.
OVERFLOW: Final = "otel.metric.overflow"

# Where the time of a trainer's steps goes, on each rank: the whole step, and its phases.
TIMINGS: Final = "time/"
STEP_SECONDS: Final = "time/step"

# Attributes that tell apart what shares a name.
PHASE: Final = "training.phase"
STEP_PHASE: Final = "training.step.phase"
REWARD: Final = "training.reward.name"
DATASET: Final = "training.dataset.name"
FUNCTION: Final = "code.function.name"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a logged key is in OpenTelemetry: an instrument's name and unit, and attributes."""

    name: str
    unit: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


KNOWN: Final[dict[str, tuple[str, str]]] = {
    "loss": ("training.loss", ""),
    "train_loss": ("training.loss.mean", ""),
    "grad_norm": ("training.gradient.norm", ""),
    "learning_rate": ("training.learning_rate", ""),
    "epoch": ("training.epoch", "{epoch}"),
    "global_step": ("training.step", "{step}"),
    "num_tokens": ("training.tokens", "{token}"),
    "num_input_tokens_seen": ("training.input_tokens", "{token}"),
    "total_flos": ("training.flops", "{flop}"),
    "accuracy": ("training.accuracy", "1"),
    "mean_token_accuracy": ("training.token.accuracy", "1"),
    "entropy": ("training.token.entropy", ""),
    "kl": ("training.kl", ""),
    "reward": ("training.reward.mean", ""),
    "reward_std": ("training.reward.std", ""),
    "frac_reward_zero_std": ("training.reward.zero_std_ratio", "1"),
    "rewards/accuracies": ("training.reward.accuracy", "1"),
    "completions/clipped_ratio": ("training.completion.clipped_ratio", "1"),
    "step_time": ("training.step.reported_duration", "s"),
    "runtime": ("training.evaluation.duration", "s"),
    "samples_per_second": ("training.evaluation.sample.rate", "{sample}/s"),
    "steps_per_second": ("training.evaluation.step.rate", "{step}/s"),
    "train_runtime": ("training.run.duration", "s"),
    "train_samples_per_second": ("training.run.sample.rate", "{sample}/s"),
    "train_steps_per_second": ("training.run.step.rate", "{step}/s"),
    "train_tokens_per_second": ("training.run.token.rate", "{token}/s"),
    "time/step": ("training.step.duration", "s"),
    "throughput/samples_per_second": ("training.sample.rate", "{sample}/s"),
    "throughput/tokens_per_second": ("training.token.rate", "{token}/s"),
    "throughput/flops_per_second": ("training.flop.rate", "{flop}/s"),
    "memory/max_allocated": ("training.accelerator.memory.allocated", "By"),
}
"""Names and units by key, less `train/`, `eval/` or `test/`, which become the phase."""

FAMILIES: Final[tuple[tuple[str, str, str, str], ...]] = (
    ("rewards/*/mean", "training.reward.mean", "", REWARD),
    ("rewards/*/std", "training.reward.std", "", REWARD),
    ("time/*", "training.step.phase.duration", "s", STEP_PHASE),
    ("profiling/Time taken: *", "training.function.duration", "s", FUNCTION),
)
"""The same for families of keys; what stands for the star becomes an attribute."""

_FAMILIES: Final = [(re.compile(each[0].replace("*", "(.+)")), *each[1:]) for each in FAMILIES]
_LENGTH: Final = re.compile(r"completions/(mean|min|max)(_terminated)?_length")
_RATIO: Final = re.compile(r"clip_ratio/.+")
_OF_DATASET: Final = re.compile(r"(.+)_(loss|runtime|samples_per_second|steps_per_second)")


@lru_cache(16_384)
def meaning_of(key: str, scope: str = LOG_SCOPE) -> Meaning:
    """What OpenTelemetry is told of a logged key.

    `train/loss` and `eval/loss` are both `training.loss`, of their phase. A key that is not known
    is `training.log.` and the key, and without that where it belongs to the system.
    """
    if scope != LOG_SCOPE:
        return Meaning(instrument_name(key))
    phase, slash, bare = key.partition("/")
    if not slash or phase not in ("train", "eval", "test"):
        return _meaning(key, ())
    about = ((PHASE, phase),)
    if phase != "train" and bare not in KNOWN and (found := _OF_DATASET.fullmatch(bare)):
        return _meaning(found[2], (*about, (DATASET, found[1])))
    return _meaning(bare, about)


def _meaning(bare: str, about: tuple[tuple[str, str], ...]) -> Meaning:
    if known := KNOWN.get(bare):
        return Meaning(*known, about)
    for pattern, name, unit, attribute in _FAMILIES:
        if found := pattern.fullmatch(bare):
            return Meaning(name, unit, (*about, (attribute, found[1])))
    if found := _LENGTH.fullmatch(bare):
        terminated = ".terminated" if found[2] else ""
        return Meaning(f"training.completion{terminated}.length.{found[1]}", "{token}", about)
    unit = "1" if _RATIO.fullmatch(bare) else ""
    name = f"training.log.{instrument_name(bare).replace('/', '.')}"
    return Meaning(name[:MAX_NAME], unit, about)


def markdown() -> str:
    """The table for the documents."""
    rows = [(key, *known, "") for key, known in KNOWN.items()]
    lines = ["| logged | OpenTelemetry | unit | attribute |", "|---|---|---|---|"]
    for key, name, unit, attribute in [*rows, *FAMILIES]:
        cells = [f"`{each}`" if each else "" for each in (key, name, unit, attribute)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
