"""Moments by the clock of the location, whatever the clock does."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.core.cuts import compile_cuts, energies_between, moments_between, needs_zone
from tests.fakes.tariffs import AMSTERDAM, element, local, part, tariff

ENERGY = part("ENERGY", "0.25")


def moments(since: datetime, until: datetime, zone: ZoneInfo = AMSTERDAM, **limits: Any) -> list[str]:
    cuts = compile_cuts((tariff(element(ENERGY, **limits)),), zone)
    begin, end = since.astimezone(UTC), until.astimezone(UTC)
    return [f"{at:%dT%H:%M}" for at in moments_between(cuts, begin, end, begin)]


def test_a_tariff_without_restrictions_cuts_nothing() -> None:
    cuts = compile_cuts((tariff(ENERGY),), AMSTERDAM)

    assert cuts.is_empty
    assert not needs_zone(tariff(ENERGY))


def test_times_of_day_are_those_of_the_location() -> None:
    found = moments(local("2026-03-02T12:00"), local("2026-03-04T12:00"), start_time="18:00", end_time="22:00")

    assert found == ["02T17:00", "02T21:00", "03T17:00", "03T21:00"]


def test_a_time_alone_ends_or_begins_at_midnight() -> None:
    assert moments(local("2026-03-02T12:00"), local("2026-03-03T12:00"), start_time="18:00") == ["02T17:00", "02T23:00"]
    assert moments(local("2026-03-02T12:00"), local("2026-03-03T12:00"), end_time="06:00") == ["02T23:00", "03T05:00"]


def test_only_what_lies_between_counts() -> None:
    assert moments(local("2026-03-02T18:00"), local("2026-03-02T22:00"), start_time="18:00", end_time="22:00") == []


def test_days_of_the_week_change_at_midnight() -> None:
    assert moments(local("2026-03-02T12:00"), local("2026-03-03T12:00"), day_of_week=("MONDAY",)) == ["02T23:00"]


def test_dates_begin_at_their_midnight_only() -> None:
    found = moments(
        local("2026-03-02T12:00"), local("2026-03-09T12:00"), start_date="2026-03-04", end_date="2026-03-06"
    )

    assert found == ["03T23:00", "05T23:00"]


def test_a_time_that_comes_twice_is_met_twice_and_the_clocks_jump_between() -> None:
    """On 25 October 2026 it is 03:00 at 01:00 UTC, and 02:00 again."""
    assert moments(local("2026-10-25T01:00"), local("2026-10-25T05:00"), start_time="02:30") == [
        "25T00:30",
        "25T01:00",
        "25T01:30",
    ]


def test_a_time_that_never_comes_is_met_when_the_clocks_jump_over_it() -> None:
    """On 29 March 2026 it is 02:00 at 01:00 UTC, and 03:00 at once."""
    assert moments(local("2026-03-29T01:00"), local("2026-03-29T05:00"), start_time="02:30") == ["29T01:00"]


def test_a_midnight_that_never_comes_is_met_when_the_clocks_jump_over_it() -> None:
    """In Beirut the 29th of March 2026 begins at 01:00."""
    beirut = ZoneInfo("Asia/Beirut")

    found = moments(
        local("2026-03-28T20:00", beirut), local("2026-03-29T08:00", beirut), beirut, day_of_week=("SUNDAY",)
    )

    assert found == ["28T22:00"]


def test_the_clocks_are_looked_at_to_the_second() -> None:
    cuts = compile_cuts((tariff(element(ENERGY, start_time="12:00")),), AMSTERDAM)
    since = datetime(2026, 3, 28, 23, 17, 43, 250_000, tzinfo=UTC)

    (jump,) = moments_between(cuts, since, since + timedelta(hours=3), since)

    assert jump == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_durations_count_from_the_start_of_the_session() -> None:
    assert moments(local("2026-03-02T12:00"), local("2026-03-02T14:00"), min_duration_s=1800, max_duration_s=5400) == [
        "02T11:30",
        "02T12:30",
    ]


@pytest.mark.parametrize(
    ("since", "until", "between"),
    [(0, 30_000, [10_000, 20_000]), (10_000, 20_000, []), (5_000, 15_000, [10_000]), (30_000, 0, [20_000, 10_000])],
)
def test_energies_between_are_told_in_the_order_in_which_they_are_met(
    since: int, until: int, between: list[int]
) -> None:
    cuts = compile_cuts((tariff(element(ENERGY, min_kwh="10", max_kwh="20")),), None)

    assert list(energies_between(cuts, D(since), D(until))) == between
