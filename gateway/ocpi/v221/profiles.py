"""Charging profiles and preferences in OCPI 2.2.1 and 2.3.0, which are alike here (mod_charging_profiles 14,
mod_sessions 9.3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.domain.callbacks import CallbackKind
from gateway.domain.profiles import (
    ActiveProfile,
    ChargingPreferences,
    ChargingProfile,
    ProfileResponse,
    ProfileType,
    RatePeriod,
    RateUnit,
)
from gateway.ocpi.reading import Flag, Time, Url, WireModel, parse_model
from gateway.ocpi.version import ProfileWords
from gateway.ocpi.wire import render_time, without_absent

TENTH = Decimal("0.1")
LONGEST_S = 2**31 - 1


def _parse_number(value: Any) -> Any:
    """A JSON number, exactly; some peers write numbers as texts."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number")
    return str(value)


def _check_tenths(value: Decimal) -> Decimal:
    if value != value.quantize(TENTH):
        raise ValueError("must have at most one digit after the point")
    return value


Number = Annotated[Decimal, BeforeValidator(_parse_number), Field(ge=0, le=10**9, allow_inf_nan=False)]
Rate = Annotated[Number, AfterValidator(_check_tenths)]
Seconds = Annotated[int, Field(ge=0, le=LONGEST_S)]


class PeriodBody(WireModel):
    start_period: Seconds
    limit: Rate


class ProfileBody(WireModel):
    start_date_time: Time | None = None
    duration: Seconds | None = None
    charging_rate_unit: RateUnit
    min_charging_rate: Rate | None = None
    charging_profile_period: tuple[PeriodBody, ...] = ()


class SetProfileBody(WireModel):
    charging_profile: ProfileBody
    response_url: Url


class ActiveProfileQuery(WireModel):
    duration: Annotated[int, Field(gt=0, le=LONGEST_S)]
    response_url: Url


class ClearProfileQuery(WireModel):
    response_url: Url


class PreferencesBody(WireModel):
    profile_type: ProfileType
    departure_time: Time | None = None
    energy_need: Number | None = None
    discharge_allowed: Flag = False


def parse_set_profile(data: Any) -> tuple[ChargingProfile, str]:
    """A SetChargingProfile: the profile, and where its result is to go (14.5.5)."""
    body = parse_model(SetProfileBody, data)
    given = body.charging_profile
    profile = ChargingProfile(
        unit=given.charging_rate_unit,
        periods=tuple(
            RatePeriod(start_s=period.start_period, limit=period.limit) for period in given.charging_profile_period
        ),
        start_at=given.start_date_time,
        duration_s=given.duration,
        min_rate=given.min_charging_rate,
    )
    return profile, body.response_url


def parse_profile_query(query: Mapping[str, str]) -> tuple[int, str]:
    """Of a GET: for how many seconds, and where the result is to go (14.4.1.1)."""
    asked = parse_model(ActiveProfileQuery, dict(query))
    return asked.duration, asked.response_url


def parse_clear_query(query: Mapping[str, str]) -> str:
    """Of a DELETE: where the result is to go (14.4.1.3)."""
    return parse_model(ClearProfileQuery, dict(query)).response_url


def parse_preferences(data: Any) -> ChargingPreferences:
    body = parse_model(PreferencesBody, data)
    return ChargingPreferences(
        profile_type=body.profile_type,
        departure_at=body.departure_time,
        energy_need_kwh=body.energy_need,
        discharge_allowed=body.discharge_allowed,
    )


def render_response(response: ProfileResponse, timeout_s: int) -> dict[str, Any]:
    """ChargingProfileResponse (14.5.1)"""
    return {"result": response.value, "timeout": timeout_s}


def render_result(kind: CallbackKind, word: str, active: ActiveProfile | None) -> dict[str, Any]:
    """ActiveChargingProfileResult, ChargingProfileResult or ClearProfileResult (14.5.2 to 14.5.4)"""
    profile = render_active(active) if kind is CallbackKind.GET_PROFILE and active is not None else None
    return without_absent({"result": word, "profile": profile})


def render_active(active: ActiveProfile) -> dict[str, Any]:
    """ActiveChargingProfile (14.6.1); its profile is told with the same start, for without one it would count from the
    start of charging (14.6.3).  Of whole seconds, which every version and partner reads."""
    profile, start = active.profile, render_time(active.at.replace(microsecond=0))
    return {
        "start_date_time": start,
        "charging_profile": without_absent(
            {
                "start_date_time": start,
                "duration": profile.duration_s,
                "charging_rate_unit": profile.unit.value,
                "min_charging_rate": profile.min_rate,
                "charging_profile_period": [
                    {"start_period": period.start_s, "limit": period.limit} for period in profile.periods
                ],
            }
        ),
    }


WORDS = ProfileWords(
    parse_set=parse_set_profile,
    parse_query=parse_profile_query,
    parse_clear_query=parse_clear_query,
    render_response=render_response,
    render_result=render_result,
    render_active=render_active,
)
