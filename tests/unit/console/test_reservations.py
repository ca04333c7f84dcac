from dataclasses import replace

from aiohttp.test_utils import TestClient

from tests.fakes.console_world import World
from tests.unit.core.test_reservations import KEPT, key


async def test_reservations_are_listed_without_the_drivers_whole_uid(client: TestClient, world: World) -> None:
    other = replace(KEPT, id="other", booking=replace(KEPT.booking, key=key(2, 0, station_id="CS2")))
    world.store.lists["reservations"] = [KEPT, other]

    listed = await (await client.get("/api/v1/reservations?station_id=CS1")).json()
    (both,) = [await (await client.get("/api/v1/reservations?limit=2")).json()]

    (one,) = listed["items"] if isinstance(listed, dict) else listed
    assert (one["id"], one["no"], one["state"], one["evse_uid"]) == ("r", 7, "ACTIVE", "E1")
    assert KEPT.booking.token.uid not in str(both)


async def test_a_reservation_is_taken_back(client: TestClient, world: World) -> None:
    world.store.lists["reservations"] = [KEPT]

    taken = await client.delete("/api/v1/reservations/r")
    unknown = await client.delete("/api/v1/reservations/x")

    assert (await taken.json())["state"] == "WITHDRAWN"
    assert unknown.status == 404
