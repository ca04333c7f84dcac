"""The result of a check as a table for people, and as one JSON object for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from simulators.emsp.check.table import Outcome, Report, Result
from simulators.emsp.wire import JsonObject

WIDTH = 118


def tell_report(report: Report) -> Iterator[str]:
    """One line per rule; below it, where it did not hold, what was expected and what came."""
    name = max(len(result.rule.id) for result in report.results)
    title = max(len(result.rule.title) for result in report.results)
    yield f"{'':4}  {'rule':{name}}  {'level':6}  {'what must hold':{title}}  paragraph"
    reason = ""
    for result in report.results:
        paragraph = result.rule.spec.of(report.version)
        level = result.rule.level(report.version).value
        yield f"{result.outcome.value:4}  {result.rule.id:{name}}  {level:6}  {result.rule.title:{title}}  {paragraph}"
        # A reason that many rules share is told once.
        if result.outcome is not Outcome.SKIPPED or result.came != reason:
            yield from _tell_why(result)
        reason = result.came if result.outcome is Outcome.SKIPPED else ""
    yield tell_summary(report)


def tell_summary(report: Report) -> str:
    counts = {outcome: len(report.of(outcome)) for outcome in Outcome}
    verdict = "passed" if report.is_passed else "failed"
    return (
        f"OCPI {report.version} of {report.cpo or 'the server'}: {verdict}; "
        f"{counts[Outcome.PASSED]} rules hold, {counts[Outcome.FAILED]} broken, "
        f"{counts[Outcome.WARNED]} advices not followed, {counts[Outcome.SKIPPED]} skipped"
    )


def as_json(report: Report) -> JsonObject:
    return {
        "ok": report.is_passed,
        "version": report.version,
        "cpo": report.cpo,
        "party": report.party,
        "counts": {outcome.value: len(report.of(outcome)) for outcome in Outcome},
        "results": [result.as_dict() for result in report.results],
    }


def _tell_why(result: Result) -> Iterator[str]:
    if result.outcome is Outcome.SKIPPED:
        yield from _wrap("because", result.came)
    if result.outcome in (Outcome.FAILED, Outcome.WARNED):
        yield from _wrap("expected", result.expected)
        yield from _wrap("came", result.came)
        if result.where:
            yield from _wrap("where", result.where)


def _wrap(what: str, text: str) -> Iterator[str]:
    lines = textwrap.wrap(" ".join(text.split()), WIDTH - 16, break_long_words=False, break_on_hyphens=False) or [""]
    yield f"      {what:8}  {lines[0]}"
    for line in lines[1:]:
        yield f"      {'':8}  {line}"
