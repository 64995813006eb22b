"""Who records: ids, names, ranks, and the run id that the ranks of one launch share."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psutil

from otel_trackio.wordlist import ADJECTIVES, NOUNS

_BASE32: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u to misread.


def new_id() -> str:
    """A fresh id of 26 lowercase letters and digits: 48 bits of time in ms, 80 random bits.

    Ids sort by the time they were made.
    """
    return _base32(time.time_ns() // 1_000_000 << 80 | secrets.randbits(80), 26)


def default_name(run_id: str) -> str:
    """A readable name such as `calm-river-7f3k2`, the same wherever the run id is the same."""
    digest = hashlib.sha256(run_id.encode("utf-8", "surrogatepass")).digest()
    adjective = ADJECTIVES[digest[0] % len(ADJECTIVES)]
    noun = NOUNS[digest[1] % len(NOUNS)]
    # Not the end of the id itself: ids of one Slurm cluster all end alike.
    return f"{adjective}-{noun}-{_base32(int.from_bytes(digest[2:]), 5)}"


def _base32(number: int, length: int) -> str:
    return "".join(_BASE32[number >> 5 * place & 31] for place in reversed(range(length)))


@dataclass(frozen=True, slots=True)
class Rank:
    """This process's place among those that train one model; `local_rank` counts on its node."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0


# Slurm last: processes of mpirun or torchrun inherit the step of the daemon that started them.
_LAUNCHERS: Final = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),  # torchrun, accelerate, DeepSpeed
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "SLURM_LOCALID"),  # MPICH, Intel MPI
    ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"),
)


def rank_of(environ: Mapping[str, str]) -> Rank:
    """The rank that the launcher gave, or 0 of 1; OTEL_TRACKIO_RANK overrides it.

    Values that make no sense (not a number, a rank beyond the size) count as absent.
    """
    ranks = (_launched(names, environ) for names in _LAUNCHERS)
    rank = next(filter(None, ranks), Rank())
    own = _natural(environ, "OTEL_TRACKIO_RANK")
    if own is None:
        return rank
    return replace(rank, rank=own, world_size=max(own + 1, rank.world_size))


def _launched(names: tuple[str, ...], environ: Mapping[str, str]) -> Rank | None:
    rank, size, *local = (_natural(environ, name) for name in names)
    if rank is None or size is None or rank >= size:
        return None
    if names[0] == "SLURM_PROCID" and _slurm_step(environ) is None:
        return None
    return Rank(rank, size, next((number for number in local if number is not None), rank))


def _natural(environ: Mapping[str, str], name: str) -> int | None:
    text = environ.get(name, "").strip()
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def _slurm_step(environ: Mapping[str, str]) -> int | None:
    """The number of the srun step of several tasks that this process is one of.

    Slurm's own steps (batch, extern, interactive) have no number, a negative one, or one of ten
    digits; there the number of tasks is what was asked for, not what runs.
    """
    several = (_natural(environ, "SLURM_NTASKS") or 0) > 1
    return _natural(environ, "SLURM_STEP_ID") if several else None


@dataclass(frozen=True, slots=True)
class Host:
    """A machine (or container), from one boot to the next."""

    name: str
    boot_id: str


@dataclass(frozen=True, slots=True)
class Parent:
    """The process that launched the ranks of a node; `started` counts seconds since boot."""

    host: Host
    pid: int
    started: float


def launcher_run_id(environ: Mapping[str, str], parent: Parent) -> str | None:
    """The run id that every rank of this launch works out for itself.

    None where a process is alone, or the launcher gives nothing to tell the launch by: then an id
    must be sent to the ranks, or set in OTEL_TRACKIO_RUN_ID. What is restarted, requeued, or
    launched again under the same rendezvous id is the same run.
    """
    if rank_of(environ).world_size == 1:
        return None
    return _torch_run_id(environ, parent) or _slurm_run_id(environ)


def _torch_run_id(environ: Mapping[str, str], parent: Parent) -> str | None:
    rendezvous = environ.get("TORCHELASTIC_RUN_ID")
    if rendezvous is None:
        return None
    if rendezvous.lower() not in ("", "none"):
        return f"torch-{rendezvous}"
    nodes = _natural(environ, "GROUP_WORLD_SIZE")
    if nodes is None and environ.get("LOCAL_WORLD_SIZE") == environ.get("WORLD_SIZE"):
        nodes = 1
    # Without a rendezvous id, the ranks of one node have their agent in common, others nothing.
    agent = (parent.host.name, parent.host.boot_id, str(parent.pid), f"{parent.started:.2f}")
    return f"torch-{_digest(*agent)[:16]}" if nodes == 1 else None


def _slurm_run_id(environ: Mapping[str, str]) -> str | None:
    job, step = _natural(environ, "SLURM_JOB_ID"), _slurm_step(environ)
    if job is None or step is None:
        return None
    return f"slurm-{job}-{step}-{_digest(environ.get('SLURM_CLUSTER_NAME', ''))[:8]}"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def this_host() -> Host:
    """The machine this process runs on."""
    try:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        boot_id = str(round(psutil.boot_time()))
    return Host(socket.gethostname(), boot_id)


def this_parent() -> Parent:
    """The launcher of this process: its nearest ancestor that is not part of the same worker.

    That passes over a shell script between torchrun and Python, which each rank has its own of.
    """
    parents = psutil.Process().parents()
    worker = _worker(os.environ)
    launcher = next((p for p in parents if _worker_of(p) != worker), None)
    parent = launcher or next(iter(parents), psutil.Process())
    # Counted from boot, since psutil's time of day moves when the clock is set.
    started = round(parent.create_time() - psutil.boot_time(), 2)
    return Parent(this_host(), parent.pid, started)


def _worker(environ: Mapping[str, str]) -> tuple[str | None, ...]:
    return environ.get("RANK"), environ.get("TORCHELASTIC_ERROR_FILE")


def _worker_of(process: psutil.Process) -> tuple[str | None, ...] | None:
    try:
        return _worker(process.environ())
    except (psutil.Error, OSError):  # Another user's, so not ours.
        return None
