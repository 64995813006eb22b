"""What file systems do and can: SQLite and mmap need one of this machine, not all outlive a loss
of power.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

_NETWORK: Final = (
    *("9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse", "gfs2", "glusterfs", "gpfs"),
    *("lustre", "nfs", "ocfs2", "orangefs", "panfs", "pvfs2", "smb", "weka"),
)
_LOCAL_FUSE: Final = ("fuseblk", "fuse.fuse-overlayfs")  # A local disk; a container's root.
_UNABLE: Final = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
_MOUNT: Final = re.compile(r"^[^ \n]* ([^ \n]+) ([^ \n]+) ", re.MULTILINE)


def filesystem_type(path: Path) -> str | None:
    """The type that the kernel names, such as `ext4` or `nfs4`; None where it does not say.

    `path` need not exist yet.
    """
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8", "surrogateescape")
    except OSError:
        return None
    return mounted_type(mounts, Path(os.path.realpath(path)))


def mounted_type(mounts: str, path: Path) -> str | None:
    """The type of the mount that holds the absolute `path`, from the text of /proc/mounts."""
    found: tuple[int, str | None] = (0, None)
    for target, fstype in _MOUNT.findall(mounts):
        mount = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), target))
        # The longest wins, and of equals the last: it covers the others.
        if path.is_relative_to(mount) and len(mount.parts) >= found[0]:
            found = len(mount.parts), fstype
    return found[1]


def is_network(fstype: str | None) -> bool:
    """Whether files of that type may be on another machine (NFS, Lustre, FUSE...)."""
    return fstype is not None and fstype.startswith(_NETWORK) and fstype not in _LOCAL_FUSE


def sync(path: Path) -> None:
    """Has the disk hold what a file holds, where its file system can. Raises OSError."""
    # Windows does it for who may write alone.
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNABLE:
            raise
    finally:
        os.close(descriptor)


def sync_names(folder: Path) -> None:
    """Lets the names in a folder outlive a power loss, where its file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
