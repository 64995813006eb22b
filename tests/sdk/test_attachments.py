"""Files beside a run where something is in the way: a disk, a power loss, other processes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

import otel_trackio
from otel_trackio import Api, Image, Run, attachments, layout, place
from otel_trackio.errors import StoreError
from otel_trackio.outbox import Outbox
from otel_trackio.pull import pull
from otel_trackio.storedrun import StoredRun
from otel_trackio.sync import cut_stored
from otel_trackio.withdraw import withdraw
from tests.fakes.faulty import Faulty
from tests.fakes.watched import Watched, everything

STEPS: Final = 3


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACKIO_SILENT", "1")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "here"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "there"


@pytest.fixture
def remote(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "remote")


@pytest.fixture
def run(here: Path) -> Run:
    return otel_trackio.init("p", dir=here)


def picture(number: int) -> Image:
    return Image(np.full((4, 4, 3), number, np.uint8))


def record(here: Path, **options: Any) -> Run:
    with otel_trackio.init("p", dir=here, mode="offline", **options) as run:
        for step in range(STEPS):
            run.log({"i": picture(step), "loss": step}, step)
    return run


def ended(run: Run) -> StoredRun:
    run.finish()
    assert run.path is not None
    return StoredRun(run.path)


def files(dir: Path, run: Run) -> list[Path]:
    """What lies beside a run."""
    return sorted(layout.files_dir(layout.run_dir(dir, run.id)).iterdir())


def content(dir: Path, run: Run) -> list[bytes]:
    """What its images show."""
    with Api(dir) as api:
        return [each.path.read_bytes() for each in api.run(run.id).images()]


def test_numbers_do_not_wait_for_a_disk_that_cannot_keep_an_image(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told and counted, once, and all else is stored."""
    monkeypatch.setenv("OTEL_TRACKIO_INTERVAL", "600")
    run = otel_trackio.init("p", dir=here)
    assert run.flush()
    run.log({"i": picture(2), "loss": 1.0})
    [path] = files(here, run)
    path.unlink()
    path.symlink_to(path)  # It cannot be opened, whoever asks.
    assert run.flush()
    assert run.diagnostics.counts() == {"files.unsettled": 1}
    assert ended(run).history("loss")["value"].tolist() == [1.0]


def test_several_processes_do_not_fill_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They count each other's files, and come to little more than the bound together."""
    monkeypatch.setattr(attachments, "MAX_FILES", 40)
    monkeypatch.setattr(attachments, "COUNT_EACH", 5)
    writers = [attachments.Attachments(tmp_path) for _ in range(2)]
    for number in range(100):
        with suppress(attachments.TooLarge):
            writers[number % 2].put(bytes([number]), "png")
    assert 40 <= len(attachments.sizes(layout.files_dir(tmp_path))) <= 45


def test_a_content_that_was_cut_short_is_written_again(here: Path, run: Run) -> None:
    """A machine that lost power may have left an empty file of its name."""
    run.log({"i": picture(2)}, 0)
    [path] = files(here, run)
    whole = path.read_bytes()
    path.write_bytes(b"")
    run.log({"i": picture(2)}, 1)
    assert [each.path.read_bytes() for each in ended(run).images()] == [whole] * 2


def test_what_somebody_keeps_beside_files_keeps_no_run_from_being_deleted(run: Run) -> None:
    """It stays, and ours go."""
    run.log({"i": picture(2)})
    stored = ended(run)
    own = layout.files_dir(stored.path) / "thumbnails"
    own.mkdir()
    stored.delete()
    assert list(layout.files_dir(stored.path).iterdir()) == [own]


def test_a_file_that_was_cut_short_here_comes_again(
    here: Path, there: Path, remote: Watched
) -> None:
    """Not the others."""
    run = record(here)
    everything(here, remote)
    pull(remote, there)
    broken = sorted(files(there, run))[0]
    broken.write_bytes(b"")
    remote.reads.clear()
    pull(remote, there)
    assert [path.rpartition("/")[2] for path in remote.reads] == [broken.name]
    assert content(there, run) == content(here, run)


def test_a_folder_without_room_for_files_keeps_no_number_from_coming(
    here: Path, there: Path, remote: Watched
) -> None:
    """The error says what to do; then they come, too."""
    run = record(here)
    everything(here, remote)
    folder = layout.files_dir(layout.run_dir(there, run.id))
    folder.parent.mkdir(parents=True)
    folder.write_text("in the way")
    with pytest.raises(StoreError, match="free the disk, then pull again"):
        pull(remote, there)
    with Api(there) as api:
        assert len(api.run(run.id).history("loss")["step"]) == STEPS
    folder.unlink()
    pull(remote, there)
    assert content(there, run) == content(here, run)


def test_files_of_a_run_are_not_sent_once_more_to_be_deleted(here: Path, remote: Watched) -> None:
    """Also those that wait to be found there already."""
    run = record(here)
    everything(here, remote)
    record(here, id=run.id, resume="must")
    for path in layout.run_files(layout.run_dir(here, run.id)):
        cut_stored(Outbox(here, remote.url), path)
    with Api(here) as api:
        api.run(run.id).delete()
    faulty = Faulty(remote)
    withdraw(here, run.id, faulty)
    assert [path for add, _ in faulty.commits for path in add if place.file_of(path)] == []
    assert not remote.list(place.run_folder(place.FILES, run.id))
