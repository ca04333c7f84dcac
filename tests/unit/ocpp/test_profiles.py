"""Charging profiles in the words of each version, and what stations answer."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.calls import (
    CallOutcomeKind,
    CallReply,
    ClearProfileCall,
    GetProfileLimitsCall,
    GetScheduleCall,
    SetProfileCall,
    StationCall,
)
from gateway.domain.profiles import ChargingProfile, ProfileLimits, RatePeriod, RateUnit
from gateway.ocpp.replies import read_reply
from gateway.ocpp.v16.version import VERSION as V16
from gateway.ocpp.v201.version import VERSION as V201
from gateway.ocpp.version import Version
from gateway.ports import CallOutcome

NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)
RELATIVE = ChargingProfile(
    unit=RateUnit.A,
    periods=(RatePeriod(start_s=0, limit=Decimal(16)), RatePeriod(start_s=600, limit=Decimal("8.1"))),
    min_rate=Decimal("6.0"),
)
ABSOLUTE = ChargingProfile(
    unit=RateUnit.W, periods=(RatePeriod(start_s=0, limit=Decimal(7000)),), start_at=NINE, duration_s=3600
)


def setting(profile: ChargingProfile) -> SetProfileCall:
    return SetProfileCall(
        evse_no=2, connector_no=2, transaction_id="12", profile_id=1_000_000_001, stack_level=1, profile=profile
    )


RELATIVE_SCHEDULE = {
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}, {"startPeriod": 600, "limit": 8.1}],
    "minChargingRate": 6,
}
ABSOLUTE_SCHEDULE = {
    "chargingRateUnit": "W",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7000}],
    "startSchedule": "2026-03-01T09:00:00.000Z",
    "duration": 3600,
}
LIMIT_VARIABLES = ("ProfileStackLevel", "RateUnit", "PeriodsPerSchedule")


def profile_16(kind: str, schedule: dict[str, Any]) -> dict[str, Any]:
    profile = {"chargingProfileId": 1_000_000_001, "transactionId": 12, "stackLevel": 1}
    purpose = {"chargingProfilePurpose": "TxProfile", "chargingProfileKind": kind}
    return {"connectorId": 2, "csChargingProfiles": {**profile, **purpose, "chargingSchedule": schedule}}


def profile_201(kind: str, schedule: dict[str, Any]) -> dict[str, Any]:
    profile = {"id": 1_000_000_001, "transactionId": "12", "stackLevel": 1}
    purpose = {"chargingProfilePurpose": "TxProfile", "chargingProfileKind": kind}
    return {"evseId": 2, "chargingProfile": {**profile, **purpose, "chargingSchedule": [{"id": 1, **schedule}]}}


@pytest.mark.parametrize(
    ("version", "call", "action", "payload"),
    [
        (V16, setting(RELATIVE), "SetChargingProfile", profile_16("Relative", RELATIVE_SCHEDULE)),
        (V16, setting(ABSOLUTE), "SetChargingProfile", profile_16("Absolute", ABSOLUTE_SCHEDULE)),
        (V201, setting(RELATIVE), "SetChargingProfile", profile_201("Relative", RELATIVE_SCHEDULE)),
        (V201, setting(ABSOLUTE), "SetChargingProfile", profile_201("Absolute", ABSOLUTE_SCHEDULE)),
        (V16, ClearProfileCall(profile_id=7), "ClearChargingProfile", {"id": 7}),
        (V201, ClearProfileCall(profile_id=7), "ClearChargingProfile", {"chargingProfileId": 7}),
        (
            V16,
            GetScheduleCall(evse_no=2, connector_no=2, duration_s=60),
            "GetCompositeSchedule",
            {"connectorId": 2, "duration": 60},
        ),
        (
            V201,
            GetScheduleCall(evse_no=2, connector_no=1, duration_s=60, unit=RateUnit.W),
            "GetCompositeSchedule",
            {"evseId": 2, "duration": 60, "chargingRateUnit": "W"},
        ),
        (
            V16,
            GetProfileLimitsCall(),
            "GetConfiguration",
            {
                "key": [
                    "ChargeProfileMaxStackLevel",
                    "ChargingScheduleAllowedChargingRateUnit",
                    "ChargingScheduleMaxPeriods",
                    "MaxChargingProfilesInstalled",
                ]
            },
        ),
        (
            V201,
            GetProfileLimitsCall(),
            "GetVariables",
            {
                "getVariableData": [
                    {"component": {"name": "SmartChargingCtrlr"}, "variable": {"name": name}}
                    for name in LIMIT_VARIABLES
                ]
            },
        ),
    ],
)
def test_a_call_is_said_in_the_words_of_the_version(
    version: Version, call: StationCall, action: str, payload: dict[str, Any]
) -> None:
    assert version.render_call(call) == (action, payload)
    assert version.schemas.requests[action].is_valid(payload)


def read(version: Version, call: StationCall, payload: dict[str, Any]) -> CallReply:
    action, _ = version.render_call(call)
    assert version.schemas.replies[action].is_valid(payload)
    return read_reply(CallOutcome(outcome="accepted", payload=payload), version.readers.get(type(call)))


ASKING = GetScheduleCall(evse_no=1, connector_no=1, duration_s=900)
PERIODS = [{"startPeriod": 0, "limit": 16.04}, {"startPeriod": 300, "limit": 8.1, "numberPhases": 3}]
SCHEDULE = ChargingProfile(
    unit=RateUnit.A,
    periods=(RatePeriod(start_s=0, limit=Decimal("16.0")), RatePeriod(start_s=300, limit=Decimal("8.1"))),
    start_at=NINE,
    duration_s=900,
)


def test_the_schedule_of_a_1_6_station() -> None:
    schedule = {"duration": 900, "chargingRateUnit": "A", "chargingSchedulePeriod": PERIODS[1:]}
    payload = {"status": "Accepted", "connectorId": 1, "scheduleStart": "2026-03-01T09:00:00Z"}

    reply = read(V16, ASKING, {**payload, "chargingSchedule": schedule})

    assert reply.schedule is not None
    assert (reply.status, reply.schedule.start_at, reply.schedule.periods) == ("Accepted", NINE, SCHEDULE.periods[1:])


def test_the_schedule_of_a_2_0_1_station() -> None:
    schedule = {
        "evseId": 1,
        "duration": 900,
        "scheduleStart": "2026-03-01T10:00:00+01:00",
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": PERIODS,
    }

    assert read(V201, ASKING, {"status": "Accepted", "schedule": schedule}).schedule == SCHEDULE


@pytest.mark.parametrize("version", [V16, V201])
def test_an_answer_without_a_schedule_has_none(version: Version) -> None:
    assert read(version, ASKING, {"status": "Rejected"}).schedule is None


def test_a_1_6_schedule_without_a_start_counts_from_an_unknown_time() -> None:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": PERIODS[1:]}

    reply = read(V16, ASKING, {"status": "Accepted", "chargingSchedule": schedule})

    assert reply.schedule is not None
    assert reply.schedule.start_at is None


def test_the_limits_of_a_1_6_station_in_its_own_spelling() -> None:
    keys = [
        {"key": "chargeProfileMaxStackLevel", "readonly": True, "value": "8"},
        {"key": "ChargingScheduleAllowedChargingRateUnit", "readonly": True, "value": "Current, power"},
        {"key": "ChargingScheduleMaxPeriods", "readonly": True, "value": "many"},
        {"key": "MaxChargingProfilesInstalled", "readonly": True, "value": "10"},
    ]

    reply = read(V16, GetProfileLimitsCall(), {"configurationKey": keys})

    assert reply.limits == ProfileLimits(max_stack_level=8, units=frozenset(RateUnit), max_profiles=10)


def test_the_limits_of_a_2_0_1_station_as_far_as_it_tells_them() -> None:
    results = [
        {
            "attributeStatus": status,
            "component": {"name": "SmartChargingCtrlr"},
            "variable": {"name": name},
            **({"attributeValue": value} if value else {}),
        }
        for name, status, value in zip(
            LIMIT_VARIABLES, ("Accepted", "Accepted", "UnknownVariable"), ("3", "A", None), strict=True
        )
    ]

    reply = read(V201, GetProfileLimitsCall(), {"getVariableResult": results})

    assert reply.limits == ProfileLimits(max_stack_level=3, units=frozenset({RateUnit.A}))


def test_a_station_without_such_keys_tells_no_limits() -> None:
    assert read(V16, GetProfileLimitsCall(), {"unknownKey": ["x"]}).limits == ProfileLimits()


@pytest.mark.parametrize("limit", [3.4028235e38, 1e30])
def test_a_station_that_means_no_limit_by_a_number_beyond_measure_is_understood(limit: float) -> None:
    schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    payload = {"status": "Accepted", "connectorId": 1, "chargingSchedule": schedule}

    reply = read_reply(CallOutcome(outcome="accepted", payload=payload), V16.readers[GetScheduleCall])

    assert reply.schedule is not None
    assert reply.schedule.periods == (RatePeriod(start_s=0, limit=Decimal(1_000_000_000)),)


def test_what_is_no_answer_has_no_schedule() -> None:
    reply = read_reply(CallOutcome(outcome="timeout"), V16.readers[GetScheduleCall])

    assert (reply.outcome, reply.schedule) == (CallOutcomeKind.TIMEOUT, None)
