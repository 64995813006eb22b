"""Leases: a writer's file belongs to one live process, and the operating system knows which.

The lock is `lockf`, not `flock`: a flock outlives its holder in forked DataLoader workers. The
price is that POSIX frees a process's lock when *any* descriptor of the file closes, so a process
must never open a lock file it already holds: `_held` is asked first.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_held: Final[dict[Path, int]] = {}
_guard = threading.RLock()


class Lease:
    """Held from `take` to `release`, or until the process ends, however it ends."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._owner = os.getpid()

    @classmethod
    def take(cls, path: Path) -> Lease | None:
        """The lease on `path`, or None where somebody (this process included) holds it."""
        path = _canonical(path)
        with _guard:
            while path not in _held:
                descriptor = _opened(path)
                try:
                    _try_lock(descriptor)
                except OSError:
                    os.close(descriptor)
                    break
                if _is_at(path, descriptor):
                    _held[path] = descriptor
                    return cls(path, descriptor)
                os.close(descriptor)  # Its last holder has removed it: others lock another file.
            return None

    def renew(self) -> None:
        """Locks again what another part of this process unlocked by closing the file."""
        with _guard, suppress(OSError):
            if os.getpid() == self._owner:
                _try_lock(self._descriptor)

    def remove(self) -> None:
        """Removes the lock file of a writer that is done, while it is held: it may be another's
        from then on."""
        with suppress(PermissionError):  # Windows removes nothing that is open.
            self.path.unlink(missing_ok=True)

    def release(self) -> None:
        """Gives the lease up."""
        with _guard:
            if os.getpid() == self._owner and _held.get(self.path) == self._descriptor:
                del _held[self.path]
                os.close(self._descriptor)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def is_held(path: Path) -> bool:
    """Whether a live process on this machine holds the lease on `path`."""
    path = _canonical(path)
    with _guard:
        if path in _held:
            return True
        if not path.exists():
            return False
        try:
            # Asking needs no right to write, of which a read-only mount or another user has none.
            descriptor = os.open(path, os.O_RDONLY if sys.platform == "linux" else os.O_RDWR)
        except OSError:
            return False
        try:
            return _locked_by_another(descriptor)
        finally:
            os.close(descriptor)


def _locked_by_another(descriptor: int) -> bool:
    if sys.platform == "linux":
        return _asked(descriptor)
    try:
        _try_lock(descriptor)
    except OSError:
        return True
    return False


def _asked(descriptor: int) -> bool:
    # F_GETLK asks without taking, so that two readers never mistake each other for the writer.
    import struct

    flock = struct.Struct("@hhqqi4x")
    answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, flock.pack(fcntl.F_WRLCK, 0, 0, 0, 0))
    return bool(flock.unpack(answer)[0] != fcntl.F_UNLCK)


def _canonical(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _forget_in_child() -> None:
    # A forked child holds no lockf lock; the inherited descriptors are its parent's.
    global _guard
    _guard = threading.RLock()
    for descriptor in _held.values():
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
