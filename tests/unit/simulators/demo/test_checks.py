"""What the demo holds against what: a figure, a state or a push that is not as it must be is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulators.charger import load_scenario
from simulators.demo.checks import check_pulls, check_pushes, compare, find_push_problems
from simulators.demo.pushes import find_differences
from simulators.demo.site import STAGES

CARD, ORDERED = STAGES
SCENARIOS = {stage: load_scenario(stage.scenario) for stage in STAGES}
Told = list[tuple[str, str]]

CARD_LIFE: Told = [("ACTIVE", "0"), ("ACTIVE", "2.75"), ("COMPLETED", "5.5")]
ORDERED_LIFE: Told = [("PENDING", "0"), ("ACTIVE", "0"), ("ACTIVE", "3.1"), ("COMPLETED", "6.6")]


def life(told: Told, evse_uid: str) -> list[dict[str, Any]]:
    return [{"evse_uid": evse_uid, "status": status, "kwh": Decimal(kwh)} for status, kwh in told]


def bill(session_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": f"CDR-{session_id}", "session_id": session_id, "auth_method": "COMMAND", **fields}


def problems_of(told: Told, *bills: dict[str, Any]) -> list[str]:
    return find_push_problems(ORDERED, SCENARIOS[ORDERED], {"S": life(told, ORDERED.evse_uid)}, bills)


def test_a_whole_life_with_its_bill_has_no_problems() -> None:
    sessions = {"A": life(CARD_LIFE, CARD.evse_uid), "B": life(ORDERED_LIFE, ORDERED.evse_uid)}

    assert check_pushes(SCENARIOS, sessions, [bill("A", auth_method="WHITELIST"), bill("B")])


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (ORDERED_LIFE[1:], "its states were ACTIVE, COMPLETED, not PENDING, ACTIVE, COMPLETED"),
        (ORDERED_LIFE[:-1], "its states were PENDING, ACTIVE, not PENDING, ACTIVE, COMPLETED"),
        ([*ORDERED_LIFE[:2], ORDERED_LIFE[-1]], "no progress was pushed while it charged"),
    ],
)
def test_a_push_that_is_missing_is_named(told: Told, problem: str) -> None:
    assert problem in problems_of(told, bill("S"))


def test_a_session_or_a_bill_that_never_came_is_named() -> None:
    assert problems_of(ORDERED_LIFE) == ["expected 1 CDR of it, 0 were pushed"]
    assert find_push_problems(ORDERED, SCENARIOS[ORDERED], {}, []) == ["expected 1 session, 0 were pushed"]
    assert not check_pushes(SCENARIOS, {}, [])


def test_a_bill_that_does_not_know_of_the_order_is_named() -> None:
    assert problems_of(ORDERED_LIFE, bill("S", auth_method="WHITELIST")) == [
        "its CDR says WHITELIST, not that it was ordered by COMMAND"
    ]


def test_what_differs_between_push_and_pull_is_named_by_its_field() -> None:
    pushed = {"cdrs": {"A": {"id": "A", "total_energy": Decimal("5.5")}, "B": {"id": "B"}}}
    pulled = {"cdrs": [{"id": "A", "total_energy": Decimal("5.4")}, {"id": "C"}]}

    assert find_differences(pushed, pulled) == [
        "cdrs C was never pushed",
        "cdrs B was pushed but not pulled",
        "cdrs A: total_energy differ between push and pull",
    ]
    assert not check_pulls(pushed, pulled)
    assert check_pulls({"cdrs": {"A": {"id": "A"}}}, {"cdrs": [{"id": "A"}]})


def cdr(**changes: Any) -> dict[str, Any]:
    return {
        "id": "A",
        "cdr_location": {"evse_uid": CARD.evse_uid, "evse_id": CARD.evse_id},
        "currency": "EUR",
        "total_energy": Decimal("5.5"),
        "total_time": Decimal("0.75"),
        "total_parking_time": Decimal("0.25"),
        "total_cost": {"excl_vat": Decimal("2.375"), "incl_vat": Decimal("2.85")},
    } | changes


@pytest.mark.parametrize(
    ("changes", "is_right"),
    [
        ({}, True),
        ({"total_energy": Decimal("5.6")}, False),
        ({"total_time": Decimal("0.76")}, False),
        ({"total_parking_time": Decimal("0.2")}, False),
        ({"total_cost": {"excl_vat": Decimal("2.375"), "incl_vat": Decimal("2.86")}}, False),
    ],
)
def test_every_figure_of_a_bill_must_be_what_the_scenario_says(
    changes: dict[str, Any], is_right: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare([cdr(**changes)], {CARD: SCENARIOS[CARD]}) is is_right
    assert ("WRONG" in capsys.readouterr().out) is not is_right


def test_a_bill_that_was_not_pulled_is_wrong() -> None:
    assert not compare([], {CARD: SCENARIOS[CARD]})
