"""The rules as data, and what came of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from simulators.emsp.check.visit import Visit
from simulators.emsp.findings import Finding
from simulators.emsp.wire import JsonObject

ALL = ("2.1.1", "2.2.1", "2.3.0")
SINCE_221 = ("2.2.1", "2.3.0")
SINCE_230 = ("2.3.0",)


class Level(Enum):
    """MUST stands for MUST, SHALL and the definitions of objects; SHOULD for all that is only advised."""

    MUST = "MUST"
    SHOULD = "SHOULD"


class Outcome(Enum):
    """A SHOULD that does not hold is a warning; a rule that cannot be told of is skipped."""

    PASSED = "pass"
    FAILED = "fail"
    WARNED = "warn"
    SKIPPED = "skip"


@dataclass(frozen=True, slots=True)
class Spec:
    """The paragraph of a rule: as 2.2.1 and 2.3.0 number it, and as 2.1.1 calls it."""

    since_221: str
    in_211: str = ""
    in_230: str = ""

    def of(self, version: str) -> str:
        paragraph = {"2.1.1": self.in_211, "2.3.0": self.in_230}.get(version) or self.since_221
        return f"OCPI {version} {paragraph}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`is_held` is None where nothing could be told, then `came` is the reason."""

    is_held: bool | None
    expected: str = ""
    came: str = ""
    where: str = ""


HELD = Verdict(True)
Examine = Callable[[Visit], Awaitable[Verdict]]


def broken(expected: str, came: str, where: str = "") -> Verdict:
    return Verdict(False, expected, came, where)


def skipped(reason: str) -> Verdict:
    return Verdict(None, came=reason)


@dataclass(frozen=True, slots=True)
class CheckRule:
    """One rule: what must hold, where it stands, in which versions, and how it is looked at.

    `endpoint` is the module and role the server must offer, without which the rule is skipped; `should_in` are the
    versions in which it is only an advice.  A rule that `is_late` judges what was seen on the way.
    """

    id: str
    title: str
    spec: Spec
    examine: Examine
    versions: tuple[str, ...] = ALL
    should_in: tuple[str, ...] = ()
    endpoint: tuple[str, str] | None = None
    is_late: bool = False
    needs_registration: bool = True

    @property
    def group(self) -> str:
        return self.id.partition(".")[0]

    def level(self, version: str) -> Level:
        return Level.SHOULD if version in self.should_in else Level.MUST


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one rule."""

    rule: CheckRule
    version: str
    outcome: Outcome
    expected: str = ""
    came: str = ""
    where: str = ""

    def as_dict(self) -> JsonObject:
        told = {
            "rule": self.rule.id,
            "title": self.rule.title,
            "level": self.rule.level(self.version).value,
            "outcome": self.outcome.value,
            "paragraph": self.rule.spec.of(self.version),
        }
        if self.outcome is Outcome.SKIPPED:
            return {**told, "reason": self.came}
        if self.outcome is Outcome.PASSED:
            return told
        return {**told, "expected": self.expected, "came": self.came, "where": self.where}


@dataclass(slots=True)
class Report:
    """All results in the order of the table."""

    version: str
    results: list[Result] = field(default_factory=list)
    cpo: str = ""
    party: str = ""

    def of(self, outcome: Outcome) -> list[Result]:
        return [result for result in self.results if result.outcome is outcome]

    @property
    def is_passed(self) -> bool:
        return not self.of(Outcome.FAILED)


def from_findings(title: str, findings: Iterable[Finding]) -> Verdict:
    """Held if nothing was found, else the first finding and how many more there are."""
    found = list(findings)
    if not found:
        return HELD
    first, more = found[0], len(found) - 1
    came = f"{first.path}: {first.seen}" + (f" (and {more} more)" if more else "")
    return broken(first.rule.says or title, came, first.where)
