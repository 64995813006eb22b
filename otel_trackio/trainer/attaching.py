"""How a callback of ours gets into trainers that were not told of it, and out again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final
from weakref import WeakKeyDictionary

import wrapt

from otel_trackio.trainer.guard import complain, harmless, outside
from otel_trackio.trainer.mark import NAME

TRAINER: Final = "transformers.trainer"
CALLBACKS: Final = "transformers.trainer_callback"

_given: Mapping[str, Any] | None = None
"""Arguments of `init` for runs of trainers; None where trainers are not instrumented."""

_attached: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
"""Our callback, by the handler that calls it: those that nobody but us asked for."""


class Patch:
    """A function of somebody else's, wrapped until that is undone."""

    def __init__(self, owner: Any, name: str, around: Callable[..., Any]) -> None:
        self._owner, self._name = owner, name
        self._original = vars(owner)[name]
        wrapt.wrap_function_wrapper(owner, name, around)
        self._wrapped = vars(owner)[name]

    def undo(self) -> None:
        """Puts the original back, unless others have wrapped it once more."""
        if vars(self._owner).get(self._name) is self._wrapped:
            setattr(self._owner, self._name, self._original)


_patches: dict[tuple[Any, str], Patch] = {}


def patch(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Wraps a function once, until `detach`."""
    if (owner, name) not in _patches:
        _patches[owner, name] = Patch(owner, name, around)


def attach(given: Mapping[str, Any]) -> None:
    """Lets each trainer get a callback, those that were made before when they train."""
    global _given
    _given = given
    wrapt.register_post_import_hook(_watch_handlers, CALLBACKS)
    watch_training()


def give(given: Mapping[str, Any]) -> None:
    """Other arguments of `init`, for the trainers that are made from now on."""
    global _given
    _given = given


def detach() -> None:
    """Leaves every trainer, and every class, as it was before."""
    global _given
    _given = None
    for each in _patches.values():
        each.undo()
    _patches.clear()
    for handler, callback in list(_attached.items()):
        if callback in handler.callbacks:
            handler.callbacks.remove(callback)
    _attached.clear()


def is_attached() -> bool:
    """Whether trainers are instrumented now."""
    return _given is not None


def watch_training() -> None:
    """Sees trainings begin, end and fail, of those that have our callback."""
    wrapt.register_post_import_hook(_watch_trainer, TRAINER)


def offer(module: ModuleType) -> None:
    """Makes `report_to="otel_trackio"` a word that transformers knows."""
    from otel_trackio.trainer.callback import OtelTrackioCallback  # Loads transformers.

    module.INTEGRATION_TO_CALLBACK.setdefault(NAME, OtelTrackioCallback)


@harmless
def _watch_handlers(module: ModuleType) -> None:
    if is_attached():
        patch(module.CallbackHandler, "__init__", _around_handler)


@harmless
def _watch_trainer(module: ModuleType) -> None:
    patch(module.Trainer, "train", _around_train)


def _around_handler(wrapped: Any, handler: Any, args: Any, kwargs: Any) -> None:
    wrapped(*args, **kwargs)
    _callback_of(handler)


def _around_train(wrapped: Any, trainer: Any, args: Any, kwargs: Any) -> Any:
    callback = _callback_of(getattr(trainer, "callback_handler", None))
    if callback is None:
        return wrapped(*args, **kwargs)
    callback.recording.enter(trainer)
    error: BaseException | None = None
    try:
        return wrapped(*args, **kwargs)
    except BaseException as raised:
        error = raised
        raise
    finally:
        callback.recording.leave(error)
        error = None  # Or it would hold this frame, and the frame it, with all of its tensors.


def _callback_of(handler: Any) -> Any:
    """The one callback of ours in a handler, if there is one; where trainers are instrumented one
    is made.

    It comes right after transformers' own flow of control, before what changes the numbers that
    are handed on.
    """
    if handler is None:  # A trainer that was not made as others are.
        return None
    try:
        from otel_trackio.trainer.callback import OtelTrackioCallback  # Loads transformers.

        ours = [each for each in handler.callbacks if isinstance(each, OtelTrackioCallback)]
        if not ours and _given is not None:
            ours = [OtelTrackioCallback(**_given)]
            _attached[handler] = ours[0]
        if ours:
            # Of several the last counts, as its user asked for it by name.
            others = [each for each in handler.callbacks if each not in ours]
            handler.callbacks[:] = [*others[:1], ours[-1], *others[1:]]
        return ours[-1] if ours else None
    except Exception as error:  # noqa: BLE001 (the edge to training)
        complain(outside(), "making", error)
        return None
