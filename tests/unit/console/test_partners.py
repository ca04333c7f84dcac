import pytest
from aiohttp.test_utils import TestClient

from gateway.domain.partners import ConnectionStatus, HubClient
from gateway.ports import SaveHubClient
from tests.fakes.console_world import OURS, World

API = "/api/v1/partners"
THEIRS = {
    "name": "Some eMSP",
    "role": "EMSP",
    "versions_url": "https://emsp.example/versions",
    "token": "their-a",
}


async def test_an_invited_partner_gets_its_token_once(client: TestClient) -> None:
    response = await client.post(API, json={"name": "Some eMSP", "role": "EMSP"})

    assert response.status == 201
    body = await response.json()
    assert (body["status"], body["token_a"]) == ("INVITED", "made-token-1")
    assert body["our_versions_url"] == "https://cpo.example/ocpi/versions"
    shown = await client.get(f"{API}/{body['id']}")
    assert shown.status == 200
    assert "made-token" not in await shown.text()


async def test_an_invitation_can_be_made_anew(client: TestClient) -> None:
    partner_id = (await (await client.post(API, json={"name": "Some eMSP"})).json())["id"]

    response = await client.post(f"{API}/{partner_id}/invitations")

    assert (response.status, (await response.json())["token_a"]) == (201, "made-token-2")


async def test_we_register_with_a_partner(client: TestClient) -> None:
    response = await client.post(API, json=THEIRS)

    assert response.status == 201
    body = await response.json()
    assert (body["status"], body["version"]) == ("REGISTERED", "2.2.1")
    assert body["roles"] == [{"country_code": "DE", "party_id": "EMS", "role": "EMSP", "name": "Some eMSP"}]
    assert body["endpoints"][0]["identifier"] == "credentials"
    assert "their-a" not in await response.text()
    assert "made-token" not in await response.text()
    assert [partner["id"] for partner in await (await client.get(API)).json()] == [body["id"]]


async def test_what_a_partner_sees_and_how_it_is_called_can_be_set_and_changed(client: TestClient) -> None:
    made = await (await client.post(API, json={"name": "Some eMSP", "sees_unpublished": True})).json()
    assert (made["sees_unpublished"], made["raw_token"]) == (True, False)

    response = await client.put(f"{API}/{made['id']}", json={"raw_token": True, "name": "Another name"})

    changed = await response.json()
    assert response.status == 200
    assert (changed["name"], changed["sees_unpublished"], changed["raw_token"]) == ("Another name", True, True)
    assert changed["status"] == "INVITED"


async def test_a_partner_that_cannot_be_reached_is_502(client: TestClient, world: World) -> None:
    world.api.is_broken = True

    response = await client.post(API, json=THEIRS)

    assert response.status == 502
    error = (await response.json())["error"]
    assert "https://emsp.example/versions cannot be reached" in error["what"]
    assert "URL and token" in error["remedy"]


async def test_a_partner_is_ended_and_told(client: TestClient, world: World) -> None:
    partner_id = (await (await client.post(API, json=THEIRS)).json())["id"]

    assert (await client.delete(f"{API}/{partner_id}")).status == 204

    assert world.api.ended
    assert (await (await client.get(f"{API}/{partner_id}")).json())["status"] == "ENDED"


async def test_a_missing_partner_is_404(client: TestClient) -> None:
    assert (await client.get(f"{API}/none")).status == 404
    assert (await client.delete(f"{API}/none")).status == 404
    assert (await client.put(f"{API}/none", json={})).status == 404
    assert (await client.post(f"{API}/none/invitations")).status == 404


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "$.name"),
        ({"name": ""}, "$.name"),
        ({"name": "x", "role": "BANK"}, "$.role"),
        ({"name": "x", "versions_url": "https://emsp.example/versions"}, "$"),
        ({"name": "x", "versions_url": "not a url", "token": "t"}, "$.versions_url"),
        ({"name": "x", "versions_url": "https://emsp.example", "token": "has space"}, "$.token"),
        ({"name": "x", "tokens": "t"}, "$.tokens"),
    ],
)
async def test_a_wrong_partner_is_400(client: TestClient, body: object, where: str) -> None:
    response = await client.post(API, json=body)

    assert response.status == 400
    assert (await response.json())["error"]["where"] == where


