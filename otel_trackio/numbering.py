"""Numbers for what arrives by two ways, `log()` and instruments, in the order recorded. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from otel_trackio.model import Ints


def places(journal: Ints, series: Sequence[Ints]) -> tuple[Ints, list[Ints]]:
    """Places, from 0 on, of journal numbers and of each series' points, merged by their times.

    Times are ns. The journal and every series keep their own order, whatever the clock did
    meanwhile; the clock only says how they lie to one another.
    """
    own = np.maximum.accumulate(journal)
    lengths = [len(times) for times in series]
    others = np.concatenate([np.maximum.accumulate(times) for times in series] or [own[:0]])
    order = np.argsort(others, kind="stable")
    others = others[order]
    own_places = np.arange(len(own)) + np.searchsorted(others, own, "left")
    other_places = np.empty(len(others), dtype=np.int64)
    other_places[order] = np.arange(len(others)) + np.searchsorted(own, others, "right")
    return own_places, np.split(other_places, np.cumsum(lengths)[:-1]) if lengths else []
