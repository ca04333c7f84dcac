"""The story is told by the fold itself: it must end where the fold ends."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given

from gateway.core.provenance import SESSION_BEGINS, tell_session
from gateway.core.sessions import fold_facts, walk_facts
from gateway.domain.meters import Reading
from gateway.domain.sessions import ChargingState, Fact
from tests.unit.core.test_sessions import CARD, NOON, START, after, histories, metered, power, reading, state, stop

CHARGING, SUSPENDED = ChargingState.CHARGING, ChargingState.SUSPENDED_EV


def told(*facts: Fact) -> Any:
    return tell_session(facts, CARD)


@given(histories())
def test_the_walk_ends_where_the_fold_does(facts: list[Fact]) -> None:
    moments, _ = walk_facts(facts)
    ledger = fold_facts(facts)

    walked = [moment.after for moment in moments if moment.after is not None][-1]

    for name in ("energy_wh", "periods", "register_wh", "segments", "charging_state", "ended_at", "started_at"):
        assert getattr(walked, name) == getattr(ledger, name)


@given(histories())
def test_what_the_story_says_was_drawn_adds_up_and_no_reading_is_forgotten(facts: list[Fact]) -> None:
    story = tell_session(facts, None)

    drawn = [taken.drawn_wh for one in story.facts for taken in one.taken if taken.drawn_wh is not None]
    assert sum(drawn, D(0)) == story.ledger.energy_wh == fold_facts(facts).energy_wh
    assert sorted(one.fact.key for one in story.facts) == sorted(fact.key for fact in facts)
    for one in story.facts:
        assert len(one.taken) + len(one.left) == len(one.fact.readings)
    assert {period.start_at for period in story.ledger.periods} <= set(story.begun)


def test_each_register_says_what_it_rose_by_since_which_time() -> None:
    story = told(START, metered(10, "3000"), stop(20, "6500"))

    assert [(one.register_wh, one.drawn_wh, one.since) for fact in story.facts for one in fact.taken] == [
        (D(1000), None, None),
        (D(3000), D(2000), NOON),
        (D(6500), D(3500), after(10)),
    ]
    assert story.facts[0].taken[0].note == "the register begins here"
    assert story.facts[-1].notes == ("the session ends",)


@pytest.mark.parametrize(
    ("facts", "note"),
    [
        ((START, metered(10, "8250"), metered(20, "50")), "lower than before: the register starts anew"),
        ((START, metered(10, "8250"), metered(20, "8245")), "the same register with other digits"),
        (
            (replace(START, readings=(Reading(at=NOON, value=D(0)),)), metered(1, "910000")),
            "the 0 before it was no reading",
        ),
    ],
)
def test_a_register_that_moves_nothing_says_why(facts: tuple[Fact, ...], note: str) -> None:
    taken = told(*facts).facts[-1].taken[0]

    assert not taken.drawn_wh
    assert note in taken.note


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"measurand": "Voltage", "unit": "V"}, "Voltage is not the energy that was drawn"),
        ({"value": None, "raw": "OCMF|x"}, "it holds no number"),
        ({"value": D(-5)}, "no register can show -5"),
        ({"unit": "furlong"}, "3000 furlong is no energy"),
        ({"phase": "L1"}, "of phase L1 alone: the total of the same moment counts"),
        ({"location": "Inlet"}, "another register of the same moment counts"),
        ({}, "the same reading twice"),
    ],
)
def test_a_reading_that_is_left_out_says_why(other: dict[str, Any], reason: str) -> None:
    plain = reading(10, "3000")
    fact = replace(metered(10, "3000"), readings=(replace(plain, **other), plain))

    (one,) = [story for story in told(START, fact).facts if story.fact.key == "m10"]

    assert [left.reason for left in one.left if reason in left.reason]
    assert [taken.register_wh for taken in one.taken] == [D(3000)]


def test_phases_are_taken_together_where_there_is_no_total() -> None:
    phases = tuple(replace(reading(10, "1000"), phase=name) for name in ("L1", "L2", "L3"))

    (_, one) = told(START, replace(metered(10, "1"), readings=phases)).facts

    assert (one.left, [taken.register_wh for taken in one.taken]) == ((), [D(3000)])


def test_what_was_read_before_the_start_or_after_the_end_is_left_out() -> None:
    story = told(metered(-10, "500"), START, stop(20, "6500"), metered(30, "7000"))

    assert [left.reason for one in story.facts for left in one.left] == [
        "read before the session began",
        "read after the session had ended",
    ]


def test_a_state_says_what_the_time_is_billed_as_from_there() -> None:
    story = told(START, state(1, CHARGING), metered(10, "3000"), state(10, SUSPENDED), stop(20, "3000"))

    notes = [note for one in story.facts for note in one.notes]
    assert "the car charges: it stays charging time" in notes
    assert story.begun == {
        NOON: SESSION_BEGINS,
        after(10): "the car asks for no power: from here it is parking time",
    }


def test_a_driver_who_became_known_later_begins_the_session() -> None:
    begun = replace(START, id_token=None)

    story = told(begun, replace(metered(5, "2000"), id_token=CARD), stop(20, "6500"))

    assert "the driver became known" in story.begun[after(5)] or story.ledger.started_at == after(5)


def test_a_time_that_was_replaced_or_came_late_is_told() -> None:
    undated = metered(10, "3000", flags=("time_replaced",), at_raw="1970-01-01T00:00:00Z")
    queued = metered(12, "3500", received_at=after(40))

    notes = {one.fact.key: one.notes for one in told(START, undated, queued, stop(20, "6500")).facts}

    assert "'1970-01-01T00:00:00Z') cannot be right" in notes["m10"][0]
    assert notes["m12"] == ("it waited in the station's queue",)


def test_power_moves_nothing() -> None:
    one = told(START, power(10)).facts[-1]

    assert one.taken == ()
    assert "is not the energy that was drawn" in one.left[0].reason
