"""What rules have found, and how far they have looked: kept in DIR/rules-state.json."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from otel_trackio_space import kept
from otel_trackio_space.rules import alert

NAME: Final = "rules-state.json"

FORMAT: Final = 1

MOST_TOLD: Final = 1_000
"""Findings that are kept; the oldest go first."""

Place = tuple[str, str, str]
"""A rule, a run, and a metric."""


@dataclass(slots=True)
class Findings:
    """`seen` is how many points of a run were looked at, as `news` counts them.

    `based` are the rules, with their patterns, for which what was there before was passed over.
    `broken` are the ranks that break a rule as of now, `told` the findings as JSON, oldest first.
    """

    seen: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    based: set[tuple[str, str]] = field(default_factory=set)
    broken: dict[Place, set[int]] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)

    def add(self, finding: dict[str, Any]) -> None:
        self.told.append(finding)
        del self.told[:-MOST_TOLD]

    def runs(self) -> set[str]:
        """The runs of which more is known than what was found."""
        return self.seen.keys() | {run for _, run, _ in self.broken}

    def forget_run(self, run_id: str) -> None:
        """Drops what is known of a run that is not there any more."""
        self.seen.pop(run_id, None)
        self.broken = {at: ranks for at, ranks in self.broken.items() if at[1] != run_id}
        self.told = [each for each in self.told if each["run"] != run_id]

    def forget_rules(self, kept_rules: set[str]) -> None:
        """Of rules that are gone only what they found stays."""
        self.broken = {at: ranks for at, ranks in self.broken.items() if at[0] in kept_rules}


def read(dir: Path) -> Findings:
    """Raises StoreError where the file is damaged."""
    path = dir / NAME
    document = kept.read(path)
    if not document:
        return Findings()
    try:
        if document["format"] != FORMAT:
            raise ValueError(f"its format is {document['format']}, and we know {FORMAT}")
        return Findings(
            {str(run): _counts(known) for run, known in document["seen"].items()},
            {(str(rule), str(key)) for rule, key in document["based"]},
            {(rule, run, key): set(ranks) for rule, run, key, ranks in document["broken"]},
            [{**each, **alert(each)} for each in document["told"]],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise kept.damaged(path, error) from error


def _counts(document: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {
        str(writer): {str(series): int(count) for series, count in known.items()}
        for writer, known in document.items()
    }


def write(dir: Path, findings: Findings) -> None:
    """Raises StoreError."""
    kept.write(
        dir / NAME,
        {
            "format": FORMAT,
            "told": findings.told,
            "broken": [[*at, sorted(ranks)] for at, ranks in findings.broken.items()],
            "based": sorted(findings.based),
            "seen": findings.seen,
        },
    )
