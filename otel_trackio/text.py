"""Text that everything downstream can hold."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text, with lone surrogates spelled out: they are no UTF-8, which SQLite insists on."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text
