from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.periods import add_energy, cut_period
from gateway.domain.sessions import Period, Phase
from tests.unit.core.test_sessions import NOON, after

CHARGING, PARKING = Phase.CHARGING, Phase.PARKING


def period(minutes: float, phase: Phase, wh: str = "0") -> Period:
    return Period(start_at=after(minutes), phase=phase, energy_wh=Decimal(wh))


def test_another_phase_cuts_and_the_same_does_not() -> None:
    periods = (period(0, CHARGING, "100"),)

    assert cut_period(periods, after(5), PARKING) == (*periods, period(5, PARKING))
    assert cut_period(periods, after(5), CHARGING) is periods


def test_a_phase_that_lasted_no_time_is_none() -> None:
    periods = (period(0, CHARGING, "100"), period(5, PARKING, "1"))

    assert cut_period(periods, after(5), CHARGING) == (period(0, CHARGING, "101"),)
    assert cut_period(periods[:1], NOON, PARKING) == (period(0, PARKING, "100"),)


def test_energy_since_the_last_cut_is_the_last_periods() -> None:
    periods = (period(0, CHARGING, "100"), period(5, PARKING))

    assert add_energy(periods, after(5), after(9), Decimal(7)) == (periods[0], period(5, PARKING, "7"))


def test_energy_between_two_readings_goes_to_the_charging_between_them() -> None:
    periods = (period(0, CHARGING), period(10, PARKING), period(20, CHARGING))

    shared = add_energy(periods, after(5), after(40), Decimal(100))

    assert [one.energy_wh for one in shared] == [20, 0, 80]


def test_energy_while_nothing_charged_is_spread_over_all_of_the_time() -> None:
    periods = (period(0, PARKING), period(10, PARKING))

    assert [one.energy_wh for one in add_energy(periods, NOON, after(20), Decimal(9))] == [Decimal("4.5")] * 2


def test_energy_without_time_goes_to_the_last_period() -> None:
    periods = (period(0, CHARGING), period(10, PARKING))

    assert add_energy(periods, after(5), after(5), Decimal(9))[1].energy_wh == 9


@given(
    cuts=st.lists(st.integers(1, 100), unique=True, max_size=6),
    since=st.integers(0, 100),
    length=st.integers(0, 100),
    wh=st.decimals(0, 10_000, places=3),
)
def test_shares_add_up_to_what_was_drawn(cuts: list[int], since: int, length: int, wh: Decimal) -> None:
    periods: tuple[Period, ...] = (period(0, CHARGING),)
    for number, minute in enumerate(sorted(cuts)):
        periods = cut_period(periods, after(minute), PARKING if number % 2 == 0 else CHARGING)
    begin: datetime = after(since)

    shared = add_energy(periods, begin, begin + timedelta(minutes=length), wh)

    assert sum(one.energy_wh for one in shared) == wh
    assert all(one.energy_wh >= 0 for one in shared)
    assert [(one.start_at, one.phase) for one in shared] == [(one.start_at, one.phase) for one in periods]
