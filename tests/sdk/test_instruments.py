"""OpenTelemetry instruments of any meter reach the run, every measurement of them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.metrics import CallbackOptions, Meter, Observation

import otel_trackio
from otel_trackio import Api, Run
from otel_trackio.storedrun import StoredRun


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with otel_trackio.init("instruments", dir=tmp_path) as run:
        yield run


@pytest.fixture
def meter(run: Run, request: pytest.FixtureRequest) -> Meter:
    # One provider serves the whole test session, so each test has a meter of its own.
    return otel_trackio.get_meter(request.node.name)


def stored(run: Run, tmp_path: Path) -> StoredRun:
    run.finish()
    return Api(tmp_path).run(run.id)


def script(tmp_path: Path, code: str) -> StoredRun:
    """Runs `code` in a process of its own and returns the run it recorded."""
    environ = {**os.environ, "OTEL_TRACKIO_DIR": str(tmp_path), "OTEL_TRACKIO_SILENT": "1"}
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environ, check=True)
    [found] = Api(tmp_path).runs()
    return found


def test_every_measurement_of_an_interval_arrives(run: Run, meter: Meter, tmp_path: Path) -> None:
    """100,000 measurements of a gauge in one interval are 100,000 points with steps and times."""
    gauge = meter.create_gauge("loss", unit="nat")
    for number in range(100_000):
        with otel_trackio.step(number):
            gauge.set(number * 0.5)

    history = stored(run, tmp_path).history("loss")

    assert np.array_equal(history["step"], np.arange(100_000))
    assert np.array_equal(history["value"], np.arange(100_000) * 0.5)
    assert (np.diff(history["time"]) >= 0).all()


def test_threads_lose_nothing(run: Run, meter: Meter, tmp_path: Path) -> None:
    """Threads that measure while collections go on lose none, however they interleave."""
    gauge, amount = meter.create_gauge("value"), 5_000
    counter = meter.create_counter("done")

    def measure(thread: int) -> None:
        for number in range(amount):
            gauge.set(thread * amount + number)
            counter.add(1, {"thread": thread})

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=measure, args=(each,)) for each in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            run.flush()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)

    found = stored(run, tmp_path)
    values = found.history("value", all=True)["value"]
    assert sorted(values.tolist()) == list(range(4 * amount))
    for each in range(4):
        assert found.history(f"done{{thread={each}}}")["value"][-1] == amount


def test_counters_store_increments_and_show_totals(run: Run, meter: Meter, tmp_path: Path) -> None:
    """A counter shows its running total at each step, an up-down counter too."""
    tokens, queue = meter.create_counter("tokens"), meter.create_up_down_counter("queue")
    for number, (added, moved) in enumerate([(5, 2), (7, -1), (0, -1)]):
        with otel_trackio.step(number):
            tokens.add(added)
            queue.add(moved)
        run.flush()

    found = stored(run, tmp_path)
    assert found.history("tokens")["value"].tolist() == [5, 12, 12]
    assert found.history("queue")["value"].tolist() == [2, 1, 0]


def test_histograms_are_aggregates_of_an_interval(run: Run, meter: Meter, tmp_path: Path) -> None:
    """A histogram keeps count, sum, extremes and buckets of each interval."""
    histogram = meter.create_histogram("latency", explicit_bucket_boundaries_advisory=[1, 10])
    histogram.record(0.5)
    histogram.record(20)
    run.flush()
    histogram.record(3)

    first, second = stored(run, tmp_path).histograms("latency")

    assert first.data == {
        "count": 2,
        "sum": 20.5,
        "min": 0.5,
        "max": 20,
        "bounds": [1, 10],
        "counts": [1, 0, 1],
    }
    assert second.data["counts"] == [0, 1, 0]


def test_observable_instruments_give_a_point_a_collection(
    run: Run, meter: Meter, tmp_path: Path
) -> None:
    """What is observed has one point a collection, at the process's step of that moment."""
    seen = iter([10, 30, 60, 100])

    def observe(_: CallbackOptions) -> list[Observation]:
        return [Observation(value, {"gpu": 0})] if (value := next(seen, None)) else []

    meter.create_observable_counter("energy", [observe])
    otel_trackio.set_step(7)
    try:
        run.flush()
    finally:
        otel_trackio.set_step(None)

    history = stored(run, tmp_path).history("energy{gpu=0}")
    assert history["value"].tolist()[:2] == [10, 30]
    assert 7 in history["step"]


