"""What the eMSP found: rules of the specification, and the places where they did not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum


class Severity(Enum):
    """A violation breaks a MUST, a SHALL or the object's definition; a note breaks an advice or a habit."""

    VIOLATION = "violation"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence that must hold, with the paragraph of the specification it comes from."""

    id: str
    says: str
    paragraph: str
    severity: Severity = Severity.VIOLATION


@dataclass(frozen=True, slots=True)
class Problem:
    """A rule that one object breaks; `path` is a JSON path with `$` for the object itself, or names a header."""

    rule: Rule
    path: str
    seen: str

    def below(self, prefix: str) -> Problem:
        """The same problem, seen from what holds this object at `prefix`; a header stays where it is."""
        if not self.path.startswith("$"):
            return self
        return Problem(self.rule, prefix + self.path.removeprefix("$"), self.seen)


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem with its place: `where` is the method and URL of the message, `path` the place in its body."""

    rule: Rule
    where: str
    path: str
    seen: str

    @property
    def is_violation(self) -> bool:
        return self.rule.severity is Severity.VIOLATION

    @property
    def paragraph(self) -> str:
        return self.rule.paragraph

    def as_dict(self) -> dict[str, str]:
        return {
            "rule": self.rule.id,
            "severity": self.rule.severity.value,
            "says": self.rule.says,
            "where": self.where,
            "path": self.path,
            "seen": self.seen,
            "paragraph": self.rule.paragraph,
        }

    def __str__(self) -> str:
        return (
            f"{self.rule.severity.value} {self.rule.id}: {self.rule.says}\n"
            f"    where     {self.where} {self.path}\n"
            f"    seen      {self.seen}\n"
            f"    paragraph {self.rule.paragraph}"
        )


@dataclass(slots=True)
class Findings:
    """The findings in the order they were made, each once, and a count of what was looked at."""

    checked: Counter[str] = field(default_factory=Counter)
    _made: dict[Finding, None] = field(default_factory=dict)

    def add(self, rule: Rule, where: str, path: str, seen: str) -> None:
        self._made.setdefault(Finding(rule, where, path, seen))

    def extend(self, where: str, problems: Iterable[Problem], prefix: str = "$") -> None:
        """File problems of an object that stands at `prefix` in the message `where`."""
        for problem in problems:
            placed = problem.below(prefix)
            self.add(placed.rule, where, placed.path, placed.seen)

    @property
    def violations(self) -> list[Finding]:
        return [finding for finding in self._made if finding.is_violation]

    @property
    def notes(self) -> list[Finding]:
        return [finding for finding in self._made if not finding.is_violation]

    def of(self, rule_id: str) -> list[Finding]:
        return [finding for finding in self._made if finding.rule.id == rule_id]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)
