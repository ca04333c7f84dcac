"""Stretches of a visit: how long, how strong, and two of them as one."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.domain.bills import Range, Stretch
from gateway.domain.money import ZERO

MICROSECOND = timedelta(microseconds=1)
MICROSECONDS = Decimal(1_000_000)
W_PER_KW = Decimal(1000)
SECONDS_PER_HOUR = Decimal(3600)
KW_US_PER_WH = Decimal(3_600_000)
"""1 Wh is 3,600,000 kW for one microsecond."""


def seconds_between(start: datetime, end: datetime) -> Decimal:
    return Decimal((end - start) // MICROSECOND) / MICROSECONDS


def time_s_of(stretch: Stretch) -> Decimal:
    return seconds_between(stretch.start_at, stretch.end_at) if stretch.time_s is None else stretch.time_s


def power_of(stretch: Stretch) -> Range:
    """What is known of the power, in kW: as told, else the average."""
    if stretch.power is not None:
        return stretch.power
    average = average_kw_of(stretch)
    return Range(least=average, most=average)


def average_kw_of(stretch: Stretch) -> Decimal:
    time_s = time_s_of(stretch)
    return stretch.energy_wh * SECONDS_PER_HOUR / time_s / W_PER_KW if time_s else ZERO


def join_stretches(left: Stretch, right: Stretch) -> Stretch:
    """Both as one; `right` begins where `left` ends."""
    has_time = left.time_s is not None or right.time_s is not None
    return replace(
        left,
        end_at=right.end_at,
        energy_wh=left.energy_wh + right.energy_wh,
        power=None if left.power is None and right.power is None else _union(power_of(left), power_of(right)),
        current=None if left.current is None or right.current is None else _union(left.current, right.current),
        time_s=time_s_of(left) + time_s_of(right) if has_time else None,
    )


def _union(left: Range, right: Range) -> Range:
    return Range(
        least=None if left.least is None or right.least is None else min(left.least, right.least),
        most=None if left.most is None or right.most is None else max(left.most, right.most),
    )


def is_plain(stretch: Stretch) -> bool:
    return stretch.power is None and stretch.current is None and stretch.time_s is None
