"""The periods of a session: stretches of one phase, each with the energy drawn in it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from gateway.domain.quick import quick
from gateway.domain.sessions import Period, Phase

_period = quick(Period)
SHARE = Decimal("0.001")
"""Energy that falls between two readings is shared out in whole mWh; the rest goes to the last share."""


def cut_period(periods: tuple[Period, ...], at: datetime, phase: Phase) -> tuple[Period, ...]:
    """The periods with `phase` from `at` on; the same phase again cuts nothing."""
    last = periods[-1]
    if last.phase is phase:
        return periods
    if at > last.start_at:
        return (*periods, Period(start_at=at, phase=phase))
    if len(periods) > 1 and periods[-2].phase is phase:  # an empty stretch between two alike vanishes
        return (*periods[:-2], _with_energy(periods[-2], last.energy_wh))
    return (*periods[:-1], Period(start_at=last.start_at, phase=phase, energy_wh=last.energy_wh))


def add_energy(periods: tuple[Period, ...], since: datetime, until: datetime, energy_wh: Decimal) -> tuple[Period, ...]:
    """Share out what a register rose by between two readings.

    A car draws while it charges: the charging time between the readings gets all of it, evenly; only if there was none
    is it spread over the whole stretch.
    """
    last = periods[-1]
    if last.start_at <= since or len(periods) == 1:
        return (*periods[:-1], _with_energy(last, energy_wh))
    spans = _spans(periods, since, until)
    charging = [
        span if period.phase is Phase.CHARGING else timedelta(0) for period, span in zip(periods, spans, strict=True)
    ]
    weights = charging if any(charging) else spans
    whole = sum(weights, timedelta(0))
    if not whole:
        return (*periods[:-1], _with_energy(last, energy_wh))
    return _share(periods, weights, whole, energy_wh)


def _spans(periods: Sequence[Period], since: datetime, until: datetime) -> list[timedelta]:
    ends = [period.start_at for period in periods[1:]] + [max(until, periods[-1].start_at)]
    starts = [min(since, periods[0].start_at)] + [period.start_at for period in periods[1:]]
    return [max(timedelta(0), min(end, until) - max(start, since)) for start, end in zip(starts, ends, strict=True)]


def _share(
    periods: tuple[Period, ...], weights: list[timedelta], whole: timedelta, energy_wh: Decimal
) -> tuple[Period, ...]:
    """The running sum is rounded, not each share: so a reading on the straight line between two others, told in whole
    mWh, changes no share."""
    given = reached = Decimal(0)
    past = timedelta(0)
    shared = []
    for period, weight in zip(periods, weights, strict=True):
        past += weight
        if weight:
            reached = energy_wh * (past // MICROSECOND) / (whole // MICROSECOND)
            reached = energy_wh if past == whole else reached.quantize(SHARE, rounding=ROUND_HALF_UP)
        shared.append(_with_energy(period, reached - given) if reached != given else period)
        given = reached
    return tuple(shared)


def _with_energy(period: Period, more_wh: Decimal) -> Period:
    return _period(start_at=period.start_at, phase=period.phase, energy_wh=period.energy_wh + more_wh)


MICROSECOND = timedelta(microseconds=1)
