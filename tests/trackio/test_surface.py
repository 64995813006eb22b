"""What there is: all of Trackio's names and calls, and one clear error for what is not recorded."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.trackio.conftest import REAL, python
from tests.trackio.signatures import CALLS, NAMES

ABSENT: Final = (
    "TRACKIO_LOGO_DIR",  # A folder of the real package's own pictures.
)

TOLD = """
import inspect, json, sys
import trackio, trackio.api
calls = {}
for name in json.loads(sys.argv[1]):
    owner = trackio
    for part in name.split("."):
        owner = getattr(owner, part)
    made = inspect.signature(owner.__init__ if inspect.isclass(owner) else owner).parameters
    calls[name] = [
        [each.name, each.default is not each.empty,
         repr(getattr(each.default, "value", each.default)), int(each.kind)]
        for each in made.values() if each.name != "self"
    ]
print(json.dumps({"version": trackio.__version__, "names": trackio.__all__, "calls": calls}))
"""

Parameter = tuple[str, bool, str, int]
"""Its name, whether it has a default and which, and of what kind it is."""


def told_of(call: Callable[..., Any]) -> list[Parameter]:
    return [
        (each.name, has, repr(getattr(each.default, "value", each.default)), int(each.kind))
        for each in inspect.signature(call).parameters.values()
        if each.name != "self"
        for has in (each.default is not each.empty,)
    ]


def frozen() -> Mapping[str, list[Parameter]]:
    """The table of Trackio's calls."""
    found = {}
    for name, parameters in re.findall(r"^([\w.]+)\((.*?)\)$", CALLS, re.MULTILINE | re.DOTALL):
        function = ast.unparse(ast.parse(f"lambda {' '.join(parameters.split())}: None"))
        found[name] = told_of(eval(function))
    return found


def ours(trackio: Any, name: str) -> list[Parameter]:
    owner = trackio
    for part in name.split("."):
        owner = getattr(owner, part)
    return told_of(owner.__init__ if inspect.isclass(owner) else owner)


def test_every_name_is_there(trackio: Any) -> None:
    """And what is exported here is no more than that, and what a script reads beside it."""
    assert {name for name in NAMES if not hasattr(trackio, name)} == set(ABSENT)
    more = {"Collection", "Registry", "Run", "config"}
    assert set(trackio.__all__) == (set(NAMES) - set(ABSENT)) | more


@pytest.mark.parametrize("name", frozen())
def test_every_call_takes_what_trackios_takes(trackio: Any, name: str) -> None:
    """The same parameters in the same order with the same defaults; more may follow them."""
    wanted, found = frozen()[name], ours(trackio, name)
    for (key, has_default, default, kind), mine in zip(wanted, found, strict=False):
        assert (mine[0], mine[3]) == (key, kind)
        if has_default:
            assert mine[2] == default
    assert len(found) >= len(wanted)
    for key, has_default, _, kind in found[len(wanted) :]:
        assert has_default, key
        assert kind == inspect.Parameter.KEYWORD_ONLY, key


@pytest.mark.allow_skip
def test_the_table_is_that_of_the_real_package(real_trackio: Path) -> None:
    """Where it is installed: a later version may have more than the table, and must have that."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    made = python(TOLD, env, json.dumps(list(frozen())), executable=REAL)
    told = json.loads(made.stdout)
    assert set(NAMES) <= set(told["names"])
    for name, wanted in frozen().items():
        found = [tuple(each) for each in told["calls"][name]]
        assert found[: len(wanted)] == wanted, name


@pytest.mark.parametrize(
    "name", ["Audio", "Video", "Object3D", "Html", "Artifact", "Registry", "Molecule", "EvalTable"]
)
def test_what_cannot_be_recorded_says_what_can(trackio: Any, name: str) -> None:
    """One error, with the alternative; where Trackio has none either it is the same."""
    with pytest.raises(NotImplementedError, match=rf"otel-trackio has no trackio\.{name}; \w+"):
        getattr(trackio, name)("x", type="model")
    assert not isinstance(1, getattr(trackio, name))


def test_calls_of_artifacts_say_what_to_do(trackio: Any) -> None:
    """Those of the module, of a run, and of registries."""
    run = trackio.init(project="p")
    calls: tuple[Callable[[], object], ...] = (
        lambda: trackio.log_artifact("model.pt"),
        lambda: trackio.use_artifact("model:v1"),
        lambda: trackio.register_reference_handler(object()),
        lambda: run.log_artifact("model.pt"),
        lambda: run.use_artifact("model:v1"),
        lambda: run.link_artifact(object(), "models"),
        lambda: trackio.Api().registry("models"),
        lambda: trackio.Api().create_registry("models"),
        lambda: trackio.show(dashboard="registry"),
    )
    for call in calls:
        with pytest.raises(NotImplementedError, match="keep files on the Hub"):
            call()


def test_show_serves_the_dashboard(trackio: Any) -> None:
    """With Trackio's arguments and answer; it waits unless told not to."""
    trackio.init(project="p")
    trackio.finish()
    app, url, share_url, full_url = trackio.show(
        "p", open_browser=False, block_thread=False, footer=False, theme="soft"
    )
    assert url.startswith("http://127.0.0.1:")
    assert full_url.startswith(url[:20])
    assert share_url is None
    app.close()
