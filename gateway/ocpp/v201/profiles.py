"""Charging profiles in OCPP 2.0.1 (K01, K08, K10; limits part 2 2.9)."""

from typing import Any, Final

from gateway.domain.calls import ClearProfileCall, GetProfileLimitsCall, GetScheduleCall, SetProfileCall
from gateway.domain.profiles import ProfileLimits, RateUnit
from gateway.ocpp.schedules import kind_of, parse_count, parse_schedule, render_schedule
from gateway.ocpp.version import Reader, Rendered, Renderer

CONTROLLER: Final = "SmartChargingCtrlr"
MAX_LEVEL: Final = "ProfileStackLevel"
UNITS: Final = "RateUnit"
MAX_PERIODS: Final = "PeriodsPerSchedule"
SCHEDULE_ID: Final = 1
"""The one schedule of a profile (K01.FR.34); with an ISO 15118 car it is the SAScheduleTupleID, of 1 to 255."""


def _render_set(call: SetProfileCall) -> Rendered:
    return "SetChargingProfile", {
        "evseId": call.evse_no,
        "chargingProfile": {
            "id": call.profile_id,
            "stackLevel": call.stack_level,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": kind_of(call.profile),
            "transactionId": call.transaction_id,
            "chargingSchedule": [{"id": SCHEDULE_ID, **render_schedule(call.profile)}],
        },
    }


def _render_clear(call: ClearProfileCall) -> Rendered:
    return "ClearChargingProfile", {"chargingProfileId": call.profile_id}


def _render_get(call: GetScheduleCall) -> Rendered:
    payload: dict[str, Any] = {"evseId": call.evse_no, "duration": call.duration_s}
    if call.unit is not None:
        payload["chargingRateUnit"] = call.unit.value
    return "GetCompositeSchedule", payload


def _render_get_limits(_: GetProfileLimitsCall) -> Rendered:
    """How many profiles fit is the maxLimit of a variable, which a station tells in reports only."""
    names = (MAX_LEVEL, UNITS, MAX_PERIODS)
    asked = [{"component": {"name": CONTROLLER}, "variable": {"name": name}} for name in names]
    return "GetVariables", {"getVariableData": asked}


def _read_schedule(payload: dict[str, Any]) -> dict[str, Any]:
    schedule = payload.get("schedule")
    return {} if schedule is None else {"schedule": parse_schedule(schedule, schedule["scheduleStart"])}


def _read_limits(payload: dict[str, Any]) -> dict[str, Any]:
    found = {
        entry["variable"]["name"].lower(): str(entry.get("attributeValue") or "")
        for entry in payload["getVariableResult"]
        if entry["attributeStatus"] == "Accepted"
    }
    words = [word.strip().upper() for word in found.get(UNITS.lower(), "").split(",")]
    return {
        "limits": ProfileLimits(
            max_stack_level=parse_count(found.get(MAX_LEVEL.lower(), "")),
            units=frozenset(unit for unit in RateUnit if unit.value in words),
            max_periods=parse_count(found.get(MAX_PERIODS.lower(), "")),
        )
    }


RENDERERS: Final[dict[type, Renderer]] = {
    SetProfileCall: _render_set,
    ClearProfileCall: _render_clear,
    GetScheduleCall: _render_get,
    GetProfileLimitsCall: _render_get_limits,
}

READERS: Final[dict[type, Reader]] = {GetScheduleCall: _read_schedule, GetProfileLimitsCall: _read_limits}