def test_step_attributes_do_not_split_a_series(run: Run, meter: Meter, tmp_path: Path) -> None:
    """A `training.step` attribute is the step of the point, not a series for every step."""
    gauge = meter.create_gauge("loss")
    for number in range(3_000):
        gauge.set(number, {"training.step": number, "split": "train"})

    history = stored(run, tmp_path).history("loss{split=train}")
    assert np.array_equal(history["step"], np.arange(3_000))


def test_series_beyond_the_sdks_limit_are_kept_apart(
    run: Run, meter: Meter, tmp_path: Path
) -> None:
    """The SDK merges series beyond 2,000; their measurements still arrive as their own."""
    gauge = meter.create_gauge("layer")
    for number in range(2_500):
        gauge.set(number, {"n": number})

    found = stored(run, tmp_path)
    assert len([each for each in found.metrics() if each.key.startswith("layer{")]) == 2_500
    assert found.history("layer{n=2499}")["value"].tolist() == [2499]


def test_explicit_step_beats_the_context_and_that_the_process(run: Run, tmp_path: Path) -> None:
    """`step=`, then `with step(n)`, then `set_step(n)`, then one more than the last."""
    run.log({"x": 0})
    otel_trackio.set_step(50)
    run.log({"x": 1})
    with otel_trackio.step(20):
        run.log({"x": 2})
        run.log({"x": 3}, step=5)
    otel_trackio.set_step(None)
    run.log({"x": 4})

    history = stored(run, tmp_path).history("x", all=True)
    assert history["step"].tolist() == [0, 50, 20, 5, 6]


APPLICATION = """
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader, PeriodicExportingMetricReader
    from opentelemetry.sdk.metrics.view import View
    import otel_trackio
"""


def in_application(code: str) -> str:
    return textwrap.dedent(APPLICATION) + textwrap.dedent(code)


def test_second_reader_and_own_view_take_nothing_away(tmp_path: Path) -> None:
    """A reader and a View of the user's own leave every measurement to us."""
    found = script(
        tmp_path,
        in_application(
            """
            reader = InMemoryMetricReader()
            view = View(instrument_name="loss", description="of the user's own")
            counted = View(instrument_name="tokens", attribute_keys=set())
            otel_trackio.configure(readers=[reader], views=[view, counted])
            with otel_trackio.init("p") as run:
                meter = metrics.get_meter("app")
                loss, tokens = meter.create_gauge("loss"), meter.create_counter("tokens")
                for step in range(1000):
                    with otel_trackio.step(step):
                        loss.set(step)
                        tokens.add(2, {"split": "train"})
                        run.log({"logged": step})
                run.flush()
                names = {
                    metric.name: metric.data.data_points
                    for resource in reader.get_metrics_data().resource_metrics
                    for scope in resource.scope_metrics
                    for metric in scope.metrics
                }
                logged = names["training.log.logged"]
                assert logged[0].value == 999
                assert logged[0].attributes == {"otel_trackio.key": "logged"}
                assert names["loss"][0].value == 999
            """
        ),
    )
    assert np.array_equal(found.history("loss", all=True)["value"], np.arange(1000))
    assert found.history("tokens{split=train}")["value"][-1] == 2000
    assert len(found.history("logged", all=True)["value"]) == 1000


def test_applications_provider_is_respected(tmp_path: Path) -> None:
    """A provider that the application set stays, and gets one reader: one value an interval."""
    found = script(
        tmp_path,
        in_application(
            """
            provider = MeterProvider()
            metrics.set_meter_provider(provider)
            with otel_trackio.init("p") as run:
                assert metrics.get_meter_provider() is provider
                gauge = metrics.get_meter("app").create_gauge("loss")
                for value in range(10):
                    gauge.set(value)
            """
        ),
    )
    assert found.history("loss", all=True)["value"].tolist()[-1] == 9


@pytest.mark.parametrize("starts", ["otel_trackio.init('p')", "pass"])
def test_exporter_in_the_applications_reader(tmp_path: Path, starts: str) -> None:
    """With `lossless()` our exporter keeps every measurement, and starts a run if none was."""
    found = script(
        tmp_path,
        in_application(
            f"""
            reader = PeriodicExportingMetricReader(otel_trackio.OtelTrackioExporter(project="p"))
            provider = MeterProvider([reader], **otel_trackio.lossless())
            metrics.set_meter_provider(provider)
            {starts}
            gauge = metrics.get_meter("app").create_gauge("loss")
            for value in range(5000):
                with otel_trackio.step(value):
                    gauge.set(value)
            """
        ),
    )
    assert found.facts().project == "p"
    assert found.standing().state == "finished"
    assert np.array_equal(found.history("loss")["step"], np.arange(5000))


