"""Watching runs for what rules are about, on a thread that nobody waits for.

Of several servers on one folder one watches, and another takes over when it ends. What a rule finds
is kept before anybody is told, so that no crash tells it twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from otel_trackio.errors import OtelTrackioError, StoreError
from otel_trackio.frames import number_to_json, step_or_none
from otel_trackio.lease import Lease
from otel_trackio.model import Points
from otel_trackio.storedrun import StoredRun
from otel_trackio.threads import started
from otel_trackio_space import findings, kept
from otel_trackio_space.entry import Entry
from otel_trackio_space.failures import Refused
from otel_trackio_space.findings import Findings
from otel_trackio_space.news import News, counts, news
from otel_trackio_space.rulebook import Rulebook
from otel_trackio_space.rules import (
    Rule,
    Told,
    alert,
    any_of,
    asked_of_points,
    breach,
    silence,
)
from otel_trackio_space.shelf import Shelf, pause
from otel_trackio_space.webhook import Delivery, Webhooks, message

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.5
"""How often it looks for what is new."""

SAVE_SECONDS: Final = 10.0
"""How old what is kept of how far it has looked may be; what is found is kept at once."""

CLOSE_SECONDS: Final = 1.0
"""How long the end waits for what it is looking at."""

SAVE_SHARE: Final = 20.0
"""How many times as long as saving took the next one waits, where there is much to keep."""

Found = list[tuple[Rule, Told]]


class Watch:
    """`rulebook` has the rules. `problem` says why nothing is found, where that is so.

    Nothing is looked at in a folder without rules. Any thread may use it.
    """

    def __init__(
        self,
        shelf: Shelf,
        grace: float = 0.0,
        said: Callable[[set[str]], object] = lambda runs: None,
    ) -> None:
        """`grace` are the seconds that data may take to come here.

        `said` is called with the runs of which something was found.
        """
        self.rulebook = Rulebook(shelf.api.dir)
        self.problem: OtelTrackioError | None = None
        self._dir = shelf.api.store
        self._shelf = shelf
        self._grace = grace
        self._said = said
        self._webhooks = Webhooks()
        self._findings = Findings()
        self._lease: Lease | None = None
        self._version = 0
        self._save_due = 0.0
        self._changed = False
        self._gone: set[str] = set()
        self._read: tuple[object, list[dict[str, Any]]] = None, []
        self._ended = threading.Event()
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="otel-trackio rules", daemon=True)

    def start(self) -> None:
        started(self._thread)

    def put(self, project: str, rules: Sequence[Rule]) -> Sequence[Rule]:
        """Gives a project these rules, with ids; what was recorded until now is passed over.

        Raises StoreError.
        """
        with self._turn:
            written = self.rulebook.write(project, rules)
            if self._leads():
                self._settle(self.rulebook.projects(), self._shelf.look().of())
                self._save(always=True)
            return written

    def told(self, project: str | None = None) -> list[dict[str, Any]]:
        """What was found in runs that are shown, as the API has alerts, the oldest first."""
        try:
            found = self._told()
        except StoreError as error:
            self._complain(error)
            return []
        shown = {each.id for each in self._shelf.shown.of(project)}
        return [alert(each) for each in found if each["run"] in shown]

    def _told(self) -> list[dict[str, Any]]:
        if self._lease is not None:
            return list(self._findings.told)
        # Another process watches, or one did before.
        stamp = kept.stamp(self._dir / findings.NAME)
        if stamp is None or stamp != self._read[0]:
            self._read = stamp, findings.read(self._dir).told
        return self._read[1]

    def delivery(self, rule: str) -> Delivery:
        """How a rule's webhook fares, since this server's start."""
        return self._webhooks.delivery(rule)

    def close(self) -> None:
        """Ends it, and keeps what is known."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_SECONDS)
        self._webhooks.close()

    def _watch(self) -> None:
        due = TICK_SECONDS
        while not self._ended.wait(due):
            began = time.monotonic()
            try:
                with self._turn:
                    if self._leads():
                        self._round()
                self.problem = None
            except Refused:
                break  # The shelf is closed.
            except OtelTrackioError as error:
                self._complain(error)
            except Exception as error:  # What is wrong here is told on the page, and ends nothing.
                logger.debug("rules", exc_info=True)
                self._complain(StoreError(f"rules cannot be looked at: {error!r}", "report it"))
            due = pause(TICK_SECONDS, time.monotonic() - began)
        self._let_go()

    def _complain(self, error: OtelTrackioError) -> None:
        if str(error) != str(self.problem):
            logger.warning("%s", error)
        self.problem = error

    def _leads(self) -> bool:
        """Whether this is the server that watches. Raises StoreError where none could."""
        if self._lease is not None:
            return True
        if not self.rulebook.projects():
            return False
        try:
            lease = Lease.take(self._dir / "rules.lock")
        except OSError as error:
            hint = "rules need a folder that can be written"
            raise StoreError(f"cannot watch {self._dir}: {error.strerror}", hint) from error
        if lease is None:
            return False
        try:
            self._findings = findings.read(self._dir)
        except BaseException:
            lease.release()
            raise
        self._lease, self._version = lease, 0
        return True

    def _let_go(self) -> None:
        with self._turn:
            if self._lease is None:
                return
            try:
                self._save(always=True)
            except OtelTrackioError as error:
                logger.warning("%s", error)
            self._lease.release()
            self._lease = None

    def _round(self) -> None:
        projects = self.rulebook.projects()
        shown = self._shelf.look()
        self._settle(projects, shown.of())
        gone = self._findings.runs() - shown.runs.keys()
        if self._version == 0:
            self._findings.forget_rules({e.id for rules in projects.values() for e in rules})
        if self._version == 0 or gone - self._gone:
            self._clean(gone)
        self._gone = gone
        for entry in shown.of():
            rules = projects.get(entry.facts.project, ())
            if rules and not self._ended.is_set():
                found = self._of_silence(entry, rules)
                if entry.version > self._version:
                    found += self._of_points(entry, asked_of_points(rules))
                if found:
                    self._tell(found)
        if not self._ended.is_set():
            self._version = shown.version
        self._save(always=False)

    def _clean(self, gone: Collection[str]) -> None:
        """Forgets runs that are gone for good; what cannot be read now is not.

        While we watch only a tombstone tells that: a folder may come back, as when it is mounted.
        """
        for run_id in gone:
            with suppress(StoreError):
                found = self._shelf.api.by_id(run_id, deleted=True)
                if self._version == 0 if found is None else found.facts().deleted:
                    self._findings.forget_run(run_id)
                    self._changed = True

    def _settle(self, projects: Mapping[str, Sequence[Rule]], every: Sequence[Entry]) -> None:
        """Passes over what was recorded before a rule was made."""
        made = {(each.id, each.key) for rules in projects.values() for each in rules}
        fresh = made - self._findings.based
        for entry in every if fresh else ():
            rules = asked_of_points(projects.get(entry.facts.project, ()))
            new = [each for each in rules if (each.id, each.key) in fresh]
            if new:
                self._pass_over(entry, new)
        if made != self._findings.based:
            self._findings.based = made
            self._changed = True

    def _pass_over(self, entry: Entry, rules: Sequence[Rule]) -> None:
        """What other rules look at already they go on with."""
        seen = self._findings.seen.setdefault(entry.id, {})
        try:
            with self._shelf.sources(entry) as sources:
                for writer, known in counts(sources, any_of(rules)).items():
                    seen[writer] = {**known, **seen.get(writer, {})}
        except StoreError:
            logger.debug("%s cannot be read", entry.id)

    def _of_points(self, entry: Entry, rules: Sequence[Rule]) -> Found:
        found: Found = []
        seen = self._findings.seen.get(entry.id, {})
        wanted = any_of(rules)
        try:
            with self._shelf.sources(entry) as sources:
                now = counts(sources, wanted)
                for each in news(sources, seen, wanted):
                    points = _totals(entry.run, each) if each.increments else each.points
                    new = replace(each, points=points)
                    of_each = ((rule, self._of_one(rule, entry, new)) for rule in rules)
                    found += [(rule, told) for rule, told in of_each if told is not None]
        except StoreError as error:
            logger.debug("%s", error)
            return found
        if now != seen:
            self._findings.seen[entry.id] = now
            self._changed = True
        return found

    def _of_one(self, rule: Rule, entry: Entry, new: News) -> Told | None:
        """What a rule finds in new points, unless it found that already."""
        if not rule.matches(new.key):
            return None
        broken = breach(rule, new.points)
        place = rule.id, entry.id, new.key
        known = place in self._findings.broken
        self._note(place, new.rank, broken is not None and not broken.recovered)
        if broken is None or known:
            return None
        step = step_or_none(broken.step)
        text = f"{number_to_json(broken.value)}{'' if step is None else f' at step {step}'}"
        about = rule.id, entry.facts.project, entry.id, entry.facts.name, new.key, new.rank
        title = rule.says(new.key)
        return Told(*about, broken.time, step, broken.value, rule.level, title, text)

    def _of_silence(self, entry: Entry, rules: Sequence[Rule]) -> Found:
        found: Found = []
        running, now = entry.standing.state == "running", time.time_ns()
        for rule in rules:
            if rule.kind != "silent":
                continue
            silent = running and silence(rule, _last_time(entry, rule), now, self._grace)
            silent = silent and silence(rule, entry.began, now, self._grace)
            place = rule.id, entry.id, rule.key
            if silent and place not in self._findings.broken:
                about = rule.id, entry.facts.project, entry.id, entry.facts.name, rule.key, 0
                told = Told(*about, now, None, None, rule.level, rule.says(rule.key), "")
                found.append((rule, told))
            self._note(place, 0, silent)
        return found

    def _note(self, place: findings.Place, rank: int, breaks: bool) -> None:
        broken = self._findings.broken
        ranks = broken.get(place, set())
        if (rank in ranks) == breaks:
            return
        ranks = ranks | {rank} if breaks else ranks - {rank}
        self._changed = True
        if ranks:
            broken[place] = ranks
        else:
            broken.pop(place, None)

    def _tell(self, found: Found) -> None:
        for _, told in found:
            self._findings.add(told.document())
        try:
            self._save(always=True)
        except StoreError as error:
            self._complain(error)  # Others are told all the same.
        for rule, told in found:
            if rule.webhook is not None:
                self._webhooks.send(rule.id, rule.webhook, message(rule.form, told))
        self._said({told.run for _, told in found})

    def _save(self, always: bool) -> None:
        began = time.monotonic()
        if always or (self._changed and began > self._save_due):
            findings.write(self._dir, self._findings)
            took = time.monotonic() - began
            self._save_due = began + max(SAVE_SECONDS, SAVE_SHARE * took)
            self._changed = False


def _last_time(entry: Entry, rule: Rule) -> int:
    """When the metrics of a rule got their last point, in ns; 0 where they have none."""
    extents = (
        extent
        for listed in entry.metrics.values()
        if rule.matches(listed.key)
        for extent in listed.ranks.values()
    )
    return max((each.times[1] for each in extents if each.times is not None), default=0)


def _totals(run: StoredRun, new: News) -> Points:
    """Where a counter stands, which is all that counts of it."""
    history = run.history(new.key, new.rank)
    return Points(new.points.step[-1:], new.points.time[-1:], history["value"][-1:])
