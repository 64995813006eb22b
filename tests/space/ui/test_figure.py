"""Numbers of configs and tables."""

from __future__ import annotations

import pytest

from tests.space.ui.module import evaluate


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (124_439_808, "124,439,808"),
        (-28_000_000, "\N{MINUS SIGN}28,000,000"),
        (0, "0"),
        (0.0003, "0.0003"),
        (1.23456789, "1.23457"),
        (10**15, "1e15"),
    ],
)
def test_integers_are_shown_in_full(value: float, text: str) -> None:
    """However large a network is, its parameters can be read; other numbers are rounded."""
    assert evaluate("figure.js", "m.figure(given)", value) == text
