"""Ranks that no launcher told who they are: forked by a notebook, say, or started by MPI."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any, Final

from otel_trackio import identity

RUN_ID: Final = "OTEL_TRACKIO_RUN_ID"
RANK: Final = "OTEL_TRACKIO_RANK"

KEY: Final = "otel_trackio.run_id"
"""Where the id is in the store by which torch's processes found each other."""


def agree(environ: MutableMapping[str, str]) -> None:
    """Tells a process that trains with others its rank, and the run id of all of them.

    The rank that asks first decides, and none waits for another: a rank that does not ask, as it is
    not instrumented, holds nobody up.
    """
    distributed: Any = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return
    rank, size = distributed.get_rank(), distributed.get_world_size()
    if size == 1:
        return
    if identity.rank_of(environ).rank != rank:  # accelerate gives forked ranks all the number 0.
        environ.setdefault(RANK, str(rank))
    if RUN_ID in environ or identity.launcher_run_id(environ, identity.this_parent()):
        return
    store = distributed.distributed_c10d._get_default_store()
    environ[RUN_ID] = store.compare_set(KEY, "", identity.new_id()).decode()
