"""Which price holds for whom and when."""

from collections.abc import Iterable
from datetime import datetime

from gateway.domain.tariffs import Tariff, TariffType
from gateway.domain.tokens import TokenType

REGULAR = (TariffType.REGULAR,)
PROFILES = {
    "CHEAP": TariffType.PROFILE_CHEAP,
    "FAST": TariffType.PROFILE_FAST,
    "GREEN": TariffType.PROFILE_GREEN,
}
"""By the profile type of a driver's charging preferences (OCPI 2.3.0 mod_sessions, ProfileType)."""


def types_for(*, token_type: str | None = None, profile_type: str | None = None) -> tuple[TariffType, ...]:
    """The types of tariff made for such a driver, best first (OCPI 2.3.0 mod_tariffs, TariffType).

    Who pays once has prices of his own, and who wishes a profile, where the plug has such; else the regular ones.
    """
    if token_type == TokenType.AD_HOC_USER:
        return (TariffType.AD_HOC_PAYMENT, *REGULAR)
    profile = PROFILES.get(profile_type or "")
    return REGULAR if profile is None else (profile, *REGULAR)


def choose_tariff(tariffs: Iterable[Tariff], at: datetime, types: tuple[TariffType, ...] = REGULAR) -> Tariff | None:
    """The tariff valid at that time for a driver of these `types`, best type first; the first of several.

    A tariff without a type is for all (OCPI): it counts as much as the last of `types`.  `end_at` is exclusive.
    """
    valid = [tariff for tariff in tariffs if is_valid(tariff, at)]
    for number, wanted in enumerate(types, start=1):
        accepted = (wanted, None) if number == len(types) else (wanted,)
        for tariff in valid:
            if tariff.type in accepted:
                return tariff
    return None


def is_valid(tariff: Tariff, at: datetime) -> bool:
    has_begun = tariff.start_at is None or tariff.start_at <= at
    return has_begun and (tariff.end_at is None or at < tariff.end_at)
