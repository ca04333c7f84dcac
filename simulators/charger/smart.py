"""Smart charging: profiles that limit what an EVSE gives, and what they come to; no protocol here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

Unit = Literal["A", "W"]
Purpose = Literal["Max", "TxDefault", "Tx"]

MAX_STACK_LEVEL = 3
MAX_PERIODS = 24
MAX_PROFILES = 10
UNITS: tuple[Unit, ...] = ("A", "W")
PLUG_A = Decimal(32)
WATTS_PER_AMPERE = 230 * 3
"""A limit in A is one per phase; this charger gives all three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Limits from `start_at` on: the seconds since then at which each begins, and the limit."""

    unit: Unit
    start_at: datetime
    periods: tuple[tuple[int, Decimal], ...]
    duration_s: int | None = None

    def limit_w(self, at: datetime) -> Decimal | None:
        """What it allows at a moment; None before it begins and when it is over."""
        since = at - self.start_at
        if since < timedelta(0) or (self.duration_s is not None and since >= timedelta(seconds=self.duration_s)):
            return None
        begun = [limit for start_s, limit in self.periods if timedelta(seconds=start_s) <= since]
        return None if not begun else begun[-1] * (WATTS_PER_AMPERE if self.unit == "A" else 1)

    def changes(self) -> Iterable[datetime]:
        """When the limit changes."""
        yield self.start_at
        for start_s, _ in self.periods:
            yield self.start_at + timedelta(seconds=start_s)
        if self.duration_s is not None:
            yield self.start_at + timedelta(seconds=self.duration_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`evse_no` 0: of every EVSE; `transaction_id` None: of every transaction there."""

    id: int
    stack_level: int
    purpose: Purpose
    evse_no: int
    schedule: Schedule
    transaction_id: int | str | None = None


class SmartCharging:
    """The profiles that are installed."""

    def __init__(self) -> None:
        self.profiles: dict[int, Profile] = {}

    def install(self, profile: Profile) -> bool:
        """Take a profile in place of the one with its id, or its place in the stack; False if it is too much."""
        too_deep = profile.stack_level > MAX_STACK_LEVEL or len(profile.schedule.periods) > MAX_PERIODS
        if too_deep or not profile.schedule.periods or profile.schedule.periods[0][0] != 0:
            return False
        kept = {
            known.id: known
            for known in self.profiles.values()
            if known.id != profile.id and _place_of(known) != _place_of(profile)
        }
        if len(kept) >= MAX_PROFILES:
            return False
        self.profiles = {**kept, profile.id: profile}
        return True

    def remove(
        self,
        *,
        id_: int | None = None,
        evse_no: int | None = None,
        purpose: Purpose | None = None,
        stack_level: int | None = None,
    ) -> bool:
        """Take off what fits all that is given (OCPP 1.6 errata 3.25); False if nothing did."""
        fitting = [
            known.id
            for known in self.profiles.values()
            if (id_ is None or known.id == id_)
            and (evse_no is None or known.evse_no == evse_no)
            and (purpose is None or known.purpose == purpose)
            and (stack_level is None or known.stack_level == stack_level)
        ]
        for fit in fitting:
            del self.profiles[fit]
        return bool(fitting)

    def end(self, transaction_id: int | str | None) -> None:
        """A transaction takes its profiles with it (OCPP 1.6 3.13.1)."""
        self.profiles = {
            known.id: known
            for known in self.profiles.values()
            if known.purpose != "Tx" or known.transaction_id != transaction_id
        }

    def limit_w(self, evse_no: int, transaction_id: int | str | None, at: datetime) -> Decimal | None:
        """The limit of an EVSE at a moment: of the transaction, else by default, and never more than the station's."""
        there = [known for known in self.profiles.values() if known.evse_no in (0, evse_no)]
        own = [known for known in there if known.purpose == "Tx" and known.transaction_id == transaction_id]
        of_transaction = _top(own, at)
        if of_transaction is None:
            of_transaction = _top([known for known in there if known.purpose == "TxDefault"], at)
        limits = [of_transaction, _top([known for known in there if known.purpose == "Max"], at)]
        return min((limit for limit in limits if limit is not None), default=None)

    def next_change(self, after: datetime) -> datetime | None:
        """When a limit changes next."""
        moments = (at for known in self.profiles.values() for at in known.schedule.changes())
        return min((at for at in moments if at > after), default=None)

    def compose(
        self, evse_no: int, transaction_id: int | str | None, at: datetime, duration_s: int, unit: Unit
    ) -> list[tuple[int, Decimal]]:
        """What the EVSE may give from a moment on, in this unit: the seconds at which each limit begins, and it."""
        end, moment = at + timedelta(seconds=duration_s), at
        periods: list[tuple[int, Decimal]] = []
        while moment < end:
            limit_w = self.limit_w(evse_no, transaction_id, moment)
            most_w = PLUG_A * WATTS_PER_AMPERE
            given_w = most_w if limit_w is None else min(limit_w, most_w)
            limit = given_w if unit == "W" else (given_w / WATTS_PER_AMPERE).quantize(Decimal("0.1"))
            if not periods or periods[-1][1] != limit:
                periods.append((int((moment - at).total_seconds()), limit))
            moment = self.next_change(moment) or end
        return periods


def _place_of(profile: Profile) -> tuple[object, ...]:
    return profile.purpose, profile.stack_level, profile.evse_no, profile.transaction_id


def _top(profiles: Iterable[Profile], at: datetime) -> Decimal | None:
    """The limit of the highest in the stack that has one now (OCPP 1.6 3.13.2)."""
    for profile in sorted(profiles, key=lambda known: -known.stack_level):
        limit = profile.schedule.limit_w(at)
        if limit is not None:
            return limit
    return None


def number_of(limit: Decimal) -> int | float:
    """As it is written in JSON."""
    return int(limit) if limit == limit.to_integral_value() else float(limit)
