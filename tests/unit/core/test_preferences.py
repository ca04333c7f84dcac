from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from gateway.core.preferences import PreferenceRules, decide_preferences, find_supported, is_other_price
from gateway.domain.profiles import ChargingPreferences, PreferencesAnswer, ProfileType
from gateway.domain.sessions import SessionStatus, Terms
from gateway.domain.tariffs import Tariff, TariffType
from tests.unit.core.test_cdrs import TARIFF
from tests.unit.core.test_profiles import AC, SESSION
from tests.unit.core.test_sessions import NOON

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
RULES = PreferenceRules()
REGULAR = replace(TARIFF, id="R")
CHEAP = replace(TARIFF, id="C", type=TariffType.PROFILE_CHEAP)
WISHES = ChargingPreferences(profile_type=ProfileType.CHEAP)
CHARGING = replace(SESSION, terms=Terms(tariff=REGULAR))
ALL = frozenset(ProfileType)


def answer_to(
    wishes: ChargingPreferences,
    *,
    rules: PreferenceRules = RULES,
    now: datetime = NOON,
    tariff: Tariff | None = None,
    supported: frozenset[ProfileType] = ALL,
    **changes: object,
) -> PreferencesAnswer:
    session = replace(CHARGING, **changes)  # type: ignore[arg-type]
    return decide_preferences(session, wishes, connector=AC, supported=supported, tariff=tariff, rules=rules, now=now)


def test_a_plug_supports_what_it_has_a_price_for() -> None:
    over = replace(TARIFF, type=TariffType.PROFILE_FAST, end_at=NOON)

    assert find_supported([REGULAR, CHEAP, over], NOON, RULES) == {ProfileType.REGULAR, ProfileType.CHEAP}


def test_the_settings_add_what_is_supported_without_a_price_of_its_own() -> None:
    rules = PreferenceRules(profile_types=frozenset({ProfileType.GREEN}))

    assert find_supported([], NOON, rules) == {ProfileType.REGULAR, ProfileType.GREEN}


def test_a_type_that_the_plug_has_not_is_not_supported() -> None:
    supported = frozenset({ProfileType.REGULAR})

    assert answer_to(WISHES, supported=supported) is PreferencesAnswer.PROFILE_TYPE_NOT_SUPPORTED
    assert answer_to(replace(WISHES, profile_type=ProfileType.REGULAR), supported=supported) == "ACCEPTED"


def test_what_the_operator_needs_to_put_charging_off_is_asked_for() -> None:
    rules = PreferenceRules(needs_departure=True, needs_energy=True)
    told = replace(WISHES, departure_at=NOON + 2 * HOUR)

    assert answer_to(WISHES, rules=rules) is PreferencesAnswer.DEPARTURE_REQUIRED
    assert answer_to(told, rules=rules) is PreferencesAnswer.ENERGY_NEED_REQUIRED
    assert answer_to(replace(told, energy_need_kwh=Decimal(10)), rules=rules) is PreferencesAnswer.ACCEPTED
    assert answer_to(replace(WISHES, profile_type=ProfileType.FAST), rules=rules) is PreferencesAnswer.ACCEPTED


@pytest.mark.parametrize(
    ("departs_in", "kwh", "answer"), [(0, None, "NOT_POSSIBLE"), (1, "22.08", "ACCEPTED"), (1, "22.09", "NOT_POSSIBLE")]
)
def test_more_than_the_plug_can_give_until_departure_is_not_possible(
    departs_in: int, kwh: str | None, answer: str
) -> None:
    need = None if kwh is None else Decimal(kwh)

    assert answer_to(replace(WISHES, departure_at=NOON + departs_in * HOUR, energy_need_kwh=need)) == answer


def test_what_was_charged_already_need_not_be_charged_again() -> None:
    wishes = replace(WISHES, departure_at=NOON + HOUR, energy_need_kwh=Decimal(25))
    ledger = replace(CHARGING.ledger, energy_wh=Decimal(3_000))

    assert answer_to(wishes, ledger=ledger) is PreferencesAnswer.ACCEPTED


def test_a_session_that_is_over_cannot_follow_wishes() -> None:
    assert answer_to(WISHES, status=SessionStatus.COMPLETED) is PreferencesAnswer.NOT_POSSIBLE
    assert answer_to(WISHES, ledger=replace(CHARGING.ledger, ended_at=NOON)) is PreferencesAnswer.NOT_POSSIBLE


def test_the_price_follows_the_choice_within_the_window_only() -> None:
    inside, outside = NOON + 900 * SECOND, NOON + 901 * SECOND

    assert answer_to(WISHES, tariff=CHEAP, now=inside) is PreferencesAnswer.ACCEPTED
    assert answer_to(WISHES, tariff=CHEAP, now=outside) is PreferencesAnswer.NOT_POSSIBLE
    assert answer_to(WISHES, tariff=REGULAR, now=outside) is PreferencesAnswer.ACCEPTED


def test_a_tariff_is_another_price_by_its_id() -> None:
    assert is_other_price(CHARGING, CHEAP)
    assert not is_other_price(CHARGING, replace(REGULAR, last_updated=NOON))
    assert not is_other_price(CHARGING, None)
    assert is_other_price(replace(CHARGING, terms=Terms()), CHEAP)
