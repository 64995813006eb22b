"""Who may show a page in a frame of theirs."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from otel_trackio_space.policy import ANY_FRAME, COLAB, FRAMES, frames_of


@pytest.mark.parametrize("query", ["embed=1", "project=a&embed=1", "%65mbed=1", "embed=1&embed=1"])
def test_an_embedded_page_may_stand_anywhere(query: str) -> None:
    """However the address says that it is embedded."""
    assert frames_of({"query_string": query.encode()}) == ANY_FRAME


@pytest.mark.parametrize(
    "query",
    [
        *("", "embed=0", "embed=", "embed=true", "project=embed=1", "embeds=1"),
        *("embed=0&embed=1", "embed=1&embed=0", "embed&embed=1", "%65mbed=0&embed=1"),
    ],
)
def test_a_page_that_can_change_something_may_not(query: str) -> None:
    """Nor one whose address says both: the page would take it for the whole one."""
    assert frames_of({"query_string": query.encode()}) == FRAMES


def test_on_colab_its_notebook_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of its own origin shows what cells show."""
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    assert frames_of({"query_string": b""}) == FRAMES + COLAB
