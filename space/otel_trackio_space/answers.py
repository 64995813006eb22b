"""What the HTTP API takes and gives, as it stands in /api/openapi.json.

Times are ms since the epoch, which a JavaScript number holds. Numbers that it does not hold, not
finite or beyond 2^53, are text where a model says so, as in `frames.number_to_json`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_KEYS: Final = 50
"""Metrics that one question may be about."""

MAX_RUNS: Final = 2_000
"""Runs that it may name."""

MAX_CURVES: Final = 5_000
"""Curves that one answer may hold."""

MAX_POINTS: Final = 2_000
"""Buckets that a curve may have."""

MAX_TEXT: Final = 1_000
"""Characters of a project, a key or an id."""

MAX_STEP: Final = 2**63 - 1
"""The greatest step, and the greatest width."""

Text: TypeAlias = Annotated[str, StringConstraints(max_length=MAX_TEXT)]
Finite: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Number: TypeAlias = float | int | str
State: TypeAlias = Literal["running", "finished", "failed", "crashed"]


class Question(BaseModel):
    """What a client sends; fields that we do not know are an error, as they are misspelt."""

    model_config = ConfigDict(extra="forbid")


class Failure(BaseModel):
    """What an answer with a status of 400 or more says."""

    error: str
    hint: str = ""


class Follow(BaseModel):
    """A remote that is followed, and when the copy was last as new as it is, if ever.

    `error` and `hint` say why it is no newer, where that is so. While runs come, it is `busy`, and
    `done` of `total` files have.
    """

    remote: str
    synced: float | None
    error: str = ""
    hint: str = ""
    busy: bool = False
    done: int = 0
    total: int = 0


class About(BaseModel):
    """Where the runs come from. `version` grows with every change of any run."""

    version: int
    program: str
    dir: str
    remote: str | None = None
    readonly: bool
    follow: Follow | None = None


class Project(BaseModel):
    """`updated` is when something was last recorded in any of its runs."""

    name: str
    runs: int
    running: int
    updated: float


class Projects(BaseModel):
    version: int
    projects: list[Project]


class Run(BaseModel):
    """A run as lists show it.

    `error` is what a failed one died of. `attempt` is the latest, `ranks` are all that recorded.
    `missing` says in short phrases what is known to be lost of it.
    """

    id: str
    name: str
    project: str
    group: str
    tags: list[str]
    notes: str
    state: State
    error: str | None
    attempt: int
    ranks: list[int]
    created: float
    started: float | None
    ended: float | None
    last_step: int | None
    points: int
    config: dict[str, Any]
    summary: dict[str, Any]
    missing: list[str]


class Metric(BaseModel):
    """A metric of a project.

    `section` is what stands before the last "/" of the key. `steps` says whether any of its points
    have steps, `system` whether it tells of machines; `runs` is how many have it.
    """

    key: str
    kind: Literal["gauge", "counter", "up_down_counter", "histogram"]
    unit: str
    description: str
    section: str
    steps: bool
    system: bool
    runs: int


class Runs(BaseModel):
    version: int
    runs: list[Run]
    metrics: list[Metric]


class Along(Question):
    """The x axis is another metric of the same run, by step."""

    metric: Text


XAxis: TypeAlias = Literal["step", "time", "relative"] | Along


class Series(Question):
    """A question for curves.

    `lo` and `hi` are inclusive, on the x axis asked for: steps, ms, or the other metric's values.
    `points` is how many buckets a curve may have; `width` is that of an earlier answer, to which
    the new one is to fit. `rank` null is the lowest that has the metric.
    """

    project: Text
    keys: Annotated[list[Text], Field(min_length=1, max_length=MAX_KEYS)]
    runs: Annotated[list[Text], Field(max_length=MAX_RUNS)] | None = None
    x: XAxis = "step"
    lo: Finite | None = None
    hi: Finite | None = None
    points: Annotated[int, Field(ge=2, le=MAX_POINTS)] = 300
    width: Annotated[float, Field(gt=0, le=MAX_STEP)] | None = None
    rank: Annotated[int, Field(ge=0, le=MAX_STEP)] | Literal["all"] | None = None


class Curve(BaseModel):
    """A metric of one rank of a run, in buckets that lie side by side.

    `x` is where each begins: its step, or its time in ms. `y` is the mean of its finite values,
    null where it has none; `min`, `max` and `n`, how many values it holds, are left out where every
    bucket holds one. `nan`, `inf` and `ninf` are the x of the buckets that hold such values.
    """

    run: str
    rank: int
    x: list[float]
    y: list[float | None]
    min: list[float | None] | None = None
    max: list[float | None] | None = None
    n: list[int] | None = None
    nan: list[float]
    inf: list[float]
    ninf: list[float]


class Chart(BaseModel):
    """The curves of a metric. `width` is that of its buckets, in units of its x axis.

    `x` is the axis, which is "relative" where steps were asked for and the metric has none.
    """

    x: XAxis
    width: float
    curves: list[Curve]


class Charts(BaseModel):
    version: int
    x: XAxis
    charts: dict[str, Chart]


class Value(BaseModel):
    """How a metric of a run stands: its lowest rank, as `otel_trackio.metric.Metric` has it."""

    last: Number | None
    last_step: int | None
    min: Number | None
    max: Number | None
    count: int
    nonfinite: int


class Values(BaseModel):
    """Values by run and key."""

    version: int
    values: dict[str, dict[str, Value]]


class Measured(Value):
    """A metric of a run."""

    key: str
    kind: Literal["gauge", "counter", "up_down_counter", "histogram"]
    unit: str
    description: str
    ranks: list[int]


class Attempt(BaseModel):
    """What one rank recorded in one attempt; `ended` is its last sign of life."""

    attempt: int
    rank: int
    state: State
    started: float
    ended: float | None
    last_step: int | None
    points: int


class Detail(Run):
    """All there is to know about a run.

    `attempts` are by attempt, then by rank; `python` are lines that load the run.
    """

    version: int
    attempts: list[Attempt]
    metrics: list[Measured]
    python: str


class Record(BaseModel):
    """A table, an image, a text, a trace, an annotation or an alert; `data` is what was recorded.

    `id` tells it from others of its kind and key.
    """

    id: str
    key: str
    step: int | None
    time: float
    data: dict[str, Any]


class Records(BaseModel):
    """The latest of one kind, in the order recorded; `more` says whether earlier ones were cut."""

    version: int
    records: list[Record]
    more: bool


class Rows(BaseModel):
    """Rows of a table from `start` on, of `count`, as JSON holds them by the type of each column.

    A cell of a text that is too long to be shown is cut, and ends in "…".
    """

    columns: list[str]
    types: list[Literal["int", "float", "bool", "text", "json", "image"]]
    start: int
    count: int
    rows: list[list[Any]]


class Distribution(BaseModel):
    """What a histogram metric of a run measured, all ranks together, in columns and rows.

    A column begins at `x`, a step or a time in ms, and is `width` wide; where nothing was recorded
    there is none. `cells` are, by column, how many values each row holds: those above one of
    `edges` and up to the next, null where an end is not known. `even` says whether rows with known
    ends are of one height in values, else they are buckets as recorded. `mean`, `min` and `max` are
    null where they are not known; `nonfinite` values are not among `count`. Of what was recorded
    one in `every` was read, and `skipped` made no sense.
    """

    version: int
    axis: Literal["step", "time"]
    width: float
    x: list[float]
    edges: list[float | None]
    even: bool
    cells: list[list[float]]
    count: list[float]
    mean: list[float | None]
    min: list[float | None]
    max: list[float | None]
    nonfinite: list[float]
    every: int
    skipped: int


class Alert(BaseModel):
    """What a run asked people to look at, or what a rule found in it; `rule` is that rule's id."""

    run: str
    rank: int
    time: float
    step: int | None
    level: str
    title: str
    text: str
    source: Literal["run", "rule"]
    rule: str | None = None


class Alerts(BaseModel):
    """The latest, by time."""

    version: int
    alerts: list[Alert]
