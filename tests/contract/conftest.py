"""The Hubs of the contract, each started once; a test gets one that is empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from huggingface_hub.utils.tqdm import disable_progress_bars

from tests.contract.visitor import Visitor
from tests.fakes.hub import Hub

MODES = ("regular", "lfs", "xet")


@pytest.fixture(scope="session")
def hubs() -> Iterator[dict[str, Hub]]:
    disable_progress_bars()
    with ExitStack() as stack:
        yield {mode: stack.enter_context(Hub(mode)) for mode in MODES}


@pytest.fixture(autouse=True)
def own_cache(
    own_environment: None,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client's own xet library reads this when it is first used, and then never again."""
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path_factory.getbasetemp() / "xet"))


@pytest.fixture(params=MODES)
def hub(hubs: dict[str, Hub], request: pytest.FixtureRequest) -> Hub:
    """One in each mode."""
    chosen = hubs[request.param]
    chosen.reset()
    return chosen


@pytest.fixture
def visitor(hub: Hub) -> Visitor:
    return Visitor(hub)


@pytest.fixture
def any_hub(hubs: dict[str, Hub]) -> Hub:
    """For what has nothing to do with how files are uploaded."""
    hubs["xet"].reset()
    return hubs["xet"]


@pytest.fixture
def one(any_hub: Hub) -> Visitor:
    """The visitor of `any_hub`."""
    return Visitor(any_hub)
