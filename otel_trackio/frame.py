"""Several metrics of a run side by side, on the union of their steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from otel_trackio.errors import MissingExtra
from otel_trackio.history import History
from otel_trackio.model import Ints, Values

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Frame:
    """A wide table: a column `step` and one a metric; where one has no value there, it is null.

    Null is not NaN: a NaN is a value that was logged. Points without a step are not in it. A
    metric that is called `step` has the column `metric:step`.
    """

    def __init__(self, histories: Mapping[str, History]) -> None:
        stepped = {key: _stepped(each) for key, each in histories.items()}
        steps = [step for step, _ in stepped.values()]
        self.step: Ints = np.unique(np.concatenate(steps)) if steps else np.zeros(0, np.int64)
        self._columns = {key: _spread(self.step, *each) for key, each in stepped.items()}

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self._columns)

    def __len__(self) -> int:
        return len(self.step)

    def to_arrow(self) -> pa.Table:
        """As a pyarrow Table. Integers beyond int64 become decimal text, as Arrow has none."""
        import pyarrow as pa

        columns = {"step": pa.array(self.step)}
        for key, (value, missing) in self._columns.items():
            name = f"metric:{key}" if key == "step" else key
            columns[name] = pa.array(_arrow_ready(value), mask=missing, from_pandas=False)
        return pa.table(columns)

    def to_pandas(self) -> pd.DataFrame:
        """As a pandas DataFrame with Arrow columns, which tell null from NaN; pandas is needed."""
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingExtra("pandas", "pandas") from error
        return self.to_arrow().to_pandas(types_mapper=pd.ArrowDtype)

    def __repr__(self) -> str:
        return f"<Frame of {len(self)} steps: {', '.join(self.keys)}>"


def _stepped(history: History) -> tuple[Ints, Values]:
    step = history["step"]
    if isinstance(step, np.ma.MaskedArray):
        kept = ~np.ma.getmaskarray(step)
        return step.data[kept], history["value"][kept]
    return step, history["value"]


def _spread(steps: Ints, own: Ints, value: Values) -> tuple[Values, Any]:
    """`value` at each of `steps`, and where it has none."""
    where = np.searchsorted(steps, own)
    spread = np.zeros(len(steps), dtype=value.dtype)
    spread[where] = value
    missing = np.ones(len(steps), dtype=bool)
    missing[where] = False
    return spread, missing


def _arrow_ready(value: Values) -> Values:
    if value.dtype != object:
        return value
    return np.array([str(each) for each in value.tolist()], dtype=object)
