"""A run as it is stored: what all of its writers recorded, seen as one."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

from otel_trackio import attachments, edit, facts, layout
from otel_trackio.diagnostics import logger
from otel_trackio.elsewhere import Elsewhere
from otel_trackio.errors import ConfigError, NewerFormat, StoreBusy, StoreError, UnknownMetric
from otel_trackio.exhibit import ImageShown, TableShown, image_shown, table_shown
from otel_trackio.facts import Facts, RunState
from otel_trackio.fold import TIME_AXIS
from otel_trackio.frame import Frame
from otel_trackio.frames import step_or_none
from otel_trackio.history import History, Part, history
from otel_trackio.metric import Metric
from otel_trackio.model import Histogram, Record
from otel_trackio.piece import Piece, bucketed, latest, pieces_of
from otel_trackio.reader import RunFileReader
from otel_trackio.source import Found, Source, parts_of, series_by_key, told_once
from otel_trackio.standing import SIGNED, Standing, standing_of
from otel_trackio.text import storable

SUGGESTIONS: Final = 10
"""How many metrics an error lists."""


class StoredRun:
    """A run in a directory, live or not: every call reads what is there at that moment.

    Safe from any thread. Close it, or use it in a `with` block, to let its files go early.
    """

    def __init__(self, path: Path, elsewhere: Elsewhere | None = None) -> None:
        """`path` is the run's folder."""
        self.path = path
        self._elsewhere = elsewhere
        self.damaged: dict[Path, StoreError] = {}
        self._readers: dict[Path, RunFileReader] = {}
        self._seen: list[Source] | None = None
        self._lock = threading.RLock()

    @property
    def folders(self) -> list[Path]:
        """Where it may have files."""
        return [self.path, *([self._elsewhere.older(self.path)] if self._elsewhere else [])]

    def files(self) -> list[Path]:
        """Its run files, one a writer."""
        # What is in both folders is a copy in the first.
        found = {path.name: path for each in self.folders for path in layout.run_files(each)}
        return [path for _, path in sorted(found.items())]

    @cached_property
    def id(self) -> str:
        """The run's identity, which never changes."""
        with self.sources() as sources:
            return str(sources[0].meta["run_id"])

    def facts(self) -> Facts:
        """Name, project, group, tags, notes, config and summary, as the latest events have them."""
        with self.sources() as sources:
            return facts.facts_of(event for each in sources for event in each.reader.events())

    @property
    def name(self) -> str:
        return self.facts().name

    @property
    def project(self) -> str:
        return self.facts().project

    @property
    def tags(self) -> tuple[str, ...]:
        return self.facts().tags

    @property
    def config(self) -> dict[str, Any]:
        return self.facts().config

    @property
    def summary(self) -> dict[str, Any]:
        return self.facts().summary

    @property
    def state(self) -> RunState:
        """running, finished, failed or crashed."""
        return self.standing().state

    def standing(self) -> Standing:
        """How the run is doing: state, attempts, ranks, first and last sign of life."""
        with self.sources() as sources:
            return standing_of(sources)

    def metrics(self, keys: Container[str] | None = None) -> list[Metric]:
        """Every metric of the run, or those of `keys` that it has, by key."""
        with self.sources() as sources:
            found = sorted(series_by_key(sources).items())
            return [_metric(key, each) for key, each in found if keys is None or key in keys]

    def history(
        self,
        key: str,
        rank: int | str | None = None,
        all: bool = False,
        max_points: int | None = None,
    ) -> History:
        """The points of a metric as columns `step`, `time` (ns) and `value`, sorted by step.

        Of points at one step the last by (attempt, writer, seq) counts; `all=True` gives every
        point in the order recorded. `rank` None is the lowest rank that has the metric, "all"
        adds a column `rank`. `max_points` thins the curve but keeps its extremes. Counters are
        running totals. Raises UnknownMetric.
        """
        if max_points is not None and max_points < 1:
            raise ConfigError(f"max_points={max_points}", "give 1 or more")
        with self.sources() as sources:
            parts = _parts(storable(key), sources)
            if rank != "all":
                chosen = min(part.rank for part in parts) if rank is None else rank
                parts = [part for part in parts if part.rank == chosen]
                if not parts:
                    raise UnknownMetric(f"rank {rank!r} of run {self.path.name} has no {key!r}")
        return history(parts, every=all, ranks=rank == "all", most=max_points)

    def histograms(self, key: str) -> list[Histogram]:
        """The aggregates of a histogram metric, in the order recorded."""
        with self.sources() as sources:
            known = series_by_key(sources)
            if key not in known:
                raise _unknown(key, sorted(known))
            found = known[key]
            return [each for one in found for each in one.source.reader.histograms(one.id)]

    def records(
        self, kind: str, latest: int | None = None, time: int | None = None
    ) -> list[Record]:
        """Alerts, tables, images, texts, traces or annotations, in the order recorded.

        All of that kind, or those of one time (ns); or so many of the latest, by their time.
        """
        with self.sources() as sources:
            found = [e for each in sources for e in each.reader.records(kind, latest, time)]
        if latest is None:
            return found
        return sorted(found, key=lambda each: each.time)[max(0, len(found) - latest) :]

    def file(self, name: str) -> Path:
        """Where the file lies that a record names. Raises UnknownFile where it is not here."""
        return attachments.found(self.folders, name)

    def tables(self, key: str | None = None) -> list[TableShown]:
        """The tables that were logged under a name, or all, in the order recorded."""
        found = [each for each in self.records("table") if key in (None, each.key)]
        return [table_shown(each, self.file) for each in found]

    def images(self, key: str | None = None) -> list[ImageShown]:
        """The images that were logged under a name, or all, in the order recorded."""
        found = [each for each in self.records("image") if key in (None, each.key)]
        return [image_shown(each, self.file) for each in found]

    def frame(self, keys: Sequence[str] | None = None, rank: int | None = None) -> Frame:
        """Several metrics side by side, on the union of their steps; all of them if None."""
        chosen = keys
        if chosen is None:
            chosen = [each.key for each in self.metrics() if each.kind != "histogram"]
        with self.sources():
            return Frame({key: self.history(key, rank) for key in chosen})

    def rename(self, name: str) -> None:
        """Gives the run another name."""
        self._edit("run", {"name": storable(name)})

    def move(self, project: str) -> None:
        """Puts the run into another project."""
        self._edit("run", {"project": storable(project)})

    def tag(self, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        """Adds tags, and takes tags away."""
        gone = set(remove)
        kept = [each for each in self.facts().tags if each not in gone]
        self._edit("run", {"tags": list(dict.fromkeys([*kept, *map(storable, add)]))})

    def delete(self, force: bool = False) -> None:
        """Deletes the run's data, for good.

        Raises StoreBusy where a process is still recording it, unless forced.
        """
        standing = self.standing()
        if standing.state == "running" and not force:
            raise StoreBusy(f"run {self.id} is still recorded", "finish it first, or force it")
        self.bury(self.id, standing.lamport)

    def bury(self, run_id: str, lamport: int = 0) -> None:
        """The same however the run is doing, and even if none of its files can be read."""
        edit.bury(self.path, run_id, lamport, self.files())
        self._edited()
        self.close()

    def _edit(self, kind: str, data: dict[str, Any]) -> None:
        edit.add_event(self.path, self.id, self.standing().lamport, kind, data)
        self._edited()

    def _edited(self) -> None:
        if self._elsewhere is not None:
            self._elsewhere.publish(self.path)

    def alerts(self) -> list[Record]:
        """Alerts, in the order recorded; `data` has title, text and level."""
        return self.records("alert")

    @contextmanager
    def sources(self) -> Iterator[list[Source]]:
        """The run's writers by (attempt, writer), all seen at one moment.

        Inside the block every call sees that moment. Passed over is what a collector was sent of a
        writer whose own file is here. A file that cannot be read is left out, and noted in
        `damaged`. Raises StoreError where none can.
        """
        with self._lock, ExitStack() as stack:
            if self._seen is not None:
                yield self._seen
                return
            if self._elsewhere is not None:
                self._elsewhere.fetch(self.path.name)
            found = [source for path in self.files() for source in self._open(path, stack)]
            if not found:
                raise self._unreadable()
            self._seen = sorted(told_once(found), key=lambda each: each.order)
            try:
                yield self._seen
            finally:
                self._seen = None

    def _open(self, path: Path, stack: ExitStack) -> Iterator[Source]:
        try:
            reader = self._reader(path)
            stack.enter_context(reader.snapshot())
            yield Source(reader, self._alive(path, reader.meta()))
            self.damaged.pop(path, None)
        except NewerFormat:
            raise
        except StoreError as error:
            if path not in self.damaged:
                logger.warning("%s", error)
            self.damaged[path] = error

    def _alive(self, path: Path, meta: dict[str, Any]) -> dict[str, Any]:
        """What a file says of its writer, and when that gave its last sign of life, if later."""
        if self._elsewhere is None:
            return meta
        last = max(self._elsewhere.heartbeat(path), meta.get("heartbeat_ns", 0))
        return {**meta, "heartbeat_ns": last, SIGNED: True} if last else meta

    def _reader(self, path: Path) -> RunFileReader:
        known = self._readers.pop(path, None)
        if known is not None and known.replaced:
            known.close()
            known = None
        self._readers[path] = known or RunFileReader(path)
        return self._readers[path]

    def _unreadable(self) -> StoreError:
        if self.damaged:
            return next(iter(self.damaged.values()))
        return StoreError(f"no run files in {self.path}", "it was removed meanwhile")

    @property
    def held(self) -> int:
        """How many decoded numbers its open files keep in memory, of 8 bytes each."""
        return sum(reader.held for reader in list(self._readers.values()))

    def close(self) -> None:
        """Lets the files go; a later call opens them again. Inside `sources()` it does nothing."""
        with self._lock:
            if self._seen is not None:
                return
            for reader in self._readers.values():
                reader.close()
            self._readers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<StoredRun {self.path.name}>"


def _parts(key: str, sources: Sequence[Source]) -> list[Part]:
    known = series_by_key(sources)
    parts = parts_of(known.get(key, ()))
    if parts:
        return parts
    if key in known and known[key][0].series.kind == "histogram":
        raise UnknownMetric(f"{key!r} is a histogram", "histograms(key) has its aggregates")
    raise _unknown(key, sorted(known))


def _unknown(key: str, known: Sequence[str]) -> UnknownMetric:
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    some = ", ".join(known[:SUGGESTIONS]) + (", ..." if len(known) > SUGGESTIONS else "")
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {some}"
    return UnknownMetric(f"no metric {key!r}", hint if known else "nothing was logged yet")


def _metric(key: str, found: Sequence[Found]) -> Metric:
    ranks = tuple(sorted({each.series.rank for each in found}))
    series = found[0].series
    about = (key, series.kind, series.unit, series.description, series.scope, ranks)
    if series.kind == "histogram":
        return Metric(*about, sum(each.source.reader.histogram_count(each.id) for each in found))
    pieces = pieces_of([each for each in found if each.series.rank == ranks[0]])
    return Metric(*about, **_summed_up(pieces)) if pieces else Metric(*about, 0)


def _summed_up(pieces: Sequence[Piece]) -> dict[str, Any]:
    """What `Metric` says of the points of one rank, from rollups where they serve."""
    all_of = bucketed(pieces, TIME_AXIS, 0)
    nonfinite = int(all_of.nan[0] + all_of.pos_inf[0] + all_of.neg_inf[0])
    points = latest(pieces)
    summary = {
        "count": sum(map(len, pieces)),
        "nonfinite": nonfinite,
        "last": points.value[-1:].tolist()[0],
        "last_step": step_or_none(int(points.step[-1])),
    }
    if all_of.count[0] > nonfinite:
        summary |= {"min": float(all_of.min[0]), "max": float(all_of.max[0])}
    return summary
