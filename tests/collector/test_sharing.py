"""The own store in a DIR that machines share: they see what the collector of one has received."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_trackio import Api, layout, place
from otel_trackio_collector.configflags import from_flags
from tests.collector.made import gauge
from tests.collector.process import running
from tests.collector.sinks import until
from tests.collector.test_command import FREE, RUN, post


def shared(dir: Path) -> Path:
    """A folder that holds segments, as others have brought them."""
    (dir / place.ROOT).mkdir(parents=True)
    return dir


def test_nothing_of_sqlite_is_in_a_folder_that_is_shared(tmp_path: Path) -> None:
    """The request log lies in the scratch, too; in a folder of this machine it is beside runs."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    dir, environment = shared(tmp_path / "dir"), {"OTEL_TRACKIO_SCRATCH": str(scratch)}
    assert from_flags(dir=dir, environment=environment).directory.is_relative_to(scratch)
    assert from_flags(dir=tmp_path / "own", environment={}).directory.is_relative_to(
        tmp_path / "own"
    )


def test_other_machines_see_its_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are recorded on this machine's disk, and brought to the folder as segments."""
    here, there, dir = tmp_path / "here", tmp_path / "there", shared(tmp_path / "dir")
    here.mkdir()
    there.mkdir()
    monkeypatch.setenv("OTEL_TRACKIO_SCRATCH", str(here))
    path = tmp_path / "collector.yaml"
    path.write_text(
        f"""
receivers: {{otlp: {{protocols: {{http: {{endpoint: "{FREE}"}}}}}}}}
exporters: {{otel_trackio: }}
extensions: {{health_check: {{endpoint: "{FREE}"}}}}
request_log: {{directory: {dir}/collector}}
service:
  extensions: [health_check]
  pipelines: {{metrics: {{receivers: [otlp], exporters: [otel_trackio]}}}}
"""
    )
    with running(["--config", str(path)], dir) as it:
        assert post(it.endpoint("otlp/http"), gauge("loss", [1.0, 2.0], resource=RUN)).is_success
        until(it.caught_up)
        assert it.end() == 0, it.said
    assert not list(layout.run_dirs(dir))
    monkeypatch.setenv("OTEL_TRACKIO_SCRATCH", str(there))
    [run] = Api(dir).runs()
    assert run.history("loss")["value"].tolist() == [1.0, 2.0]
