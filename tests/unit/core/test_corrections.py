from collections.abc import Sequence
from dataclasses import fields, replace
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cdrs import Hold
from gateway.core.corrections import correct_cdr, correct_session, credit_of, merge_corrections, with_energy
from gateway.core.doubts import DoubtRules
from gateway.core.sessions import fold_facts
from gateway.domain.cdrs import Cdr, Correction
from gateway.domain.money import Price
from gateway.domain.sessions import ChargingState, Fact, Phase, Terms
from gateway.domain.tariffs import Tariff
from tests.unit.core.test_cdrs import PARKED, PLACE, TARIFF, cdr_of, session
from tests.unit.core.test_sessions import START, after, metered, state, stop

WHY = Correction(reason="broken meter")
BILL = cdr_of(session(*PARKED))


def corrected(correction: Correction, *, facts: Sequence[Fact] = PARKED, tariff: Tariff | None = None) -> Cdr:
    changed = correct_session(session(*PARKED), BILL, facts, correction, tariff)
    made = correct_cdr(BILL, changed, correction, DoubtRules(), cdr_id="C2", now=after(99))
    assert isinstance(made, Cdr)
    return made


def test_a_credit_says_the_same_but_for_its_total_cost() -> None:
    credit = credit_of(BILL, cdr_id="K", now=after(99), correction=WHY)

    assert credit.totals.cost == Price(before_taxes=D("-1.75"), with_taxes=D("-2.10"))
    differing = {field.name for field in fields(Cdr) if getattr(credit, field.name) != getattr(BILL, field.name)}
    assert differing == {"id", "credit", "credit_reference_id", "correction", "totals", "last_updated"}
    assert replace(credit.totals, cost=BILL.totals.cost) == BILL.totals
    assert (credit.credit, credit.credit_reference_id) == (True, BILL.id)


def test_a_credit_of_a_free_bill_costs_nothing_without_a_sign() -> None:
    free = replace(BILL, totals=replace(BILL.totals, cost=Price(before_taxes=D("0.00"))))

    cost = credit_of(free, cdr_id="K", now=after(99), correction=WHY).totals.cost

    assert (str(cost.before_taxes), cost.with_taxes) == ("0.00", None)


def test_energy_is_corrected_in_the_shares_that_were_measured() -> None:
    ledger = fold_facts(
        [
            START,
            state(20, ChargingState.SUSPENDED_EV),
            metered(30, "4000"),
            state(30, ChargingState.CHARGING),
            stop(45, "5000"),
        ]
    )

    changed = with_energy(ledger, D("100.1"))

    assert [period.energy_wh for period in changed.periods] == [D("75.1"), 0, D("25.0")]
    assert changed.energy_wh == D("100.1")
    assert "energy_corrected" in changed.flags


def test_energy_that_nobody_measured_goes_to_the_charging_time() -> None:
    parked_first = fold_facts([START, state(0, ChargingState.IDLE), state(5, ChargingState.CHARGING), stop(9, "1000")])

    changed = with_energy(parked_first, D(500))

    assert [(period.phase, period.energy_wh) for period in changed.periods] == [
        (Phase.PARKING, 0),
        (Phase.CHARGING, 500),
    ]


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.sampled_from(ChargingState)), min_size=1, max_size=8),
    st.integers(0, 10**7),
)
def test_corrected_energy_adds_up_and_no_period_has_less_than_none(
    steps: list[tuple[int, ChargingState]], tenths: int
) -> None:
    facts, wh = [START], 1000
    for minute, (rise, said) in enumerate(steps, 1):
        wh += rise
        facts.append(metered(minute, str(wh), charging_state=said))
    energy_wh = D(tenths) / 10

    changed = with_energy(fold_facts([*facts, stop(minute + 1, str(wh))]), energy_wh)

    assert sum(period.energy_wh for period in changed.periods) == changed.energy_wh == energy_wh
    assert all(period.energy_wh >= 0 for period in changed.periods)


def test_the_bill_in_its_place_is_priced_anew_and_says_what_it_corrects() -> None:
    made = corrected(replace(WHY, energy_wh=D(1000)))

    assert (made.id, made.corrects_id, made.credit, made.credit_reference_id) == ("C2", BILL.id, False, None)
    assert made.energy_wh == 1000
    assert made.totals.energy == Price(before_taxes=D("0.25"), with_taxes=D("0.30"))
    assert made.flags == {"corrected", "energy_corrected"}
    assert made.correction == replace(WHY, energy_wh=D(1000))


def test_another_end_changes_the_time_and_moves_no_energy() -> None:
    shorter, longer = corrected(replace(WHY, ended_at=after(20))), corrected(replace(WHY, ended_at=after(60)))

    assert (shorter.time_s, shorter.parking_time_s, shorter.energy_wh) == (1200, 0, 5000)
    assert (longer.time_s, longer.parking_time_s, longer.energy_wh) == (3600, 1800, 5000)


def test_another_tariff_prices_the_same_session() -> None:
    flat = replace(TARIFF, id="OTHER", elements=TARIFF.elements[1:])

    made = corrected(replace(WHY, tariff_id="OTHER"), tariff=flat)

    assert made.terms == replace(BILL.terms, tariff=flat)
    assert (made.energy_wh, made.totals.energy) == (5000, None)


def test_late_facts_are_folded_in_only_where_they_are_asked_for() -> None:
    facts = [*PARKED[:-1], metered(20, "5500"), stop(44, "7000")]

    assert corrected(replace(WHY, late_facts_to=1), facts=facts).energy_wh == 6000
    assert corrected(WHY, facts=facts).periods == BILL.periods


def test_what_cannot_be_priced_is_not_made() -> None:
    homeless = session(*PARKED, terms=Terms(place=PLACE))

    assert isinstance(correct_cdr(BILL, homeless, WHY, DoubtRules(), cdr_id="C2", now=after(99)), Hold)


@pytest.mark.parametrize("name", ["late_facts_to", "tariff_id", "energy_wh", "ended_at"])
def test_what_was_said_before_holds_until_it_is_said_anew(name: str) -> None:
    values = {
        "late_facts_to": (3, 5),
        "tariff_id": ("A", "B"),
        "energy_wh": (D(1), D(0)),
        "ended_at": (after(1), after(2)),
    }
    before, anew = values[name]
    first = Correction(reason="first", **{name: before})  # type: ignore[arg-type]

    assert merge_corrections(first, WHY) == replace(first, reason=WHY.reason)
    assert merge_corrections(first, replace(WHY, **{name: anew})) == replace(WHY, **{name: anew})  # type: ignore[arg-type]
    assert merge_corrections(None, WHY) == WHY
