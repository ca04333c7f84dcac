from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from gateway.core.profiles import (
    decide_request,
    find_active,
    find_breach,
    find_fault,
    find_stack_level,
    is_within,
    profile_id_of,
)
from gateway.domain.ids import ConnectorKey, PartyId
from gateway.domain.profiles import ChargingProfile, ProfileLimits, ProfileResponse, RatePeriod, RateUnit
from gateway.domain.sessions import Ledger, Session, SessionStatus, Terms
from tests.unit.core.test_sessions import NOON
from tests.unit.flows.words import TOKEN, make_evse

CAPABLE = ("RFID_READER", "CHARGING_PROFILE_CAPABLE")
AC = make_evse(1).connectors[0]
DC = replace(AC, power_type="DC", max_voltage=400, max_amperage=200, max_electric_power=50_000)
MINUTE = timedelta(minutes=1)
SESSION = Session(
    id="S",
    key=ConnectorKey(station_id="CS1", evse_no=1, connector_no=1),
    transaction_id="7",
    start_key="k",
    status=SessionStatus.ACTIVE,
    ledger=Ledger(started_at=NOON, periods=(), last_at=NOON),
    partner_id="P1",
    created_no=42,
    last_updated=NOON,
)


def periods(*steps: tuple[int, str]) -> tuple[RatePeriod, ...]:
    return tuple(RatePeriod(start_s=start_s, limit=Decimal(limit)) for start_s, limit in steps)


PROFILE = ChargingProfile(unit=RateUnit.A, periods=periods((0, "16"), (600, "8.5")))


def response_to(
    session: Session | None,
    *,
    sender: PartyId | None = None,
    capabilities: tuple[str, ...] = CAPABLE,
    is_connected: bool = True,
) -> str:
    refusal = decide_request(session, "P1", sender, capabilities, is_connected=is_connected)
    return "" if refusal is None else refusal.response


def test_the_owner_of_an_active_session_may_ask() -> None:
    assert response_to(SESSION) == ""


def test_a_session_of_another_is_as_unknown_as_none() -> None:
    assert response_to(None) == ProfileResponse.UNKNOWN_SESSION
    assert response_to(replace(SESSION, partner_id="P2")) == ProfileResponse.UNKNOWN_SESSION


def test_a_party_has_no_say_in_the_session_of_another_behind_the_same_hub() -> None:
    session = replace(SESSION, terms=Terms(token=TOKEN))

    assert response_to(session, sender=TOKEN.party) == response_to(session, sender=None) == ""
    assert response_to(session, sender=PartyId(country_code="BE", party_id="OTH")) == ProfileResponse.UNKNOWN_SESSION


def test_a_session_that_is_over_is_unknown() -> None:
    ended = replace(SESSION, ledger=replace(SESSION.ledger, ended_at=NOON))

    assert response_to(ended) == ProfileResponse.UNKNOWN_SESSION
    assert response_to(replace(SESSION, status=SessionStatus.COMPLETED)) == ProfileResponse.UNKNOWN_SESSION


def test_what_cannot_be_sent_to_the_station_is_refused_at_once() -> None:
    assert response_to(SESSION, capabilities=("RFID_READER",)) == ProfileResponse.NOT_SUPPORTED
    assert response_to(SESSION, is_connected=False) == ProfileResponse.REJECTED
    assert response_to(replace(SESSION, status=SessionStatus.PENDING)) == ProfileResponse.REJECTED


def test_a_station_that_says_nothing_of_its_limits_takes_everything() -> None:
    assert find_breach(PROFILE, ProfileLimits(), others=100) is None


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (ProfileLimits(units=frozenset({RateUnit.W})), "W only"),
        (ProfileLimits(max_periods=1), "1 periods"),
        (ProfileLimits(max_profiles=3), "3 profiles"),
    ],
)
def test_a_breach_of_the_stations_limits_is_named(limits: ProfileLimits, named: str) -> None:
    assert named in (find_breach(PROFILE, limits, others=3) or "")


