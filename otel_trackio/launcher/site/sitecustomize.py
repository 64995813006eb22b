"""Runs as Python starts, in each process below `otel-trackio run`.

It waits for what there is to record and loads nothing before, `typing` neither: most of these
processes never train, and some are of a Python that we are not installed in.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


class Watch:
    """Stands first among the finders: instruments trainers before transformers is loaded.

    It stays there: others are going through the finders while this is asked, in this thread too.
    """

    done = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if self.done or name not in ("transformers", "accelerate"):
            return
        self.done = True
        try:
            from otel_trackio.trainer import instrument

            instrument()
        except Exception as error:  # noqa: BLE001 (the edge to training)
            _complain(error)


class DropIn:
    """Stands last: `import trackio` finds ours where the real one is not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != "trackio":
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, _Loader())  # type: ignore[arg-type]

    def find_distributions(self, context: Any) -> list[Any]:
        """accelerate asks for the distribution first: the drop-in, once loaded, answers that."""
        if context.name == "trackio" and "trackio" not in sys.modules:
            try:
                import otel_trackio.trackio  # noqa: F401
            except Exception as error:  # noqa: BLE001 (the edge to training)
                _complain(error)
        return []


class _Loader:
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        import otel_trackio.trackio as module

        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own  # It has another name, by which it was loaded.


def _complain(error: Exception) -> None:
    what = f"{type(error).__name__}: {error}"
    if isinstance(error, ModuleNotFoundError):
        what = f"{sys.executable} lacks {error.name}; {sys.executable} -m pip install otel-trackio"
    print(f"otel-trackio: trainers are not recorded: {what}", file=sys.stderr)  # noqa: T201


def _go_on() -> None:
    """Runs the sitecustomize that this one stands before, if there is one."""
    own = sys.modules.pop(__name__)
    here = os.path.dirname(__file__)
    sys.path[:] = [each for each in sys.path if each != here]
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != __name__:
            raise
    finally:
        sys.modules.setdefault(__name__, own)


sys.meta_path.insert(0, Watch())
sys.meta_path.append(DropIn())
_go_on()
