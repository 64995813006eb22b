"""An image to log."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from otel_trackio import png
from otel_trackio.attachment import MAX_FILE_BYTES
from otel_trackio.attachments import Attachments, TooLarge
from otel_trackio.media import Media, NotShown
from otel_trackio.text import storable

MAX_CAPTION: Final = 1_000
"""Characters of a caption that are kept."""

_BEGINNINGS: Final = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpg",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
}


class Image(Media):
    """An image to log: `log({"sample": Image(pixels, caption="epoch 3")})`.

    `value` is the path of a file, or what it holds as bytes, which is kept as it is if it is PNG,
    JPEG, GIF or WebP; an array or tensor of uint8, of shape (height, width) or (height, width, 1 to
    4 channels); or an image of Pillow. It is read when it is logged. A list of images may be logged
    under one name.
    """

    kind = "image"

    def __init__(self, value: Any, caption: str | None = None) -> None:
        self.value = value
        self.caption = caption

    def data(self, files: Attachments) -> dict[str, Any]:
        content, ending = _content(self.value)
        document: dict[str, Any] = {"file": files.put(content, ending).document()}
        if self.caption is not None:
            document["caption"] = storable(str(self.caption))[:MAX_CAPTION]
        return document

    def __repr__(self) -> str:
        return f"Image({type(self.value).__name__}, caption={self.caption!r})"


def _content(value: Any) -> tuple[bytes, str]:
    """The bytes of an image file, and how names of such files end."""
    if isinstance(value, str | os.PathLike):
        return _read(Path(value))
    if isinstance(value, bytes):
        ending = _ending(value)
        if ending is None:
            raise NotShown("is no PNG, JPEG, GIF or WebP")
        return value, ending
    if hasattr(value, "save") and hasattr(value, "getbands"):
        return _saved(value), "png"
    try:
        pixels = np.asarray(_on_host(value))
        height, width, _ = png.shape_of(pixels)
    except (TypeError, ValueError) as error:
        raise NotShown(f"is no image: {error}") from error
    if pixels.dtype != np.uint8:
        raise NotShown(
            f"has values of {pixels.dtype}: give uint8, such as (x * 255).astype('uint8') of 0 to 1"
        )
    _check(width, height)
    return png.encode(pixels), "png"


def _on_host(value: Any) -> Any:
    for move in ("detach", "cpu"):  # A torch tensor may need both before numpy can read it.
        if hasattr(value, move):
            value = getattr(value, move)()
    return value


def _read(path: Path) -> tuple[bytes, str]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)  # What is longer is refused, and not read.
    except OSError as error:
        raise NotShown(f"cannot be read: {error}") from error
    ending = _ending(content)
    if ending is not None:
        return content, ending
    try:
        from PIL import Image as Pillow
    except ImportError:
        raise NotShown(
            f"is no PNG, JPEG, GIF or WebP: {path}; pip install pillow reads others"
        ) from None
    try:
        with Pillow.open(path) as opened:
            return _saved(opened), "png"
    except (OSError, ValueError, Pillow.DecompressionBombError) as error:
        raise NotShown(f"cannot be read: {error}") from error


def _ending(content: bytes) -> str | None:
    for beginning, ending in _BEGINNINGS.items():
        if content.startswith(beginning):
            return ending
    return "webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def _saved(image: Any) -> bytes:
    """The PNG of an image of Pillow."""
    _check(*image.size)
    known = image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
    out = io.BytesIO()
    try:
        (image if known else image.convert("RGB")).save(out, "PNG", compress_level=png.LEVEL)
    except OSError as error:  # It is read from its file only now, which may be cut short.
        raise NotShown(f"cannot be read: {error}") from error
    return out.getvalue()


def _check(width: int, height: int) -> None:
    if width * height > png.MAX_PIXELS:
        message = f"has {width:,} x {height:,} pixels, more than {png.MAX_PIXELS:,}"
        raise TooLarge(message, "log it smaller")
