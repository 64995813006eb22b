from __future__ import annotations

import sys
from pathlib import Path

import pytest

from otel_trackio.filesystem import filesystem_type, is_network, mounted_type, sync, sync_names

MOUNTS = r"""/dev/sda1 / ext4 rw 0 0
proc /proc proc rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb /home/me/scratch xfs rw 0 0
server:/big\040data /mnt/big\040data lustre rw 0 0
/dev/sdc /mnt/twice ext4 rw 0 0
tmpfs /mnt/twice tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "fstype"),
    [
        ("/", "ext4"),
        ("/homework", "ext4"),
        ("/home", "nfs4"),
        ("/home/me/runs", "nfs4"),
        ("/home/me/scratch/runs", "xfs"),
        ("/mnt/big data/x", "lustre"),
        ("/mnt/twice/x", "tmpfs"),
    ],
)
def test_the_innermost_mount_holds_the_path(path: str, fstype: str) -> None:
    """Mounts nest, cover one another, and may have blanks in their names."""
    assert mounted_type(MOUNTS, Path(path)) == fstype


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_this_machine_tells_its_file_systems(tmp_path: Path) -> None:
    """Links are followed, and the path need not exist."""
    link = tmp_path / "link"
    link.symlink_to("/proc")
    assert filesystem_type(link / "none") == "proc"
    assert filesystem_type(tmp_path) is not None


def test_network_file_systems_are_known_by_type() -> None:
    """Cluster and FUSE file systems count as network; what is not known to be one does not."""
    assert all(map(is_network, ["nfs", "nfs4", "lustre", "gpfs", "wekafs", "fuse.sshfs", "fuse"]))
    assert all(map(is_network, ["ceph", "cifs", "smb3", "beegfs", "afs", "9p"]))
    assert not any(map(is_network, ["ext4", "xfs", "tmpfs", "overlay", "apfs", "fuseblk", None]))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere other things cannot be kept")
def test_what_a_file_system_cannot_do_is_no_error(tmp_path: Path) -> None:
    """Some know no way to keep a file, or a name, for sure; what is not there is an error."""
    sync(Path("/dev/null"))
    sync_names(Path("/proc"))
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "nowhere")
