"""A visit that begins with a reservation, and one that is no more than that."""

from dataclasses import replace
from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cdrs import decide_cdr, find_waiver
from gateway.core.corrections import correct_session
from gateway.core.cuts import compile_cuts
from gateway.core.doubts import DoubtRules, find_doubts
from gateway.core.explanations import explain_cdr
from gateway.core.provenance import RESERVATION_BEGINS, SESSION_BEGINS, tell_session
from gateway.core.reports import unbilled_of
from gateway.core.sessions import extend_ledger, fold_facts, is_in_order
from gateway.domain.cdrs import Cdr, Correction
from gateway.domain.sessions import Fact, FactKind, Period, Phase, ReservationEnd, Session, Terms
from gateway.domain.tariffs import Tariff
from tests.fakes.tariff_strategies import TARIFFS
from tests.fakes.tariffs import AMSTERDAM, element, part, tariff
from tests.unit.core.test_cdrs import PLACE, session
from tests.unit.core.test_fold_properties import anything
from tests.unit.core.test_pricing_examples import EXPIRE_FEE, EXPIRE_TIME, RESERVED, RESERVED_FEE
from tests.unit.core.test_sessions import CARD, NOON, START, after, metered, phases, stop

MADE = Fact(kind=FactKind.RESERVED, key="reserved", at=after(-15), at_raw="", received_at=after(-15), message_id="")
UNREAD = replace(START, readings=())


def made(minutes: float) -> Fact:
    return replace(MADE, at=after(minutes), received_at=after(minutes))


def over(minutes: float, how: ReservationEnd = ReservationEnd.EXPIRED) -> Fact:
    at = after(minutes)
    return replace(MADE, kind=FactKind.RESERVATION_ENDED, key="over", at=at, received_at=at, stop_reason=how)


def billed(of: Tariff, *facts: Fact) -> Session:
    told = session(*facts, terms=Terms(place=PLACE, tariff=of))
    return replace(told, id_token=CARD)


def bill(told: Session) -> Cdr:
    cdr = decide_cdr(told, cdr_id="C", now=after(999))
    assert isinstance(cdr, Cdr)
    return cdr


def test_a_reservation_is_the_first_period_of_the_session_that_used_it() -> None:
    ledger = fold_facts([MADE, START, metered(10, "3000"), stop(20, "6500")])

    assert phases(ledger) == [(after(-15), Phase.RESERVATION, 0), (NOON, Phase.CHARGING, D(5500))]
    assert (ledger.started_at, ledger.reserved_at, ledger.is_reservation) == (NOON, after(-15), False)


def test_a_reservation_that_nobody_used_yet_goes_on() -> None:
    ledger = fold_facts([MADE])

    assert phases(ledger) == [(after(-15), Phase.RESERVATION, 0)]
    assert (ledger.started_at, ledger.ended_at, ledger.is_reservation) == (after(-15), None, True)


def test_whatever_is_told_of_a_reservation_makes_its_session_anew() -> None:
    assert not is_in_order(fold_facts([MADE]), metered(0, "1000"))


def test_an_end_that_came_too_early_counts_no_more_once_the_reservation_was_used() -> None:
    ledger = fold_facts([MADE, over(5), START, stop(20, "6500")])

    assert (ledger.ended_at, ledger.flags) == (after(20), frozenset())


def test_a_reservation_made_after_the_start_by_the_stations_clock_takes_no_time() -> None:
    told = billed(RESERVED_FEE, made(3), START, stop(60, "21000"))

    assert bill(told).started_at == NOON
    assert bill(told).totals.reservation is not None
    assert bill(told).totals.reservation.before_taxes == 2  # type: ignore[union-attr]


def test_a_reservation_lasts_until_the_driver_is_known() -> None:
    late = replace(metered(4, "1000"), id_token=CARD)
    ledger = fold_facts([MADE, replace(START, id_token=None), late, metered(9, "2000")], CARD)

    assert phases(ledger) == [(after(-15), Phase.RESERVATION, 0), (after(4), Phase.CHARGING, D(1000))]


@pytest.mark.parametrize(
    ("of", "minutes", "before", "after_taxes", "reservation"),
    [
        pytest.param(RESERVED, 15, "6.75", "7.60", "1.25", id="15"),
        pytest.param(RESERVED_FEE, 13, "8.75", "10.00", "3.25", id="16"),
        pytest.param(EXPIRE_FEE, 22, "6.50", "7.30", "1.00", id="17"),
        pytest.param(EXPIRE_TIME, 22, "7.00", "7.90", "1.50", id="18"),
    ],
)
def test_the_examples_of_ocpi_come_out_of_the_facts(
    of: Tariff, minutes: int, before: str, after_taxes: str, reservation: str
) -> None:
    cdr = bill(billed(of, made(-minutes), START, stop(60, "21000")))

    assert (cdr.totals.cost.before_taxes, cdr.totals.cost.with_taxes) == (D(before), D(after_taxes))
    assert cdr.totals.reservation is not None
    assert cdr.totals.reservation.before_taxes == D(reservation)
    assert (cdr.started_at, cdr.time_s, cdr.parking_time_s) == (after(-minutes), 3600, 0)


