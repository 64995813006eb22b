"""What becomes of TensorBoard's event files, read and written by its own library."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from otel_trackio import Api, ConfigError
from otel_trackio.importing.calls import import_runs, import_tf_events
from otel_trackio.importing.copying import Copied, Wish
from otel_trackio.importing.sources import runs_of
from tests.sdk.importing.elsewhere import PNG

pytestmark = [
    pytest.mark.allow_skip,
    pytest.mark.skipif(not importlib.util.find_spec("tensorboard"), reason="needs tensorboard"),
]

BEGAN = 1_748_779_200.25


@contextmanager
def writing(folder: Path) -> Iterator[Any]:
    """A function that writes an event of (step, values), 1/8 s after the one before."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(folder))
    count = 0

    def write(step: int, *values: Any) -> None:
        nonlocal count
        count += 1
        wall = BEGAN + count / 8
        writer.add_event(Event(wall_time=wall, step=step, summary=Summary(value=values)))

    yield write
    writer.close()


def scalar(tag: str, value: float) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary.Value(tag=tag, simple_value=value)


def tensor(tag: str, plugin: str, content: object, dtype: object = None) -> Any:
    """A value of TensorFlow 2's kind."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.util.tensor_util import make_tensor_proto

    data = SummaryMetadata.PluginData(plugin_name=plugin)
    return Summary.Value(
        tag=tag,
        tensor=make_tensor_proto(content, dtype),
        metadata=SummaryMetadata(plugin_data=data) if plugin else None,
    )


def described(tag: str, data: Any) -> Any:
    """A value of the plugin of hyperparameters."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata

    plugin = SummaryMetadata.PluginData(plugin_name="hparams", content=data.SerializeToString())
    return Summary.Value(tag=f"_hparams_/{tag}", metadata=SummaryMetadata(plugin_data=plugin))


def imported(path: Path) -> Sequence[Copied]:
    return import_runs(runs_of("tensorboard", path), Wish("tb"))


def test_scalars_of_both_kinds_keep_step_and_time(tmp_path: Path) -> None:
    """All of them, to the bit; what is no scalar is no metric."""
    with writing(tmp_path / "a") as write:
        write(0, scalar("loss", 0.1), tensor("acc", "scalars", 0.1, "float64"))
        write(7, scalar("loss", math.nan), tensor("acc", "", 3, "int64"))
        write(7, scalar("loss", -math.inf))
    (copied,) = imported(tmp_path)
    run = Api().run(copied.id)
    loss = run.history("loss", all=True)
    assert loss["step"].tolist() == [0, 7, 7]
    assert loss["time"].tolist() == [int((BEGAN + n / 8) * 1000) * 10**6 for n in (1, 2, 3)]
    assert loss["value"][0] == 0.10000000149011612  # What the file holds: a float32.
    assert math.isnan(loss["value"][1])
    assert loss["value"][2] == -math.inf
    assert run.history("acc")["value"].tolist() == [0.1, 3]
    assert (run.name, run.project, run.state) == ("a", "tb", "finished")


def test_thousands_of_points_are_not_thinned(tmp_path: Path) -> None:
    """TensorBoard itself would show a thousand."""
    with writing(tmp_path) as write:
        for step in range(20_000):
            write(step, scalar("x", step))
    (copied,) = imported(tmp_path)
    assert Api().run(copied.id).history("x")["value"].tolist() == list(range(20_000))


def test_folders_are_runs(tmp_path: Path) -> None:
    """Called by their paths; Trackio's call says `main` for the folder itself."""
    for folder in ("", "train", "sweep/1"):
        with writing(tmp_path / "logs" / folder) as write:
            write(0, scalar("x", 1.0))
    found = import_tf_events(tmp_path / "logs", "old", "tf")
    assert [each.name for each in found] == ["tf_main", "tf_sweep/1", "tf_train"]
    for each in found:
        Api().run(each.id).delete()
    assert [each.name for each in imported(tmp_path / "logs")] == ["logs", "sweep/1", "train"]
    assert Api().projects() == ["tb"]


