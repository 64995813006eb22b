"""Arrays as PNG. Pure."""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LEVEL: Final = 1
"""Of zlib: a training step waits for it, and more makes images smaller by a few percent only."""

STRATEGY: Final = zlib.Z_RLE
"""Of zlib: half the time of its default for filtered pixels, and no larger."""

MAX_PIXELS: Final = 25_000_000
"""Of one image at most."""

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_COLOURS: Final = {1: 0, 2: 4, 3: 2, 4: 6}
"""PNG's number for so many channels: grey, with alpha, red green blue, with alpha."""

_UP: Final = 2
"""PNG's number for rows of which each is told by how it differs from the one above."""


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """The PNG of `pixels`, uint8 of shape (height, width) or (height, width, 1 to 4 channels)."""
    height, width, channels = shape_of(pixels)
    rows = np.ascontiguousarray(pixels).reshape(height, width * channels)
    filtered = np.empty((height, width * channels + 1), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    packer = zlib.compressobj(LEVEL, strategy=STRATEGY)
    packed = packer.compress(filtered.data) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    parts = (
        _chunk(b"IHDR", header),
        _chunk(b"IDAT", packed),
        _chunk(b"IEND", b""),
    )
    return _SIGNATURE + b"".join(parts)


def shape_of(pixels: NDArray[Any]) -> tuple[int, int, int]:
    """Height, width and channels. Raises ValueError where it is the shape of no image."""
    shape = pixels.shape if pixels.ndim == 3 else (*pixels.shape, 1)
    if len(shape) != 3 or not all(shape) or shape[2] not in _COLOURS:
        raise ValueError(f"has shape {pixels.shape}: give height, width, and 1 to 4 channels")
    return shape[0], shape[1], shape[2]


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
