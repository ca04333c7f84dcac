"""Where the prices of a tariff may change: moments of the local clock, durations, energies, powers, currents.

A tariff is compiled once (`compile_cuts`); after that it costs what the boundaries cost that a session really meets.
The local clock decides in UTC: a time that comes twice when the clocks go back is met twice, one that is left out when
they go forward is met when the clocks jump over it, and the jump itself is a boundary, for after it the clock shows
another time.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from gateway.domain.tariffs import Restrictions, Tariff

WH_PER_KWH = Decimal(1000)
T = TypeVar("T", int, Decimal, date)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MIDNIGHT = time(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """The boundaries of one or more tariffs in one time zone, each list in rising order and without repetitions.

    `times` are local times of day at which something begins or ends on any day, `dates` local days at whose beginning
    it does; `durations_s` count from the start of the session, `energies_wh` from its first Wh.

    `parks_when_curtailed` is no boundary but what the time is billed as while the station gives no power: PARKING_TIME
    as older editions of OCPI had it, else TIME (OCPI 2.2.1 and 2.3.0 mod_cdrs, notes of 2026-05).
    """

    zone: ZoneInfo | None = None
    times: tuple[time, ...] = ()
    dates: tuple[date, ...] = ()
    durations_s: tuple[int, ...] = ()
    energies_wh: tuple[Decimal, ...] = ()
    powers_kw: tuple[Decimal, ...] = ()
    currents_a: tuple[Decimal, ...] = ()
    parks_when_curtailed: bool = False

    @property
    def has_clock(self) -> bool:
        return bool(self.times or self.dates)

    @property
    def has_moments(self) -> bool:
        """Do prices change with time alone?"""
        return bool(self.times or self.dates or self.durations_s)

    @property
    def has_flow(self) -> bool:
        return bool(self.powers_kw or self.currents_a)

    @property
    def is_empty(self) -> bool:
        """Is a session folded as if it had no price?"""
        is_steady = not (self.has_clock or self.has_flow or self.durations_s or self.energies_wh)
        return is_steady and not self.parks_when_curtailed


NO_CUTS = Cuts()


def compile_cuts(tariffs: Iterable[Tariff], zone: ZoneInfo | None) -> Cuts:
    """The boundaries of these tariffs at a location whose clocks show `zone` (None: not known; see `needs_zone`)."""
    rules = [
        element.restrictions for tariff in tariffs for element in tariff.elements if element.restrictions is not None
    ]
    if not rules:
        return NO_CUTS
    times = {at for rule in rules for at in (rule.start_time, rule.end_time) if at is not None}
    if any(rule.day_of_week or (rule.start_time is None) is not (rule.end_time is None) for rule in rules):
        times.add(MIDNIGHT)  # where the day is, what has no end ends, and what has no start begins
    return Cuts(
        zone=zone,
        times=tuple(sorted(times)),
        dates=_distinct(day for rule in rules for day in (rule.start_date, rule.end_date)),
        durations_s=_distinct(limit for rule in rules for limit in (rule.min_duration_s, rule.max_duration_s)),
        energies_wh=_distinct(
            limit * WH_PER_KWH for rule in rules for limit in (rule.min_kwh, rule.max_kwh) if limit is not None
        ),
        powers_kw=_distinct(limit for rule in rules for limit in (rule.min_power, rule.max_power)),
        currents_a=_distinct(limit for rule in rules for limit in (rule.min_current, rule.max_current)),
    )


def needs_zone(tariff: Tariff) -> bool:
    """Does a price depend on the local clock?"""
    return any(element.restrictions is not None and has_clock(element.restrictions) for element in tariff.elements)


def has_clock(rule: Restrictions) -> bool:
    return bool(
        rule.start_time is not None
        or rule.end_time is not None
        or rule.start_date is not None
        or rule.end_date is not None
        or rule.day_of_week
    )


def moments_between(cuts: Cuts, since: datetime, until: datetime, session_start: datetime) -> list[datetime]:
    """The moments after `since` and before `until` at which a price may change, in order, in UTC."""
    found = {session_start + timedelta(seconds=duration_s) for duration_s in cuts.durations_s}
    if cuts.has_clock and cuts.zone is not None:
        found.update(_clock_moments(cuts, cuts.zone, since, until))
    return sorted(moment for moment in found if since < moment < until)


def energies_between(cuts: Cuts, since_wh: Decimal, until_wh: Decimal) -> Sequence[Decimal]:
    """The energies of a session, from `since_wh` to `until_wh` and neither of them, at which a price may change."""
    low, high = min(since_wh, until_wh), max(since_wh, until_wh)
    first = bisect_right(cuts.energies_wh, low)
    last = first
    while last < len(cuts.energies_wh) and cuts.energies_wh[last] < high:
        last += 1
    between = cuts.energies_wh[first:last]
    return between if until_wh >= since_wh else between[::-1]


def _clock_moments(cuts: Cuts, zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
    day, last = since.astimezone(zone).date() - DAY, until.astimezone(zone).date() + DAY
    days = set(cuts.dates)
    while day <= last:
        for at in cuts.times:
            yield from _moments_of(day, at, zone)
        if day in days:
            yield from _moments_of(day, MIDNIGHT, zone)
        day += DAY
    yield from _clock_changes(zone, since, until)


def _moments_of(day: date, at: time, zone: ZoneInfo) -> Iterator[datetime]:
    """When the clock shows this time on this day: once, twice or never."""
    for fold in (0, 1):
        moment = datetime.combine(day, at, zone).replace(fold=fold).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == datetime.combine(day, at):
            yield moment


def _clock_changes(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
    """The moments at which the clocks are put forward or back, to the second."""
    low = since.replace(microsecond=0)
    while low < until:
        high = low + DAY
        if low.astimezone(zone).utcoffset() != high.astimezone(zone).utcoffset():
            yield _change_between(zone, low, high)
        low = high


def _change_between(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    before = low.astimezone(zone).utcoffset()
    while high - low > SECOND:
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def _distinct(values: Iterable[T | None]) -> tuple[T, ...]:
    return tuple(sorted({value for value in values if value is not None}))
