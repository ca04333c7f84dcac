"""Charging schedules on the wire: both generations write their numbers, times and periods alike."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from gateway.domain.profiles import ChargingProfile, RatePeriod, RateUnit
from gateway.ocpp.times import parse_moment, render_time

_TENTH: Final = Decimal("0.1")  # OCPP 1.6 7.14: at most one digit after the point
_LARGEST: Final = Decimal(1_000_000_000)
"""Some stations tell the largest number that they know where there is no limit."""


def render_schedule(profile: ChargingProfile) -> dict[str, Any]:
    """The schedule of a profile; without a start of its own it has none here either (OCPP 2.0.1 K01.FR.40, .41)."""
    schedule: dict[str, Any] = {
        "chargingRateUnit": profile.unit.value,
        "chargingSchedulePeriod": [
            {"startPeriod": period.start_s, "limit": _number(period.limit)} for period in profile.periods
        ],
    }
    if profile.start_at is not None:
        schedule["startSchedule"] = render_time(profile.start_at)
    if profile.duration_s is not None:
        schedule["duration"] = profile.duration_s
    if profile.min_rate is not None:
        schedule["minChargingRate"] = _number(profile.min_rate)
    return schedule


def kind_of(profile: ChargingProfile) -> str:
    return "Relative" if profile.start_at is None else "Absolute"


def parse_schedule(schedule: dict[str, Any], start: str | None) -> ChargingProfile:
    """A schedule that a station tells; `start` is the time from which its periods count, as it wrote it."""
    minimum = schedule.get("minChargingRate")
    return ChargingProfile(
        unit=RateUnit(schedule["chargingRateUnit"]),
        periods=tuple(
            RatePeriod(start_s=int(period["startPeriod"]), limit=_decimal(period["limit"]))
            for period in schedule["chargingSchedulePeriod"]
        ),
        start_at=None if start is None else parse_moment(start),
        duration_s=schedule.get("duration"),
        min_rate=None if minimum is None else _decimal(minimum),
    )


def parse_count(text: str) -> int | None:
    """A number that a station tells of itself; None where it is none."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _decimal(value: float) -> Decimal:
    return min(Decimal(str(value)), _LARGEST).quantize(_TENTH, rounding=ROUND_HALF_UP)
