"""Is everything as it must be?  What was pushed, what was pulled, and each figure beside what its scenario says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

from simulators.charger import Scenario
from simulators.demo.app import is_ordered
from simulators.demo.errors import DemoError
from simulators.demo.pushes import JsonObject, find_differences, is_progress
from simulators.demo.site import Stage
from simulators.demo.telling import tell


def check_pushes(
    stages: Mapping[Stage, Scenario],
    sessions: Mapping[str, Sequence[JsonObject]],
    cdrs: Sequence[JsonObject],
) -> bool:
    """Tell how each charger's session was pushed, from its first word to its CDR; True if all is as it must be."""
    are_right = True
    for stage, scenario in stages.items():
        problems = find_push_problems(stage, scenario, sessions, cdrs)
        are_right &= not problems
        lives = [describe_life(told) for told in sessions.values() if told[-1]["evse_uid"] == stage.evse_uid]
        verdict = f"WRONG: {'; '.join(problems)}" if problems else "and its CDR  ok"
        tell("check", f"{stage.station_id} was pushed: {'; '.join(lives) or 'nothing'}, {verdict}")
    return are_right


def find_push_problems(
    stage: Stage, scenario: Scenario, sessions: Mapping[str, Sequence[JsonObject]], cdrs: Sequence[JsonObject]
) -> list[str]:
    """What the pushes about one charger lack, in words.

    There is one session, told as PENDING first where it was ordered, then ACTIVE with progress, then COMPLETED; and its
    CDR once.
    """
    here = {id_: told for id_, told in sessions.items() if told[-1]["evse_uid"] == stage.evse_uid}
    if len(here) != 1:
        return [f"expected 1 session, {len(here)} were pushed"]
    ((session_id, told),) = here.items()
    problems = []
    statuses = [status for status, _ in groupby(session["status"] for session in told)]
    wanted = ["PENDING", "ACTIVE", "COMPLETED"] if is_ordered(scenario) else ["ACTIVE", "COMPLETED"]
    if statuses != wanted:
        problems.append(f"its states were {', '.join(statuses)}, not {', '.join(wanted)}")
    if not any(is_progress(session, told[-1]) for session in told):
        problems.append("no progress was pushed while it charged")
    bills = [cdr for cdr in cdrs if cdr.get("session_id") == session_id]
    if len(bills) != 1:
        problems.append(f"expected 1 CDR of it, {len(bills)} were pushed")
    methods = {bill["auth_method"] for bill in bills}
    if is_ordered(scenario) and bills and methods != {"COMMAND"}:
        problems.append(f"its CDR says {', '.join(methods)}, not that it was ordered by COMMAND")
    return problems


def describe_life(told: Sequence[JsonObject]) -> str:
    """`PENDING, ACTIVE (7 times), COMPLETED`"""
    counts = Counter(session["status"] for session in told)
    return ", ".join(status if count == 1 else f"{status} ({count} times)" for status, count in counts.items())


def check_pulls(pushed: Mapping[str, Mapping[str, JsonObject]], pulled: Mapping[str, Sequence[JsonObject]]) -> bool:
    """Tell whether what the eMSP pulled is what it was pushed."""
    differences = find_differences(pushed, pulled)
    for difference in differences:
        tell("check", f"WRONG: {difference}")
    if not differences:
        counts = ", ".join(f"{len(items)} {module}" for module, items in pulled.items())
        tell("check", f"what was pulled is what was pushed, field by field: {counts}  ok")
    return not differences


def compare(cdrs: Sequence[JsonObject], stages: Mapping[Stage, Scenario]) -> bool:
    """Tell each CDR beside what its scenario says; True if all agree."""
    are_right = True
    for stage, scenario in stages.items():
        found = [cdr for cdr in cdrs if cdr["cdr_location"]["evse_uid"] == stage.evse_uid]
        if len(found) != 1:
            tell("cdr", f"{stage.station_id}: expected 1 CDR, the eMSP has {len(found)}")
            are_right = False
            continue
        tell("cdr", f"{found[0]['id']} of {stage.station_id} ({found[0]['cdr_location']['evse_id']})")
        for name, seen, unit, wanted in figures(found[0], scenario):
            is_right = wanted is None or seen == wanted
            are_right &= is_right
            tell("cdr", f"  {name:<8} {seen:>9f} {unit:<16} must be {wanted}  {'ok' if is_right else 'WRONG'}")
    return are_right


def figures(cdr: dict[str, Any], scenario: Scenario) -> list[tuple[str, Decimal, str, Decimal | None]]:
    """What a CDR says, and what it must."""
    expect = scenario.expect
    if expect is None:
        raise DemoError("the scenario states no expectation: give it an [expect] table")
    minutes = None
    if expect.charging_minutes is not None and expect.parking_minutes is not None:
        minutes = expect.charging_minutes + expect.parking_minutes
    parking = Decimal(str(cdr.get("total_parking_time", 0))) * 60
    cost = cdr["total_cost"]
    return [
        ("energy", Decimal(str(cdr["total_energy"])), "kWh", expect.kwh),
        ("duration", Decimal(str(cdr["total_time"])) * 60, "min", minutes),
        ("parking", parking, "min", expect.parking_minutes),
        ("cost", Decimal(str(cost["excl_vat"])), f"{cdr['currency']} excl. VAT", expect.cost_excl_vat),
        ("cost", Decimal(str(cost["incl_vat"])), f"{cdr['currency']} incl. VAT", expect.cost_incl_vat),
    ]
