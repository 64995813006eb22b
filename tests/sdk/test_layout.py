from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_trackio.layout import (
    encode_id,
    journal_file,
    lock_file,
    run_dir,
    run_dirs,
    run_file,
    run_files,
    runs_dir,
)

HOSTILE = (
    *("", ".", "..", "../x", "/etc/passwd", "C:\\x", "a/b", "a\\b", "\0", "\n", "~", "%", "%41"),
    *(
        "CON",
        "con",
        "nul.txt",
        "com1",
        "lpt9.",
        "x.",
        "x ",
        ".hidden",
        "-rf",
        "A",
        "a",
        "é",
        "e\u0301",
    ),
    *("x" * 500, "x" * 501, "X" * 120, "🚀" * 50, "\ud800", "a~0", "con.db", "conx", "*?<>|:"),
)
ids = st.sampled_from(HOSTILE) | st.text(st.characters(codec=None)) | st.text("./~%aA", max_size=4)


@given(ids)
def test_a_name_is_safe_on_every_file_system(id: str) -> None:
    """Lowercase ASCII, at most 120 characters, no dot at an end, no name of a Windows device."""
    name = encode_id(id)
    assert re.fullmatch(r"[a-z0-9_%-]([a-z0-9_.%~-]{0,118}[a-z0-9_%-])?", name)
    assert not re.match(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", name)


@given(ids, ids)
def test_different_ids_have_different_names(first: str, second: str) -> None:
    """Not even ids that differ only by case, normalisation or their 500th character meet."""
    assert (encode_id(first) == encode_id(second)) == (first == second)


@pytest.mark.parametrize("id", ["calm-river-7f3k2", "lr_0.1", "slurm-77-0-1a2b3c4d", "conx"])
def test_ordinary_ids_stay_readable(id: str) -> None:
    """What is safe already is kept as it is."""
    assert encode_id(id) == id


@given(ids, ids)
def test_no_id_leads_out_of_its_folder(run_id: str, writer: str) -> None:
    """A run file is at DIR/runs/<run>/<writer>.db, its journal and lock beside it."""
    dir = Path("/data")
    path = run_file(dir, run_id, writer)
    assert path.parent == run_dir(dir, run_id)
    assert path.parent.parent == runs_dir(dir) == dir / "runs"
    beside = {path, journal_file(path), lock_file(path)}
    assert len(beside) == 3
    assert {other.parent for other in beside} == {path.parent}


def test_hostile_ids_can_be_stored_side_by_side_and_found_again(tmp_path: Path) -> None:
    """Every id makes a file of its own here."""
    for id in HOSTILE:
        path = run_file(tmp_path, id, id)
        path.parent.mkdir(parents=True)
        path.touch(exist_ok=False)
    found = [file for folder in run_dirs(tmp_path) for file in run_files(folder)]
    assert found == sorted(run_file(tmp_path, id, id) for id in HOSTILE)


def test_what_others_keep_in_the_folders_is_passed_over(tmp_path: Path) -> None:
    """Journals, locks, hidden files, folders and backups are no run files."""
    assert run_dirs(tmp_path) == []
    file = run_file(tmp_path, "run", "writer")
    file.parent.mkdir(parents=True)
    for path in (file, journal_file(file), lock_file(file), runs_dir(tmp_path) / "notes.txt"):
        path.touch()
    for name in ("writer.db-wal", ".hidden.db", "Backup.db", "copy of writer.db", "writer.db~"):
        (file.parent / name).touch()
    (file.parent / "folder.db").mkdir()
    (runs_dir(tmp_path) / "lost+found").mkdir()
    assert run_dirs(tmp_path) == [file.parent]
    assert run_files(file.parent) == [file]
