from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_trackio.identity import (
    Host,
    Parent,
    Rank,
    default_name,
    launcher_run_id,
    new_id,
    rank_of,
    this_host,
    this_parent,
)
from otel_trackio.layout import encode_id

PARENT = Parent(Host("node-1", "boot"), pid=100, started=12.34)
SLURM = {
    "SLURM_JOB_ID": "77",
    "SLURM_STEP_ID": "0",
    "SLURM_NTASKS": "8",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
    "SLURM_CLUSTER_NAME": "alps",
}
TORCH = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "4",
    "GROUP_WORLD_SIZE": "1",
    "TORCHELASTIC_RUN_ID": "none",
}


def test_ids_are_unique_short_and_file_names_as_they_are() -> None:
    """An id is 26 characters that no file system needs escaped."""
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(id) == 26 and encode_id(id) == id for id in ids)


def test_ids_sort_by_time() -> None:
    """An id made in a later millisecond sorts after."""
    before = new_id()
    while (after := new_id())[:10] == before[:10]:
        pass
    assert before < after


def test_names_follow_from_run_ids() -> None:
    """All ranks give a run the same name, and different runs different ones."""
    ids = [new_id() for _ in range(500)] + [f"slurm-{job}-0-1a2b3c4d" for job in range(500)]
    names = [default_name(id) for id in ids]
    assert names == [default_name(id) for id in ids]
    assert len(set(names)) == 1000
    assert all(len(name.split("-")) == 3 for name in names)


@pytest.mark.parametrize(
    ("environ", "rank"),
    [
        ({}, Rank(0, 1, 0)),
        (TORCH, Rank(3, 4, 1)),
        (SLURM, Rank(5, 8, 1)),
        (SLURM | TORCH, Rank(3, 4, 1)),
        ({"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4"}, Rank(2, 4, 2)),
        ({"PMI_RANK": "2", "PMI_SIZE": "4", "MPI_LOCALRANKID": "0"}, Rank(2, 4, 0)),
        (SLURM | {"PMI_RANK": "5", "PMI_SIZE": "8"}, Rank(5, 8, 1)),
        ({"OTEL_TRACKIO_RANK": "7"}, Rank(7, 8, 0)),
        (TORCH | {"OTEL_TRACKIO_RANK": "1"}, Rank(1, 4, 1)),
    ],
)
def test_the_rank_is_the_launchers(environ: dict[str, str], rank: Rank) -> None:
    """torch, MPI and Slurm are understood, the innermost wins, OTEL_TRACKIO_RANK overrides."""
    assert rank_of(environ) == rank


@pytest.mark.parametrize("step", ["", "batch", "extern", "-5", "4294967291"])
def test_a_batch_script_is_no_rank(step: str) -> None:
    """Outside of an srun step Slurm's variables tell what was asked for, not what runs."""
    environ = SLURM | {"SLURM_STEP_ID": step}
    assert rank_of(environ) == Rank()
    assert launcher_run_id(environ, PARENT) is None


@pytest.mark.parametrize(
    "environ",
    [
        {"RANK": "16"},  # as in `RANK=16 python train_lora.py`
        {"RANK": "4", "WORLD_SIZE": "4"},
        {"RANK": "-1", "WORLD_SIZE": "4"},
        {"RANK": "²", "WORLD_SIZE": "4"},
        SLURM | {"SLURM_PROCID": "node5"},
    ],
)
def test_nonsense_is_no_rank(environ: dict[str, str]) -> None:
    """A rank counts only with a size that it is below."""
    assert rank_of(environ) == Rank()


@given(st.dictionaries(st.sampled_from([*TORCH, *SLURM, "OTEL_TRACKIO_RANK"]), st.text()))
def test_any_environment_gives_a_rank_within_its_world(environ: dict[str, str]) -> None:
    """No environment makes recording fail."""
    rank = rank_of(environ)
    assert 0 <= rank.rank < rank.world_size
    launcher_run_id(environ, PARENT)


def test_ranks_of_torchrun_share_its_run_id() -> None:
    """A rendezvous id names the run, as the user knows it."""
    assert launcher_run_id(TORCH | {"TORCHELASTIC_RUN_ID": "job-7"}, PARENT) == "torch-job-7"


def test_ranks_of_one_node_tell_their_launch_by_its_agent() -> None:
    """Without a rendezvous id one agent is one run; another process, start or boot is another."""
    others = [
        Parent(PARENT.host, pid=101, started=12.34),
        Parent(PARENT.host, pid=100, started=99.0),
        Parent(Host("node-1", "another boot"), pid=100, started=12.34),
        Parent(Host("node-2", "boot"), pid=100, started=12.34),
    ]
    shared = launcher_run_id(TORCH, PARENT)
    assert shared is not None
    assert shared.startswith("torch-")
    assert shared == launcher_run_id(TORCH | {"RANK": "0", "LOCAL_RANK": "0"}, PARENT)
    assert len({shared, *(launcher_run_id(TORCH, other) for other in others)}) == 5


def test_ranks_of_several_nodes_have_nothing_in_common_but_slurm() -> None:
    """Agents differ from node to node; an srun step that started them all does not."""
    environ = TORCH | {"GROUP_WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    assert launcher_run_id(environ, PARENT) is None
    assert launcher_run_id(environ | SLURM, PARENT) == launcher_run_id(SLURM, PARENT)


def test_a_slurm_step_is_a_run() -> None:
    """Tasks of a step share an id, also after a requeue; steps, jobs and clusters differ."""
    shared = launcher_run_id(SLURM, PARENT)
    assert shared is not None
    assert shared.startswith("slurm-77-0-")
    assert shared == launcher_run_id(SLURM | {"SLURM_PROCID": "0"}, PARENT)
    for variable in ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_CLUSTER_NAME"):
        assert launcher_run_id(SLURM | {variable: "9"}, PARENT) != shared


def test_a_process_alone_shares_no_run() -> None:
    """One process is its own run, whatever launched it."""
    alone = {"WORLD_SIZE": "1", "GROUP_WORLD_SIZE": "1", "RANK": "0"}
    assert launcher_run_id({}, PARENT) is None
    assert launcher_run_id(TORCH | alone, PARENT) is None
    assert launcher_run_id(SLURM | TORCH | alone, PARENT) is None
    assert launcher_run_id(SLURM | {"SLURM_NTASKS": "1"}, PARENT) is None


def test_workers_find_their_launcher_through_a_shell() -> None:
    """A wrapper script, which every rank has its own of, does not part the ranks."""
    root = Path(__file__).parents[2]
    launcher = textwrap.dedent("""
        import os, subprocess, sys
        show = "from otel_trackio.identity import this_parent; print(this_parent())"
        direct = [sys.executable, "-c", show]
        wrapped = ["sh", "-c", '"$@"; :', "sh", *direct]
        for rank, command in enumerate((direct, wrapped)):
            subprocess.run(command, env=os.environ | {"RANK": str(rank)}, check=True)
        print(os.getpid())
    """)
    command = [sys.executable, "-c", launcher]
    shown = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    direct, wrapped, pid = shown.stdout.splitlines()
    assert direct == wrapped
    assert f"pid={pid}," in direct


def test_the_host_and_the_parent_do_not_change() -> None:
    """Asked again, a process gives the same answer."""
    assert this_host() == this_host()
    assert this_parent() == this_parent()
