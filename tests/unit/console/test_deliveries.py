"""`/partners/{id}/deliveries` and `/resync`: what waits, and errors that are clear."""

from aiohttp.test_utils import TestClient

from tests.fakes.console_world import World


async def _invite(client: TestClient) -> str:
    answer = await client.post("/api/v1/partners", json={"name": "Roamer", "role": "EMSP"})
    return str((await answer.json())["id"])


async def test_a_partner_of_whom_nothing_waits_is_ready(client: TestClient, world: World) -> None:
    answer = await client.get(f"/api/v1/partners/{await _invite(client)}/deliveries")

    assert answer.status == 200
    shown = await answer.json()
    assert (shown["state"], shown["queued"], shown["refused"], shown["last_failure"]) == ("READY", [], [], None)


async def test_a_partner_that_is_not_registered_cannot_be_told_anything(client: TestClient, world: World) -> None:
    answer = await client.post(f"/api/v1/partners/{await _invite(client)}/resync", json={})

    assert answer.status == 409
    assert "no receiver" in (await answer.json())["error"]["what"]


async def test_an_unknown_partner_and_an_unknown_delivery_are_404(client: TestClient, world: World) -> None:
    partner_id = await _invite(client)

    assert (await client.get("/api/v1/partners/nobody/deliveries")).status == 404
    assert (await client.post("/api/v1/partners/nobody/resync", json={})).status == 404
    assert (await client.post(f"/api/v1/partners/{partner_id}/deliveries/7/retry")).status == 404


async def test_a_wrong_number_or_date_is_400(client: TestClient, world: World) -> None:
    partner_id = await _invite(client)

    assert (await client.post(f"/api/v1/partners/{partner_id}/deliveries/x/retry")).status == 400
    answer = await client.post(f"/api/v1/partners/{partner_id}/resync", json={"cdrs_from": "yesterday"})
    assert answer.status == 400
    assert (await answer.json())["error"]["where"] == "$.cdrs_from"
