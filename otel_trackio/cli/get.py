"""`otel-trackio get`: the points of metrics, exactly as they were recorded."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import click
import numpy as np

from otel_trackio.cli.invocation import Invocation, complete_runs, pass_invocation, shared_options
from otel_trackio.cli.metrics import chosen, kinds_of, listed
from otel_trackio.cli.quantity import count
from otel_trackio.cli.sheet import (
    HEAD,
    TAIL,
    Sheet,
    write_csv,
    write_json,
    write_parquet,
    write_table,
)
from otel_trackio.cli.table import note
from otel_trackio.errors import OtelTrackioError
from otel_trackio.frames import number_from_json, step_or_none
from otel_trackio.history import History
from otel_trackio.model import Histogram, Kind
from otel_trackio.storedrun import StoredRun

FORMATS: Final = ("table", "csv", "json", "parquet")


def _rank(context: click.Context, option: click.Parameter, value: str | None) -> int | str | None:
    if value is None or value == "all":
        return value
    if value.isdecimal():
        return int(value)
    raise click.BadParameter(f"{value!r} is no rank; give a number or all", context, option)


@click.command()
@click.argument("run", shell_complete=complete_runs)
@click.argument("metrics", metavar="METRIC...", nargs=-1)
@click.option(
    "--format",
    "-f",
    "form",
    type=click.Choice(FORMATS),
    help="What to write; else what FILE's name ends in, else a table.",
)
@click.option("--output", "-o", metavar="FILE", help="Where to; else standard output.")
@click.option("--rank", callback=_rank, metavar="N|all", help="Of which rank; else of the lowest.")
@click.option("--all", "every", is_flag=True, help="Also points that others replace.")
@click.option(
    "--max-points",
    metavar="N",
    type=click.IntRange(min=1),
    help="At most N, extremes kept.",
)
@shared_options
@pass_invocation
def get(
    invocation: Invocation,
    run: str,
    metrics: tuple[str, ...],
    form: str | None,
    output: str | None,
    rank: int | str | None,
    every: bool,
    max_points: int | None,
) -> None:
    """Print the points of one metric, or of several side by side.

    One metric has the columns step, time (ns since 1970) and value, and rank with --rank all.
    Several have step and a column each, empty where one has no value. METRIC may be a pattern,
    such as 'train/*'.
    """
    form = _format(form, output, invocation.json)
    stored = invocation.api.run(run)
    with stored, stored.sources():
        kinds = kinds_of(stored)
        if not metrics:
            raise click.UsageError(f"no metric given; it has {listed(kinds)}")
        keys = chosen(metrics, kinds)
        if len(keys) > 1:
            _refuse(
                {"--rank all": rank == "all", "--all": every, "--max-points": max_points},
                "is for one metric at a time",
            )
            sheet = _side_by_side(stored, keys, kinds, rank)
        elif kinds.get(keys[0]) == "histogram":
            _refuse({"--rank": rank is not None}, "is not for histograms")
            sheet = _distributions(stored.histograms(keys[0]))
        else:
            sheet = _curve(stored.history(keys[0], rank, every, max_points))
    _write(sheet, form, output, whole=max_points is not None)


def _format(form: str | None, output: str | None, json: bool) -> str:
    if json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} differ; give one of them")
    if form or json:
        return form or "json"
    suffix = Path(output or "").suffix.lstrip(".")
    if output and suffix not in FORMATS and suffix not in ("", "txt"):
        formats = ", ".join(FORMATS)
        raise click.UsageError(
            f"no format is called like {output}; give --format, one of {formats}"
        )
    return suffix if suffix in FORMATS else "table"


def _refuse(options: dict[str, object], why: str) -> None:
    given = [name for name, value in options.items() if value]
    if given:
        raise click.UsageError(f"{given[0]} {why}")


def _curve(history: History) -> Sheet:
    step = history["step"]
    if isinstance(step, np.ma.MaskedArray):
        step = step.filled(0).astype(object)
        step[np.ma.getmaskarray(history["step"])] = None
    return Sheet({name: (step if name == "step" else history[name]).tolist() for name in history})


def _distributions(histograms: list[Histogram]) -> Sheet:
    columns: dict[str, list[Any]] = {
        "step": [step_or_none(each.step) for each in histograms],
        "time": [each.time for each in histograms],
    }
    for name in dict.fromkeys(name for each in histograms for name in each.data):
        columns[name] = [_number(each.data.get(name)) for each in histograms]
    return Sheet(columns)


def _number(value: Any) -> Any:
    return number_from_json(value) if isinstance(value, str) else value


def _side_by_side(run: StoredRun, keys: list[str], kinds: dict[str, Kind], rank: Any) -> Sheet:
    for key in keys:
        if kinds.get(key) == "histogram":
            raise click.UsageError(f"{key!r} is a histogram; get it alone")
    wide = run.frame(keys, rank).to_arrow()
    columns = {
        name: [_plain(value) for value in wide[name].to_pylist()] for name in wide.schema.names
    }
    for key in keys:
        if all(value is None for value in columns[key]):
            note(f"{key} was recorded without steps; get it alone")
    return Sheet(columns)


def _plain(value: Any) -> Any:
    """The number itself where Arrow has it as text only."""
    if isinstance(value, str):
        return int(value) if value.lstrip("-").isdecimal() else float(value)
    return value


def _write(sheet: Sheet, form: str, output: str | None, whole: bool) -> None:
    terminal = output is None and sys.stdout.isatty()
    if form == "parquet":
        if terminal:
            raise click.UsageError("Parquet is not for a terminal; give --output FILE")
        with _opened(output, "wb") as binary:
            write_parquet(sheet, binary)
    else:
        with _opened(output, "w") as text:
            if form == "table":
                write_table(sheet, text, whole or not terminal)
            else:
                (write_csv if form == "csv" else write_json)(sheet, text)
    rows = count(len(sheet), "row")
    if output is not None:
        note(f"wrote {rows} to {output}")
    elif form == "table" and terminal and not whole and len(sheet) > HEAD + TAIL:
        note(f"{rows}, {HEAD + TAIL} shown: --max-points 40 thins them out, --format csv has all")


@contextmanager
def _opened(output: str | None, mode: str) -> Iterator[IO[Any]]:
    if output is None:
        yield sys.stdout.buffer if mode == "wb" else sys.stdout
        return
    encoding, newline = (None, None) if mode == "wb" else ("utf-8", "")
    try:
        with open(output, mode, encoding=encoding, newline=newline) as out:
            yield out
    except OSError as error:
        raise OtelTrackioError(
            f"cannot write {output}: {error.strerror}", "choose another file"
        ) from error
