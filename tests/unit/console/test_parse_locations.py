import json
from typing import Any

import pytest

from gateway.console.bodies import BodyError
from gateway.console.parse_locations import parse_location
from gateway.console.render_locations import render_location
from gateway.domain.ids import ConnectorKey, PartyId
from gateway.domain.locations import EvseStatus, Location
from gateway.errors import WireError
from tests.fakes.console_world import NOW, OTHER_OURS, OURS
from tests.unit.console.test_inventory import CONNECTOR, EVSE, LOCATION


def parse(data: dict[str, Any], parties: tuple[PartyId, ...] = (OURS,)) -> Location:
    return parse_location(data, location_id="LOC1", parties=parties, now=NOW)


def location_with(evse: dict[str, Any] | None = None, connector: dict[str, Any] | None = None) -> dict[str, Any]:
    return LOCATION | {"evses": [EVSE | (evse or {}) | {"connectors": [CONNECTOR | (connector or {})]}]}


def test_structure_is_typed_and_the_rest_is_kept() -> None:
    location = parse(LOCATION)

    assert location.party == OURS
    assert location.coordinates == ("52.520000", "13.405000")
    assert json.loads(location.extra or "") == {
        "opening_times": {"twentyfourseven": True},
        "facilities": ["WIFI"],
        "vendor_field": {"kept": [1, 2]},
    }
    evse = location.evses[0]
    assert json.loads(evse.extra or "") == {
        "directions": [{"language": "en", "text": "Down the ramp"}],
        "parking_restrictions": ["EV_ONLY"],
    }
    assert evse.connectors[0].key == ConnectorKey(station_id="CP1", evse_no=1, connector_no=1)
    assert json.loads(evse.connectors[0].extra or "") == {"capabilities": ["ISO_15118_2_PLUG_AND_CHARGE"]}


def test_times_inside_a_description_are_written_in_utc() -> None:
    schedule = [{"period_begin": "2026-05-01T02:00:00+02:00", "status": "PLANNED"}]

    evse = parse(location_with({"status_schedule": schedule})).evses[0]

    assert json.loads(evse.extra or "")["status_schedule"] == [
        {"period_begin": "2026-05-01T00:00:00Z", "status": "PLANNED"}
    ]


@pytest.mark.parametrize(
    ("status", "override"),
    [
        ("PLANNED", EvseStatus.PLANNED),
        ("INOPERATIVE", EvseStatus.INOPERATIVE),
        ("REMOVED", EvseStatus.REMOVED),
        ("AVAILABLE", None),
        ("UNKNOWN", None),
        (None, None),
    ],
)
def test_only_what_the_operator_may_say_becomes_an_override(status: str | None, override: EvseStatus | None) -> None:
    assert parse(location_with({"status": status})).evses[0].override is override


@pytest.mark.parametrize(
    ("evse", "connector", "key"),
    [
        ({"evse_no": 2}, {"connector_no": 3}, ("CP1", 2, 3)),
        ({}, {"station_id": "CP2", "evse_no": 4, "connector_no": 5}, ("CP2", 4, 5)),
        ({"evse_no": None}, {"connector_no": 2}, ("CP1", 2, 2)),
        ({"evse_no": 1, "connector_no": 1}, {"connector_no": None}, ("CP1", 1, 1)),
    ],
)
def test_a_plug_is_named_at_the_evse_or_at_the_connector(
    evse: dict[str, Any], connector: dict[str, Any], key: tuple[str, int, int]
) -> None:
    found = parse(location_with(evse, connector)).evses[0].connectors[0].key

    assert found == ConnectorKey(station_id=key[0], evse_no=key[1], connector_no=key[2])


def test_a_connector_may_be_without_a_station_yet() -> None:
    location = parse(location_with({"station_id": None, "evse_no": None}, {"connector_no": None}))

    assert location.evses[0].connectors[0].key is None


def test_a_home_charger_is_told_to_the_operator_again_and_to_no_partner() -> None:
    location = parse(location_with({"home_charging_compensation": True}))

    assert location.evses[0].home_charging_compensation
    assert "home_charging_compensation" not in (location.evses[0].extra or "")
    assert render_location(location)["evses"][0]["home_charging_compensation"] is True
    assert not parse(LOCATION).evses[0].home_charging_compensation
    assert "home_charging_compensation" not in render_location(parse(LOCATION))["evses"][0]


