"""Periods are cut where the price may change, and what lies in them is what the readings say, not an average."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal as D
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cdrs import circumstances_of, price_cuts_of, stretches_of
from gateway.core.cuts import NO_CUTS
from gateway.core.pieces import compile_rules
from gateway.core.pricing import price_stretches
from gateway.core.sessions import extend_ledger, fold_facts, is_in_order
from gateway.domain.bills import Stretch
from gateway.domain.sessions import ChargingState, Fact, Phase, Terms
from gateway.domain.tariffs import Tariff, TariffElement
from tests.fakes.tariffs import element, part, tariff
from tests.unit.core.test_cdrs import CONNECTOR, PLACE
from tests.unit.core.test_sessions import START, metered, phases, state, stop

CHARGING, PARKING = Phase.CHARGING, Phase.PARKING
DEAR, CHEAP = part("ENERGY", "0.50"), part("ENERGY", "0.20")


def periods_of(of: Tariff, *facts: Fact) -> list[tuple[float, Phase, D]]:
    """Minutes after the start, phase and Wh of each period of a session under the tariff at a plug in Ulm, where it
    starts at 13:00."""
    ledger = fold_facts([START, *facts], cuts=price_cuts_of(Terms(place=PLACE, tariff=of)))
    return [((at - START.at).total_seconds() / 60, phase, wh) for at, phase, wh in phases(ledger)]


def test_energy_is_told_apart_at_a_time_of_day_by_the_readings_around_it() -> None:
    by_clock = tariff(element(DEAR, end_time="13:30"), CHEAP)

    cut = periods_of(by_clock, metered(20, "9000"), metered(40, "10000"), stop(60, "10100"))

    assert cut == [(0, CHARGING, D(8500)), (30, CHARGING, D(600))]


def test_what_was_drawn_before_a_car_was_full_stays_before_the_price_changed() -> None:
    by_clock = tariff(element(DEAR, end_time="13:30"), CHEAP)

    cut = periods_of(by_clock, metered(20, "9000"), state(50, ChargingState.SUSPENDED_EV), stop(60, "9000"))

    assert cut == [(0, CHARGING, D(8000)), (30, CHARGING, D(0)), (50, PARKING, D(0))]


def test_an_energy_is_reached_where_the_readings_say() -> None:
    graded = tariff(element(DEAR, max_kwh="10"), CHEAP)

    cut = periods_of(graded, metered(10, "10000"), metered(50, "12000"), stop(60, "20000"))

    assert cut == [(0, CHARGING, D(10_000)), (30, CHARGING, D(9000))]


def test_no_energy_is_reached_before_the_driver_was_known() -> None:
    graded = tariff(element(DEAR, max_kwh="1"), element(CHEAP, min_duration_s=900), DEAR)
    plugged_in = replace(START, id_token=None)
    identified = replace(metered(10, "0"), readings=(), id_token=START.id_token)
    facts = [plugged_in, identified, metered(40, "13000")]

    ledger = fold_facts(facts, cuts=price_cuts_of(Terms(place=PLACE, tariff=graded)))

    minutes = [((period.start_at - START.at).total_seconds() / 60, period.energy_wh) for period in ledger.periods]
    assert minutes == [(10, 1000), (12, 6500), (25, 4500)]


def test_an_energy_that_is_reached_at_a_reading_is_cut_there() -> None:
    graded = tariff(element(DEAR, max_kwh="2"), CHEAP)

    cut = periods_of(graded, metered(10, "3000"), metered(20, "3000"), metered(30, "4000"), stop(40, "4000"))

    assert cut == [(0, CHARGING, D(2000)), (20, CHARGING, D(1000))]


def test_a_duration_counts_from_the_start() -> None:
    patient = tariff(element(part("TIME", "1"), max_duration_s=900), part("TIME", "2"))

    assert periods_of(patient, stop(60, "5000")) == [(0, CHARGING, D(1000)), (15, CHARGING, D(3000))]


def test_power_that_passes_a_limit_cuts_at_the_reading() -> None:
    fast = tariff(element(DEAR, min_power="20"), CHEAP)

    cut = periods_of(fast, metered(10, "2000"), metered(20, "3000"), metered(30, "8000"), stop(40, "13000"))

    assert cut == [(0, CHARGING, D(2000)), (20, CHARGING, D(10_000))]


def test_no_power_is_a_power_too() -> None:
    slow = tariff(element(part("TIME", "9"), max_power="1"), part("TIME", "1"))

    cut = periods_of(slow, metered(10, "3000"), metered(20, "3000"), stop(30, "3000"))

    assert cut == [(0, CHARGING, D(2000)), (10, CHARGING, D(0))]


def test_current_is_that_of_the_power_at_an_ac_plug() -> None:
    """230 V: 20 A are 4.6 kW."""
    strong = tariff(element(DEAR, min_current="20"), CHEAP)

    cut = periods_of(strong, metered(10, "1700"), metered(20, "2500"), stop(30, "2600"))

    assert cut == [(0, CHARGING, D(700)), (10, CHARGING, D(800)), (20, CHARGING, D(100))]


def test_the_same_price_all_along_cuts_nothing() -> None:
    assert price_cuts_of(Terms(place=PLACE, tariff=tariff(DEAR))) is NO_CUTS
    assert price_cuts_of(Terms(place=PLACE)) is NO_CUTS
    assert periods_of(tariff(DEAR), metered(20, "9000"), stop(60, "10100")) == [(0, CHARGING, D(9100))]


RESTRICTED: list[dict[str, Any]] = [
    {"end_time": "13:20"},
    {"start_time": "13:10", "end_time": "13:45"},
    {"max_kwh": "3"},
    {"min_kwh": "1", "max_kwh": "8"},
    {"max_duration_s": 1500},
    {"min_duration_s": 2400},
    {"min_power": "8"},
    {"max_power": "20"},
    {"min_current": "30"},
    {"day_of_week": ["SUNDAY"]},
]
elements = st.lists(
    st.builds(
        lambda dimension, price, limits: element(part(dimension, str(price)), **limits),
        st.sampled_from(["ENERGY", "TIME", "PARKING_TIME"]),
        st.integers(1, 9),
        st.sampled_from(RESTRICTED),
    ),
    min_size=1,
    max_size=4,
)
steps = st.lists(st.tuples(st.integers(1, 15), st.integers(0, 4000)), min_size=1, max_size=8)


def drawn(steps: Sequence[tuple[int, int]]) -> list[Fact]:
    """Readings so many minutes and Wh apart."""
    minute, wh, facts = 0, 1000, []
    for minutes, more_wh in steps:
        minute, wh = minute + minutes, wh + more_wh
        facts.append(metered(minute, str(wh)))
    return facts


def restricted(made: list[TariffElement]) -> Tariff:
    return tariff(*made, part("ENERGY", "0.30"), part("TIME", "0.5"), part("PARKING_TIME", "0.7"))


@given(elements, steps)
def test_a_bill_by_periods_is_the_bill_by_readings(made: list[TariffElement], told: list[tuple[int, int]]) -> None:
    of, readings = restricted(made), drawn(told)
    terms = Terms(place=PLACE, tariff=of)
    ledger = fold_facts([START, *readings], cuts=price_cuts_of(terms))
    rules, circumstances = compile_rules((of,), PLACE.location.time_zone), circumstances_of(PLACE)
    by_readings = [
        Stretch(
            start_at=one.at,
            end_at=other.at,
            phase=CHARGING,
            energy_wh=(other.readings[0].value or D(0)) - (one.readings[0].value or D(0)),
        )
        for one, other in pairwise([START, *readings])
    ]

    bill = price_stretches(rules, stretches_of(ledger, ledger.last_at), circumstances, keeps_borders=True)

    expected = price_stretches(rules, by_readings, circumstances).cost.before_taxes
    assert expected is not None
    assert bill.cost.before_taxes is not None
    assert abs(bill.cost.before_taxes - expected) < D("0.00001")  # shares at a moment are whole mWh


@given(
    elements,
    st.lists(
        st.tuples(
            st.integers(1, 15),
            st.one_of(st.integers(0, 4000), st.sampled_from([ChargingState.SUSPENDED_EV, ChargingState.CHARGING])),
        ),
        min_size=1,
        max_size=8,
    ),
)
def test_step_by_step_and_all_at_once_give_the_same(
    made: list[TariffElement], told: list[tuple[int, int | ChargingState]]
) -> None:
    cuts = price_cuts_of(Terms(place=PLACE, tariff=restricted(made)))
    minute, wh, facts = 0, 1000, [START]
    ledger = fold_facts((START,), cuts=cuts)
    for minutes, said in told:
        minute += minutes
        wh += said if isinstance(said, int) else 0
        facts.append(metered(minute, str(wh)) if isinstance(said, int) else state(minute, said))
        assert is_in_order(ledger, facts[-1])
        ledger = extend_ledger(ledger, facts[-1], cuts)

    assert ledger == fold_facts(facts, cuts=cuts)
    assert sum((period.energy_wh for period in ledger.periods), D(0)) == ledger.energy_wh
    assert all(one.start_at <= other.start_at for one, other in pairwise(ledger.periods))


def test_a_dc_plug_has_no_current_to_cut_by() -> None:
    dc = replace(PLACE, connector=replace(CONNECTOR, power_type="DC"))
    strong = tariff(element(DEAR, min_current="20"), CHEAP)

    assert price_cuts_of(Terms(place=dc, tariff=strong)).powers_kw == ()
