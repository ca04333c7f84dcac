"""Charging profiles in OCPP 1.6 (5.7, 5.16, 5.4; limits 9.4)."""

from typing import Any, Final

from gateway.domain.calls import ClearProfileCall, GetProfileLimitsCall, GetScheduleCall, SetProfileCall
from gateway.domain.profiles import ProfileLimits, RateUnit
from gateway.ocpp.schedules import kind_of, parse_count, parse_schedule, render_schedule
from gateway.ocpp.version import Reader, Rendered, Renderer

MAX_LEVEL: Final = "ChargeProfileMaxStackLevel"
UNITS: Final = "ChargingScheduleAllowedChargingRateUnit"
MAX_PERIODS: Final = "ChargingScheduleMaxPeriods"
MAX_PROFILES: Final = "MaxChargingProfilesInstalled"

# OCPP 1.6 9.4.2; some stations write the units of the schedule instead.
_UNIT_WORDS: Final = {"current": RateUnit.A, "power": RateUnit.W, "a": RateUnit.A, "w": RateUnit.W}


def _render_set(call: SetProfileCall) -> Rendered:
    return "SetChargingProfile", {
        "connectorId": call.connector_no,
        "csChargingProfiles": {
            "chargingProfileId": call.profile_id,
            "transactionId": int(call.transaction_id),
            "stackLevel": call.stack_level,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": kind_of(call.profile),
            "chargingSchedule": render_schedule(call.profile),
        },
    }


def _render_clear(call: ClearProfileCall) -> Rendered:
    return "ClearChargingProfile", {"id": call.profile_id}


def _render_get(call: GetScheduleCall) -> Rendered:
    payload: dict[str, Any] = {"connectorId": call.connector_no, "duration": call.duration_s}
    if call.unit is not None:
        payload["chargingRateUnit"] = call.unit.value
    return "GetCompositeSchedule", payload


def _render_get_limits(_: GetProfileLimitsCall) -> Rendered:
    return "GetConfiguration", {"key": [MAX_LEVEL, UNITS, MAX_PERIODS, MAX_PROFILES]}


def _read_schedule(payload: dict[str, Any]) -> dict[str, Any]:
    schedule = payload.get("chargingSchedule")
    if not schedule or not schedule["chargingSchedulePeriod"]:
        return {}
    start = payload.get("scheduleStart") or schedule.get("startSchedule")
    return {"schedule": parse_schedule(schedule, start)}


def _read_limits(payload: dict[str, Any]) -> dict[str, Any]:
    """Stations spell keys as they like, and leave out what they do not know."""
    entries = payload.get("configurationKey") or ()
    found = {entry["key"].lower(): str(entry.get("value") or "") for entry in entries}
    words = [word.strip().lower() for word in found.get(UNITS.lower(), "").split(",")]
    return {
        "limits": ProfileLimits(
            max_stack_level=parse_count(found.get(MAX_LEVEL.lower(), "")),
            units=frozenset(_UNIT_WORDS[word] for word in words if word in _UNIT_WORDS),
            max_periods=parse_count(found.get(MAX_PERIODS.lower(), "")),
            max_profiles=parse_count(found.get(MAX_PROFILES.lower(), "")),
        )
    }


RENDERERS: Final[dict[type, Renderer]] = {
    SetProfileCall: _render_set,
    ClearProfileCall: _render_clear,
    GetScheduleCall: _render_get,
    GetProfileLimitsCall: _render_get_limits,
}

READERS: Final[dict[type, Reader]] = {GetScheduleCall: _read_schedule, GetProfileLimitsCall: _read_limits}
