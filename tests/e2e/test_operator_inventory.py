"""Locations, tariffs, tokens and partners over the operator's API."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from simulators.demo import LOCATION, TARIFF, tariff
from tests.e2e.house import House, site
from tests.e2e.operator import faulty, refused
from tests.e2e.wire import Visit, charger, equip, now, registered

UID = "04E2A1B2C3D480"


# --- locations


async def test_a_location_comes_back_as_it_was_put_and_may_be_put_again(house: House) -> None:
    await house.call("PUT", f"tariffs/{TARIFF}", tariff())
    assert (await house.ask("PUT", f"locations/{LOCATION}", site("CS1")))[0] == 201

    found = await house.call("GET", f"locations/{LOCATION}")

    assert (found["evses"][0]["station_id"], found["evses"][0]["evse_no"]) == ("CS1", 1)
    assert found["evses"][0]["connectors"][0]["connector_no"] == 1
    assert (await house.ask("PUT", f"locations/{LOCATION}", found)) == (200, found)
    assert [one["id"] for one in await house.call("GET", "locations")] == [LOCATION]
    assert (await house.ask("DELETE", f"locations/{LOCATION}"))[0] == 204
    await refused(house, 404, "GET", f"locations/{LOCATION}")
    assert await house.call("GET", "locations") == []


async def test_the_id_of_a_deleted_location_is_never_free_again(house: House) -> None:
    await house.call("PUT", "locations/L1", {**site(), "id": "L1"})
    await house.call("DELETE", "locations/L1")

    assert "never free" in (await refused(house, 409, "PUT", "locations/L1", {**site(), "id": "L1"}))["what"]
    await refused(house, 404, "DELETE", "locations/L1")


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("address",), None, "$.address"),
        (("country",), "NL", "$.country"),
        (("time_zone",), "Europe/Atlantis", "$.time_zone"),
        (("coordinates", "latitude"), "north", "$.coordinates.latitude"),
        (("party_id",), "XXX", "$.party_id"),
        (("id",), "OTHER", "$.id"),
        (("evses", 0, "uid"), "x" * 37, "$.evses[0].uid"),
        (("evses", 0, "evse_id"), "garbage", "$.evses[0].evse_id"),
        (("evses", 0, "connectors"), [], "$.evses[0].connectors"),
        (("evses", 0, "connectors", 0, "standard"), "SCHUKO", "$.evses[0].connectors[0].standard"),
        (("evses", 0, "connectors", 0, "max_voltage"), "high", "$.evses[0].connectors[0].max_voltage"),
        (("evses", 0, "connectors", 0, "tariff_ids"), ["NONE"], "$.evses[0].connectors[0].tariff_ids"),
    ],
)
async def test_a_wrong_location_is_400_and_the_place_is_named(
    house: House, path: tuple[Any, ...], value: Any, where: str
) -> None:
    await house.call("PUT", f"tariffs/{TARIFF}", tariff())
    body: Any = site("CS1")
    target = body
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value

    assert (await refused(house, 400, "PUT", f"locations/{LOCATION}", body))["where"] == where
    await refused(house, 404, "GET", f"locations/{LOCATION}")


async def test_hardware_may_be_swapped_but_not_during_a_session(house: House) -> None:
    await equip(house, "CS1", "CS9")
    await house.call("PUT", f"tokens/{UID}", {"status": "accepted"})
    await house.call("PUT", f"locations/{LOCATION}", site("CS1"))
    swapped = site("CS1")
    swapped["evses"][0]["connectors"][0]["station_id"] = "CS9"
    async with charger(house) as plug:
        visit = Visit(UID, now() - timedelta(minutes=30))
        transaction = await plug.begin(visit)
        error = await refused(house, 409, "PUT", f"locations/{LOCATION}", swapped)
        assert "CS1" in error["what"]
        await plug.finish(transaction, visit)

    assert (await house.ask("PUT", f"locations/{LOCATION}", swapped))[0] == 200


async def test_one_plug_is_at_one_place(house: House) -> None:
    await equip(house, "CS1")
    other = {**site("CS1"), "id": "OTHER"}
    other["evses"][0] |= {"uid": "EVSE-OTHER", "evse_id": "NL*GWY*E9999"}

    error = await refused(house, 409, "PUT", "locations/OTHER", other)

    assert "CS1" in error["what"]
    assert LOCATION in error["what"]


# --- tariffs


@pytest.mark.parametrize("changes", [{}, {"tax_included": "NO"}, {"tax_included": "N/A"}])
async def test_a_tariff_comes_back_in_the_shape_it_was_put_in(house: House, changes: dict[str, str]) -> None:
    limit = {"excl_vat": 1, "incl_vat": 1.2} if not changes else {"before_taxes": 1, "after_taxes": 1.2}
    body = {**tariff(), **changes, "min_price": limit}
    assert (await house.ask("PUT", f"tariffs/{TARIFF}", body))[0] == 201

    found = await house.call("GET", f"tariffs/{TARIFF}")

    assert {**found, "last_updated": None} == {**body, "last_updated": None}
    assert await house.ask("PUT", f"tariffs/{TARIFF}", found) == (200, found)
    assert [one["id"] for one in await house.call("GET", "tariffs")] == [TARIFF]


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("currency",), "EURO", "$.currency"),
        (("elements",), [], "$.elements"),
        (("elements", 0, "price_components", 0, "type"), "KWH", "$.elements[0].price_components[0].type"),
        (("elements", 0, "price_components", 0, "price"), -1, "$.elements[0].price_components[0].price"),
        (("elements", 0, "price_components", 0, "price"), "free", "$.elements[0].price_components[0].price"),
        (("elements", 0, "price_components", 0, "vat"), 101, "$.elements[0].price_components[0].vat"),
        (("elements", 0, "price_components", 0, "step_size"), -1, "$.elements[0].price_components[0].step_size"),
        (("id",), "OTHER", "$.id"),
        (("tax_included",), "MAYBE", "$.tax_included"),
        (("min_price",), {}, "$.min_price"),
        (("party_id",), "XXX", "$.party_id"),
    ],
)
async def test_a_wrong_tariff_is_400_and_the_place_is_named(
    house: House, path: tuple[Any, ...], value: Any, where: str
) -> None:
    body: Any = tariff()
    target = body
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value

    assert (await refused(house, 400, "PUT", f"tariffs/{TARIFF}", body))["where"] == where


async def test_a_tariff_in_use_cannot_be_deleted(house: House) -> None:
    await equip(house, "CS1")
    await house.call("PUT", f"tokens/{UID}", {"status": "accepted"})
    assert LOCATION in (await refused(house, 409, "DELETE", f"tariffs/{TARIFF}"))["what"]
    body = site("CS1")
    del body["evses"][0]["connectors"][0]["tariff_ids"]
    async with charger(house) as plug:
        visit = Visit(UID, now() - timedelta(minutes=30))
        transaction = await plug.begin(visit)
        await house.call("PUT", f"locations/{LOCATION}", body)
        assert "session" in (await refused(house, 409, "DELETE", f"tariffs/{TARIFF}"))["what"]
        await plug.finish(transaction, visit)

    assert (await house.ask("DELETE", f"tariffs/{TARIFF}"))[0] == 204
    await refused(house, 404, "DELETE", f"tariffs/{TARIFF}")
    (cdr,) = await house.wait_for_cdrs(1)
    assert cdr["tariff_id"] == TARIFF


# --- tokens


async def test_local_tokens_are_put_read_listed_and_deleted(house: House) -> None:
    assert (await house.ask("PUT", f"tokens/{UID}", {"status": "accepted", "group_id": "FLEET"}))[0] == 201
    status, token = await house.ask("PUT", f"tokens/{UID.lower()}", {"status": "blocked"})
    assert (status, token["uid"], token["status"]) == (200, UID, "blocked")
    assert (await house.call("GET", f"tokens/{UID.lower()}"))["uid"] == UID
    listed = await house.call("GET", "tokens")
    assert ([one["uid"] for one in listed["tokens"]], listed["ambiguous_uids"]) == ([UID], [])
    assert (await house.ask("DELETE", f"tokens/{UID}"))[0] == 204
    await refused(house, 404, "GET", f"tokens/{UID}")
    await refused(house, 404, "DELETE", f"tokens/{UID}")


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "$"),
        ({"status": "maybe"}, "$.status"),
        ({"status": "accepted", "preferred_partner": "x"}, "$"),
        ({"preferred_partner": "nobody"}, "$.preferred_partner"),
        ({"status": "accepted", "uid": "OTHER"}, "$.uid"),
        ({"status": "accepted", "group_id": "x" * 37}, "$.group_id"),
    ],
)
async def test_a_wrong_token_is_400(house: House, body: dict[str, Any], where: str) -> None:
    assert (await refused(house, 400, "PUT", f"tokens/{UID}", body))["where"] == where


# --- partners


async def test_secrets_of_partners_are_shown_once_and_never_again(house: House) -> None:
    made = await house.call("POST", "partners", {"name": "Provider", "role": "EMSP"})
    again = await house.call("POST", f"partners/{made['id']}/invitations")
    async with registered(house) as emsp:
        shown = json.dumps(
            [await house.call("GET", "partners"), *[await house.call("GET", f"partners/{made['id']}")]]
        ) + json.dumps(await house.call("GET", f"partners/{emsp.partner_id}"))
        trace = json.dumps(await house.call("GET", "trace?limit=1000"))

        for secret in (made["token_a"], again["token_a"], emsp.token, emsp.peer.token):
            assert secret not in shown
            assert secret not in trace
        file = (house.directory / "data" / "gateway.sqlite3").read_bytes()
        wal = (house.directory / "data" / "gateway.sqlite3-wal").read_bytes()
        for secret in (made["token_a"], again["token_a"], emsp.token, emsp.peer.token):
            assert secret.encode() not in file + wal


async def test_a_partner_may_be_changed(house: House) -> None:
    made = await house.call("POST", "partners", {"name": "Provider", "sees_unpublished": True})

    changed = await house.call("PUT", f"partners/{made['id']}", {"name": "Provider 2", "raw_token": True})

    assert (changed["name"], changed["sees_unpublished"], changed["raw_token"]) == ("Provider 2", True, True)
    await refused(house, 400, "PUT", f"partners/{made['id']}", {"role": "HUB"})
    await refused(house, 404, "PUT", "partners/NONE", {})
    await house.restart()
    kept = await house.call("GET", f"partners/{made['id']}")
    assert (kept["name"], kept["sees_unpublished"], kept["raw_token"]) == ("Provider 2", True, True)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "$.name"),
        ({"name": "P", "role": "CPO"}, "$.role"),
        ({"name": "P", "token": "x"}, "$"),
        ({"name": "P", "versions_url": "ftp://x", "token": "x"}, "$.versions_url"),
        ({"name": "P", "versions_url": "https://x.example", "token": "a b"}, "$.token"),
    ],
)
async def test_a_wrong_partner_is_400(house: House, body: dict[str, Any], where: str) -> None:
    seen = await house.ask("POST", "partners", body)
    assert seen[0] in (400, 502)
    if where != "$.versions_url":
        assert (seen[0], faulty(seen[1])["where"]) == (400, where)


async def test_deleting_a_partner_ends_it_and_refuses_its_cards(house: House) -> None:
    await equip(house, "CS1")
    async with registered(house) as emsp:
        await emsp.push(UID)
        assert (await house.ask("DELETE", f"partners/{emsp.partner_id}"))[0] == 204

        async with charger(house) as plug:
            assert await plug.authorize(UID) in ("Blocked", "Invalid")
        assert (await emsp.get("locations")).codes == (401, 2000)
    await refused(house, 404, "DELETE", "partners/NONE")
