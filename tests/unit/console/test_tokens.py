import pytest
from aiohttp.test_utils import TestClient

from tests.fakes.console_world import World
from tests.unit.flows.test_local_tokens import PUSHED

API = "/api/v1/tokens"


async def test_a_local_token_is_put_read_and_deleted(client: TestClient) -> None:
    created = await client.put(f"{API}/CARD1", json={"status": "accepted", "group_id": "G1"})
    changed = await client.put(f"{API}/card1", json={"status": "blocked"})

    assert (created.status, changed.status) == (201, 200)
    body = await (await client.get(f"{API}/CARD1")).json()
    assert (body["uid"], body["status"], body["group_id"]) == ("CARD1", "blocked", None)
    assert (await client.put(f"{API}/CARD1", json=body)).status == 200
    assert (await client.delete(f"{API}/CARD1")).status == 204
    assert (await client.get(f"{API}/CARD1")).status == 404
    assert (await client.delete(f"{API}/CARD1")).status == 404


async def test_the_list_names_the_uids_that_wait_for_a_preference(client: TestClient, world: World) -> None:
    await client.put(f"{API}/CARD1", json={"status": "expired"})
    world.store.ambiguous_uids = ["CARD2"]

    body = await (await client.get(API)).json()

    assert [token["uid"] for token in body["tokens"]] == ["CARD1"]
    assert body["ambiguous_uids"] == ["CARD2"]


async def test_a_partner_is_preferred(client: TestClient, world: World) -> None:
    world.store.tokens = [PUSHED]

    response = await client.put(f"{API}/CARD1", json={"preferred_partner": "P1"})

    assert response.status == 201
    assert (await response.json())["preferred_partner"] == "P1"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "$"),
        ({"status": "fine"}, "$.status"),
        ({"status": "accepted", "preferred_partner": "P1"}, "$"),
        ({"status": "accepted", "group_id": "G" * 37}, "$.group_id"),
        ({"status": "accepted", "uid": "CARD2"}, "$.uid"),
        ({"state": "accepted"}, "$.state"),
        ({"preferred_partner": "P9"}, "$.preferred_partner"),
    ],
)
async def test_a_wrong_local_token_is_400(client: TestClient, body: object, where: str) -> None:
    response = await client.put(f"{API}/CARD1", json=body)

    assert response.status == 400
    assert (await response.json())["error"]["where"] == where


async def test_a_uid_too_long_is_400(client: TestClient) -> None:
    assert (await client.put(f"{API}/{'A' * 37}", json={"status": "accepted"})).status == 400