@pytest.mark.parametrize(
    ("of", "minutes", "before", "after_taxes"),
    [(EXPIRE_FEE, 60, "6.00", "7.20"), (EXPIRE_TIME, 90, "9.00", "10.80")],
)
def test_a_reservation_that_expired_costs_what_the_examples_of_ocpi_say(
    of: Tariff, minutes: int, before: str, after_taxes: str
) -> None:
    told = billed(of, made(0), over(minutes))

    assert find_waiver(told) is None
    cdr = bill(told)
    assert (cdr.totals.cost.before_taxes, cdr.totals.cost.with_taxes) == (D(before), D(after_taxes))
    assert (cdr.time_s, cdr.energy_wh) == (0, 0)
    assert "reservation_expired" in cdr.flags


def test_a_reservation_that_was_canceled_has_not_expired() -> None:
    assert bill(billed(EXPIRE_FEE, made(0), over(60, ReservationEnd.CANCELED))).totals.cost.before_taxes == 2


@pytest.mark.parametrize(
    ("of", "how"),
    [
        (tariff(part("ENERGY", "0.25")), ReservationEnd.EXPIRED),
        (tariff(element(part("TIME", "0"), reservation="RESERVATION")), ReservationEnd.EXPIRED),
        (EXPIRE_FEE, ReservationEnd.WITHDRAWN),
    ],
)
def test_a_reservation_without_a_price_and_one_taken_back_need_no_bill(of: Tariff, how: ReservationEnd) -> None:
    told = billed(of, made(0), over(60, how))

    assert find_waiver(told) is not None
    assert unbilled_of(replace(told, waiver=find_waiver(told))) is None


def test_a_session_is_billed_whatever_its_tariff_says_of_reservations() -> None:
    assert find_waiver(billed(tariff(part("ENERGY", "0")), MADE, START, stop(60, "21000"))) is None


def test_nothing_is_odd_about_a_reservation_that_drew_no_energy() -> None:
    assert find_doubts(billed(EXPIRE_FEE, made(0), over(60)), DoubtRules()) == ()


def test_the_energy_that_an_operator_tells_is_the_sessions() -> None:
    told = billed(RESERVED, MADE, UNREAD, replace(stop(60, "0"), readings=()))
    corrected = correct_session(told, bill(told), (), Correction(reason="meter", energy_wh=D(20_000)), None)

    assert bill(corrected).totals.cost.before_taxes == D("6.75")


def test_the_story_tells_of_the_reservation_and_its_end() -> None:
    used = tell_session([START, MADE, stop(20, "6500")], CARD)
    unused = tell_session([over(60), MADE], CARD)

    assert [story.fact.kind for story in used.facts] == [FactKind.RESERVED, FactKind.STARTED, FactKind.ENDED]
    assert used.begun == {after(-15): RESERVATION_BEGINS, NOON: SESSION_BEGINS}
    assert [story.notes for story in unused.facts] == [(RESERVATION_BEGINS,), ("the reservation expires",)]


def test_a_bill_with_a_reservation_is_explained_to_the_cent() -> None:
    facts = [made(0), over(60)]
    told = billed(EXPIRE_FEE, *facts)
    explained = explain_cdr(bill(told), told, facts, (), (), ())

    assert explained.doubts == ()
    assert [story.begun_by for story in explained.periods] == [RESERVATION_BEGINS]
    assert sum(line.amount.before_taxes or 0 for line in explained.periods[0].lines) == 6


@given(anything(), st.integers(-100, 300), st.booleans(), TARIFFS)
def test_a_reservation_changes_nothing_but_the_beginning_and_steps_agree_with_folds(
    facts: list[Fact], minute: int, is_over: bool, of: Tariff
) -> None:
    cuts = compile_cuts((of,), AMSTERDAM)
    told = [made(minute), *([over(minute + 5)] if is_over else [])]
    ledger = fold_facts(told[:1], cuts=cuts)
    for count, fact in enumerate(facts, start=1):
        if is_in_order(ledger, fact):
            ledger = extend_ledger(ledger, fact, cuts)
        else:
            ledger = fold_facts([*told, *facts[:count]], None, cuts)
        plain = fold_facts(facts[:count], None, cuts)
        until = plain.started_at
        reserved = Period(start_at=min(until, after(minute)), phase=Phase.RESERVATION)

        assert ledger == fold_facts([*told, *facts[:count]], None, cuts)
        assert ledger == replace(
            plain, periods=(reserved, *plain.periods), fact_count=plain.fact_count + ledger.fact_count - count
        )
        assert all(one.start_at <= other.start_at for one, other in pairwise(ledger.periods))
