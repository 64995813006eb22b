"""Marks of plots and tables, and what stands for them where a terminal knows ASCII alone."""

from __future__ import annotations

import codecs
from typing import Final

FALLBACK: Final = "otel_trackio.marks"
"""How an output stream is to treat a character that it cannot encode."""

CUT: Final = "\N{HORIZONTAL ELLIPSIS}"
"""Where a text was cut."""

PLAIN: Final = {
    CUT: "~",
    "\N{MULTIPLICATION X}": "x",
    **dict.fromkeys("─━╶╴", "-"),
    **dict.fromkeys("│┤├╵╷", "|"),
    **dict.fromkeys("┌┐└┘┬┴┼", "+"),
    "\N{BRAILLE PATTERN BLANK}": " ",
}
"""One character for one, so that what is aligned stays so."""

BRAILLE: Final = range(0x2801, 0x2900)
"""Characters of which curves are drawn."""


def _replaced(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    return "".join(map(_plain, unknown)), error.end


def _plain(character: str) -> str:
    if ord(character) in BRAILLE:
        return "*"
    return PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode()


codecs.register_error(FALLBACK, _replaced)