async def test_hosts_of_a_partner_can_be_named(client: TestClient) -> None:
    made = await (await client.post(API, json={"name": "Some eMSP", "hosts": ["API.example.com"]})).json()
    assert made["hosts"] == ["api.example.com"]

    response = await client.put(f"{API}/{made['id']}", json={"hosts": ["*.example.com", "*", "2001:db8::1"]})

    assert (response.status, (await response.json())["hosts"]) == (200, ["*.example.com", "*", "2001:db8::1"])
    assert (await client.put(f"{API}/{made['id']}", json={"hosts": ["https://x/"]})).status == 400


async def test_whether_a_partner_is_asked_and_pulled_can_be_set(client: TestClient) -> None:
    made = await (await client.post(API, json={"name": "Some eMSP", "ask_unknown": True})).json()
    assert (made["ask_unknown"], made["pulls_tokens"], made["tokens_pulled_until"]) == (True, False, None)

    response = await client.put(f"{API}/{made['id']}", json={"pulls_tokens": True})

    changed = await response.json()
    assert (changed["ask_unknown"], changed["pulls_tokens"]) == (True, True)


async def test_the_dialect_of_a_partner_and_the_party_it_knows_are_set(client: TestClient) -> None:
    made = await (await client.post(API, json={"name": "Some eMSP", "whole_seconds": True})).json()
    ours = {"our_party": str(OURS).replace("*", ""), "parks_when_curtailed": True}

    changed = await (await client.put(f"{API}/{made['id']}", json=ours)).json()

    assert (made["whole_seconds"], made["our_party"], made["parks_when_curtailed"]) == (True, None, False)
    assert (changed["whole_seconds"], changed["our_party"], changed["parks_when_curtailed"]) == (True, str(OURS), True)


async def test_a_party_that_is_not_ours_is_refused(client: TestClient) -> None:
    response = await client.post(API, json={"name": "Some eMSP", "our_party": "FRXYZ"})

    assert response.status == 400
    assert str(OURS) in await response.text()


async def test_a_registered_partner_is_renewed_and_another_is_not(client: TestClient) -> None:
    registered = await (await client.post(API, json=THEIRS)).json()
    invited = await (await client.post(API, json={"name": "Invited"})).json()

    renewed = await client.post(f"{API}/{registered['id']}/renewals")
    refused = await client.post(f"{API}/{invited['id']}/renewals")

    assert (renewed.status, (await renewed.json())["version"]) == (200, "2.2.1")
    assert refused.status == 409


async def test_what_partners_do_not_get_is_listed(client: TestClient, world: World) -> None:
    world.withheld.on_rendered("2.1.1", "tariff", "T1", ["it has a min_price"], is_whole_object=True)

    (entry,) = await (await client.get("/api/v1/withheld")).json()

    assert {name: entry[name] for name in ("kind", "id", "version", "what", "reasons")} == {
        "kind": "tariff",
        "id": "T1",
        "version": "2.1.1",
        "what": "all",
        "reasons": ["it has a min_price"],
    }


async def test_the_clients_of_a_hub_are_shown_with_their_state(client: TestClient, world: World) -> None:
    hub_id = (await (await client.post(API, json={"name": "Hub", "role": "HUB"})).json())["id"]
    told = HubClient(
        hub_id=hub_id, party=OURS, role="EMSP", status=ConnectionStatus.PLANNED, last_updated=world.clock.now()
    )
    await world.store.commit([SaveHubClient(told)])

    (shown,) = await (await client.get(f"{API}/{hub_id}/clients")).json()

    assert (shown["country_code"], shown["party_id"]) == (OURS.country_code, OURS.party_id)
    assert (shown["role"], shown["status"]) == ("EMSP", "PLANNED")
    assert (await client.get(f"{API}/nobody/clients")).status == 404
