"""What a partner may ask of a session's charging profile, what a station can take of it, and what holds at a moment.

A partner's profile becomes a TxProfile of the session's transaction: it overrules the operator's TxDefaultProfile
there, and is itself bounded by his ChargePointMaxProfile or ChargingStationMaxProfile (OCPP 1.6 3.13.3, 2.0.1 K01).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from gateway.core.doubts import find_power_w
from gateway.core.drivers import speaks_for
from gateway.domain.ids import PartyId
from gateway.domain.locations import Connector
from gateway.domain.profiles import (
    ActiveProfile,
    ChargingProfile,
    ProfileLimits,
    ProfileResponse,
    RatePeriod,
    RateUnit,
)
from gateway.domain.sessions import Session, SessionStatus

CAPABILITY = "CHARGING_PROFILE_CAPABLE"  # OCPI 2.2.1 mod_locations 8.4.3
FIRST_PROFILE_ID = 1_000_000_000
PROFILE_IDS = 1_000_000_000
"""Ids far above those that people give to profiles of their own; an id is an int32 (OCPP 1.6 7.8)."""
SECOND = timedelta(seconds=1)
LONGEST_S = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What a request is answered where it is not sent to the station, and why."""

    response: ProfileResponse
    reason: str


def decide_request(
    session: Session | None,
    partner_id: str,
    sender: PartyId | None,
    capabilities: tuple[str, ...],
    *,
    is_connected: bool,
) -> Refusal | None:
    """May a partner ask for the profile of this session, by the one of its parties that it names?  None: yes.

    Another partner's session is as unknown as none: that it exists is nobody's business.  `capabilities` are those of
    the session's EVSE now.
    """
    is_own = session is not None and session.partner_id == partner_id and speaks_for(sender, session.terms.token)
    if session is None or not is_own or not session.is_open or session.ledger.ended_at:
        return _refuse(ProfileResponse.UNKNOWN_SESSION, "no session of yours with this id is under way")
    if session.status is not SessionStatus.ACTIVE or session.is_awaited:
        return _refuse(ProfileResponse.REJECTED, f"the session is {session.status}: it has not begun to charge")
    if CAPABILITY not in capabilities:
        return _refuse(ProfileResponse.NOT_SUPPORTED, f"the EVSE is not {CAPABILITY}")
    if not is_connected:
        return _refuse(ProfileResponse.REJECTED, "the charging station is not connected")
    return None


def find_breach(profile: ChargingProfile, limits: ProfileLimits, others: int) -> str | None:
    """Why a station cannot take a profile, in words; None: it can, as far as it says.

    `others` are the profiles of ours that are installed on it already.  OCPP 1.6 9.4, OCPP 2.0.1 K01.FR.26
    """
    if limits.units and profile.unit not in limits.units:
        return f"the station takes limits in {' or '.join(sorted(limits.units))} only"
    if limits.max_periods is not None and len(profile.periods) > limits.max_periods:
        return f"the station takes {limits.max_periods} periods at most, not {len(profile.periods)}"
    if limits.max_profiles is not None and others >= limits.max_profiles:
        return f"the station has {limits.max_profiles} profiles installed already, as many as it takes"
    return None


def find_fault(profile: ChargingProfile) -> str | None:
    """What OCPP does not allow of a profile that OCPI does; None: nothing.

    OCPP 2.0.1 K01.FR.31, .35 (OCPP 1.6 5.16.4): the first period starts at 0, the others rise.
    """
    starts = [period.start_s for period in profile.periods]
    if not starts:
        return "a profile without any period says nothing; to remove one, DELETE it"
    if starts[0] != 0:
        return "the first charging_profile_period must start at 0"
    if any(later <= earlier for earlier, later in pairwise(starts)):
        return "the charging_profile_periods must follow each other in time"
    return None


def find_stack_level(wanted: int, limits: ProfileLimits) -> int:
    """The level of our profiles, within what the station takes."""
    return wanted if limits.max_stack_level is None else max(0, min(wanted, limits.max_stack_level))


