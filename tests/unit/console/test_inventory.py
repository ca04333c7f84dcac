from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from gateway.ports import SaveSession
from tests.fakes.console_world import World
from tests.unit.flows.test_inventory import ENDED, OPEN

LOCATIONS = "/api/v1/locations"
TARIFFS = "/api/v1/tariffs"

CONNECTOR: dict[str, Any] = {
    "id": "1",
    "connector_no": 1,
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 32,
    "max_electric_power": 22000,
    "tariff_ids": ["T1"],
    "capabilities": ["ISO_15118_2_PLUG_AND_CHARGE"],
}
EVSE: dict[str, Any] = {
    "uid": "E1",
    "evse_id": "DE*ABC*E1",
    "station_id": "CP1",
    "evse_no": 1,
    "status": "CHARGING",
    "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE"],
    "floor_level": "-1",
    "coordinates": {"latitude": "52.520001", "longitude": "13.405001"},
    "physical_reference": "A1",
    "parking_restrictions": ["EV_ONLY"],
    "directions": [{"language": "en", "text": "Down the ramp"}],
    "connectors": [CONNECTOR],
    "last_updated": "2001-01-01T00:00:00Z",
}
LOCATION: dict[str, Any] = {
    "country_code": "DE",
    "party_id": "ABC",
    "id": "LOC1",
    "publish": True,
    "name": "Depot",
    "address": "Street 1",
    "city": "Town",
    "postal_code": "10115",
    "country": "DEU",
    "coordinates": {"latitude": "52.520000", "longitude": "13.405000"},
    "parking_type": "PARKING_GARAGE",
    "time_zone": "Europe/Berlin",
    "opening_times": {"twentyfourseven": True},
    "facilities": ["WIFI"],
    "vendor_field": {"kept": [1, 2]},
    "evses": [EVSE],
    "last_updated": "not even a time",
}
TARIFF: dict[str, Any] = {
    "country_code": "DE",
    "party_id": "ABC",
    "id": "T1",
    "currency": "EUR",
    "min_price": {"excl_vat": 0.5, "incl_vat": 0.6},
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": 0.25, "vat": 19, "step_size": 1}],
            "restrictions": {"start_time": "09:00", "max_kwh": 20.5, "day_of_week": ["MONDAY"]},
        },
        {"price_components": [{"type": "FLAT", "price": 0.1}]},
    ],
    "last_updated": "2001-01-01T00:00:00Z",
}


@pytest.fixture
async def with_tariff(client: TestClient) -> None:
    assert (await client.put(f"{TARIFFS}/T1", json=TARIFF)).status == 201


@pytest.mark.usefixtures("with_tariff")
async def test_a_location_comes_out_as_it_was_put_with_live_status_and_our_times(client: TestClient) -> None:
    created = await client.put(f"{LOCATIONS}/LOC1", json=LOCATION)

    assert created.status == 201
    body = await (await client.get(f"{LOCATIONS}/LOC1")).json()
    assert body == await created.json()
    evse = body["evses"][0]
    assert evse["status"] == "AVAILABLE"
    assert body["last_updated"].startswith("2026-03-01T12:00:00.")
    unchanged = {"name", "coordinates", "opening_times", "facilities", "vendor_field", "time_zone", "parking_type"}
    assert {name: body[name] for name in unchanged} == {name: LOCATION[name] for name in unchanged}
    kept = set(EVSE) - {"status", "last_updated", "connectors"}
    assert {name: evse[name] for name in kept} == {name: EVSE[name] for name in kept}
    connector = {name: value for name, value in evse["connectors"][0].items() if name != "last_updated"}
    assert connector == CONNECTOR


@pytest.mark.usefixtures("with_tariff")
async def test_what_comes_out_may_be_put_back(client: TestClient) -> None:
    body = await (await client.put(f"{LOCATIONS}/LOC1", json=LOCATION)).json()

    again = await client.put(f"{LOCATIONS}/LOC1", json=body)

    assert again.status == 200
    times = {"last_updated"}
    assert without(await again.json(), times) == without(body, times)
    assert len(await (await client.get(LOCATIONS)).json()) == 1


def without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {name: without(inner, names) for name, inner in value.items() if name not in names}
    return [without(inner, names) for inner in value] if isinstance(value, list) else value


@pytest.mark.usefixtures("with_tariff")
@pytest.mark.parametrize("status", ["PLANNED", "INOPERATIVE", "REMOVED"])
async def test_the_operators_word_overrides_the_status(client: TestClient, status: str) -> None:
    location = LOCATION | {"evses": [EVSE | {"status": status}]}

    body = await (await client.put(f"{LOCATIONS}/LOC1", json=location)).json()

    assert (body["evses"][0]["status"], body["evses"][0]["override"]) == (status, status)


@pytest.mark.usefixtures("with_tariff")
async def test_connectors_may_each_name_their_own_plug(client: TestClient, world: World) -> None:
    plugs = [
        CONNECTOR | {"station_id": "CP1", "evse_no": 1, "connector_no": 1},
        CONNECTOR | {"id": "2", "station_id": "CP1", "connector_no": 2},
    ]
    evse = {name: value for name, value in EVSE.items() if name not in {"station_id", "evse_no"}}

    body = await (
        await client.put(f"{LOCATIONS}/LOC1", json=LOCATION | {"evses": [evse | {"connectors": plugs}]})
    ).json()

    rendered = body["evses"][0]["connectors"]
    assert [(one["station_id"], one["evse_no"], one["connector_no"]) for one in rendered] == [
        ("CP1", 1, 1),
        ("CP1", 2, 2),
    ]
    assert "station_id" not in body["evses"][0]


