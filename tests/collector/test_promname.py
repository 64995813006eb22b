"""Names and labels in Prometheus are those that the official translator makes."""

from __future__ import annotations

import pytest

from otel_trackio_collector.promname import label_name, labels, metric_name, unit_name

# Name, unit and kind, and what the official translator makes of them.
WITH_SUFFIXES = [
    ("training.loss", "", "gauge", "training_loss"),
    ("training.loss", "1", "gauge", "training_loss_ratio"),
    ("training.accuracy", "1", "gauge", "training_accuracy_ratio"),
    ("training.tokens", "{token}", "counter", "training_tokens_total"),
    ("training.token.rate", "{token}/s", "gauge", "training_token_rate_per_second"),
    ("tokens.per.second", "{token}/s", "gauge", "tokens_per_second_per_second"),
    ("training.step.duration", "s", "gauge", "training_step_duration_seconds"),
    ("train.step.time.seconds", "s", "gauge", "train_step_time_seconds"),
    ("training.flop.rate", "{flop}/s", "gauge", "training_flop_rate_per_second"),
    ("hw.gpu.utilization", "1", "gauge", "hw_gpu_utilization_ratio"),
    ("hw.gpu.memory.usage", "By", "", "hw_gpu_memory_usage_bytes"),
    ("hw.power", "W", "gauge", "hw_power_watts"),
    ("hw.energy", "J", "counter", "hw_energy_joules_total"),
    ("hw.temperature", "Cel", "gauge", "hw_temperature_celsius"),
    ("hw.gpu.speed", "Hz", "gauge", "hw_gpu_speed_hertz"),
    ("io.bytes", "By", "counter", "io_bytes_total"),
    ("io", "By/s", "gauge", "io_bytes_per_second"),
    ("throughput", "KiBy/s", "gauge", "throughput_kibibytes_per_second"),
    ("requests", "1/s", "gauge", "requests_per_second"),
    ("requests", "1/s", "counter", "requests_per_second_total"),
    ("energy", "J/{token}", "gauge", "energy_joules"),
    ("rate", "{step}/min", "gauge", "rate_per_min"),
    ("rate", "m/s", "gauge", "rate_meters_per_second"),
    ("x", "%", "gauge", "x_percent"),
    ("x_percent", "%", "gauge", "x_percent"),
    ("x", "MHz", "gauge", "x_MHz"),
    ("x", "foo bar", "gauge", "x_foo_bar"),
    ("x", " s ", "gauge", "x_seconds"),
    ("x", "°C", "gauge", "x_C"),
    ("x", "a/b/c", "gauge", "x_a_per_b_c"),
    ("x", "/s", "gauge", "x_per_second"),
    ("x", "s/", "gauge", "x_seconds"),
    ("steps_total", "", "counter", "steps_total"),
    ("http.total.requests", "", "counter", "http_requests_total"),
    ("mfu.ratio", "1", "gauge", "mfu_ratio"),
    ("items", "1", "counter", "items_total"),
    ("train/loss", "", "gauge", "train_loss"),
    ("eval/rouge-1", "", "gauge", "eval_rouge_1"),
    ("lr:base", "", "gauge", "lr:base"),
    ("1st.metric", "", "gauge", "_1st_metric"),
    ("__x", "", "gauge", "x"),
    ("a..b__c", "", "gauge", "a_b_c"),
    ("train.loss_总", "", "gauge", "train_loss"),
    ("损失", "", "gauge", ""),
    ("...", "", "gauge", ""),
    ("", "", "gauge", ""),
]


@pytest.mark.parametrize(("name", "unit", "kind", "expected"), WITH_SUFFIXES)
def test_a_name_tells_unit_and_kind(name: str, unit: str, kind: str, expected: str) -> None:
    """Units become words, what only grows ends in _total, a gauge of the unit 1 in _ratio."""
    assert metric_name(name, unit, kind) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("simple_metric", "simple_metric"),
        ("metric@with#special$chars", "metric_with_special_chars"),
        ("123metric", "_123metric"),
        ("metric@@##$$name", "metric_name"),
        ("a__b", "a__b"),
        ("@_#_$_%", ""),
        ("@#$%", ""),
        ("___", "___"),
        ("", ""),
    ],
)
def test_a_name_may_go_without_suffixes(name: str, expected: str) -> None:
    """Without suffixes a name is only made to fit."""
    assert metric_name(name, "By", "counter", suffixes=False) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("label:with:colons", "label_with_colons"),
        ("LabelWithCapitalLetters", "LabelWithCapitalLetters"),
        ("label!with&special$chars)", "label_with_special_chars_"),
        ("label_with_foreign_characters_字符", "label_with_foreign_characters_"),
        ("hw.id", "hw_id"),
        (".foo", "_foo"),
        ("123label", "key_123label"),
        ("_label", "_label"),
        ("__label_starting_with_2underscores", "_label_starting_with_2underscores"),
        ("label__with__double__underscores", "label_with_double_underscores"),
        ("__reserved__label__name__", "__reserved_label_name__"),
        ("trailing_underscores___", "trailing_underscores_"),
        ("ようこそ", ""),
        ("__", ""),
        ("", ""),
    ],
)
def test_labels_are_made_to_fit(name: str, expected: str) -> None:
    """What no label may hold becomes an underscore; of underscores alone nothing is left."""
    assert label_name(name) == expected


def test_labels_that_meet_are_joined() -> None:
    """Values of attributes that become one label are joined by `;`, in the order of their keys."""
    met = labels([("hw.id", "b"), ("hw-id", "a"), ("hw_id", "c"), ("。", "gone")])
    assert met == {"hw_id": "a;b;c"}


def test_no_label_is_the_name() -> None:
    """An attribute that is called as Prometheus calls a metric's name renames no series."""
    assert labels([("__name__", "up"), ("a", "b")]) == {"a": "b"}


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("ms", "milliseconds"), ("1/s", "per_second"), ("By/s", "bytes_per_second"), ("{a}", "")],
)
def test_metadata_tells_the_unit_in_words(unit: str, expected: str) -> None:
    """A unit's name is what stands at the end of a metric's."""
    assert unit_name(unit) == expected
