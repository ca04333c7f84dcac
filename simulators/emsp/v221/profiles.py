"""Charging profiles of OCPI 2.2.1, their answers and results."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulators.emsp.v221.common import Ocpi
from simulators.emsp.v221.types import DateTime, Tenths


class ChargingProfilePeriod(Ocpi):
    paragraph = "OCPI 2.2.1 mod_charging_profiles 14.5.4 ChargingProfilePeriod"

    start_period: int = Field(ge=0)
    limit: Tenths


class ChargingProfile(Ocpi):
    paragraph = "OCPI 2.2.1 mod_charging_profiles 14.5.3 ChargingProfile"

    start_date_time: DateTime | None = None
    duration: int | None = Field(default=None, ge=0)
    charging_rate_unit: Literal["W", "A"]
    min_charging_rate: Tenths | None = None
    charging_profile_period: list[ChargingProfilePeriod] = Field(default_factory=list)


class ActiveChargingProfile(Ocpi):
    paragraph = "OCPI 2.2.1 mod_charging_profiles 14.5.1 ActiveChargingProfile"

    start_date_time: DateTime
    charging_profile: ChargingProfile


class ChargingProfileResponse(Ocpi):
    paragraph = "OCPI 2.2.1 mod_charging_profiles 14.4.1 ChargingProfileResponse"

    result: Literal["ACCEPTED", "NOT_SUPPORTED", "REJECTED", "TOO_OFTEN", "UNKNOWN_SESSION"]
    timeout: int = Field(ge=0)


class ChargingProfileResult(Ocpi):
    """ClearProfileResult has the same fields."""

    paragraph = "OCPI 2.2.1 mod_charging_profiles 14.4.3 ChargingProfileResult"

    result: Literal["ACCEPTED", "REJECTED", "UNKNOWN"]


class ActiveChargingProfileResult(ChargingProfileResult):
    paragraph = "OCPI 2.2.1 mod_charging_profiles 14.4.2 ActiveChargingProfileResult"

    profile: ActiveChargingProfile | None = None
