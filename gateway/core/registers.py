"""What the readings of one register say of each other: which steps no plug can have drawn."""

from datetime import datetime, timedelta
from decimal import Decimal

from gateway.core.periods import MICROSECOND

ROUNDING_WH = Decimal(10)
"""A register that falls by less, or by less than the resolution in which it is told, is the same one shown with other
digits (meterStop in whole Wh after samples in kWh, samples in whole kWh after a meterStart in Wh)."""
NOTABLE_WH = Decimal(1_000)
"""A smaller rise is not looked at more closely: that is almost every reading."""
LEAP_WH = Decimal(100_000)
LEAP_W = Decimal(4_000_000)
"""A rise beyond both in one step is a fault of the meter: the greatest plug (MCS) gives 1,250 V times 3,000 A."""
PLACEHOLDER_W = Decimal(1_000_000)
"""The same for a rise from a start register of exactly 0, which was no reading (seen: 910 kWh in one minute), and for
the return of a register that had fallen."""
LONG_GAP = timedelta(hours=1)
"""Energy between readings that lie further apart is shared out evenly over a time of which nothing is known."""


def is_rounding(fall_wh: Decimal, told_wh: Decimal) -> bool:
    """Is a fall no more than other digits of the same register?  `told_wh` has the resolution in its exponent."""
    return fall_wh < max(ROUNDING_WH, Decimal(1).scaleb(int(told_wh.as_tuple().exponent)))


def is_beyond(drawn_wh: Decimal, since: datetime, at: datetime, limit_w: Decimal) -> bool:
    """Would it have taken more power than `limit_w`?  Less than a second counts as one."""
    seconds = Decimal((at - since) // MICROSECOND) / 1_000_000
    return drawn_wh * 3600 > limit_w * max(seconds, Decimal(1))


def is_leap(drawn_wh: Decimal, since: datetime, at: datetime) -> bool:
    """Did the register rise by what no plug can draw in that time?"""
    return drawn_wh > LEAP_WH and is_beyond(drawn_wh, since, at, LEAP_W)
