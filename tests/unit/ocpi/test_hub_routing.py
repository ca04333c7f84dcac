"""Messages that come through hubs and shared platforms: for whom they are, and what each party sees (OCPI 2.2.1
transport_and_format "Message Routing")."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.domain.ids import PartyId, party_id_of
from gateway.domain.partners import PartnerRole
from tests.fakes.ocpi_samples import CDR, EMSP, PARTNER, SESSION, STRANGER, TERMS, TOKEN
from tests.unit.ocpi.conftest import Platform

HUB_PARTY = party_id_of("NL", "HUB")
HUB = replace(PARTNER, role="HUB", roles=(PartnerRole(party=HUB_PARTY, role="HUB", name="Hub"),))
SHARED = replace(PARTNER, roles=tuple(PartnerRole(party=party, role="EMSP", name="eMSP") for party in (EMSP, STRANGER)))
THEIRS = replace(TERMS, token=replace(TOKEN, party=STRANGER))
SINCE = "date_from=2026-01-01T00:00:00Z"
TOKEN_BODY = {
    "country_code": "DE",
    "party_id": "EMP",
    "uid": "04A2",
    "type": "RFID",
    "contract_id": "DE-EMP-C1",
    "issuer": "Emobility Provider",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": "2026-03-01T09:00:00Z",
}


def sent_by(party: PartyId, to: PartyId | None = None) -> dict[str, str]:
    headers = {"OCPI-from-country-code": party.country_code, "OCPI-from-party-id": party.party_id}
    if to is not None:
        headers |= {"OCPI-to-country-code": to.country_code, "OCPI-to-party-id": to.party_id}
    return headers


def routed(headers: dict[str, str]) -> tuple[str, str]:
    """From whom and to whom an answer goes."""
    named = {name.lower(): value for name, value in headers.items()}
    return named["ocpi-from-party-id"], named["ocpi-to-party-id"]


@pytest.fixture
async def bills(platform: Platform) -> Platform:
    """One visit and one bill of each of two eMSPs, which reach us by the same partner."""
    platform.store.sessions = [SESSION, replace(SESSION, id="s-2", terms=THEIRS)]
    platform.store.cdrs = [CDR, replace(CDR, id="c-2", terms=THEIRS)]
    return platform


async def test_a_broadcast_of_a_hub_carries_the_owners_ids_and_is_answered_to_the_hub(platform: Platform) -> None:
    await platform.change_partner(HUB)

    url = "/ocpi/cpo/2.2.1/tokens/DE/EMP/04A2"
    answer = await platform.ask("PUT", url, json=TOKEN_BODY, headers=sent_by(HUB_PARTY))

    assert answer.codes == (201, 1000)
    assert routed(answer.headers) == ("GWY", "HUB")


@pytest.mark.parametrize("partner", [HUB, SHARED])
async def test_no_party_reads_or_changes_tokens_of_another_behind_the_same_hub_or_platform(
    platform: Platform, partner: Any
) -> None:
    await platform.change_partner(partner)
    url = "/ocpi/cpo/2.2.1/tokens/DE/EMP/04A2"
    await platform.ask("PUT", url, json=TOKEN_BODY, headers=sent_by(EMSP))

    read = await platform.ask("GET", url, headers=sent_by(STRANGER))
    changed = await platform.ask(
        "PATCH", url, json={"valid": False, "last_updated": "2026-03-02T09:00:00Z"}, headers=sent_by(STRANGER)
    )

    assert (read.codes, changed.codes) == ((404, 2001), (404, 2001))
    assert (await platform.ask("GET", url, headers=sent_by(EMSP))).data["valid"] is True


async def test_what_a_hub_passes_on_is_answered_to_whom_it_is_from(platform: Platform) -> None:
    await platform.change_partner(HUB)

    wrong = await platform.ask("GET", "/ocpi/cpo/2.2.1/locations/none", headers=sent_by(EMSP))

    assert wrong.codes == (404, 2003)
    assert routed(wrong.headers) == ("GWY", "EMP")


async def test_a_hub_that_names_nobody_is_answered_as_the_hub(platform: Platform) -> None:
    behind = PartnerRole(party=EMSP, role="EMSP", name="eMSP")
    await platform.change_partner(replace(HUB, roles=(behind, *HUB.roles)))

    assert routed((await platform.ask("GET", "/ocpi/cpo/2.2.1/locations")).headers) == ("GWY", "HUB")


@pytest.mark.parametrize("partner", [HUB, SHARED])
async def test_an_emsp_sees_no_drivers_of_another_behind_the_same_hub_or_platform(
    bills: Platform, partner: Any
) -> None:
    await bills.change_partner(partner)

    for party, session_id, cdr_id in ((EMSP, SESSION.id, CDR.id), (STRANGER, "s-2", "c-2")) * 2:  # also once shown
        sessions = await bills.ask("GET", f"/ocpi/cpo/2.2.1/sessions?{SINCE}", headers=sent_by(party))
        cdrs = await bills.ask("GET", "/ocpi/cpo/2.2.1/cdrs", headers=sent_by(party))

        assert [one["id"] for one in sessions.data] == [session_id]
        assert [one["id"] for one in cdrs.data] == [cdr_id]
        assert sessions.headers["X-Total-Count"] == cdrs.headers["X-Total-Count"] == "1"


@pytest.mark.parametrize(("partner", "headers"), [(HUB, sent_by(HUB_PARTY)), (HUB, {}), (SHARED, {})])
async def test_a_hub_or_platform_that_asks_for_itself_gets_all(
    bills: Platform, partner: Any, headers: dict[str, str]
) -> None:
    await bills.change_partner(partner)

    cdrs = await bills.ask("GET", "/ocpi/cpo/2.2.1/cdrs", headers=headers)

    assert {one["id"] for one in cdrs.data} == {CDR.id, "c-2"}
