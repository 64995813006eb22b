"""Mounts a file system in memory by FUSE, as cluster file systems are, and serves it till killed.

It knows what segments need: whole files, folders, renames. It has no locks and no shared mappings.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Final

HEAD: Final = struct.Struct("=IIQQIIII")
ANSWER: Final = struct.Struct("=IiQ")
ATTRIBUTES: Final = struct.Struct("=6Q10I")
SETTING: Final = struct.Struct("=II6Q8I")
MOST: Final = 1 << 17
ROOT: Final = 1
MTIME: Final = 32
"""The bit of SETATTR that sets a time, and not to now."""


@dataclass
class Node:
    """A file or a folder."""

    mode: int
    data: bytearray = field(default_factory=bytearray)
    names: dict[bytes, int] = field(default_factory=dict)
    changed: int = field(default_factory=time.time_ns)


class Served:
    """Answers requests; each method takes a node's number and what follows the header."""

    def __init__(self) -> None:
        self.nodes = {ROOT: Node(stat.S_IFDIR | 0o755)}
        self.numbers = count(ROOT + 1)

    def found(self, number: int) -> bytes:
        return struct.pack("=QQQQII", number, 0, 0, 0, 0, 0) + self.attributes(number)

    def attributes(self, number: int) -> bytes:
        node = self.nodes[number]
        size, (seconds, rest) = len(node.data), divmod(node.changed, 10**9)
        times = [seconds] * 3, [rest] * 3
        sizes = number, size, -(-size // 512)
        return ATTRIBUTES.pack(*sizes, *times[0], *times[1], node.mode, 1, 0, 0, 0, 4096, 0)

    def init(self, number: int, body: bytes) -> bytes:
        big_writes = 1 << 5
        return struct.pack("=4I2H2I2H8I", 7, 31, MOST, big_writes, 8, 6, MOST, 1, 0, 0, *[0] * 8)

    def lookup(self, number: int, body: bytes) -> bytes:
        names = self.nodes[number].names
        if body[:-1] not in names:
            raise FileNotFoundError(errno.ENOENT, "")
        return self.found(names[body[:-1]])

    def getattr(self, number: int, body: bytes) -> bytes:
        return struct.pack("=QII", 0, 0, 0) + self.attributes(number)

    def setattr(self, number: int, body: bytes) -> bytes:
        node, (valid, _, _, size, *rest) = self.nodes[number], SETTING.unpack(body[: SETTING.size])
        if valid & 1:
            node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(rest[7])
        if valid & 8:
            node.data = node.data[:size].ljust(size, b"\0")
        node.changed = rest[2] * 10**9 + rest[5] if valid & MTIME else time.time_ns()
        return self.getattr(number, b"")

    def made(self, parent: int, name: bytes, mode: int) -> bytes:
        number = next(self.numbers)
        self.nodes[number] = Node(mode)
        self.nodes[parent].names[name] = number
        return self.found(number)

    def mkdir(self, number: int, body: bytes) -> bytes:
        return self.made(number, body[8:-1], stat.S_IFDIR | struct.unpack("=I", body[:4])[0])

    def create(self, number: int, body: bytes) -> bytes:
        _, mode = struct.unpack("=II", body[:8])
        return self.made(number, body[16:-1], stat.S_IFREG | mode) + self.open(number, b"")

    def open(self, number: int, body: bytes) -> bytes:
        direct = 1  # Past the page cache, so that nothing can be mapped and shared.
        return struct.pack("=QII", 0, direct, 0)

    def opendir(self, number: int, body: bytes) -> bytes:
        return struct.pack("=QII", 0, 0, 0)

    def read(self, number: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack("=QQI", body[:20])
        return bytes(self.nodes[number].data[offset : offset + size])

    def write(self, number: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack("=QQI", body[:20])
        node = self.nodes[number]
        node.data = node.data.ljust(offset, b"\0")
        node.data[offset : offset + size] = body[40 : 40 + size]
        node.changed = time.time_ns()
        return struct.pack("=II", size, 0)

    def readdir(self, number: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack("=QQI", body[:20])
        found = b""
        for place, (name, each) in enumerate(list(self.nodes[number].names.items())):
            kind = self.nodes[each].mode >> 12
            row = struct.pack("=QQII", each, place + 1, len(name), kind) + name
            row = row.ljust(-(-len(row) // 8) * 8, b"\0")
            if place >= offset and len(found) + len(row) <= size:
                found += row
        return found

    def unlink(self, number: int, body: bytes) -> bytes:
        del self.nodes[number].names[body[:-1]]
        return b""

    def rename(self, number: int, body: bytes, head: int = 8) -> bytes:
        (to,) = struct.unpack("=Q", body[:8])
        old, new, _ = body[head:].split(b"\0")
        self.nodes[to].names[new] = self.nodes[number].names.pop(old)
        return b""

    def rename2(self, number: int, body: bytes) -> bytes:
        return self.rename(number, body, 16)

    def statfs(self, number: int, body: bytes) -> bytes:
        return struct.pack("=5Q10I", *[1 << 30] * 5, 4096, 255, 4096, *[0] * 7)

    def nothing(self, number: int, body: bytes) -> bytes:
        return b""


CALLS: Final[dict[int, Callable[[Served, int, bytes], bytes]]] = {
    **{1: Served.lookup, 3: Served.getattr, 4: Served.setattr, 9: Served.mkdir},
    **{10: Served.unlink, 11: Served.unlink, 12: Served.rename, 14: Served.open},
    **{15: Served.read, 16: Served.write, 17: Served.statfs, 26: Served.init},
    **{27: Served.opendir, 28: Served.readdir, 35: Served.create, 45: Served.rename2},
    # Letting go, and making sure, of what is in memory anyway.
    **dict.fromkeys((18, 20, 25, 29, 30, 34), Served.nothing),
}
UNANSWERED: Final = (2, 36, 42)
"""Requests to forget, and to interrupt."""


def main(path: str) -> None:
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"cluster", path.encode(), b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), f"cannot mount {path}")
    print("mounted", flush=True)  # noqa: T201 (the test waits for it)
    served = Served()
    while True:
        request = os.read(device, MOST + 4096)
        _, call, unique, number, *_ = HEAD.unpack(request[: HEAD.size])
        if call in UNANSWERED:
            continue
        error, answer = 0, b""
        try:
            if call not in CALLS:
                raise OSError(errno.ENOSYS, "")
            answer = CALLS[call](served, number, request[HEAD.size :])
        except OSError as failure:
            error = failure.errno or errno.EIO
        os.write(device, ANSWER.pack(ANSWER.size + len(answer), -error, unique) + answer)


if __name__ == "__main__":
    main(sys.argv[1])
