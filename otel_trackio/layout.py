"""Where things are under DIR: `runs/<run id>/<writer>.db`, its journal and lock beside it.

No id, however hostile, leads outside of its folder: names are built from encoded ids alone.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final

MAX_NAME: Final = 120
"""Characters of the longest encoded id; longer ones are cut and told apart by a hash."""

_KEPT: Final = re.compile(r"[a-z0-9_.-]")
_ENCODED: Final = re.compile(r"[a-z0-9_%-][a-z0-9_.%~-]*")
_EDGE_DOT: Final = re.compile(r"^\.|\.\Z")
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|\Z)")


def encode_id(id: str) -> str:
    """The file name for an id: no two ids share one, on any file system.

    Lowercase letters, digits, `_`, `-` and inner dots stay, other characters become `%xx` of
    their UTF-8. Escaped too are names that Windows keeps for devices, and the empty id (`%`).
    """
    name = "".join(c if _KEPT.match(c) else _escape(c) for c in id) or "%"
    name = _EDGE_DOT.sub("%2e", name)
    if _DEVICE.match(name):
        name = _escape(name[0]) + name[1:]
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name[:80]}~{digest[:32]}"  # No other name holds a `~`.


def _escape(character: str) -> str:
    return "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))


def runs_dir(dir: Path) -> Path:
    """The folder of all runs."""
    return dir / "runs"


def run_dir(dir: Path, run_id: str) -> Path:
    """The folder of one run."""
    return runs_dir(dir) / encode_id(run_id)


def run_file(dir: Path, run_id: str, writer: str) -> Path:
    """The run file of one writer."""
    return run_dir(dir, run_id) / f"{encode_id(writer)}.db"


def journal_file(run_file: Path) -> Path:
    """The journal of a run file."""
    return run_file.with_suffix(".journal")


def torn_file(run_file: Path) -> Path:
    """Where recovery keeps a journal whose last record was not whole."""
    return run_file.with_suffix(".torn")


def lock_file(run_file: Path) -> Path:
    """The file whose lock the writer of a run file holds."""
    return run_file.with_suffix(".lock")


def files_dir(run_dir: Path) -> Path:
    """The folder of the files that a run's records name."""
    return run_dir / "files"


def run_dirs(dir: Path) -> list[Path]:
    """Folders of runs, by name; what others keep beside them is passed over."""
    return [path for path in _named(runs_dir(dir)) if path.is_dir()]


def run_files(run_dir: Path) -> list[Path]:
    """Run files in the folder of a run, by name; what others keep beside them is passed over."""
    return [path for path in _named(run_dir) if path.suffix == ".db" and path.is_file()]


def _named(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _ENCODED.fullmatch(path.name))
