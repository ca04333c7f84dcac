"""Runs the rules of the table one by one; a server that breaks one cannot keep it from the next."""

from __future__ import annotations

from dataclasses import replace

from simulators.emsp.check import commands, handshake, judged, lists, refusals, tokens
from simulators.emsp.check.table import CheckRule, Level, Outcome, Report, Result, Verdict, broken, skipped
from simulators.emsp.check.visit import NothingToTellError, Visit
from simulators.emsp.errors import EmspError
from simulators.emsp.peer import NO_ANSWER

ORDERED: tuple[CheckRule, ...] = (
    *handshake.BEFORE,
    *lists.RULES,
    *refusals.RULES,
    *tokens.RULES,
    *commands.RULES,
    *lists.INVOICE_RULES,
    *lists.KEPT,
)
# The registration ends last, after all else was judged.
RULES: tuple[CheckRule, ...] = (*ORDERED, *judged.RULES, *handshake.AFTER)


MOST_SILENCES = 3


async def run_check(visit: Visit) -> Report:
    """Check a server by every rule of its version; `EmspError` if there is nobody to check."""
    number = visit.version.number
    await handshake.open_visit(visit)
    report = Report(number)
    applying = [rule for rule in RULES if number in rule.versions]
    results = {}
    for rule in (*_only(applying, late=False), *_only(applying, late=True)):
        if rule is handshake.AFTER[0] and not visit.stopped:
            await _tidy(visit)
        if rule is lists.READ[0] and visit.prepare is not None and not visit.stopped:
            await visit.prepare()
        results[rule.id] = _result(rule, number, await _examine(rule, visit))
    groups = list(dict.fromkeys(rule.group for rule in (*judged.RULES[:1], *RULES)))
    in_order = sorted(applying, key=lambda rule: groups.index(rule.group))
    report.results = [results[rule.id] for rule in in_order]
    report.party = str(visit.desk.party)
    report.cpo = visit.cpo
    return report


def _only(rules: list[CheckRule], *, late: bool) -> list[CheckRule]:
    return [rule for rule in rules if rule.is_late == late]


async def _examine(rule: CheckRule, visit: Visit) -> Verdict:
    if rule.endpoint is not None and visit.endpoints and rule.endpoint not in visit.endpoints:
        return skipped(f"the server does not offer {rule.endpoint[0]} as {rule.endpoint[1]}")
    if visit.stopped and rule.needs_registration and not rule.is_late:
        return skipped(visit.stopped)
    try:
        verdict = await rule.examine(visit)
        visit.silences = 0
    except NothingToTellError as error:
        return skipped(str(error))
    except EmspError as error:
        _mind_silence(visit, error)
        return broken("an answer that can be judged", error.what, error.where)
    except Exception as error:  # root of a task: whatever a broken server sends, the next rule is asked
        return broken("an answer that can be judged", f"{type(error).__name__}: {error}")
    return verdict


def _mind_silence(visit: Visit, error: EmspError) -> None:
    """A server that does not answer any more must not be waited for a hundred times."""
    visit.silences = visit.silences + 1 if error.what == NO_ANSWER else 0
    if visit.silences >= MOST_SILENCES:
        visit.stopped = f"the server gave no answer {MOST_SILENCES} times in turn"


async def _tidy(visit: Visit) -> None:
    try:
        await tokens.tidy(visit)
    except (EmspError, NothingToTellError):
        return


def _result(rule: CheckRule, number: str, verdict: Verdict) -> Result:
    result = Result(rule, number, Outcome.PASSED, verdict.expected, verdict.came, verdict.where)
    if verdict.is_held is None:
        return replace(result, outcome=Outcome.SKIPPED)
    if verdict.is_held:
        return result
    is_must = rule.level(number) is Level.MUST
    return replace(result, outcome=Outcome.FAILED if is_must else Outcome.WARNED)
