"""Locations as an eMSP pulls them: three levels, changes that travel upwards, and nothing that ever vanishes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from simulators.demo import LOCATION, TARIFF, tariff
from tests.contract_schemas import assert_valid
from tests.e2e.house import House, site, until
from tests.e2e.wire import Platform, charger, equip, now, parse, registered, send, stamp


@pytest.fixture
async def emsp(house: House) -> AsyncIterator[Platform]:
    async with registered(house) as platform:
        yield platform


def only(items: list[Any]) -> Any:
    (item,) = items
    return item


async def test_all_three_levels_are_served_and_agree(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")

    location = await emsp.get(f"locations/{LOCATION}")
    evse = await emsp.get(f"locations/{LOCATION}/EVSE-CS1")
    connector = await emsp.get(f"locations/{LOCATION}/EVSE-CS1/1")

    assert_valid("op:senderGetLocation", location.body)
    assert_valid("op:senderGetEvse", evse.body)
    assert_valid("op:senderGetConnector", connector.body)
    assert location.data == only(await emsp.load("locations"))
    assert evse.data == only(location.data["evses"])
    assert connector.data == only(evse.data["connectors"])


async def test_nothing_of_the_operators_own_leaks_into_ocpi(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")

    text = (await emsp.get("locations")).raw.decode()

    for word in ("station_id", "evse_no", "connector_no", "override", 'CS1"'):
        assert word not in text.replace('"EVSE-CS1"', "")


@pytest.mark.parametrize(
    "path", ["NOWHERE", "NOWHERE/EVSE-CS1", f"{LOCATION}/NONE", f"{LOCATION}/NONE/1", f"{LOCATION}/EVSE-CS1/9"]
)
async def test_what_is_unknown_is_404_with_2003_at_each_level(house: House, emsp: Platform, path: str) -> None:
    await equip(house, "CS1")

    answer = await emsp.get(f"locations/{path}")

    assert answer.codes == (404, 2003)
    assert "data" not in answer.body
    assert any(part in answer.message for part in ("NOWHERE", "NONE", "'9'"))


async def test_ids_are_found_whatever_their_case_and_keep_their_spelling(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")

    assert (await emsp.load(f"locations/{LOCATION.lower()}"))["id"] == LOCATION
    assert (await emsp.load(f"locations/{LOCATION.lower()}/evse-cs1"))["uid"] == "EVSE-CS1"


async def test_ids_may_hold_what_a_url_must_escape(house: House, emsp: Platform) -> None:
    body = {**site("CS1"), "id": "SITE 1*A"}
    body["evses"][0]["uid"] = "E/1 %"
    await house.call("PUT", f"tariffs/{TARIFF}", tariff())
    await house.call("PUT", "locations/SITE%201*A", body)

    assert (await emsp.load("locations/SITE%201*A"))["id"] == "SITE 1*A"
    assert (await emsp.load("locations/SITE%201*A/E%2F1%20%25"))["uid"] == "E/1 %"


async def test_a_plugs_status_reaches_the_evse_and_stamps_everything_above(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")

    async with charger(house) as plug:
        await plug.status("Available", now())
        before = await status_is(emsp, "AVAILABLE")
        await plug.status("Faulted", now())
        after = await status_is(emsp, "OUTOFORDER")

    assert_valid("location", after)
    old, new = only(before["evses"]), only(after["evses"])
    assert parse(new["last_updated"]) > parse(old["last_updated"])
    assert parse(after["last_updated"]) > parse(before["last_updated"])
    assert parse(after["last_updated"]) >= parse(new["last_updated"])
    since = (parse(before["last_updated"]) + timedelta(milliseconds=1)).isoformat(timespec="milliseconds")
    changed = await emsp.load(f"locations?date_from={since.replace('+00:00', 'Z')}")
    assert [item["id"] for item in changed] == [LOCATION]


async def status_is(emsp: Platform, status: str) -> dict[str, Any]:
    async def found() -> dict[str, Any] | None:
        location: dict[str, Any] = await emsp.load(f"locations/{LOCATION}")
        return location if only(location["evses"])["status"] == status else None

    location: dict[str, Any] = await until(found, f"EVSE {status}")
    return location


async def test_a_change_of_a_connector_stamps_connector_evse_and_location(house: House, emsp: Platform) -> None:
    await equip(house, "CS1", "CS2")
    before = await emsp.load(f"locations/{LOCATION}")
    body = site("CS1", "CS2")
    body["evses"][0]["connectors"][0]["max_amperage"] = 32
    await house.call("PUT", f"locations/{LOCATION}", body)

    after = await emsp.load(f"locations/{LOCATION}")

    stamps = [after["last_updated"]]
    stamps += [after["evses"][0]["last_updated"], after["evses"][0]["connectors"][0]["last_updated"]]
    assert len(set(stamps)) == 1
    assert parse(stamps[0]) > parse(before["last_updated"])
    assert after["evses"][1] == before["evses"][1]


async def test_putting_the_same_again_changes_nothing_partners_see(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")
    before = await emsp.load("locations")

    await house.call("PUT", f"locations/{LOCATION}", site("CS1"))

    assert await emsp.load("locations") == before


async def test_an_evse_left_out_stays_as_removed(house: House, emsp: Platform) -> None:
    await equip(house, "CS1", "CS2")
    before = await emsp.load(f"locations/{LOCATION}")

    await house.call("PUT", f"locations/{LOCATION}", site("CS1"))

    after = await emsp.load(f"locations/{LOCATION}")
    assert_valid("location", after)
    assert {evse["uid"]: evse["status"] for evse in after["evses"]}["EVSE-CS2"] == "REMOVED"
    assert parse(after["last_updated"]) > parse(before["last_updated"])
    await house.restart()
    assert (
        await emsp.load(f"locations/{LOCATION}/EVSE-CS2") == {evse["uid"]: evse for evse in after["evses"]}["EVSE-CS2"]
    )


async def test_a_deleted_location_stays_with_all_its_evses_removed(house: House, emsp: Platform) -> None:
    await equip(house, "CS1", "CS2")
    before = await emsp.load(f"locations/{LOCATION}")

    await house.call("DELETE", f"locations/{LOCATION}")

    (after,) = await emsp.load("locations")
    assert_valid("location", after)
    assert {evse["status"] for evse in after["evses"]} == {"REMOVED"}
    assert parse(after["last_updated"]) > parse(before["last_updated"])


@pytest.mark.parametrize("override", ["PLANNED", "INOPERATIVE"])
async def test_the_operators_override_wins_over_the_station(house: House, emsp: Platform, override: str) -> None:
    await equip(house, "CS1")
    body = site("CS1")
    body["evses"][0]["status"] = override
    async with charger(house) as plug:
        await plug.status("Available", now())
        await house.call("PUT", f"locations/{LOCATION}", body)
        await plug.status("Charging", now())

        assert only((await emsp.load(f"locations/{LOCATION}"))["evses"])["status"] == override


async def test_an_evse_whose_station_has_never_been_seen_is_unknown(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")

    assert only((await emsp.load(f"locations/{LOCATION}"))["evses"])["status"] == "UNKNOWN"


async def test_an_unpublished_location_is_for_trusted_partners_only(house: House, emsp: Platform) -> None:
    await equip(house, "CS1")
    hidden = {**site(), "id": "HIDDEN", "publish": False, "publish_allowed_to": [{"uid": "1", "type": "RFID"}]}
    await house.call("PUT", "locations/HIDDEN", hidden)

    async with registered(house, "FR", "TRU", sees_unpublished=True) as trusted:
        for platform, ids in ((emsp, {LOCATION}), (trusted, {LOCATION, "HIDDEN"})):
            answer = await platform.get("locations")
            assert {item["id"] for item in answer.data} == ids
            assert answer.headers["X-Total-Count"] == str(len(ids))
        assert (await emsp.get("locations/HIDDEN")).codes == (404, 2003)
        assert_valid("location", await trusted.load("locations/HIDDEN"))


async def test_becoming_public_is_seen_by_a_delta_pull(house: House, emsp: Platform) -> None:
    hidden = {**site(), "id": "LATE", "publish": False}
    await house.call("PUT", "locations/LATE", hidden)
    pulled = stamp(now())
    assert await emsp.load("locations") == []

    await house.call("PUT", "locations/LATE", {**hidden, "publish": True})

    assert [item["id"] for item in await emsp.load(f"locations?date_from={pulled}")] == ["LATE"]


async def test_a_rich_location_keeps_every_field_within_the_contract(house: House, emsp: Platform) -> None:
    rich = {
        **site("CS1"),
        "state": "Utrecht",
        "parking_type": "ON_STREET",
        "related_locations": [
            {"latitude": "52.08930", "longitude": "5.11001", "name": {"language": "en", "text": "Gate"}}
        ],
        "directions": [{"language": "nl", "text": "Links van het station"}],
        "operator": {"name": "Operator", "website": "https://example.com"},
        "facilities": ["TRAIN_STATION", "CAFE"],
        "opening_times": {
            "twentyfourseven": False,
            "regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}],
            "exceptional_closings": [{"period_begin": "2026-12-25T00:00:00Z", "period_end": "2026-12-26T00:00:00Z"}],
        },
        "charging_when_closed": True,
        "images": [{"url": "https://example.com/a.jpg", "category": "LOCATION", "type": "jpeg"}],
        "energy_mix": {
            "is_green_energy": True,
            "energy_sources": [{"source": "WIND", "percentage": 60.5}, {"source": "SOLAR", "percentage": 39.5}],
        },
    }
    await house.call("PUT", f"tariffs/{TARIFF}", tariff())
    await house.call("PUT", f"locations/{LOCATION}", rich)

    found = await emsp.load(f"locations/{LOCATION}")

    assert_valid("location", found)
    for name in rich.keys() - {"evses", "last_updated"}:
        assert found[name] == rich[name], name


async def test_a_location_of_a_later_version_is_served_without_what_this_one_does_not_know(
    house: House, emsp: Platform
) -> None:
    body = {**site("CS1"), "help_phone": "+31301234567", "parking_places": []}
    body["evses"][0] |= {"parking_restrictions": ["EV_ONLY", "TAXIS"], "accepted_service_providers": ["Provider"]}
    body["evses"][0]["connectors"][0]["capabilities"] = ["ISO_15118_2_PLUG_AND_CHARGE"]
    body["evses"].append({**site("CS1", "CS2")["evses"][1]})
    body["evses"][1]["connectors"][0]["standard"] = "MCS"
    await house.call("PUT", f"tariffs/{TARIFF}", tariff())
    await house.call("PUT", f"locations/{LOCATION}", body)

    found = await emsp.load(f"locations/{LOCATION}")

    assert_valid("location", found)
    assert only(found["evses"])["parking_restrictions"] == ["EV_ONLY"]
    assert (await emsp.get(f"locations/{LOCATION}/EVSE-CS2")).codes == (404, 2003)


async def test_a_location_is_hidden_from_who_is_not_registered(house: House) -> None:
    await equip(house, "CS1")

    answer = await send("GET", f"{house.ocpi_url}/cpo/2.2.1/locations/{LOCATION}")

    assert answer.codes == (401, 2000)
