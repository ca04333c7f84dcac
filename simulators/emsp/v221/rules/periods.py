"""Charging periods, which sessions and CDRs share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from simulators.emsp.findings import Problem, Rule, Severity
from simulators.emsp.v221.models import ChargingPeriod

PERIODS = "OCPI 2.2.1 mod_cdrs 10.4.6 ChargingPeriod"
DIMENSIONS = "OCPI 2.2.1 mod_cdrs 10.4.3 CdrDimensionType"

ORDERED = Rule("periods.ordered", "a period ends when the next one starts, so they stand in the order of time", PERIODS)
INSIDE = Rule("periods.inside", "periods lie within the start and the end of the session", PERIODS)
FROM_START = Rule(
    "periods.from_start",
    "the first period starts with the session, otherwise its beginning is unaccounted for",
    PERIODS,
    Severity.NOTE,
)
TIME_FITS = Rule("periods.time_fits", "the times of a period add up to no more than the period lasts", DIMENSIONS)
ONCE = Rule("periods.dimension_once", "a dimension stands at most once in a period", PERIODS, Severity.NOTE)
PLAUSIBLE = Rule(
    "periods.energy_plausible",
    "energy is in kWh; above 1000 it is probably Wh",
    DIMENSIONS,
    Severity.NOTE,
)

TIMES = ("TIME", "PARKING_TIME", "RESERVATION_TIME")
MAX_PLAUSIBLE_KWH = 1000
# Half a unit of the fourth decimal, per rounded figure.
ROUNDING = Decimal("0.00005")
# Hours: times are given to the second, so two of them may be off by one second each.
TIME_TOLERANCE_H = Decimal("0.0006")


def volume_of(periods: Sequence[ChargingPeriod], *kinds: str) -> Decimal | None:
    """The sum of some dimensions over all periods; None if none of them is given anywhere."""
    volumes = [dim.volume for period in periods for dim in period.dimensions if dim.type in kinds]
    return sum(volumes, Decimal(0)) if volumes else None


def hours_between(start: datetime, end: datetime) -> Decimal:
    seconds = Decimal((end - start).days * 86400 + (end - start).seconds) + Decimal((end - start).microseconds) / 10**6
    return seconds / 3600


def check_periods(periods: Sequence[ChargingPeriod], start: datetime, end: datetime | None) -> Iterator[Problem]:
    """`end` is None while the session runs."""
    for index, (before, after) in enumerate(pairwise(periods), start=1):
        if after.start_date_time < before.start_date_time:
            yield Problem(ORDERED, _path(index, ".start_date_time"), f"{after.start_date_time} after a later one")
    if periods and periods[0].start_date_time > start:
        yield Problem(FROM_START, _path(0, ".start_date_time"), f"{periods[0].start_date_time}, session {start}")
    for index, period in enumerate(periods):
        # A session starts when it becomes ACTIVE, after the time for which its EVSE was reserved (mod_sessions 9.3.1).
        is_early = period.start_date_time < start and volume_of([period], "RESERVATION_TIME") is None
        if is_early or (end is not None and period.start_date_time > end):
            yield Problem(
                INSIDE, _path(index, ".start_date_time"), f"{period.start_date_time}, session {start} to {end}"
            )
        until = periods[index + 1].start_date_time if index + 1 < len(periods) else end
        yield from _check_dimensions(period, index, until)


def _check_dimensions(period: ChargingPeriod, index: int, until: datetime | None) -> Iterator[Problem]:
    kinds = [dim.type for dim in period.dimensions]
    for kind in sorted({kind for kind in kinds if kinds.count(kind) > 1}):
        yield Problem(ONCE, _path(index, ".dimensions"), f"{kind} stands {kinds.count(kind)} times")
    energy = volume_of([period], "ENERGY", "ENERGY_IMPORT")
    if energy is not None and energy > MAX_PLAUSIBLE_KWH:
        yield Problem(PLAUSIBLE, _path(index, ".dimensions"), f"{energy} kWh")
    spent = volume_of([period], *TIMES)
    if spent is None or until is None or until < period.start_date_time:
        return
    lasts = hours_between(period.start_date_time, until)
    if spent > lasts + TIME_TOLERANCE_H:
        yield Problem(TIME_FITS, _path(index, ".dimensions"), f"{spent} h in a period of {lasts:.4f} h")


def _path(index: int, rest: str) -> str:
    return f"$.charging_periods[{index}]{rest}"