def test_exporter_that_raises_loses_nothing(tmp_path: Path) -> None:
    """Another exporter's failures are its own."""
    found = script(
        tmp_path,
        in_application(
            """
            from opentelemetry.sdk.metrics.export import ConsoleMetricExporter

            class Broken(ConsoleMetricExporter):
                def export(self, *args, **kwargs):
                    raise RuntimeError("down")

            reader = PeriodicExportingMetricReader(Broken(), export_interval_millis=10)
            otel_trackio.configure(readers=[reader])
            with otel_trackio.init("p") as run:
                gauge = metrics.get_meter("app").create_gauge("loss")
                for value in range(5000):
                    gauge.set(value)
            """
        ),
    )
    assert len(found.history("loss", all=True)["value"]) == 5000


def test_measurements_before_the_first_run_are_its_prelude(tmp_path: Path) -> None:
    """What instruments measured before `init` belongs to the first run."""
    found = script(
        tmp_path,
        in_application(
            """
            gauge = otel_trackio.get_meter("app").create_gauge("loss")
            gauge.set(1.5)
            otel_trackio.init("p").finish()
            """
        ),
    )
    assert found.history("loss")["value"].tolist() == [1.5]


def test_sequential_runs_share_a_provider_and_nothing_else(tmp_path: Path) -> None:
    """Each of two runs in one process has what was measured during it."""
    gauge = otel_trackio.get_meter("sequential").create_gauge("loss")
    runs = []
    for value in (1.0, 2.0):
        with otel_trackio.init("p", dir=tmp_path) as run:
            gauge.set(value)
        runs.append(run.id)
    api = Api(tmp_path)
    assert [api.run(each).history("loss")["value"].tolist() for each in runs] == [[1.0], [2.0]]


def test_raw_histograms_on_request(tmp_path: Path) -> None:
    """`histogram_measurements` keeps each measurement of a histogram beside its aggregates."""
    found = script(
        tmp_path,
        in_application(
            """
            otel_trackio.configure(histogram_measurements=True)
            with otel_trackio.init("p"):
                histogram = metrics.get_meter("app").create_histogram("latency")
                for value in range(10):
                    histogram.record(value)
            """
        ),
    )
    assert found.history("latency", all=True)["value"].tolist() == list(range(10))
    assert sum(each.data["count"] for each in found.histograms("latency")) == 10


def test_other_exporters_see_exemplars(tmp_path: Path) -> None:
    """What we keep is a list of exemplars to others, JSON included."""
    found = script(
        tmp_path,
        in_application(
            """
            import io
            from opentelemetry.sdk.metrics.export import ConsoleMetricExporter

            out = io.StringIO()
            reader = PeriodicExportingMetricReader(ConsoleMetricExporter(out))
            otel_trackio.configure(readers=[reader])
            with otel_trackio.init("p") as run:
                gauge = metrics.get_meter("app").create_gauge("loss")
                with otel_trackio.step(7):
                    gauge.set(1.5)
                reader.force_flush()
            assert '"training.step": 7' in out.getvalue()
            """
        ),
    )
    assert found.history("loss")["step"].tolist() == [7]
    assert found.facts().resource["telemetry.sdk.language"] == "python"


def test_exporter_starts_no_second_run(tmp_path: Path) -> None:
    """After `finish` what is measured belongs to no run, and says so."""
    script(
        tmp_path,
        in_application(
            """
            reader = PeriodicExportingMetricReader(otel_trackio.OtelTrackioExporter(project="p"))
            metrics.set_meter_provider(MeterProvider([reader]))
            gauge = metrics.get_meter("app").create_gauge("loss")
            gauge.set(1)
            reader.force_flush()
            otel_trackio.finish()
            gauge.set(2)
            """
        ),
    )


def test_exporter_names_its_mistakes_at_once() -> None:
    """A mistyped argument raises where it is written."""
    with pytest.raises(TypeError, match="projct"):
        otel_trackio.OtelTrackioExporter(projct="p")


def test_configure_after_init_says_so(run: Run) -> None:
    """Readers that come too late are not silently ignored."""
    with pytest.raises(otel_trackio.ConfigError, match=r"call configure\(\) before init\(\)"):
        otel_trackio.configure(histogram_measurements=True)
