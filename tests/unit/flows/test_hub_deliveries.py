"""What is told through a hub: to whom, and when the party behind it is not there."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest_asyncio

from gateway.domain.deliveries import PartnerAnswer
from gateway.domain.ids import party_id_of
from gateway.domain.partners import ConnectionStatus, HubClient, PartnerRole
from gateway.domain.sessions import SessionStatus
from gateway.ports import SaveCdr, SaveHubClient, SaveLocation, SavePartner, SaveSession, SaveTariff
from tests.contract.samples import CDR, FACT, LOCATION, NOON, OURS, PARTNER, SESSION, TARIFF, THEIRS, TOKEN, session_no
from tests.unit.flows.post_office import PostOffice, hub, opened_post

HUB_PARTY = party_id_of("NL", "HUB")
HUB = hub(HUB_PARTY)


def client(status: ConnectionStatus, **changes: Any) -> SaveHubClient:
    told = HubClient(hub_id=PARTNER, party=THEIRS, role="EMSP", status=status, last_updated=NOON)
    return SaveHubClient(replace(told, **changes))


OFFLINE, CONNECTED = client(ConnectionStatus.OFFLINE), client(ConnectionStatus.CONNECTED)


@pytest_asyncio.fixture
async def office(tmp_path: Path) -> AsyncIterator[PostOffice]:
    async with opened_post(tmp_path) as office:
        await office.commit(SavePartner(HUB))
        yield office


async def test_a_party_that_is_not_connected_is_sent_nothing_and_gets_the_present_once_it_is(
    office: PostOffice,
) -> None:
    await office.commit(OFFLINE)
    await office.commit(SaveSession(SESSION, fact=FACT))
    await office.wait(3_600)
    assert office.network.sent == []

    running = office.memory.sessions["s-1"]
    ledger = replace(running.ledger, ended_at=NOON)
    sealed = replace(running, status=SessionStatus.COMPLETED, ledger=ledger, sealed_cdr_id=CDR.id)
    await office.commit(SaveSession(sealed, write_terms=True), SaveCdr(CDR))
    assert office.network.sent == []
    await office.commit(CONNECTED)

    assert office.network.told == ["PUT sessions s-1", "POST cdrs"]
    assert office.network.sent[0][1].body == {"id": "s-1", "last_updated": "now", "status": "COMPLETED"}
    assert await office.waiting() == []


async def test_who_is_no_hub_any_more_is_told_what_waited_for_a_party_behind_it(office: PostOffice) -> None:
    await office.commit(OFFLINE)
    await office.commit(SaveSession(SESSION, fact=FACT))
    known = office.memory.partners[PARTNER]
    roles = (PartnerRole(party=THEIRS, role="EMSP", name="by itself"),)

    await office.commit(SavePartner(replace(known, role="EMSP", roles=roles)))

    assert office.network.told == ["PUT sessions s-1"]


async def test_what_goes_to_the_hub_itself_and_to_others_behind_it_is_not_held_back(office: PostOffice) -> None:
    await office.commit(OFFLINE, client(ConnectionStatus.CONNECTED, party=party_id_of("FR", "OTH")))

    await office.commit(SaveLocation(LOCATION), SaveSession(SESSION, fact=FACT))

    assert office.network.told == ["PUT locations L1"]
    assert office.network.sent[0][1].to == HUB_PARTY


async def test_a_party_of_which_the_hub_has_said_nothing_is_told(office: PostOffice) -> None:
    await office.commit(SaveSession(SESSION, fact=FACT))

    assert office.network.told == ["PUT sessions s-1"]


async def test_an_older_word_of_the_hub_changes_nothing(office: PostOffice) -> None:
    await office.commit(client(ConnectionStatus.CONNECTED, last_updated=NOON.replace(hour=13)))
    await office.commit(OFFLINE)

    await office.commit(SaveSession(SESSION, fact=FACT))

    assert office.network.told == ["PUT sessions s-1"]
    assert [one.status for one in await office.store.load_hub_clients()] == [ConnectionStatus.CONNECTED]


async def test_of_several_roles_of_a_party_that_of_the_emsp_counts(office: PostOffice) -> None:
    await office.commit(client(ConnectionStatus.CONNECTED, role="CPO"), OFFLINE)

    await office.commit(SaveSession(SESSION, fact=FACT))

    assert office.network.sent == []


# --- a hub that does not reach a party


UNREACHED = PartnerAnswer(at=NOON, http_status=200, status_code=4002, message="timeout on forwarded request")
OTHER_PARTY = party_id_of("FR", "OTH")


async def test_a_party_that_the_hub_does_not_reach_is_tried_again_by_itself(office: PostOffice) -> None:
    office.network.answers = [UNREACHED]
    await office.commit(SaveSession(SESSION, fact=FACT))
    other = replace(SESSION.terms, token=replace(TOKEN, party=OTHER_PARTY))

    await office.commit(SaveLocation(LOCATION), SaveSession(session_no(2, terms=other), fact=FACT))
    assert office.network.told == ["PUT sessions s-1", "PUT locations L1", "PUT sessions s-2"]
    assert office.deliveries.standing(PARTNER).failures == 0
    await office.wait(5)

    assert office.network.told[3:] == ["PUT sessions s-1"]
    assert await office.waiting() == []


async def test_a_party_that_comes_back_is_not_kept_waiting_by_earlier_failures(office: PostOffice) -> None:
    office.network.answers = [UNREACHED]
    await office.commit(SaveSession(SESSION, fact=FACT))

    await office.commit(CONNECTED)

    assert office.network.told == ["PUT sessions s-1"] * 2


async def test_the_same_words_about_the_hub_itself_are_its_own_failure(office: PostOffice) -> None:
    office.network.answers = [UNREACHED]

    await office.commit(SaveLocation(LOCATION))

    assert office.deliveries.standing(PARTNER).failures == 1


# --- whom a message names


async def test_a_hub_broadcasts_locations_and_tariffs_and_passes_sessions_and_bills_to_one_party(
    office: PostOffice,
) -> None:
    await office.commit(SaveTariff(TARIFF), SaveLocation(LOCATION))
    await office.commit(SaveSession(SESSION, fact=FACT), SaveCdr(CDR))

    to = {message.module: message.to for _, message in office.network.sent}
    assert to == {"tariffs": HUB_PARTY, "locations": HUB_PARTY, "sessions": THEIRS, "cdrs": THEIRS}
    assert {message.owner for _, message in office.network.sent} == {OURS}


async def test_a_hub_that_has_not_said_who_it_is_finds_out_itself_for_whom_a_location_is(office: PostOffice) -> None:
    """An open routing request: nobody is named, and not one of those behind it in place of all."""
    roles = (PartnerRole(party=THEIRS, role="EMSP", name="behind it"),)
    known = office.memory.partners[PARTNER]
    await office.commit(SavePartner(replace(known, roles=roles)))

    await office.commit(SaveLocation(LOCATION), SaveSession(SESSION, fact=FACT))

    assert {message.module: message.to for _, message in office.network.sent} == {"locations": None, "sessions": THEIRS}