def profile_id_of(session: Session) -> int:
    """The one profile id of a session: the next profile replaces the one before (OCPP 2.0.1 K01.FR.05, .39)."""
    return FIRST_PROFILE_ID + session.created_no % PROFILE_IDS


def find_ceiling(connector: Connector, unit: RateUnit) -> Decimal | None:
    """The most that a plug can give, in A per phase or W; None where that is not known."""
    return Decimal(connector.max_amperage) if unit is RateUnit.A else find_power_w(connector)


def find_active(
    profile: ChargingProfile | None, connector: Connector, *, began_at: datetime, at: datetime, horizon_s: int
) -> ActiveProfile:
    """What holds from `at` on for `horizon_s`, as far as we know it by ourselves.

    Where no profile limits the session it is the most that the plug can give (OCPI 2.3.0 mod_charging_profiles,
    "PUT Method").  `began_at`: when charging began, from which a profile without a time of its own runs.
    """
    unit = profile.unit if profile is not None else _own_unit(connector)
    ceiling = find_ceiling(connector, unit)
    if ceiling is None:
        unit = RateUnit.A
        ceiling = Decimal(connector.max_amperage)
        profile = None
    at = at.replace(microsecond=0)
    limits = {0: ceiling} if profile is None else _steps(profile, ceiling, began_at, at, horizon_s)
    active = ChargingProfile(
        unit=unit,
        periods=_merged(limits),
        start_at=at,
        duration_s=horizon_s,
        min_rate=None if profile is None else profile.min_rate,
    )
    return ActiveProfile(at=at, profile=active)


def is_within(asked: ChargingProfile, given: ChargingProfile, *, began_at: datetime) -> bool:
    """Does what a car plans (`asked`) keep to the limits it was `given`?

    OCPP 2.0.1 K15.FR.11, .12.  In other units it cannot be told, and the station has looked at it itself (K15.FR.09).
    """
    if asked.unit is not given.unit:
        return True
    moments = {*_moments(asked, began_at), *_moments(given, began_at)}
    for at in moments:
        planned, limit = find_limit(asked, at, began_at), find_limit(given, at, began_at)
        if planned is not None and limit is not None and planned > limit:
            return False
    return True


def find_limit(profile: ChargingProfile, at: datetime, began_at: datetime) -> Decimal | None:
    """The limit of a profile at a moment; None before it begins and after it ends."""
    start = profile.start_at or began_at
    since = at - start
    if since < timedelta(0) or (profile.duration_s is not None and since >= profile.duration_s * SECOND):
        return None
    return next((period.limit for period in reversed(profile.periods) if period.start_s * SECOND <= since), None)


def _moments(profile: ChargingProfile, began_at: datetime) -> list[datetime]:
    start = profile.start_at or began_at
    return [start + period.start_s * SECOND for period in profile.periods]


def _steps(
    profile: ChargingProfile, ceiling: Decimal, began_at: datetime, at: datetime, horizon_s: int
) -> dict[int, Decimal]:
    start = profile.start_at or began_at
    moments = [start, *_moments(profile, began_at)]
    if profile.duration_s is not None:
        moments.append(start + profile.duration_s * SECOND)
    later = {-((at - moment) // SECOND) for moment in moments}
    offsets = sorted({0, *(offset for offset in later if 0 < offset < horizon_s)})
    found = {}
    for offset in offsets:
        limit = find_limit(profile, at + offset * SECOND, began_at)
        found[offset] = ceiling if limit is None else min(limit, ceiling)
    return found


def _merged(limits: dict[int, Decimal]) -> tuple[RatePeriod, ...]:
    periods: list[RatePeriod] = []
    for start_s, limit in limits.items():
        if not periods or periods[-1].limit != limit:
            periods.append(RatePeriod(start_s=start_s, limit=limit))
    return tuple(periods)


def _own_unit(connector: Connector) -> RateUnit:
    """OCPI 2.3.0 mod_charging_profiles, ChargingRateUnit: A is more convenient for AC, W for DC."""
    return RateUnit.A if connector.power_type.startswith("AC") else RateUnit.W


def _refuse(response: ProfileResponse, reason: str) -> Refusal:
    return Refusal(response=response, reason=reason)
