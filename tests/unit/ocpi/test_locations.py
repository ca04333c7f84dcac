"""Locations over HTTP: lists, the three levels, and who may see what."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.locations import EvseStatus, Location
from tests.contract_schemas import assert_valid
from tests.fakes.ocpi_samples import CONNECTOR, EVSE, LOCATION, OTHER_OF_OURS, PARTNER, TEN
from tests.unit.ocpi.conftest import Platform

URL = "/ocpi/cpo/2.2.1/locations"
HOUR = timedelta(hours=1)


def locations(*items: Location) -> dict[str, Location]:
    return {item.id: item for item in items}


def numbered(count: int) -> dict[str, Location]:
    return locations(*(replace(LOCATION, id=f"LOC{n}", last_updated=TEN + n * HOUR) for n in range(count)))


def ids(data: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in data]


async def test_the_list_is_valid_and_carries_both_counts(platform: Platform) -> None:
    answer = await platform.ask("GET", URL)

    assert_valid("op:senderGetLocations", answer.body)
    assert (answer.headers["X-Total-Count"], answer.headers["X-Limit"]) == ("1", "2")
    assert "Link" not in answer.headers


async def test_an_empty_list_is_a_list_with_both_counts(platform: Platform) -> None:
    platform.catalog.locations = {}

    answer = await platform.ask("GET", URL)

    assert (answer.data, answer.headers["X-Total-Count"], answer.headers["X-Limit"]) == ([], "0", "2")


async def test_links_lead_through_all_pages_in_the_order_of_creation(platform: Platform) -> None:
    platform.catalog.locations = numbered(5)
    seen, path = [], URL

    while path:
        answer = await platform.ask("GET", path)
        seen += ids(answer.data)
        assert answer.headers["X-Total-Count"] == "5"
        link = answer.headers.get("Link")
        path = link.split(">")[0].removeprefix("<https://cpo.example") if link else ""

    assert seen == ["LOC0", "LOC1", "LOC2", "LOC3", "LOC4"]


async def test_a_client_may_count_offsets_by_itself(platform: Platform) -> None:
    platform.catalog.locations = numbered(5)

    assert ids((await platform.ask("GET", f"{URL}?offset=3&limit=1")).data) == ["LOC3"]
    beyond = await platform.ask("GET", f"{URL}?offset=50")
    assert (beyond.data, beyond.headers["X-Total-Count"]) == ([], "5")
    assert "Link" not in beyond.headers


async def test_date_from_is_inclusive_and_date_to_exclusive(platform: Platform) -> None:
    platform.catalog.locations = numbered(4)

    answer = await platform.ask("GET", f"{URL}?date_from=2026-03-01T11:00:00Z&date_to=2026-03-01T13:00:00Z")

    assert ids(answer.data) == ["LOC1", "LOC2"]
    assert answer.headers["X-Total-Count"] == "2"


@pytest.mark.parametrize("query", ["offset=-1", "limit=0", "limit=x", "date_from=x", "date_to=2026", "after=x"])
async def test_bad_paging_values_are_2001(platform: Platform, query: str) -> None:
    answer = await platform.ask("GET", f"{URL}?{query}")

    assert answer.codes == (200, 2001)
    assert query.split("=")[0] in answer.body["status_message"]


async def test_all_three_levels_are_served_and_valid(platform: Platform) -> None:
    location = await platform.ask("GET", f"{URL}/loc1")
    evse = await platform.ask("GET", f"{URL}/LOC1/gwy-1-1")
    connector = await platform.ask("GET", f"{URL}/LOC1/GWY-1-1/1")

    assert_valid("op:senderGetLocation", location.body)
    assert_valid("op:senderGetEvse", evse.body)
    assert_valid("op:senderGetConnector", connector.body)
    assert (location.data["id"], evse.data["uid"], connector.data["id"]) == ("LOC1", "GWY-1-1", "1")


@pytest.mark.parametrize("path", ["/NONE", "/LOC1/NONE", "/LOC1/GWY-1-1/9", "/%00", "/LOC1%2FGWY-1-1"])
async def test_what_is_not_there_is_404_with_2003(platform: Platform, path: str) -> None:
    assert (await platform.ask("GET", URL + path)).codes == (404, 2003)


async def test_an_unpublished_location_is_shown_only_to_partners_with_the_permission(platform: Platform) -> None:
    platform.catalog.locations = locations(replace(LOCATION, publish=False))

    assert (await platform.ask("GET", URL)).data == []
    assert (await platform.ask("GET", f"{URL}/LOC1")).codes == (404, 2003)

    await platform.change_partner(replace(PARTNER, sees_unpublished=True))
    assert ids((await platform.ask("GET", URL)).data) == ["LOC1"]
    assert (await platform.ask("GET", f"{URL}/LOC1")).data["publish"] is False


async def test_a_location_that_was_published_once_looks_removed_and_is_itself_to_those_who_see_it(
    platform: Platform,
) -> None:
    platform.catalog.locations = locations(replace(LOCATION, publish=False, was_published=True))

    (listed,) = (await platform.ask("GET", URL)).data
    assert [evse["status"] for evse in listed["evses"]] == ["REMOVED"] * len(LOCATION.evses)
    assert (await platform.ask("GET", f"{URL}/LOC1")).data == listed

    await platform.change_partner(replace(PARTNER, sees_unpublished=True))
    assert (await platform.ask("GET", URL)).data[0]["evses"][0]["status"] != "REMOVED"


async def test_the_receiver_of_a_request_selects_one_of_our_parties(platform: Platform) -> None:
    belgian = replace(LOCATION, id="LOCBE", party=OTHER_OF_OURS)
    platform.catalog.locations = locations(LOCATION, belgian)
    to_belgium = {"OCPI-to-country-code": "BE", "OCPI-to-party-id": "GWB"}

    assert ids((await platform.ask("GET", URL)).data) == ["LOC1", "LOCBE"]
    assert ids((await platform.ask("GET", URL, headers=to_belgium)).data) == ["LOCBE"]
    assert (await platform.ask("GET", f"{URL}/LOC1", headers=to_belgium)).codes == (404, 2003)


async def test_a_removed_evse_stays_in_the_list(platform: Platform) -> None:
    removed = replace(LOCATION, deleted=True, evses=(replace(EVSE, override=EvseStatus.REMOVED),))
    platform.catalog.locations = locations(removed)

    assert (await platform.ask("GET", URL)).data[0]["evses"][0]["status"] == "REMOVED"


async def test_a_new_revision_is_shown_at_once(platform: Platform) -> None:
    await platform.ask("GET", URL)
    charging = replace(EVSE, status=EvseStatus.CHARGING)
    platform.catalog.locations = locations(replace(LOCATION, evses=(charging,), last_updated=TEN + HOUR))

    assert (await platform.ask("GET", URL)).data[0]["evses"][0]["status"] == "CHARGING"
    assert (await platform.ask("GET", f"{URL}/LOC1/GWY-1-1")).data["status"] == "CHARGING"


async def test_an_evse_that_cannot_be_said_in_the_version_is_not_there(platform: Platform) -> None:
    megawatt = replace(EVSE, connectors=(replace(CONNECTOR, standard="MCS"),))
    platform.catalog.locations = locations(replace(LOCATION, evses=(megawatt,)))

    assert (await platform.ask("GET", f"{URL}/LOC1/GWY-1-1")).codes == (404, 2003)
    assert (await platform.ask("GET", f"{URL}/LOC1/GWY-1-1/1")).codes == (404, 2003)