def test_a_profile_at_the_limits_fits() -> None:
    limits = ProfileLimits(units=frozenset({RateUnit.A}), max_periods=2, max_profiles=1)

    assert find_breach(PROFILE, limits, others=0) is None


@pytest.mark.parametrize(
    ("steps", "named"),
    [
        ((), "DELETE"),
        (((60, "8"),), "start at 0"),
        (((0, "8"), (60, "8"), (60, "6")), "follow"),
        (((0, "8"), (60, "8"), (30, "6")), "follow"),
    ],
)
def test_periods_that_ocpp_does_not_know_are_faults(steps: tuple[tuple[int, str], ...], named: str) -> None:
    assert named in (find_fault(replace(PROFILE, periods=periods(*steps))) or "")


def test_rising_periods_from_zero_are_no_fault() -> None:
    assert find_fault(PROFILE) is None


@pytest.mark.parametrize(("wanted", "most", "level"), [(0, 5, 0), (8, 5, 5), (3, None, 3), (2, 0, 0)])
def test_the_stack_level_keeps_to_the_station(wanted: int, most: int | None, level: int) -> None:
    assert find_stack_level(wanted, ProfileLimits(max_stack_level=most)) == level


def test_a_profile_id_is_the_sessions_own_and_an_int32() -> None:
    assert profile_id_of(SESSION) == 1_000_000_042
    assert profile_id_of(replace(SESSION, created_no=10**12 - 1)) < 2**31


def active_periods(profile: ChargingProfile | None, minutes: float, **more: object) -> list[tuple[int, Decimal]]:
    connector = more.pop("connector", AC)
    found = find_active(profile, connector, began_at=NOON, at=NOON + minutes * MINUTE, horizon_s=1_800)  # type: ignore[arg-type]
    assert found.at == NOON + minutes * MINUTE == found.profile.start_at
    assert found.profile.duration_s == 1_800
    return [(period.start_s, period.limit) for period in found.profile.periods]


def test_a_relative_profile_runs_from_the_start_of_charging() -> None:
    assert active_periods(PROFILE, 0) == [(0, 16), (600, Decimal("8.5"))]
    assert active_periods(PROFILE, 4) == [(0, 16), (360, Decimal("8.5"))]
    assert active_periods(PROFILE, 30) == [(0, Decimal("8.5"))]


def test_before_and_after_a_profile_the_plug_gives_all_it_can() -> None:
    later = replace(PROFILE, start_at=NOON + 10 * MINUTE, duration_s=900)

    assert active_periods(later, 5) == [(0, 32), (300, 16), (900, Decimal("8.5")), (1_200, 32)]


def test_a_limit_beyond_the_plug_is_the_plugs() -> None:
    assert active_periods(replace(PROFILE, periods=periods((0, "63"), (60, "40"), (120, "10"))), 0) == [
        (0, 32),
        (120, 10),
    ]


def test_without_a_profile_the_greatest_capacity_is_told_in_the_unit_of_the_plug() -> None:
    assert find_active(None, AC, began_at=NOON, at=NOON, horizon_s=60).profile.unit is RateUnit.A
    assert active_periods(None, 0) == [(0, 32)]
    assert find_active(None, DC, began_at=NOON, at=NOON, horizon_s=60).profile.unit is RateUnit.W
    assert active_periods(None, 0, connector=DC) == [(0, 50_000)]


def test_power_of_an_ac_plug_is_that_of_its_phases() -> None:
    watts = ChargingProfile(unit=RateUnit.W, periods=periods((0, "99999"), (60, "7000")))

    assert active_periods(watts, 0) == [(0, 230 * 32 * 3), (60, 7_000)]


def test_the_plan_of_a_car_keeps_to_its_profile_or_not() -> None:
    plan = replace(PROFILE, periods=periods((0, "16"), (600, "8")), start_at=NOON)

    assert is_within(plan, PROFILE, began_at=NOON)
    assert not is_within(replace(plan, start_at=NOON + MINUTE), PROFILE, began_at=NOON)
    assert not is_within(replace(plan, periods=periods((0, "16"))), PROFILE, began_at=NOON)
    assert is_within(replace(plan, unit=RateUnit.W), PROFILE, began_at=NOON)