@pytest.mark.usefixtures("with_tariff")
async def test_a_deleted_location_is_gone_for_good(client: TestClient) -> None:
    await client.put(f"{LOCATIONS}/LOC1", json=LOCATION)

    assert (await client.delete(f"{LOCATIONS}/LOC1")).status == 204
    assert (await client.get(f"{LOCATIONS}/LOC1")).status == 404
    assert await (await client.get(LOCATIONS)).json() == []
    again = await client.put(f"{LOCATIONS}/LOC1", json=LOCATION)
    assert again.status == 409
    assert "never free again" in (await again.json())["error"]["what"]


@pytest.mark.usefixtures("with_tariff")
async def test_a_hardware_swap_waits_for_the_session(client: TestClient, world: World) -> None:
    await client.put(f"{LOCATIONS}/LOC1", json=LOCATION)
    world.memory.apply([SaveSession(OPEN)])
    swapped = LOCATION | {"evses": [EVSE | {"station_id": "CP2"}]}

    refused = await client.put(f"{LOCATIONS}/LOC1", json=swapped)
    world.memory.apply([SaveSession(ENDED)])
    allowed = await client.put(f"{LOCATIONS}/LOC1", json=swapped)

    assert (refused.status, allowed.status) == (409, 200)
    assert (await allowed.json())["evses"][0]["station_id"] == "CP2"


async def test_an_unknown_tariff_is_400_at_its_connector(client: TestClient) -> None:
    response = await client.put(f"{LOCATIONS}/LOC1", json=LOCATION)

    assert response.status == 400
    error = (await response.json())["error"]
    assert error["where"] == "$.evses[0].connectors[0].tariff_ids"
    assert "PUT tariffs/T1" in error["what"]


async def test_a_missing_location_is_404(client: TestClient) -> None:
    assert (await client.get(f"{LOCATIONS}/LOC9")).status == 404
    assert (await client.delete(f"{LOCATIONS}/LOC9")).status == 404


async def test_a_wrong_location_is_400_with_its_place(client: TestClient) -> None:
    broken = LOCATION | {"evses": [EVSE | {"connectors": [CONNECTOR, CONNECTOR | {"max_voltage": "high"}]}]}

    error = (await (await client.put(f"{LOCATIONS}/LOC1", json=broken)).json())["error"]

    assert error["where"] == "$.evses[0].connectors[1].max_voltage"


# --- tariffs


@pytest.mark.parametrize(
    ("tax_included", "min_price"),
    [({}, {"excl_vat": 0.5, "incl_vat": 0.6}), ({"tax_included": "NO"}, {"before_taxes": 0.5, "after_taxes": 0.6})],
)
async def test_a_tariff_comes_out_in_the_shape_it_was_put_in(
    client: TestClient, tax_included: dict[str, str], min_price: dict[str, float]
) -> None:
    response = await client.put(f"{TARIFFS}/T1", json={**TARIFF, **tax_included, "min_price": min_price})

    assert response.status == 201
    body = await (await client.get(f"{TARIFFS}/T1")).json()
    assert {name: body[name] for name in ("tax_included",) if name in body} == tax_included
    assert body["min_price"] == min_price
    assert body["elements"] == [
        TARIFF["elements"][0],
        {"price_components": [{"type": "FLAT", "price": 0.1, "step_size": 1}]},
    ]
    assert body["last_updated"].startswith("2026-")
    again = await client.put(f"{TARIFFS}/T1", json=body)
    assert again.status == 200
    assert without(await again.json(), {"last_updated"}) == without(body, {"last_updated"})


async def test_tariffs_are_listed_and_deleted(client: TestClient) -> None:
    await client.put(f"{TARIFFS}/T1", json=TARIFF)

    assert [tariff["id"] for tariff in await (await client.get(TARIFFS)).json()] == ["T1"]
    assert (await client.delete(f"{TARIFFS}/T1")).status == 204
    assert (await client.delete(f"{TARIFFS}/T1")).status == 404
    assert (await client.get(f"{TARIFFS}/T1")).status == 404


@pytest.mark.usefixtures("with_tariff")
async def test_a_tariff_in_use_is_409(client: TestClient) -> None:
    await client.put(f"{LOCATIONS}/LOC1", json=LOCATION)

    response = await client.delete(f"{TARIFFS}/T1")

    assert response.status == 409
    assert "location 'LOC1'" in (await response.json())["error"]["what"]


async def test_a_wrong_tariff_is_400_with_its_place(client: TestClient) -> None:
    broken = TARIFF | {"elements": [{"price_components": [{"type": "ENERGY", "price": 0.123456}]}]}

    error = (await (await client.put(f"{TARIFFS}/T1", json=broken)).json())["error"]

    assert error["where"] == "$.elements[0].price_components[0].price"
    assert "4 decimals" in error["what"]
