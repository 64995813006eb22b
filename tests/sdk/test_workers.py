"""Runs that processes of multiprocessing record, as launchers of training make them."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

import otel_trackio

PROGRAM = """
    import multiprocessing, sys
    import otel_trackio

    def work(fails):
        run = otel_trackio.init("p")
        run.log({"x": 1})
        if fails:
            raise ValueError("no")

    if __name__ == "__main__":
        start, fails = sys.argv[1:]
        process = multiprocessing.get_context(start).Process(target=work, args=(fails == "yes",))
        process.start()
        process.join()
        sys.exit(process.exitcode)
"""


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.parametrize(("fails", "state"), [("no", "finished"), ("yes", "failed")])
def test_run_of_a_worker_ends_with_it(
    start: str, fails: str, state: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its run is finished, or failed if it raised, though such a process knows no `atexit`."""
    program = tmp_path_factory.mktemp("program") / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    ended = subprocess.run([sys.executable, program, start, fails], capture_output=True)
    assert ended.returncode == (fails == "yes")
    (run,) = otel_trackio.Api().runs()
    assert run.state == state
    assert run.history("x")["value"].tolist() == [1]
