"""What holds of every session, whatever its station tells and in whatever order."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.cdrs import decide_cdr
from gateway.core.cuts import compile_cuts
from gateway.core.sessions import extend_ledger, fold_facts, is_in_order
from gateway.domain.cdrs import Cdr
from gateway.domain.meters import Reading
from gateway.domain.sessions import ChargingState, Fact, Ledger, Period
from gateway.domain.tariffs import Tariff
from tests.fakes.tariff_strategies import TARIFFS
from tests.fakes.tariffs import AMSTERDAM
from tests.unit.core.test_cdrs import session
from tests.unit.core.test_sessions import CARD, NOON, START, after, metered, state, stop

STEP_S = 15
PARKED = (ChargingState.SUSPENDED_EV, ChargingState.IDLE, ChargingState.EV_CONNECTED)


def at_second(second: int, wh: D | None, said: ChargingState | None = None) -> Fact:
    at = NOON + timedelta(seconds=second)
    readings = () if wh is None else (Reading(at=at, value=wh),)
    return metered(0, "0", key=f"{second}:{wh}:{said}", at=at, readings=readings, charging_state=said)


@st.composite
def lines(draw: st.DrawFn) -> tuple[list[Fact], list[Fact]]:
    """A session in stretches of one power each, with parking between them, and readings on the lines in between.

    Powers are such that every second has whole mWh, as a meter would show them.
    """
    facts, more = [START, at_second(0, None, ChargingState.CHARGING)], []
    second, wh = 0, D(1000)
    is_charging = True
    for _ in range(draw(st.integers(1, 6))):
        mwh_a_second = draw(st.integers(1, 6000)) if is_charging else 0
        length = draw(st.integers(2, 1800))
        inside = draw(st.sets(st.integers(1, length - 1), max_size=5))
        more += [at_second(second + part, wh + D(mwh_a_second * part) / 1000) for part in sorted(inside)]
        second += length
        wh += D(mwh_a_second * length) / 1000
        if draw(st.booleans()):
            facts.append(at_second(second, wh))
        is_charging = not is_charging
        said = ChargingState.CHARGING if is_charging else draw(st.sampled_from(PARKED))
        # Where the power changes and nothing is read, nobody can know it: the stretch before is told by its register.
        facts.append(at_second(second, wh, said))
    facts.append(replace(stop(0, "0"), at=after(second / 60) + timedelta(seconds=5), readings=(), key="end"))
    return facts, more


@given(lines())
def test_readings_on_the_straight_line_between_two_others_change_nothing(told: tuple[list[Fact], list[Fact]]) -> None:
    facts, more = told

    assert core_of(fold_facts([*facts, *more])) == core_of(fold_facts(facts))


@st.composite
def stretches(draw: st.DrawFn) -> tuple[list[Fact], list[Fact]]:
    """One power while it charges, parking in between, and readings on the line; what is read is whole mWh, what was
    drawn when a state changed is not."""
    mwh_a_second = draw(st.integers(1, 6000))
    facts, more = [START, at_second(0, None, ChargingState.CHARGING)], []
    second = charged_s = 0
    for _ in range(draw(st.integers(1, 6))):
        length = draw(st.integers(2, 30))
        told = draw(st.dictionaries(st.integers(1, length - 1), st.booleans(), max_size=2))
        for part, is_told in sorted(told.items()):
            wh = D(1_000_000 + (charged_s + part) * mwh_a_second) / 1000
            (facts if is_told else more).append(at_second(second + part, wh))
        second, charged_s = second + length, charged_s + length
        fraction = timedelta(microseconds=draw(st.integers(0, 999_999)))
        parked_s = draw(st.integers(1, 600))
        facts.append(moved(at_second(second, None, draw(st.sampled_from(PARKED))), fraction))
        facts.append(moved(at_second(second + parked_s, None, ChargingState.CHARGING), fraction))
        second += parked_s
    end_s = charged_s + 10
    facts.append(at_second(second + 10, D(1_000_000 + end_s * mwh_a_second) / 1000))
    return [*facts, replace(stop(0, "0"), at=NOON + timedelta(seconds=second + 11), readings=(), key="end")], more


def moved(fact: Fact, by: timedelta) -> Fact:
    return replace(fact, at=fact.at + by)


@given(stretches())
def test_readings_with_the_same_power_change_no_share_of_any_period(told: tuple[list[Fact], list[Fact]]) -> None:
    facts, more = told

    assert core_of(fold_facts([*facts, *more])) == core_of(fold_facts(facts))


def core_of(ledger: Ledger) -> tuple[D, tuple[Period, ...], object, object]:
    """What is billed."""
    return ledger.energy_wh, ledger.periods, ledger.started_at, ledger.ended_at


@st.composite
def anything(draw: st.DrawFn) -> list[Fact]:
    """Whatever stations tell: registers that jump, several of them, states, no end or two, in any order."""
    facts = [START] if draw(st.booleans()) else []
    for number in range(draw(st.integers(1, 12))):
        minute = draw(st.integers(-5, 300))
        value = draw(st.sampled_from(["0", "5", "1000", "1000.4", "2500", "5000000"]) | st.integers(0, 10**6).map(str))
        place = draw(st.sampled_from([{}, {"location": "Inlet"}, {"location": "Outlet"}, {"phase": "L1"}]))
        kind = draw(st.sampled_from(["metered", "state", "both", "end"]))
        fact = metered(minute, "0", readings=(replace(Reading(at=after(minute), value=D(value)), **place),))  # type: ignore[arg-type]
        if kind == "state":
            fact = state(minute, draw(st.sampled_from(ChargingState)))
        elif kind == "both":
            fact = replace(fact, charging_state=draw(st.sampled_from(ChargingState)))
        elif kind == "end":
            fact = stop(minute, value)
        facts.append(replace(fact, key=str(number), received_at=NOON + timedelta(seconds=number)))
    return facts


@given(anything())
def test_energy_never_falls_and_is_that_of_the_periods(facts: list[Fact]) -> None:
    in_time = sorted(facts, key=lambda fact: fact.at)
    for count in range(1, len(facts) + 1):
        ledger = fold_facts(facts[:count])
        assert ledger.energy_wh == sum(period.energy_wh for period in ledger.periods)
        assert all(period.energy_wh >= 0 for period in ledger.periods)
        assert all(earlier.start_at < later.start_at for earlier, later in pairwise(ledger.periods))
    # One after the other: what comes late for a moment that was folded already may change what is known of it.
    ordered = list({fact.at: fact for fact in in_time if fact.key != "start"}.values())
    drawn = [fold_facts([START, *ordered[:count]]).energy_wh for count in range(len(ordered) + 1)]
    assert drawn == sorted(drawn)


@given(anything(), st.integers(0, 11), st.booleans(), TARIFFS)
def test_steps_and_folds_agree_under_any_tariff_whenever_the_driver_is_known(
    facts: list[Fact], number: int, is_numbered: bool, of: Tariff
) -> None:
    facts = [replace(fact, id_token=CARD if no >= number else None) for no, fact in enumerate(facts)]
    if is_numbered:
        facts = [replace(fact, seq_no=no) for no, fact in enumerate(facts)]
    cuts = compile_cuts((of,), AMSTERDAM)
    ledger, driver = fold_facts(facts[:1], cuts=cuts), facts[0].id_token
    for count, fact in enumerate(facts[1:], start=2):
        if driver is fact.id_token and is_in_order(ledger, fact):
            ledger = extend_ledger(ledger, fact, cuts)
        else:
            driver = fact.id_token
            ledger = fold_facts(facts[:count], driver, cuts)

        assert ledger == fold_facts(facts[:count], driver, cuts)
        assert ledger.energy_wh == sum(period.energy_wh for period in ledger.periods)
        assert all(earlier.start_at < later.start_at for earlier, later in pairwise(ledger.periods))


@given(anything(), st.integers(0, 300))
def test_periods_of_a_bill_tile_the_session_and_add_up(facts: list[Fact], minute: int) -> None:
    ended = [fact for fact in facts if fact.readings or fact.charging_state]
    cdr = decide_cdr(session(*ended, replace(stop(minute, "1000"), key="last")), cdr_id="C", now=after(999))

    assert isinstance(cdr, Cdr)
    at = cdr.started_at
    for period in cdr.periods:
        assert (period.start_at, period.energy_wh >= 0) == (at, True)
        at += timedelta(microseconds=int(period.duration_s * 1_000_000))
    assert at == cdr.ended_at
    assert sum(period.energy_wh for period in cdr.periods) == cdr.energy_wh
    assert sum(period.duration_s for period in cdr.periods) == cdr.time_s
    parts = [cdr.totals.fixed, cdr.totals.energy, cdr.totals.time, cdr.totals.parking]
    assert cdr.totals.cost.before_taxes == sum(part.before_taxes for part in parts if part is not None)