def test_evses_that_are_one_in_truth_are_told_to_the_operator_again_and_to_no_partner() -> None:
    location = parse(location_with({"physical_evse": "left"}))

    assert location.evses[0].physical_evse == "left"
    assert "physical_evse" not in (location.evses[0].extra or "")
    assert render_location(location)["evses"][0]["physical_evse"] == "left"
    assert "physical_evse" not in render_location(parse(LOCATION))["evses"][0]


def test_the_party_may_be_left_out_where_there_is_only_one() -> None:
    data = {name: value for name, value in LOCATION.items() if name not in {"country_code", "party_id"}}

    assert parse(data).party == OURS
    with pytest.raises(WireError, match=r"\$\.country_code: is missing"):
        parse(data, (OURS, OTHER_OURS))


def test_numbers_are_taken_as_coordinates() -> None:
    location = parse(LOCATION | {"coordinates": {"latitude": 52.5, "longitude": -0.1278}})

    assert location.coordinates == ("52.500000", "-0.127800")


def test_coordinates_too_long_for_partners_are_shortened() -> None:
    location = parse(LOCATION | {"coordinates": {"latitude": "-52.5200018", "longitude": "13.4050011"}})

    assert location.coordinates == ("-52.520002", "13.4050011")


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"publish": None}, "$.publish"),
        ({"address": "x" * 256}, "$.address"),
        ({"city": "two\nlines"}, "$.city"),
        ({"postal_code": "12345678901"}, "$.postal_code"),
        ({"country": "DE"}, "$.country"),
        ({"country_code": "DEU"}, "$.country_code"),
        ({"party_id": "ABCD"}, "$.party_id"),
        ({"parking_type": "ROOF"}, "$.parking_type"),
        ({"coordinates": {"latitude": "52.5", "longitude": "13.405000"}}, "$.coordinates.latitude"),
        ({"coordinates": {"latitude": "91.000000", "longitude": "13.405000"}}, "$.coordinates.latitude"),
        ({"coordinates": {"latitude": "52.520000"}}, "$.coordinates.longitude"),
        ({"facilities": ["WIFI", "POOL"]}, "$.facilities[1]"),
        ({"opening_times": {"twentyfourseven": False}}, "$.opening_times"),
        ({"images": [{"url": "x", "category": "OWNER", "type": "png"}]}, "$.images[0].url"),
        ({"publish_allowed_to": [{"uid": "1", "type": "RFID"}]}, "$.publish_allowed_to"),
        ({"publish": False, "publish_allowed_to": [{"uid": "1"}]}, "$.publish_allowed_to[0]"),
        ({"id": "LOC2"}, "$.id"),
        ({"evses": [EVSE | {"uid": "x" * 37}]}, "$.evses[0].uid"),
        ({"evses": [EVSE | {"evse_id": "CP1"}]}, "$.evses[0].evse_id"),
        ({"evses": [EVSE | {"status": "BROKEN"}]}, "$.evses[0].status"),
        ({"evses": [EVSE | {"connectors": []}]}, "$.evses[0].connectors"),
        ({"evses": [EVSE | {"capabilities": ["RFID"]}]}, "$.evses[0].capabilities[0]"),
        ({"evses": [EVSE | {"floor_level": "basement"}]}, "$.evses[0].floor_level"),
        (location_with({"home_charging_compensation": "yes"}), "$.evses[0].home_charging_compensation"),
        (location_with(connector={"standard": "TYPE2"}), "$.evses[0].connectors[0].standard"),
        (location_with(connector={"max_voltage": 0}), "$.evses[0].connectors[0].max_voltage"),
        (location_with(connector={"max_amperage": 16.5}), "$.evses[0].connectors[0].max_amperage"),
        (location_with(connector={"connector_no": 0}), "$.evses[0].connectors[0].connector_no"),
        (location_with(connector={"connector_no": None}), "$.evses[0].connectors[0].connector_no"),
        (location_with({"station_id": None}), "$.evses[0].connectors[0].station_id"),
    ],
)
def test_what_partners_would_refuse_is_refused_with_its_place(wrong: dict[str, Any], path: str) -> None:
    with pytest.raises(WireError) as refused:
        parse(LOCATION | wrong)

    assert refused.value.path == path


def test_a_misspelt_value_gets_a_suggestion() -> None:
    with pytest.raises(BodyError, match="did you mean IEC_62196_T2_COMBO"):
        parse(location_with(connector={"standard": "IEC_62196_T2_COMB"}))
