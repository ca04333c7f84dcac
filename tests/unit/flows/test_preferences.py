"""What drivers wish for their sessions, and what it costs them."""

from dataclasses import replace
from datetime import time
from decimal import Decimal

import pytest

from gateway.core.awaited import await_transaction
from gateway.core.preferences import PreferenceRules
from gateway.domain.ids import PartyId
from gateway.domain.profiles import ChargingPreferences, PreferencesAnswer, ProfileType
from gateway.domain.sessions import SessionStatus
from gateway.domain.tariffs import Restrictions, TariffType
from gateway.domain.tokens import IdToken
from gateway.errors import ForbiddenError, NotFoundError
from gateway.flows.preferences import Asker, Preferences
from gateway.ports import SaveLocation, SaveSession, SaveTariff
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import CARD, LOCATION, TARIFF, after, energy_price, metered, start, stop

ASKER = Asker(partner_id="P1")
CHEAP = replace(TARIFF, id="CHEAP", type=TariffType.PROFILE_CHEAP, elements=(energy_price("0.20"),))
WISHES = ChargingPreferences(
    profile_type=ProfileType.CHEAP, departure_at=after(600), energy_need_kwh=Decimal(20), discharge_allowed=True
)
CAPABLE = replace(
    LOCATION,
    evses=tuple(
        replace(
            evse,
            capabilities=("CHARGING_PREFERENCES_CAPABLE",),
            connectors=tuple(replace(plug, tariff_ids=("T", "CHEAP")) for plug in evse.connectors),
        )
        for evse in LOCATION.evses
    ),
)


async def charge(stage: Stage) -> tuple[Preferences, str]:
    await stage.provide(SaveTariff(CHEAP), SaveLocation(CAPABLE))
    await stage.send(start())
    rules = PreferenceRules()
    preferences = Preferences(
        stage.store,  # type: ignore[arg-type]
        stage.memory,
        stage.clock,
        stage.mailboxes,
        stage.transactions,
        rules,
    )
    return preferences, (await stage.load_session()).id


async def test_preferences_are_kept_and_price_the_whole_session(stage: Stage) -> None:
    preferences, session_id = await charge(stage)
    await stage.send(metered(5, 2000))

    assert await preferences.put(ASKER, session_id, WISHES) is PreferencesAnswer.ACCEPTED

    await stage.send(stop(20, 3000))
    await stage.wait(5)
    cdr = await stage.load_cdr()
    assert cdr.terms.preferences == WISHES
    assert (cdr.terms.tariff and cdr.terms.tariff.id, cdr.totals.cost.before_taxes) == ("CHEAP", Decimal("0.40"))


async def test_a_choice_that_comes_too_late_changes_nothing(stage: Stage) -> None:
    preferences, session_id = await charge(stage)
    await stage.send(metered(16, 2000))

    assert await preferences.put(ASKER, session_id, WISHES) is PreferencesAnswer.NOT_POSSIBLE

    session = await stage.load_session()
    assert (session.terms.preferences, session.terms.tariff and session.terms.tariff.id) == (None, "T")


async def test_wishes_outlive_a_restart_and_a_later_message(stage: Stage) -> None:
    preferences, session_id = await charge(stage)
    await preferences.put(ASKER, session_id, WISHES)

    await stage.reopen()
    await stage.send(metered(5, 2000))

    assert (await stage.load_session()).terms.preferences == WISHES


async def test_a_driver_may_return_to_the_regular_price_in_time(stage: Stage) -> None:
    preferences, session_id = await charge(stage)
    await preferences.put(ASKER, session_id, WISHES)

    await preferences.put(ASKER, session_id, ChargingPreferences(profile_type=ProfileType.REGULAR))

    session = await stage.load_session()
    assert session.terms.tariff is not None
    assert session.terms.tariff.id == "T"


async def test_a_session_of_another_is_not_found(stage: Stage) -> None:
    preferences, session_id = await charge(stage)

    for partner_id, asked_id in (("P2", session_id), ("P1", "no-such-session")):
        with pytest.raises(NotFoundError):
            await preferences.put(Asker(partner_id=partner_id), asked_id, WISHES)


async def test_an_evse_without_the_capability_takes_no_preferences(stage: Stage) -> None:
    preferences, session_id = await charge(stage)
    await stage.provide(SaveLocation(LOCATION))

    with pytest.raises(ForbiddenError, match="CHARGING_PREFERENCES_CAPABLE"):
        await preferences.put(ASKER, session_id, WISHES)


async def test_a_session_that_is_over_cannot_follow_wishes(stage: Stage) -> None:
    preferences, session_id = await charge(stage)
    await stage.send(stop(20, 3000))
    await stage.wait(5)

    assert await preferences.put(ASKER, session_id, WISHES) is PreferencesAnswer.NOT_POSSIBLE


async def test_wishes_may_come_before_the_car_does(stage: Stage) -> None:
    preferences, session_id = await charge(stage)
    begun = await stage.load_session()
    awaited = await_transaction(
        id_="awaited",
        key=begun.key,
        status=SessionStatus.PENDING,
        terms=begun.terms,
        id_token=IdToken(value=CARD),
        partner_id="P1",
        at=stage.clock.at,
        until=after(5),
    )
    await stage.provide(SaveSession(awaited, write_terms=True))
    by_day = replace(CHEAP, elements=(replace(CHEAP.elements[0], restrictions=Restrictions(start_time=time(8))),))
    await stage.provide(SaveTariff(by_day))

    assert await preferences.put(ASKER, "awaited", WISHES) is PreferencesAnswer.ACCEPTED

    assert stage.memory.sessions["awaited"].terms.preferences == WISHES
    assert stage.memory.sessions[session_id].terms.preferences is None


async def test_a_party_has_no_say_in_the_session_of_another_behind_the_same_hub(stage: Stage) -> None:
    preferences, session_id = await charge(stage)
    other = Asker(partner_id="P1", sender=PartyId(country_code="BE", party_id="OTH"))

    with pytest.raises(NotFoundError):
        await preferences.put(other, session_id, WISHES)

    assert (await stage.load_session()).terms.preferences is None
