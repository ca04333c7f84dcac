"""The periods of a session: stretches of one phase, each with the energy drawn in it.

Where the price depends on more than the phase they are cut as well: at the moments and energies at which it may change,
and where the power passes a limit.  So what is billed lies on the line between two readings, not on that between the
ends of a period.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from gateway.core.cuts import NO_CUTS, Cuts, energies_between, moments_between
from gateway.core.stretches import KW_US_PER_WH
from gateway.domain.quick import quick
from gateway.domain.sessions import Period, Phase

_period = quick(Period)
SHARE = Decimal("0.001")
"""Energy that falls between two readings is shared out in whole mWh; the rest goes to the last share."""
MICROSECOND = timedelta(microseconds=1)
Periods = tuple[Period, ...]
Span = tuple[datetime, datetime]


def cut_period(periods: Periods, at: datetime, phase: Phase) -> Periods:
    """The periods with `phase` from `at` on; the same phase again cuts nothing."""
    last = periods[-1]
    if last.phase is phase:
        return periods
    if at > last.start_at:
        return (*periods, Period(start_at=at, phase=phase))
    if len(periods) > 1 and periods[-2].phase is phase:  # an empty stretch between two alike vanishes
        return (*periods[:-2], _with_energy(periods[-2], last.energy_wh))
    return (*periods[:-1], Period(start_at=last.start_at, phase=phase, energy_wh=last.energy_wh))


def cut_moments(periods: Periods, at: datetime, started_at: datetime, cuts: Cuts) -> Periods:
    """The periods cut at the moments before `at` at which the price may change.

    Call it for each news at its time: then what was drawn in the last period lies before the first of them.
    """
    last = periods[-1]
    moments = moments_between(cuts, last.start_at, at, started_at)
    return (*periods, *[_period(start_at=moment, phase=last.phase) for moment in moments]) if moments else periods


def add_energy(
    periods: Periods,
    since: datetime,
    until: datetime,
    energy_wh: Decimal,
    *,
    before_wh: Decimal = Decimal(0),
    cuts: Cuts = NO_CUTS,
) -> Periods:
    """Share out what a register rose by between two readings; `before_wh` was drawn before.

    A car draws while it charges: the charging time between the readings gets all of it, evenly; only if there was none
    is it spread over the whole stretch.
    """
    last = periods[-1]
    may_cut = bool(cuts.energies_wh or cuts.powers_kw)
    if last.start_at <= since or len(periods) == 1:
        if may_cut and until > max(since, last.start_at):
            return (*periods[:-1], *_cut(last, (max(since, last.start_at), until), energy_wh, before_wh, cuts))
        return (*periods[:-1], _with_energy(last, energy_wh))
    spans = _spans(periods, since, until)
    lengths = [end - start for start, end in spans]
    charging = [
        length if period.phase is Phase.CHARGING else timedelta(0)
        for period, length in zip(periods, lengths, strict=True)
    ]
    weights = charging if any(charging) else lengths
    if not any(weights):
        return (*periods[:-1], _with_energy(last, energy_wh))
    shares = _share(weights, energy_wh)
    if not may_cut:
        return tuple([_with_energy(period, share) for period, share in zip(periods, shares, strict=True)])
    laid: list[Period] = []
    for period, (start, end), weight, share in zip(periods, spans, weights, shares, strict=True):
        start = max(start, period.start_at)  # what was drawn before the session began is the first period's
        has_time = weight and start < end
        laid += _cut(period, (start, end), share, before_wh, cuts) if has_time else [_with_energy(period, share)]
        before_wh += share
    return tuple(laid)


def _spans(periods: Sequence[Period], since: datetime, until: datetime) -> list[Span]:
    """Which part of each period lies between the two; an empty one begins and ends at the same time."""
    ends = [period.start_at for period in periods[1:]] + [max(until, periods[-1].start_at)]
    starts = [min(since, periods[0].start_at)] + [period.start_at for period in periods[1:]]
    found = []
    for start, end in zip(starts, ends, strict=True):
        first = max(start, since)
        found.append((first, max(first, min(end, until))))
    return found


def _share(weights: Sequence[timedelta], energy_wh: Decimal) -> list[Decimal]:
    """The running sum is rounded, not each share: so a reading on the straight line between two others, told in whole
    mWh, changes no share."""
    whole = sum(weights, timedelta(0))
    given = reached = Decimal(0)
    past = timedelta(0)
    shares = []
    for weight in weights:
        past += weight
        if weight:
            reached = energy_wh * (past // MICROSECOND) / (whole // MICROSECOND)
            reached = energy_wh if past == whole else reached.quantize(SHARE, rounding=ROUND_HALF_UP)
        shares.append(reached - given)
        given = reached
    return shares


def _cut(period: Period, span: Span, share_wh: Decimal, before_wh: Decimal, cuts: Cuts) -> list[Period]:
    """The period with what was drawn in this part of it, cut where an energy is reached or the power passes a limit."""
    start, end = span
    cut: list[Period] = []
    if start > period.start_at and _begins_anew(period, span, share_wh, before_wh, cuts):
        cut.append(period)
        period = _period(start_at=start, phase=period.phase)
    drawn_wh = Decimal(0)
    for reached_wh in energies_between(cuts, before_wh, before_wh + share_wh):
        more_wh = reached_wh - before_wh - drawn_wh
        drawn_wh += more_wh
        after_us = drawn_wh * ((end - start) // MICROSECOND) / share_wh
        at = start + int(after_us.to_integral_value(ROUND_CEILING)) * MICROSECOND
        cut.append(_with_energy(period, more_wh))
        period = _period(start_at=at, phase=period.phase)
    return [*cut, _with_energy(period, share_wh - drawn_wh)]


def _begins_anew(period: Period, span: Span, share_wh: Decimal, before_wh: Decimal, cuts: Cuts) -> bool:
    """Was an energy reached just here, or is the power on another side of a limit than it was in this period?"""
    index = bisect_left(cuts.energies_wh, before_wh)
    if index < len(cuts.energies_wh) and cuts.energies_wh[index] == before_wh and share_wh:
        return True
    if not cuts.powers_kw:
        return False
    start, end = span
    return _band(cuts, period.energy_wh, period.start_at, start) != _band(cuts, share_wh, start, end)


def _band(cuts: Cuts, energy_wh: Decimal, start: datetime, end: datetime) -> int:
    return bisect_right(cuts.powers_kw, energy_wh * KW_US_PER_WH / ((end - start) // MICROSECOND))


def _with_energy(period: Period, more_wh: Decimal) -> Period:
    if not more_wh:
        return period
    return _period(start_at=period.start_at, phase=period.phase, energy_wh=period.energy_wh + more_wh)
