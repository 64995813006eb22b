"""What tells metrics of one name apart."""

from __future__ import annotations

from typing import Any

from tests.space.ui.module import evaluate

ABOUTS = "Object.fromEntries(m.aboutsOf(given))"


def abouts(*keys: str) -> Any:
    return evaluate("attributes.js", ABOUTS, list(keys))


def test_attributes_that_differ_come_first() -> None:
    """So that they are seen where there is little room; a name alone says nothing more."""
    found = abouts(
        "requests{host.name=a,http.route=/cart,status=200}",
        "requests{host.name=a,http.route=/cart,status=500}",
        "train/loss",
    )
    assert found == {
        "requests{host.name=a,http.route=/cart,status=200}": {
            "full": "status=200, host.name=a, http.route=/cart",
            "brief": "status=200",
        },
        "requests{host.name=a,http.route=/cart,status=500}": {
            "full": "status=500, host.name=a, http.route=/cart",
            "brief": "status=500",
        },
    }


def test_a_metric_without_its_like_is_told_in_full() -> None:
    """All of its attributes, as nobody knows which matter."""
    found = abouts("training.loss{training.phase=train}", "other{training.phase=eval}")
    assert found["training.loss{training.phase=train}"] == {
        "full": "training.phase=train",
        "brief": "phase=train",
    }


def test_an_attribute_that_others_lack_tells_it_apart() -> None:
    """It counts as one that differs; names and values may be anything."""
    found = abouts("a{x=1}", "a{x=1,y=<b>, c}", "a", "<img src=x>{__proto__=1}")
    assert found["a{x=1,y=<b>, c}"]["brief"] == "x=1, y=<b>, c"
    assert found["<img src=x>{__proto__=1}"]["full"] == "__proto__=1"
    assert "a" not in found
