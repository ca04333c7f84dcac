import io
import logging

import pytest
from aiohttp.test_utils import TestClient

from gateway.console.server import MAX_BODY_BYTES, Console
from tests.fakes.console_world import TOKEN, World

API = "/api/v1"


async def test_health_needs_no_token_and_tells_who_is_up(stranger: TestClient, world: World) -> None:
    world.stations.connect("CP1")

    response = await stranger.get(f"{API}/health")

    assert response.status == 200
    assert await response.json() == {
        "status": "up",
        "listeners": {"ocpp": "up", "ocpi": "up", "console": "up"},
        "store": "up",
        "connected_stations": 1,
        "versions": {"gateway": ["0.1.0"], "ocpp": ["1.6", "2.0.1"], "ocpi": ["2.2.1"]},
    }


async def test_health_is_503_until_every_listener_is_up(stranger: TestClient, world: World) -> None:
    world.listeners["ocpi"] = False

    response = await stranger.get(f"{API}/health")

    assert response.status == 503
    assert (await response.json())["listeners"]["ocpi"] == "down"


async def test_health_is_503_while_the_store_is_down(stranger: TestClient, world: World) -> None:
    world.store.is_down = True

    assert (await stranger.get(f"{API}/health")).status == 503


@pytest.mark.parametrize(
    "authorization", [None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer", f"Bearer {TOKEN} {TOKEN}", "Bearer ä"]
)
@pytest.mark.parametrize("path", ["stations", "no-such-thing"])
async def test_without_the_token_there_is_nothing(stranger: TestClient, authorization: str | None, path: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    response = await stranger.get(f"{API}/{path}", headers=headers)

    assert response.status == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    error = (await response.json())["error"]
    assert error["where"] == f"GET {API}/{path}"
    assert "Authorization: Bearer" in error["remedy"]
    assert TOKEN not in await response.text()


async def test_the_scheme_is_read_in_any_case(stranger: TestClient) -> None:
    response = await stranger.get(f"{API}/stations", headers={"Authorization": f"bearer {TOKEN}"})

    assert response.status == 200


async def test_an_unknown_path_is_404_and_says_where_the_api_is(client: TestClient) -> None:
    response = await client.get("/stations")

    assert response.status == 404
    assert "/api/v1" in (await response.json())["error"]["remedy"]


async def test_a_wrong_method_is_405_and_names_the_right_ones(client: TestClient) -> None:
    response = await client.post(f"{API}/stations", json={})

    assert response.status == 405
    assert "GET" in response.headers["Allow"]
    assert (await response.json())["error"]["where"] == f"POST {API}/stations"


async def test_a_body_too_large_is_413(client: TestClient) -> None:
    response = await client.put(f"{API}/locations/LOC1", data=io.BytesIO(b" " * (MAX_BODY_BYTES + 1)))

    assert response.status == 413
    assert (await response.json())["error"]["remedy"] == "send less at once"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": NaN}'])
async def test_a_body_that_is_no_json_is_400(client: TestClient, body: bytes) -> None:
    response = await client.put(f"{API}/stations/CP1", data=body)

    assert response.status == 400
    error = (await response.json())["error"]
    assert error["where"] == "$"
    assert "not JSON" in error["what"]


@pytest.mark.parametrize("body", ["[]", "null", '"text"', "1"])
async def test_a_body_that_is_no_object_is_400(client: TestClient, body: str) -> None:
    response = await client.put(f"{API}/tariffs/T1", data=body)

    assert response.status == 400
    assert (await response.json())["error"]["what"] == "must be a JSON object"


async def test_a_store_that_is_down_is_503(client: TestClient, world: World) -> None:
    world.store.is_down = True

    response = await client.put(f"{API}/stations/CP1", json={})

    assert response.status == 503
    assert response.headers["Retry-After"] == "5"
    assert "disk full" in (await response.json())["error"]["what"]


async def test_a_change_at_the_same_moment_is_409(client: TestClient, world: World) -> None:
    world.store.conflicts = 2

    response = await client.put(f"{API}/stations/CP1", json={})

    assert response.status == 409
    assert "again" in (await response.json())["error"]["remedy"]


async def test_a_fault_of_ours_is_500_without_a_traceback(
    client: TestClient, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.store.lists["incidents"] = [object()]
    caplog.set_level(logging.CRITICAL)

    response = await client.get(f"{API}/incidents")

    assert response.status == 500
    text = await response.text()
    assert "see the log" in text
    assert "Traceback" not in text
    assert "AttributeError" not in text


async def test_the_listener_takes_a_free_port_and_gives_it_back(world: World) -> None:
    console = Console(world.parts)

    port = await console.start("127.0.0.1", 0)
    await console.stop()
    again = Console(world.parts)
    assert await again.start("127.0.0.1", port) == port
    await again.stop()