def test_files_that_grow_are_gone_on_with(tmp_path: Path) -> None:
    """Two in one folder as well: each is read on where it was, whichever of them grew."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writers = [EventFileWriter(str(tmp_path), filename_suffix=f".{n}") for n in range(2)]
    for step in range(4):
        for value, writer in enumerate(writers[: 1 if step == 2 else 2]):
            event = Event(wall_time=BEGAN, step=step)
            event.summary.value.append(tensor("x", "" if step else "scalars", float(value)))
            writer.add_event(event)
            writer.flush()
        (copied,) = imported(tmp_path)
        assert copied.points == (1 if step == 2 else 2)
        assert imported(tmp_path)[0].points == 0
    for writer in writers:
        writer.close()
    points = Api().run(copied.id).history("x", all=True)
    pairs = zip(points["step"].tolist(), points["value"].tolist(), strict=True)
    assert sorted(pairs) == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (3, 0), (3, 1)]


def test_histograms_images_and_texts_come_along(tmp_path: Path) -> None:
    """Of both kinds; what is left is counted."""
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary

    histogram = HistogramProto(
        min=0, max=9, num=4, sum=12, bucket_limit=[1, 2, 3, 5, 1e308], bucket=[1, 0, 0, 2, 1]
    )
    image = Summary.Image(height=1, width=1, encoded_image_string=PNG)
    with writing(tmp_path) as write:
        write(1, Summary.Value(tag="h", histo=histogram), Summary.Value(tag="i", image=image))
        write(2, tensor("h2", "histograms", [[0.0, 1.0, 3.0], [1.0, 2.0, 1.0]], "float64"))
        write(3, tensor("i2", "images", [b"1", b"1", PNG, PNG]), tensor("t", "text", [b"hello"]))
        write(4, tensor("a", "audio", [b"RIFF"]), tensor("v", "", [1.0, 2.0]))
    (copied,) = imported(tmp_path)
    run = Api().run(copied.id)
    assert run.histograms("h")[0].data == {
        "count": 4, "nonfinite": 0, "sum": 12.0, "min": 0.0, "max": 9.0,
        "bounds": [1.0, 3.0, 5.0], "counts": [1, 0, 2, 1],
    }  # fmt: skip
    assert run.histograms("h2")[0].data["counts"] == [0, 3, 1, 0]
    assert [(each.key, each.step) for each in run.records("image")] == [("i", 1), *[("i2", 3)] * 2]
    assert run.records("markdown")[0].data == {"text": "hello"}
    assert (copied.points, copied.histograms, copied.records) == (0, 2, 4)
    assert copied.left.document() == {"audio clips": 1, "tensors": 1}


def test_events_that_make_no_sense_are_counted(tmp_path: Path) -> None:
    """What stands before and behind them comes; an image may be a JPEG."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    jpeg = Summary.Image(encoded_image_string=b"\xff\xd8\xff" + bytes(9))
    values = [
        tensor("t", "text", [1.0, 2.0]),
        tensor("i", "images", [1.0, 2.0, 3.0]),
        Summary.Value(tag="j", image=jpeg),
        scalar("x", 1.0),
    ]
    writer = EventFileWriter(str(tmp_path))
    for step, value in enumerate(values):
        for wall in (math.nan, math.inf, 1e300):
            writer.add_event(Event(wall_time=wall, step=step, summary=Summary(value=[value])))
    writer.close()
    (copied,) = imported(tmp_path)
    assert (copied.points, copied.records) == (3, 3)
    assert copied.left.document() == {"entries that make no sense": 3, "images": 3}
    assert Api().run(copied.id).images()[0].type == "image/jpeg"


def test_hyperparameters_are_the_config(tmp_path: Path) -> None:
    """And how their session ended is how the run did."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    config = {"lr": 0.1, "optimizer": "adam", "nesterov": True}
    for folder, status in (("good", 1), ("bad", 2)):
        begin, end = HParamsPluginData(), HParamsPluginData()
        for key, value in config.items():
            kind = {float: "number_value", str: "string_value", bool: "bool_value"}[type(value)]
            setattr(begin.session_start_info.hparams[key], kind, value)
        end.session_end_info.status = status
        with writing(tmp_path / folder) as write:
            write(0, described("session_start_info", begin))
            write(0, scalar("x", 1.0))
            write(0, described("session_end_info", end))
    runs = {each.name: Api().run(each.id) for each in imported(tmp_path)}
    assert runs["good"].config == {"imported from": "tensorboard good", **config}
    assert {name: run.state for name, run in runs.items()} == {"good": "finished", "bad": "failed"}


def test_what_is_called_as_event_files_are_and_is_none_is_passed_over(tmp_path: Path) -> None:
    """A folder, which may hold some, an empty file, and a text."""
    with writing(tmp_path / "tfevents") as write:
        write(0, scalar("x", 1.0))
    (tmp_path / "a.tfevents").touch()
    (tmp_path / "b.tfevents.txt").write_text("some text" * 100)
    assert [(each.name, each.points) for each in imported(tmp_path)] == [("tfevents", 1)]


def test_a_file_cut_short_is_read_up_to_there(tmp_path: Path) -> None:
    """As one is that is being written."""
    with writing(tmp_path) as write:
        for step in range(10):
            write(step, scalar("x", 1.0))
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-5])
    (copied,) = imported(tmp_path)
    assert copied.points == 9
    file.write_bytes(whole)
    assert imported(tmp_path)[0].points == 1
    assert Api().run(copied.id).history("x", all=True)["step"].tolist() == list(range(10))


def test_a_folder_without_events_is_refused(tmp_path: Path) -> None:
    """The error says what to give."""
    with pytest.raises(ConfigError, match="no event files in"):
        imported(tmp_path)
    with pytest.raises(ConfigError, match="no folder"):
        imported(tmp_path / "nowhere")
