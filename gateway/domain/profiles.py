"""How fast a car may charge and what its driver wishes, in the nouns of OCPI 2.2.1 and 2.3.0."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class RateUnit(StrEnum):
    """A: per phase, not the sum of all; W: the whole power (OCPI 2.3.0 mod_charging_profiles, ChargingRateUnit)."""

    A = "A"
    W = "W"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatePeriod:
    """A limit from `start_s` after the start of its profile on, until the next period begins; at most one decimal."""

    start_s: int
    limit: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingProfile:
    """Limits over time.  `start_at` None: they run from the start of charging.

    `duration_s` None: the last period goes on.  `min_rate`: below that charging is inefficient for this car.
    """

    unit: RateUnit
    periods: tuple[RatePeriod, ...]
    start_at: datetime | None = None
    duration_s: int | None = None
    min_rate: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveProfile:
    """What a station lets a car have from `at` on, all of its limits together; its periods count from then."""

    at: datetime
    profile: ChargingProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionProfile:
    """The profile that a partner has set on a running session.

    It is there from the first one that the station took, until the session is over: so long its partner is told of
    every change.  `profile` None: it was cleared.
    """

    session_id: str
    station_id: str
    partner_id: str
    profile: ChargingProfile | None
    set_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileLimits:
    """What a station says it can take; None: it does not say.  `units` empty: it does not say either.

    `max_stack_level` is the highest level; `max_periods` those of one schedule; `max_profiles` those installed at once.
    """

    max_stack_level: int | None = None
    units: frozenset[RateUnit] = frozenset()
    max_periods: int | None = None
    max_profiles: int | None = None


class ProfileType(StrEnum):
    CHEAP = "CHEAP"
    FAST = "FAST"
    GREEN = "GREEN"
    REGULAR = "REGULAR"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingPreferences:
    """What a driver wishes for a session: how, until when, and how much (OCPI 2.3.0 mod_sessions 9.3.2)."""

    profile_type: ProfileType
    departure_at: datetime | None = None
    energy_need_kwh: Decimal | None = None
    discharge_allowed: bool = False


class PreferencesAnswer(StrEnum):
    ACCEPTED = "ACCEPTED"
    DEPARTURE_REQUIRED = "DEPARTURE_REQUIRED"
    ENERGY_NEED_REQUIRED = "ENERGY_NEED_REQUIRED"
    NOT_POSSIBLE = "NOT_POSSIBLE"
    PROFILE_TYPE_NOT_SUPPORTED = "PROFILE_TYPE_NOT_SUPPORTED"


class ProfileResponse(StrEnum):
    """What is said at once to a request for a profile."""

    ACCEPTED = "ACCEPTED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    REJECTED = "REJECTED"
    TOO_OFTEN = "TOO_OFTEN"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"


class ProfileResult(StrEnum):
    """What is said once the station has answered.  There is no word for a station that does not answer."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
