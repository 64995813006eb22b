"""Images and tables of a job reach the Hub with its run, whatever fails, and come back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import otel_trackio
from otel_trackio import Api, Image, Run, Table, layout, place
from otel_trackio.errors import RemoteError
from otel_trackio.outbox import Outbox
from otel_trackio.pull import pull
from otel_trackio.sync import sync
from otel_trackio.verify import verify
from otel_trackio.withdraw import withdraw
from tests.contract import places
from tests.contract.places import ON_THE_HUB, Place

# One process runs them all, so that each Hub starts once.
pytestmark = pytest.mark.xdist_group("hub")

FAULTS: Sequence[Mapping[str, Any]] = (
    {"status": 500},
    {"action": "drop_before"},
    {"action": "drop_after"},
)
ASKED = "/commit/|/batch$"


@pytest.fixture(params=ON_THE_HUB)
def there(request: pytest.FixtureRequest) -> Place:
    return places.place(request.param, request)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """One with images that several records name, and a table in a file."""
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")
    with otel_trackio.init("p", dir=tmp_path / "here", mode="offline") as made:
        for step in range(6):
            noise = np.random.default_rng(step // 2).integers(0, 256, (64, 64, 3), np.uint8)
            made.log({"i": Image(noise, str(step)), "loss": step}, step)
        made.log({"t": Table(["n", "s"], [[n, str(n)] for n in range(3_000)])})
    return made


def content(dir: Path, run: Run) -> list[Any]:
    with Api(dir) as api:
        stored = api.run(run.id)
        images = [(e.step, e.caption, e.path.read_bytes()) for e in stored.images()]
        return [images, [each.rows() for each in stored.tables()]]


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_files_reach_the_hub_whatever_fails(
    there: Place, run: Run, tmp_path: Path, fault: int
) -> None:
    """Each once, with or before what names it; nothing waits in the end, and it all comes back."""
    here, remote = tmp_path / "here", there.prepared()
    there.there.fault(ASKED, times=None, **FAULTS[fault])
    with pytest.raises(RemoteError):
        sync(here, layout.run_dirs(here), there.remote())
    there.there.end_faults()
    sync(here, layout.run_dirs(here), remote)
    assert Outbox(here, remote.url).waiting() == []
    beside = remote.list(place.run_folder(place.FILES, run.id))
    assert len(beside) == 4
    assert verify(there.remote()).problems == []
    pull(there.remote(), tmp_path / "back")
    assert content(tmp_path / "back", run) == content(here, run)


def test_what_is_withdrawn_is_gone_from_the_hub(there: Place, run: Run, tmp_path: Path) -> None:
    """The files of a run go with it."""
    here, remote = tmp_path / "here", there.prepared()
    sync(here, layout.run_dirs(here), remote)
    with Api(here) as api:
        api.run(run.id).delete()
    withdraw(here, run.id, there.remote())
    assert there.remote().list(place.run_folder(place.FILES, run.id)) == []
