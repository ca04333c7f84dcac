"""Which wishes of a driver can be taken, and what they cost him."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.core.doubts import find_power_w
from gateway.core.tariffs import PROFILES, is_valid
from gateway.domain.locations import Connector
from gateway.domain.profiles import ChargingPreferences, PreferencesAnswer, ProfileType
from gateway.domain.sessions import Session
from gateway.domain.tariffs import Tariff

CAPABILITY = "CHARGING_PREFERENCES_CAPABLE"  # OCPI 2.2.1 mod_locations 8.4.3
MICROSECOND = timedelta(microseconds=1)
MICROSECONDS_PER_HOUR = 3_600_000_000
WATTS_PER_KW = 1_000
SHIFTED = (ProfileType.CHEAP, ProfileType.GREEN)
"""The profiles for which charging is put off: what they need to be told is a matter of the operator's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceRules:
    """`profile_types`: supported everywhere, also where a plug has no tariff for them; `needs_departure` and
    `needs_energy`: CHEAP and GREEN are taken only with these; `window_s`: how long after its start the price of a
    session follows the driver's choice."""

    profile_types: frozenset[ProfileType] = frozenset()
    needs_departure: bool = False
    needs_energy: bool = False
    window_s: int = 900


def find_supported(tariffs: Iterable[Tariff], at: datetime, rules: PreferenceRules) -> frozenset[ProfileType]:
    """The profile types a plug with these tariffs supports: REGULAR, those it has a price for at that time, and those
    of the settings (OCPI 2.3.0 mod_sessions 9.3.2: for each there must be a tariff)."""
    priced = {tariff.type for tariff in tariffs if is_valid(tariff, at)}
    by_price = {ProfileType(name) for name, type_ in PROFILES.items() if type_ in priced}
    return frozenset({ProfileType.REGULAR, *by_price, *rules.profile_types})


def decide_preferences(
    session: Session,
    preferences: ChargingPreferences,
    *,
    connector: Connector,
    supported: frozenset[ProfileType],
    tariff: Tariff | None,
    rules: PreferenceRules,
    now: datetime,
) -> PreferencesAnswer:
    """Can these preferences be taken for a session?  `tariff` is the one that the plug has for them.

    A session is billed by one tariff.  Within the window the choice prices the whole of it, as if it had been made at
    the start; later on what was charged already must not change its price, and another tariff is not possible.
    """
    if not session.is_open or session.ledger.ended_at is not None:
        return PreferencesAnswer.NOT_POSSIBLE
    if preferences.profile_type not in supported:
        return PreferencesAnswer.PROFILE_TYPE_NOT_SUPPORTED
    if preferences.profile_type in SHIFTED:
        if rules.needs_departure and preferences.departure_at is None:
            return PreferencesAnswer.DEPARTURE_REQUIRED
        if rules.needs_energy and preferences.energy_need_kwh is None:
            return PreferencesAnswer.ENERGY_NEED_REQUIRED
    if not _is_in_reach(session, preferences, connector, now):
        return PreferencesAnswer.NOT_POSSIBLE
    if is_other_price(session, tariff) and now - session.ledger.started_at > timedelta(seconds=rules.window_s):
        return PreferencesAnswer.NOT_POSSIBLE
    return PreferencesAnswer.ACCEPTED


def is_other_price(session: Session, tariff: Tariff | None) -> bool:
    """Would the session be billed by another tariff than it is now?"""
    known = session.terms.tariff
    return tariff is not None and (known is None or known.id != tariff.id)


def _is_in_reach(session: Session, preferences: ChargingPreferences, connector: Connector, now: datetime) -> bool:
    """Can the energy still missing be charged before the car leaves, at the plug's full power?"""
    departure_at, need_kwh = preferences.departure_at, preferences.energy_need_kwh
    if departure_at is None:
        return True
    if departure_at <= now:
        return False
    max_w = find_power_w(connector)
    if need_kwh is None or max_w is None:
        return True
    missing_kwh = need_kwh - session.ledger.energy_wh / WATTS_PER_KW
    left = Decimal((departure_at - now) // MICROSECOND) / MICROSECONDS_PER_HOUR
    return missing_kwh <= max_w / WATTS_PER_KW * left
