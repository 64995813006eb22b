"""The public names are those in `__all__`, no more and no fewer."""

from __future__ import annotations

import inspect
from importlib import import_module
from types import ModuleType

import pytest

PACKAGES = ("otel_trackio", "otel_trackio_collector", "otel_trackio_space")


@pytest.fixture(params=PACKAGES)
def package(request: pytest.FixtureRequest) -> ModuleType:
    return import_module(request.param)


def is_public(package: ModuleType, name: str) -> bool:
    """Whether `name` is the package's own to offer: not a submodule, nothing borrowed."""
    value = vars(package)[name]
    owner = getattr(value, "__module__", None) or package.__name__
    return (
        not name.startswith("_")
        and not inspect.ismodule(value)
        and owner.split(".")[0] == package.__name__
    )


def test_all_is_sorted(package: ModuleType) -> None:
    """A reader finds a name in `__all__` where the alphabet puts it, and once."""
    assert list(package.__all__) == sorted(set(package.__all__))


def test_all_is_complete(package: ModuleType) -> None:
    """Every public name of the package is in `__all__`."""
    public = {name for name in vars(package) if is_public(package, name)}
    assert public <= set(package.__all__)


def test_all_can_be_imported(package: ModuleType) -> None:
    """Every name in `__all__` is there to be imported."""
    assert [name for name in package.__all__ if not hasattr(package, name)] == []
