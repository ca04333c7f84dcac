"""Cards on which only an eMSP can decide: who is asked, how often, and what holds where nobody answers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.domain.ids import ConnectorKey, PartyId
from gateway.domain.partners import ConnectionStatus, HubClient, PartnerStatus
from gateway.domain.sessions import SessionStatus
from gateway.domain.tokens import (
    Allowed,
    AuthMethod,
    AuthStatus,
    IdToken,
    LocationReferences,
    Token,
    Whitelist,
)
from gateway.flows.authorization import Authorizer
from gateway.flows.inquiries import Inquiry, Shown
from gateway.flows.mailbox import Mailboxes
from gateway.ports import DropPartnerTokens, SaveHubClient, SaveLocation, SavePartner, SaveTariff, SaveToken
from tests.unit.flows.deliveries import deliver
from tests.unit.flows.emsps import BEMSP, NEVER, UNREACHABLE, Emsps, allowed, make_partner, refused
from tests.unit.flows.stage import Stage, opened
from tests.unit.flows.words import (
    CARD,
    EMSP,
    OTHER_CARD,
    OURS,
    STATION,
    TARIFF,
    THEN,
    after,
    ended,
    make_evse,
    make_location,
    metered,
    start,
    started,
    stop,
    updated,
)

STRANGER = "04FFFFFF"
P1 = make_partner()
P2 = replace(make_partner("P2", BEMSP), ask_unknown=True)
OFFLINE_OK = replace(NEVER, whitelist=Whitelist.ALLOWED_OFFLINE)
THEIR_TOKEN = replace(NEVER, partner_id="P2", party=BEMSP, uid=STRANGER)


@pytest.fixture
def emsps() -> Emsps:
    return Emsps()


@pytest_asyncio.fixture
async def stage(tmp_path: Path, emsps: Emsps) -> AsyncIterator[Stage]:
    """With a registered eMSP whose card must be asked about each time."""
    async with opened(tmp_path, emsps) as stage:
        await stage.provide_usual()
        await stage.provide(SavePartner(P1), SaveToken(NEVER))
        yield stage


def authorizer_of(stage: Stage) -> Authorizer:
    return stage.events._authorizer


def shown(stage: Stage, uid: str = CARD, *, plug: int = 1, start_key: str | None = None) -> Shown:
    key = ConnectorKey(station_id=STATION, evse_no=plug, connector_no=plug)
    return Shown(id_token=IdToken(value=uid), key=key, received_at=stage.clock.at, start_key=start_key)


# --- asking


async def test_the_emsp_is_asked_with_the_evses_of_the_station(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()

    decision = await stage.authorize(CARD)

    assert (decision.status, decision.auth_method) == (AuthStatus.ACCEPTED, AuthMethod.AUTH_REQUEST)
    ((partner_id, ask),) = emsps.asks
    assert (partner_id, ask.uid, ask.type, ask.sender, ask.receiver) == ("P1", CARD, "RFID", OURS, EMSP)
    assert ask.place == LocationReferences(location_id="L1", evse_uids=("CS1-1", "CS1-2", "CS1-3"))


async def test_at_a_plug_the_emsp_is_asked_about_its_evse(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()

    await stage.send(start(plug=2))

    place = LocationReferences(location_id="L1", evse_uids=("CS1-2",), connector_ids=("2",))
    assert emsps.asks[0][1].place == place


@pytest.mark.parametrize("whitelist", [Whitelist.ALWAYS, Whitelist.ALLOWED])
async def test_nobody_is_asked_about_a_card_that_we_may_decide_on(
    stage: Stage, emsps: Emsps, whitelist: Whitelist
) -> None:
    await stage.provide(SaveToken(replace(NEVER, whitelist=whitelist)))

    assert (await stage.authorize(CARD)).auth_method is AuthMethod.WHITELIST
    assert emsps.asks == []


@pytest.mark.parametrize(
    ("token", "status"),
    [
        (NEVER, AuthStatus.INVALID),
        (OFFLINE_OK, AuthStatus.ACCEPTED),
        (replace(OFFLINE_OK, valid=False), AuthStatus.BLOCKED),
    ],
)
async def test_where_the_emsp_cannot_be_reached_its_whitelist_rule_decides(
    stage: Stage, emsps: Emsps, token: Token, status: AuthStatus
) -> None:
    await stage.provide(SaveToken(token))
    emsps.answers["P1"] = UNREACHABLE

    decision = await stage.authorize(CARD)

    assert (decision.status, decision.auth_method) == (status, AuthMethod.WHITELIST)
    assert len(emsps.asks) == 1


async def test_a_token_that_is_marked_invalid_is_asked_about_all_the_same(stage: Stage, emsps: Emsps) -> None:
    await stage.provide(SaveToken(replace(NEVER, valid=False)))
    emsps.answers["P1"] = allowed()

    assert (await stage.authorize(CARD)).status is AuthStatus.ACCEPTED


async def test_an_emsp_that_thinks_too_long_counts_as_not_reached(tmp_path: Path, emsps: Emsps) -> None:
    emsps.deadline_s = 0.01
    emsps.held["P1"] = asyncio.Event()
    async with opened(tmp_path, emsps) as stage:
        await stage.provide_usual()
        await stage.provide(SavePartner(P1), SaveToken(OFFLINE_OK))

        assert (await stage.authorize(CARD)).status is AuthStatus.ACCEPTED
        assert emsps.cancelled == ["P1"]


async def test_an_emsp_without_a_tokens_endpoint_cannot_be_asked(stage: Stage, emsps: Emsps) -> None:
    await stage.provide(SavePartner(replace(stage.partners.load("P1"), endpoints=())))

    assert (await stage.authorize(CARD)).status is AuthStatus.INVALID
    assert emsps.asks == []


async def test_an_answer_about_another_emsps_token_is_no_answer(stage: Stage, emsps: Emsps) -> None:
    await stage.provide(SavePartner(P2))
    emsps.answers["P1"] = allowed(replace(NEVER, party=BEMSP))

    assert (await stage.authorize(CARD)).status is AuthStatus.INVALID


# --- cards that nobody told us of


async def test_an_unknown_card_is_asked_of_those_who_want_it(stage: Stage, emsps: Emsps) -> None:
    await stage.provide(SavePartner(P2))
    emsps.answers["P2"] = allowed(THEIR_TOKEN)

    decision = await stage.authorize(STRANGER)

    assert (decision.status, decision.token) == (AuthStatus.ACCEPTED, THEIR_TOKEN)
    assert [(partner_id, ask.receiver) for partner_id, ask in emsps.asks] == [("P2", BEMSP)]


async def test_nobody_is_asked_about_an_unknown_card_unless_he_wants_it(stage: Stage, emsps: Emsps) -> None:
    assert (await stage.authorize(STRANGER)).status is AuthStatus.UNKNOWN
    assert emsps.asks == []


async def test_the_first_that_allows_an_unknown_card_wins_and_the_others_are_let_go(stage: Stage, emsps: Emsps) -> None:
    await stage.provide(SavePartner(replace(stage.partners.load("P1"), ask_unknown=True)), SavePartner(P2))
    emsps.held["P1"] = asyncio.Event()
    emsps.answers["P2"] = allowed(THEIR_TOKEN)

    assert (await stage.authorize(STRANGER)).token == THEIR_TOKEN
    assert emsps.cancelled == ["P1"]


async def test_a_refusal_waits_for_the_others(stage: Stage, emsps: Emsps) -> None:
    await stage.provide(SavePartner(replace(stage.partners.load("P1"), ask_unknown=True)), SavePartner(P2))
    emsps.answers["P1"] = refused(Allowed.NO_CREDIT)
    emsps.held["P2"] = asyncio.Event()
    emsps.answers["P2"] = allowed(THEIR_TOKEN)

    asking = asyncio.ensure_future(stage.authorize(STRANGER))
    await emsps.is_asked.wait()
    emsps.held["P2"].set()

    assert (await asking).token == THEIR_TOKEN


async def test_of_answers_without_a_yes_the_one_that_knows_the_card_counts(stage: Stage, emsps: Emsps) -> None:
    await stage.provide(SavePartner(replace(stage.partners.load("P1"), ask_unknown=True)), SavePartner(P2))
    emsps.answers |= {"P1": None, "P2": refused(Allowed.EXPIRED)}

    assert (await stage.authorize(STRANGER)).status is AuthStatus.EXPIRED


async def test_who_allows_an_unknown_card_must_say_whose_it_is(stage: Stage, emsps: Emsps) -> None:
    await stage.provide(SavePartner(P2))
    emsps.answers["P2"] = allowed(None)

    assert (await stage.authorize(STRANGER)).status is AuthStatus.INVALID


async def test_a_contract_is_asked_of_its_issuer(stage: Stage, emsps: Emsps) -> None:
    await stage.provide(SavePartner(P2))
    emsps.answers["P1"] = allowed(replace(NEVER, uid="NLEMSC12345678X", type="OTHER"))

    decision = await stage.authorize("NLEMSC12345678X", "eMAID")

    assert decision.status is AuthStatus.ACCEPTED
    assert [(partner_id, ask.type) for partner_id, ask in emsps.asks] == [("P1", "EMAID")]


async def test_a_contract_of_an_emsp_that_we_do_not_know_is_asked_of_the_hubs(stage: Stage, emsps: Emsps) -> None:
    hub = replace(make_partner("HUB", PartyId(country_code="DE", party_id="HUB"), role="HUB"), ask_unknown=True)
    await stage.provide(SavePartner(P2), SavePartner(hub))
    behind = replace(NEVER, partner_id="HUB", party=PartyId(country_code="FR", party_id="XYZ"), type="OTHER")
    emsps.answers["HUB"] = allowed(behind)

    assert (await stage.authorize("FRXYZC12345678X", "eMAID")).token == behind
    assert [(partner_id, str(ask.receiver)) for partner_id, ask in emsps.asks] == [("HUB", "FR*XYZ")]


# --- one ask for many


async def test_asks_at_the_same_time_for_one_card_at_one_evse_are_one_request(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()
    emsps.held["P1"] = asyncio.Event()
    authorizer = authorizer_of(stage)

    inquiry = await authorizer.judge(shown(stage))
    assert isinstance(inquiry, Inquiry)
    asking = [asyncio.ensure_future(authorizer.ask(inquiry)) for _ in range(3)]
    await emsps.is_asked.wait()
    asking[0].cancel()
    emsps.held["P1"].set()
    decisions = await asyncio.gather(*asking[1:])

    assert [decision.status for decision in decisions] == [AuthStatus.ACCEPTED] * 2
    assert len(emsps.asks) == 1


async def test_another_evse_is_another_request(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()

    await asyncio.gather(*(authorizer_of(stage).decide(shown(stage, plug=plug)) for plug in (1, 2)))

    assert len(emsps.asks) == 2


async def test_a_message_that_came_in_during_an_ask_has_asked_with_it(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = UNREACHABLE
    waiting = shown(stage)
    emsps.meanwhile = lambda: setattr(stage.clock, "at", stage.clock.at + timedelta(seconds=5))

    await stage.authorize(CARD)
    await authorizer_of(stage).decide(waiting)

    assert len(emsps.asks) == 1


async def test_a_card_that_is_shown_again_is_asked_about_again(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = refused(Allowed.NO_CREDIT)
    assert (await stage.authorize(CARD)).status is AuthStatus.NO_CREDIT
    emsps.answers["P1"] = allowed()

    assert (await stage.authorize(CARD)).status is AuthStatus.ACCEPTED


async def test_an_answer_serves_the_start_that_follows_it(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()
    await stage.authorize(CARD)

    await stage.send(start(14))

    session = await stage.load_session()
    assert session.status is SessionStatus.ACTIVE
    assert (session.terms.auth_method, session.terms.authorization_reference) == (AuthMethod.AUTH_REQUEST, "REF-1")
    assert len(emsps.asks) == 1


async def test_after_fifteen_minutes_the_start_is_asked_about_itself(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()
    await stage.authorize(CARD)

    await stage.send(start(16))

    assert len(emsps.asks) == 2


async def test_an_answer_serves_one_start_only(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()
    await stage.authorize(CARD)

    await stage.send_all(start(1), stop(2, 1000), start(3, 2000))

    assert len(emsps.asks) == 2


async def test_an_answer_for_some_evses_serves_no_start_at_the_others(stage: Stage, emsps: Emsps) -> None:
    place = LocationReferences(location_id="L1", evse_uids=("CS1-2",))
    emsps.answers["P1"] = replace(allowed(), place=place)
    assert (await stage.authorize(CARD)).status is AuthStatus.ACCEPTED

    assert (await stage.send(start(1))).authorization.status is AuthStatus.NOT_ALLOWED
    assert (await stage.send(start(2, plug=2))).authorization.status is AuthStatus.ACCEPTED


# --- starts


async def test_a_start_is_durable_before_the_emsp_is_asked(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()
    seen: list[SessionStatus] = []
    emsps.meanwhile = lambda: seen.extend(session.status for session in stage.memory.sessions.values())

    answer = await stage.send(start())

    session = await stage.load_session()
    assert seen == [SessionStatus.PENDING]
    assert answer.authorization.status is AuthStatus.ACCEPTED
    assert (session.status, session.partner_id, session.terms.token) == (SessionStatus.ACTIVE, "P1", NEVER)
    assert (session.terms.auth_method, session.terms.authorization_reference) == (AuthMethod.AUTH_REQUEST, "REF-1")


async def test_the_reference_goes_into_the_cdr(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()

    session = await deliver(stage, start(), metered(10, 3000), stop(20, 6500, card=CARD))
    await stage.wait(5)

    cdr = await stage.load_cdr()
    assert session.ledger.energy_wh == 5500
    assert (cdr.partner_id, cdr.terms.authorization_reference) == ("P1", "REF-1")
    assert cdr.terms.auth_method is AuthMethod.AUTH_REQUEST
    assert len(emsps.asks) == 1


async def test_a_start_that_the_emsp_refuses_is_recorded_and_billed_to_nobody(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = refused(Allowed.BLOCKED)

    answer = await stage.send(start())

    session = await stage.load_session()
    assert answer.authorization.status is AuthStatus.BLOCKED
    assert (session.status, session.partner_id) == (SessionStatus.INVALID, None)


async def test_a_start_sent_again_is_answered_as_before_without_asking(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()
    await stage.send(start())
    stage.clock.at += timedelta(minutes=20)

    again = await stage.send(start())

    assert again.authorization.status is AuthStatus.ACCEPTED
    assert (len(emsps.asks), len(await stage.load_facts())) == (1, 1)


async def test_a_start_that_was_never_answered_is_settled_when_it_is_sent_again(stage: Stage, emsps: Emsps) -> None:
    """The gateway died while it asked: the start is there, the driver is not."""
    emsps.held["P1"] = asyncio.Event()
    asking = asyncio.ensure_future(stage.send(start()))
    await emsps.is_asked.wait()
    asking.cancel()
    await stage.reopen()
    del emsps.held["P1"]
    emsps.answers["P1"] = allowed()

    again = await stage.send(start())
    session = await deliver(stage, stop(20, 6500))

    assert again.authorization.status is AuthStatus.ACCEPTED
    assert (session.status, session.partner_id, session.ledger.energy_wh) == (SessionStatus.COMPLETED, "P1", 5500)


async def test_a_start_refused_for_want_of_an_answer_follows_the_one_that_is_given_in_the_end(
    stage: Stage, emsps: Emsps
) -> None:
    emsps.answers["P1"] = UNREACHABLE
    assert (await stage.send(start())).authorization.status is AuthStatus.INVALID
    emsps.answers["P1"] = allowed()

    again = await stage.send(start())

    assert again.authorization.status is AuthStatus.ACCEPTED
    assert (await stage.load_session()).status is SessionStatus.ACTIVE


async def test_a_driver_told_in_mid_session_is_asked_about(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()
    await stage.send(started(card=None))

    answer = await stage.send(updated(1, 3, card=CARD))
    session = await deliver(stage, updated(2, 10, 3000), ended(3, 20, 6500, card=CARD), transaction_id="tx-1")

    assert answer.authorization.status is AuthStatus.ACCEPTED
    assert (session.status, session.partner_id) == (SessionStatus.COMPLETED, "P1")
    assert (session.ledger.started_at, session.ledger.energy_wh) == (after(3), 5500)
    assert session.terms.authorization_reference == "REF-1"
    assert len(emsps.asks) == 1


async def test_the_tariff_is_that_of_the_moment_in_which_the_driver_who_was_asked_about_became_known(
    stage: Stage, emsps: Emsps
) -> None:
    emsps.answers["P1"] = allowed()
    summer, winter = replace(TARIFF, end_at=after(10)), replace(TARIFF, id="T2", start_at=after(10))
    evse = make_evse(1)
    plug = replace(evse.connectors[0], tariff_ids=("T", "T2"))
    location = make_location(replace(evse, connectors=(plug,)))
    await stage.provide(SaveTariff(summer), SaveTariff(winter), SaveLocation(location))

    session = await deliver(
        stage, started(card=None), updated(1, 15, card=CARD), ended(2, 20, 3000), transaction_id="tx-1"
    )

    assert session.ledger.started_at == after(15)
    assert session.terms.tariff is not None
    assert session.terms.tariff.id == "T2"


async def test_a_first_message_that_is_the_last_is_billed_too(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()

    await stage.send(ended(2, 20, 6500, card=CARD, evse=(1, 1)))

    session = await stage.load_session("tx-1")
    assert (session.status, session.partner_id) == (SessionStatus.COMPLETED, "P1")
    assert session.seal_due_at is not None


async def test_a_card_that_stops_anothers_session_is_not_asked_about(stage: Stage, emsps: Emsps) -> None:
    await stage.send(start(card=OTHER_CARD))

    await stage.send(stop(20, 6500, card=CARD))

    assert emsps.asks == []
    assert (await stage.load_session()).status is SessionStatus.COMPLETED


async def test_readings_ask_nobody_and_read_nothing(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()
    await stage.send(start())
    stage.store.reads.clear()

    await stage.send(metered(10, 3000))

    assert (len(emsps.asks), stage.store.reads) == (1, [])


async def test_a_message_is_asked_about_without_a_task_around_it(stage: Stage, emsps: Emsps) -> None:
    """So are messages served: the mailbox drives them itself."""
    emsps.answers["P1"] = allowed()
    boxes, statuses = Mailboxes(), []

    async def job() -> None:
        statuses.append((await stage.send(start())).authorization.status)

    boxes.serve(STATION, job)
    await boxes.drained()

    assert statuses == [AuthStatus.ACCEPTED]


# --- an eMSP leaves


async def leave(stage: Stage) -> None:
    gone = replace(stage.partners.load("P1"), status=PartnerStatus.ENDED, endpoints=(), outbound_token=None)
    await stage.provide(SavePartner(gone), DropPartnerTokens("P1"))


async def test_a_token_whose_emsp_has_left_works_no_more_and_its_session_is_billed(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()
    await stage.send(start())
    await leave(stage)

    assert (await stage.authorize(CARD)).status is not AuthStatus.ACCEPTED
    assert (await stage.authorize(OTHER_CARD)).status is AuthStatus.BLOCKED
    await stage.send(stop(20, 6500))
    await stage.wait(5)
    assert (await stage.load_cdr()).partner_id == "P1"
    assert len(emsps.asks) == 1


async def test_an_answer_of_an_emsp_that_has_left_serves_no_start(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()
    await stage.authorize(CARD)
    await leave(stage)

    assert (await stage.send(start(1))).authorization.status is AuthStatus.INVALID


async def test_a_token_that_was_stored_after_its_emsp_had_left_is_not_accepted(stage: Stage, emsps: Emsps) -> None:
    await leave(stage)
    await stage.provide(SaveToken(replace(NEVER, whitelist=Whitelist.ALLOWED, last_updated=after(1))))

    assert (await stage.authorize(CARD)).status is AuthStatus.BLOCKED


async def test_an_emsp_that_leaves_while_it_is_asked_allows_nothing(stage: Stage, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed()
    emsps.held["P1"] = asyncio.Event()
    asking = asyncio.ensure_future(stage.authorize(CARD))
    await emsps.is_asked.wait()

    await leave(stage)
    emsps.held["P1"].set()

    assert (await asking).status is AuthStatus.INVALID


# --- behind a hub


HUB = replace(make_partner(role="HUB", party=PartyId(country_code="NL", party_id="HUB")), ask_unknown=True)
OFFLINE = HubClient(hub_id="P1", party=EMSP, role="EMSP", status=ConnectionStatus.OFFLINE, last_updated=THEN)


async def test_a_party_that_its_hub_does_not_reach_is_not_asked_and_its_whitelist_rule_decides_at_once(
    tmp_path: Path, emsps: Emsps
) -> None:
    emsps.answers["P1"] = allowed()
    async with opened(tmp_path, emsps) as stage:
        await stage.provide_usual()
        await stage.provide(SavePartner(HUB), SaveToken(OFFLINE_OK), SaveHubClient(OFFLINE))

        assert (await stage.authorize(CARD)).auth_method is AuthMethod.WHITELIST
        assert emsps.asks == []
        await stage.provide(SaveHubClient(replace(OFFLINE, status=ConnectionStatus.CONNECTED)))
        assert (await stage.authorize(CARD)).auth_method is AuthMethod.AUTH_REQUEST


async def test_a_hub_is_asked_about_an_unknown_card_whoever_behind_it_is_offline(tmp_path: Path, emsps: Emsps) -> None:
    emsps.answers["P1"] = allowed(replace(NEVER, uid=STRANGER))
    async with opened(tmp_path, emsps) as stage:
        await stage.provide_usual()
        await stage.provide(SavePartner(HUB), SaveHubClient(OFFLINE))

        await stage.authorize(STRANGER)

    assert [ask.receiver for _, ask in emsps.asks] == [None]


async def test_who_only_shows_charging_places_is_not_asked_about_cards(tmp_path: Path, emsps: Emsps) -> None:
    async with opened(tmp_path, emsps) as stage:
        await stage.provide_usual()
        await stage.provide(SavePartner(replace(make_partner(role="NSP"), ask_unknown=True)))

        await stage.authorize(STRANGER)

    assert emsps.asks == []
