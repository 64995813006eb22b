from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_trackio.errors import ConfigError
from otel_trackio.settings import SETTINGS, Settings, markdown, resolve


def test_the_argument_comes_first_then_the_variables_in_order_then_the_default() -> None:
    """Each source is heard only where those before it are silent, and is named."""
    environ = {"OTEL_SERVICE_NAME": "service"}
    found = [resolve({}, {}), resolve({}, environ)]
    environ["TRACKIO_PROJECT"] = "trackio"
    found.append(resolve({}, environ))
    environ["OTEL_TRACKIO_PROJECT"] = "ours"
    found += [resolve({}, environ), resolve({"project": "given"}, environ)]
    assert [(settings.project, settings.source_of("project")) for settings in found] == [
        ("default", "default"),
        ("service", "OTEL_SERVICE_NAME"),
        ("trackio", "TRACKIO_PROJECT"),
        ("ours", "OTEL_TRACKIO_PROJECT"),
        ("given", "argument"),
    ]


def test_what_is_empty_is_not_set() -> None:
    """An empty variable, blanks, and an argument that is None or empty text count as absent."""
    settings = resolve({"name": None, "project": ""}, {"OTEL_TRACKIO_INTERVAL": " "})
    assert settings == resolve({}, {})
    assert settings.source_of("interval") == "default"


def test_the_table_and_the_attributes_are_the_same_settings() -> None:
    """Every setting has one row, whose first variable is OTEL_TRACKIO_<OPTION>."""
    assert [row.name for row in SETTINGS] == [f.name for f in fields(Settings)][:-1]
    for row in SETTINGS:
        assert row.env[0].startswith(f"OTEL_TRACKIO_{row.name.upper().removesuffix('_ERRORS')}")


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        ({}, "online"),
        ({"OTEL_TRACKIO_MODE": "Offline"}, "offline"),
        ({"OTEL_SDK_DISABLED": "True"}, "disabled"),
        ({"OTEL_SDK_DISABLED": "1"}, "online"),
        ({"HF_HUB_OFFLINE": "yes"}, "offline"),
        ({"HF_HUB_OFFLINE": "0"}, "online"),
        ({"OTEL_SDK_DISABLED": "true", "HF_HUB_OFFLINE": "1"}, "disabled"),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_TRACKIO_MODE": "online"}, "online"),
    ],
)
def test_variables_of_other_libraries_mean_what_they_mean_there(
    environ: dict[str, str], mode: str
) -> None:
    """OTEL_SDK_DISABLED disables, HF_HUB_OFFLINE keeps offline; ours overrules both."""
    assert resolve({}, environ).mode == mode


@pytest.mark.parametrize(
    ("text", "size"),
    [("65536", 65536), ("16MiB", 16 << 20), ("16 mb", 16_000_000), ("1GiB", 1 << 30)],
)
def test_sizes_are_read_with_their_units(text: str, size: int) -> None:
    """MiB is 1024 * 1024 bytes, MB a million, no unit means bytes."""
    assert resolve({}, {"OTEL_TRACKIO_JOURNAL_SIZE": text}).journal_size == size


@pytest.mark.parametrize(
    ("name", "variable", "text", "accepted"),
    [
        ("interval", "OTEL_TRACKIO_INTERVAL", "fast", "seconds from 0.01 to 3600"),
        ("interval", "OTEL_TRACKIO_INTERVAL", "nan", "seconds from 0.01 to 3600"),
        ("full_wait", "OTEL_TRACKIO_FULL_WAIT", "-1", "seconds from 0 to 3600"),
        ("fold_points", "OTEL_TRACKIO_FOLD_POINTS", "1.5", "a whole number from 1 to 1000000000"),
        ("journal_size", "OTEL_TRACKIO_JOURNAL_SIZE", "63KiB", "bytes from 64KiB to 1GiB"),
        ("journal_size", "OTEL_TRACKIO_JOURNAL_SIZE", "16 bits", "bytes from 64KiB to 1GiB"),
        ("silent", "OTEL_TRACKIO_SILENT", "2", "one of 1, true, yes, on, 0, false, no, off"),
        ("mode", "OTEL_TRACKIO_MODE", "shared", "one of online, offline, disabled"),
    ],
)
def test_a_bad_value_is_refused_with_what_would_be_accepted(
    name: str, variable: str, text: str, accepted: str
) -> None:
    """The message names the variable or argument, its value, and what to give instead."""
    with pytest.raises(ConfigError) as error:
        resolve({}, {variable: text})
    assert str(error.value) == f"cannot use {variable}={text!r}; give {accepted}"
    with pytest.raises(ConfigError) as error:
        resolve({name: text}, {})
    assert str(error.value) == f"cannot use {name}={text!r}; give {accepted}"


@pytest.mark.parametrize("overrides", [{"dir": 3}, {"tags": 3}, {"intervall": 1.0}])
def test_a_bad_argument_is_refused(overrides: dict[str, object]) -> None:
    """An argument of the wrong type, or of an unknown name, is a ConfigError too."""
    with pytest.raises(ConfigError):
        resolve(overrides, {})


@given(st.floats(0.01, 3600), st.integers(1, 10**9), st.booleans())
def test_a_variable_says_the_same_as_an_argument(seconds: float, count: int, flag: bool) -> None:
    """Numbers and flags mean the same as values and as text."""
    arguments = {"interval": seconds, "fold_points": count, "silent": flag}
    environ = {f"OTEL_TRACKIO_{name.upper()}": str(value) for name, value in arguments.items()}
    settings = resolve(arguments, {})
    assert settings == resolve({}, environ)
    assert (settings.interval, settings.fold_points, settings.silent) == (seconds, count, flag)


def test_tags_are_a_list_or_text_with_commas() -> None:
    """Blanks around tags, and empty tags, are dropped."""
    assert resolve({}, {"OTEL_TRACKIO_TAGS": "a, b,,"}).tags == ("a", "b")
    assert resolve({"tags": ["a", "b,c"]}, {}).tags == ("a", "b,c")


def test_the_folder_stays_put(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative DIR is that of the moment, `~` is the home; the default is the user's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve({"dir": Path("runs")}, {}).dir == tmp_path / "runs"
    assert resolve({}, {"TRACKIO_DIR": "~/runs"}).dir == tmp_path / "runs"
    assert resolve({}, {}).dir.name == "otel-trackio"


def test_the_readme_table_has_a_row_for_each_setting() -> None:
    """Rows have four cells, whatever their documentation says."""
    rows = markdown().splitlines()
    assert len(rows) == len(SETTINGS) + 2
    assert {row.count("|") for row in rows} == {5}
