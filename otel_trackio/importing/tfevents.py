"""Runs from TensorBoard's event files: a folder that has some is a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from otel_trackio.attachments import Attachments
from otel_trackio.errors import ConfigError, MissingExtra
from otel_trackio.image import Image
from otel_trackio.importing import histograms
from otel_trackio.importing.gathering import Gathering, gathered
from otel_trackio.importing.left import Left
from otel_trackio.importing.moment import ns_of_seconds
from otel_trackio.importing.origin import Batch, Origin, Positions
from otel_trackio.media import Markdown
from otel_trackio.model import Histogram

EVENTS: Final = "*tfevents*"
"""What event files are called."""

HPARAMS: Final = "_hparams_/"
"""What the tags of hyperparameters begin with."""

SUCCESS, FAILURE = 1, 2
"""How a session of hyperparameters may end."""

PLUGINS: Final = {
    "audio": "audio clips",
    "pr_curves": "curves",
    "mesh": "meshes",
    "custom_scalars": "layouts",
}
"""What TensorBoard's plugins show and we do not keep."""


def tensorboard_runs(path: Path, top: str = "") -> Sequence[Origin]:
    """The runs in a folder, named by their paths in it; its own is called `top`, or as it is.

    Raises ConfigError where there is none, and MissingExtra without TensorBoard's library.
    """
    _loader()
    if not path.is_dir():
        raise ConfigError(f"no folder {path}", "give the folder that tensorboard --logdir takes")
    folders = [Path(folder) for folder, _, _ in os.walk(path)]
    runs = [run for folder in sorted(folders) if (run := _run(path, folder, top)) is not None]
    if not runs:
        raise ConfigError(f"no event files in {path}", "give a folder that has some, or holds such")
    return runs


def _run(root: Path, folder: Path, top: str) -> Origin | None:
    files = _files(folder)
    firsts = ((file, next(_events(file), None)) for file in files)
    file, first = next((pair for pair in firsts if pair[1] is not None), (None, None))
    if file is None or first is None:
        return None
    own = folder.resolve().name
    name = folder.relative_to(root).as_posix()
    return Origin(
        identity=("tensorboard", own, file.name, repr(first.wall_time)),
        source=f"tensorboard {own}",
        read=lambda *reading: _batches(folder, *reading),
        name=(top or own) if name == "." else name,
        created=ns_of_seconds(first.wall_time),
    )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(EVENTS) if path.is_file())


def _batches(folder: Path, positions: Positions, left: Left, files: Attachments) -> Iterator[Batch]:
    for file in _files(folder):
        start = positions.get(file.name, 0)
        reading = _Reading(Gathering(file.name, left, files))
        # What was taken before is only asked what its tags are.
        items = ((n, (event, n <= start)) for n, event in enumerate(_events(file), 1))
        yield from gathered(items, start, reading.take, reading.gathering)


class _Reading:
    """One file, event by event. Only the first of a tag says which plugin it is for."""

    def __init__(self, gathering: Gathering) -> None:
        self.gathering = gathering
        self._plugins: dict[str, str] = {}

    def take(self, item: tuple[Any, bool]) -> None:
        event, known = item
        time = ns_of_seconds(event.wall_time)
        for value in event.summary.value:
            tag = value.tag or value.node_name
            plugin = value.metadata.plugin_data.plugin_name
            if plugin:
                self._plugins.setdefault(tag, plugin)
            if not known:
                self._take(tag, value, event.step, time)

    def _take(self, tag: str, value: Any, step: int, time: int) -> None:
        kind = value.WhichOneof("value")
        if kind == "simple_value":
            self.gathering.add(tag, step, time, value.simple_value)
        elif tag.startswith(HPARAMS):
            self._configure(value.metadata.plugin_data.content)
        elif kind == "histo":
            self._add_histogram(tag, step, time, _of_proto(value.histo))
        elif kind == "tensor":
            self._take_tensor(tag, value.tensor, step, time)
        elif kind == "image":
            self.gathering.add_media(tag, step, time, Image(value.image.encoded_image_string))
        elif kind == "audio":
            self.gathering.left.add(PLUGINS[kind], tag)
        else:
            self.gathering.left.add("values of other kinds", tag)

    def _take_tensor(self, tag: str, tensor: Any, step: int, time: int) -> None:
        plugin = self._plugins.get(tag, "")
        if plugin in PLUGINS:
            self.gathering.left.add(PLUGINS[plugin], tag)
            return
        from tensorboard.util.tensor_util import make_ndarray

        array = make_ndarray(tensor)
        if plugin == "histograms" and array.ndim == 2 and array.shape[1] == 3:
            self._add_histogram(tag, step, time, _of_rows(array.tolist()))
        elif plugin == "images":  # Width, height, and the images themselves.
            for content in array.ravel().tolist()[2:]:
                self.gathering.add_media(tag, step, time, Image(content))
        elif plugin == "text":
            text = "\n\n".join(each.decode("utf-8", "replace") for each in array.ravel().tolist())
            self.gathering.add_media(tag, step, time, Markdown(text))
        elif array.size == 1 and array.dtype.kind in "biuf":
            number = array.reshape(()).item()
            self.gathering.add(tag, step, time, int(number) if array.dtype.kind == "b" else number)
        else:
            self.gathering.left.add("tensors" if array.dtype.kind in "biufc" else "texts", tag)

    def _add_histogram(self, tag: str, step: int, time: int, data: dict[str, Any] | None) -> None:
        if data is None:
            self.gathering.left.add("histograms", tag)
        else:
            self.gathering.add_histogram(tag, Histogram(step, time, time, data))

    def _configure(self, content: bytes) -> None:
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

        data = HParamsPluginData.FromString(content)
        kind = data.WhichOneof("data")
        if kind == "session_start_info":
            values = data.session_start_info.hparams
            config = {key: _plain(value) for key, value in sorted(values.items())}
            self.gathering.tell("config", config)
        elif kind == "session_end_info" and data.session_end_info.status == FAILURE:
            self.gathering.tell("state", {"state": "failed"})
        elif kind == "session_end_info" and data.session_end_info.status == SUCCESS:
            self.gathering.tell("state", {"state": "finished", "exit_code": 0})


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind in ("number_value", "string_value", "bool_value"):
        return getattr(value, kind)
    return None if kind == "null_value" else str(value)


def _of_proto(histogram: Any) -> dict[str, Any] | None:
    """Upper limits of buckets, the last of them beyond everything, and what lies in each."""
    limits, counts = list(histogram.bucket_limit), list(histogram.bucket)
    if not limits or histogram.num == 0:
        return histograms.between((), ())
    return histograms.bounded(limits[:-1], counts, histogram.sum, histogram.min, histogram.max)


def _of_rows(rows: Sequence[Sequence[float]]) -> dict[str, Any] | None:
    """Rows of left edge, right edge and count."""
    if not rows:
        return histograms.between((), ())
    edges = [rows[0][0], *(right for _, right, _ in rows)]
    return histograms.between(edges, [count for _, _, count in rows])


def _events(file: Path) -> Iterator[Any]:
    """The events of a file, up to one that is being written or damaged."""
    from tensorboard.compat.proto.event_pb2 import Event

    for data in _loader()(str(file)).Load():
        yield Event.FromString(data)


def _loader() -> Any:
    try:
        from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    except ImportError as error:
        raise MissingExtra("tensorboard", "tensorboard") from error
    return partial(RawEventFileLoader)
