"""Which price components hold under which conditions.

The first element with a component for a dimension whose restrictions all hold prices that dimension (OCPI 2.3.0
mod_tariffs, Tariff object).  Restrictions are looked at where a piece begins; `core/cuts.py` sees to it that none of
them changes within.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal

from gateway.core.cuts import WH_PER_KWH
from gateway.domain.bills import Range
from gateway.domain.sessions import Phase
from gateway.domain.tariffs import (
    DAYS_OF_WEEK,
    Dimension,
    PriceComponent,
    ReservationRestriction,
    Restrictions,
    Tariff,
)

Chosen = Mapping[Dimension, tuple[int, PriceComponent]]
"""The number of the element, counted from 0, and its component."""

NO_TIME = time(0)


class UnpriceableError(ValueError):
    """A tariff cannot be applied exactly; the text says why and what would help.  Nothing is priced by a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The circumstances of a piece at its beginning.

    `local` is the location's clock (None: no price depends on it); `duration_s` and `energy_wh` are those of the
    session so far, of a reservation for its own elements.  `power` (kW) may be a range, of which `average_kw` decides
    where the range does not; `current` (A, all phases) is never averaged.
    """

    local: datetime | None
    duration_s: Decimal
    energy_wh: Decimal
    power: Range
    average_kw: Decimal
    current: Range


def choose_components(
    tariff: Tariff, conditions: Conditions, wanted: frozenset[Dimension], phase: Phase, *, is_expired: bool
) -> dict[Dimension, tuple[int, PriceComponent]]:
    """The component that prices each wanted dimension; without one it costs nothing.  Raises UnpriceableError.

    A reservation has elements of its own; of an expired one those for expiry come first, and only what they lack is
    taken from the others (OCPI 2.3.0 mod_tariffs, ReservationRestrictionType and example 17).
    """
    if phase is not Phase.RESERVATION:
        return _choose(tariff, conditions, wanted, None)
    chosen: dict[Dimension, tuple[int, PriceComponent]] = {}
    if is_expired:
        chosen = _choose(tariff, conditions, wanted, ReservationRestriction.RESERVATION_EXPIRES)
    return _choose(tariff, conditions, wanted - chosen.keys(), ReservationRestriction.RESERVATION) | chosen


def _choose(
    tariff: Tariff, conditions: Conditions, wanted: frozenset[Dimension], reservation: ReservationRestriction | None
) -> dict[Dimension, tuple[int, PriceComponent]]:
    chosen: dict[Dimension, tuple[int, PriceComponent]] = {}
    for number, element in enumerate(tariff.elements):
        rule = element.restrictions
        if (None if rule is None else rule.reservation) is not reservation:
            continue
        components = [one for one in element.components if one.type in wanted and one.type not in chosen]
        if not components or (rule is not None and not _holds(rule, conditions, tariff.id, number)):
            continue
        for component in components:
            chosen.setdefault(component.type, (number, component))
        if len(chosen) == len(wanted):
            break
    return chosen


def _holds(rule: Restrictions, conditions: Conditions, tariff_id: str, number: int) -> bool:
    if conditions.local is not None and not is_on_clock(rule, conditions.local):
        return False
    session = (
        (rule.min_kwh, rule.max_kwh, conditions.energy_wh / WH_PER_KWH),
        (rule.min_duration_s, rule.max_duration_s, conditions.duration_s),
    )
    if any((low is not None and value < low) or (high is not None and value >= high) for low, high, value in session):
        return False
    if not _has_power(rule, conditions):
        return False
    if rule.min_current is None and rule.max_current is None:
        return True
    has_current = _lies_within(rule.min_current, rule.max_current, conditions.current)
    if has_current is None:
        raise UnpriceableError(
            f"tariff {tariff_id} elements[{number}].restrictions: depends on the current, and that is not known well "
            "enough here; it can be computed from the power where the voltage is given"
        )
    return has_current


def is_on_clock(rule: Restrictions, local: datetime) -> bool:
    """Do the times, dates and days of the week of the restrictions include this moment of the location's clock?

    From `start_time` to before `end_time`; an end at or before the start lies on the next day, so 00:00 is the end of
    the day and equal times are a whole day (OCPI 2.3.0 mod_tariffs 11.4.6).  Days are those of the moment itself: a
    Monday from 22:00 to 06:00 is the first six and the last two hours of Monday.
    """
    now, day = local.time(), local.date()
    start, end = rule.start_time or NO_TIME, rule.end_time or NO_TIME
    is_in_time = now >= start or now < end if end <= start else start <= now < end
    return (
        is_in_time
        and (rule.start_date is None or day >= rule.start_date)
        and (rule.end_date is None or day < rule.end_date)
        and (not rule.day_of_week or DAYS_OF_WEEK[day.weekday()] in rule.day_of_week)
    )


def _has_power(rule: Restrictions, conditions: Conditions) -> bool:
    if rule.min_power is None and rule.max_power is None:
        return True
    known = _lies_within(rule.min_power, rule.max_power, conditions.power)
    if known is not None:
        return known
    average = Range(least=conditions.average_kw, most=conditions.average_kw)
    return bool(_lies_within(rule.min_power, rule.max_power, average))


def _lies_within(low: Decimal | None, high: Decimal | None, value: Range) -> bool | None:
    """From `low` to before `high`?  None where the range of the value does not tell."""
    reaches = True if low is None else _is_at_least(value, low)
    exceeds = False if high is None else _is_at_least(value, high)
    if reaches is False or exceeds is True:
        return False
    return None if reaches is None or exceeds is None else True


def _is_at_least(value: Range, limit: Decimal) -> bool | None:
    if value.least is not None and value.least >= limit:
        return True
    if value.most is not None and value.most < limit:
        return False
    return None
