"""Units of the hardware's charts."""

from __future__ import annotations

import pytest

from tests.space.ui.module import evaluate


@pytest.mark.parametrize(
    ("unit", "name", "size", "shown"),
    [
        ("By", "hw.gpu.memory.usage", 7e10, (70, "GB")),
        ("By", "system.memory.usage", 512, (512, "B")),
        ("Hz", "hw.gpu.speed", 1.98e9, (1.98, "GHz")),
        ("W", "hw.power", 700, (700, "W")),
        ("1", "hw.gpu.utilization", 0.5, (50, "%")),
        ("1", "hw.gpu.performance_state", 2, (2, "")),
        ("Cel", "hw.temperature", 61, (61, "°C")),
        ("{error}", "hw.errors", 3, (3, "error")),
    ],
)
def test_values_are_shown_in_units_people_use(
    unit: str, name: str, size: float, shown: tuple[float, str]
) -> None:
    """Bytes, hertz, joules and watts with the prefix of the greatest value; shares as percent."""
    found = evaluate("unit.js", "m.shownUnit(...given)", [unit, name, size])

    assert found["text"] == shown[1]
    assert found["factor"] * size == pytest.approx(shown[0])
