import json
from dataclasses import replace
from typing import Any

import orjson
import pytest

from gateway.domain.locations import EvseStatus, Location
from gateway.ocpi import wire
from gateway.ocpi.v221 import locations
from gateway.ocpi.v221.locations import render_connector, render_evse, render_location
from tests.contract_schemas import assert_valid, load_schema_enum
from tests.fakes.ocpi_samples import CONNECTOR, EVSE, LOCATION


def shown(location: Location) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(wire.dump_json(render_location(location)))
    return body


def test_a_full_location_is_valid() -> None:
    assert_valid("location", shown(LOCATION))


def test_a_location_with_nothing_optional_is_valid() -> None:
    bare = replace(LOCATION, name=None, postal_code=None, parking_type=None, extra=None, evses=())

    assert_valid("location", shown(bare))
    assert "evses" not in shown(bare)


def test_evse_and_connector_by_themselves_are_valid() -> None:
    assert_valid("evse", orjson.loads(wire.dump_json(render_evse(EVSE))))
    assert_valid("connector", orjson.loads(wire.dump_json(render_connector(CONNECTOR))))


def test_coordinates_always_have_six_decimals() -> None:
    far = replace(LOCATION, coordinates=("-33.8", "-151.12345678"))

    assert shown(far)["coordinates"] == {"latitude": "-33.800000", "longitude": "-151.123457"}


def test_what_came_with_a_later_version_is_left_out() -> None:
    body = shown(LOCATION)

    assert body["facilities"] == ["CAFE"]
    assert body["evses"][0]["parking_restrictions"] == ["EV_ONLY"]
    assert "help_phone" not in body
    assert "accepted_service_providers" not in body["evses"][0]


def test_a_connector_of_a_later_standard_is_withheld_and_noted() -> None:
    nacs = replace(CONNECTOR, id="2", standard="SAE_J3400")
    both = replace(EVSE, uid="GWY-1-2", connectors=(CONNECTOR, nacs))
    only = replace(EVSE, uid="GWY-1-3", connectors=(nacs,))

    with wire.noting_gaps() as gaps:
        body = shown(replace(LOCATION, evses=(both, only)))

    assert [[plug["id"] for plug in evse["connectors"]] for evse in body["evses"]] == [["1"]]
    assert "EVSE GWY-1-2: connector 2 is SAE_J3400: not a standard of OCPI 2.2.1" in gaps
    assert "EVSE GWY-1-3 has no connector with a standard of OCPI 2.2.1 (SAE_J3400)" in gaps
    with pytest.raises(wire.CannotSayError, match="SAE_J3400"):
        render_connector(nacs)


def test_the_operators_word_beats_the_stations_status() -> None:
    removed = replace(EVSE, override=EvseStatus.REMOVED)

    assert render_evse(removed)["status"] == "REMOVED"


def test_publish_allowed_to_stands_only_beside_an_unpublished_location() -> None:
    extra = json.dumps({"publish_allowed_to": [{"uid": "04A2B3C4D5E6F7", "type": "RFID"}]})

    assert "publish_allowed_to" not in shown(replace(LOCATION, extra=extra))
    hidden = shown(replace(LOCATION, publish=False, extra=extra))
    assert_valid("location", hidden)
    assert hidden["publish_allowed_to"] == [{"uid": "04A2B3C4D5E6F7", "type": "RFID"}]


def test_texts_that_are_too_long_are_cut() -> None:
    long = replace(LOCATION, name="n" * 300, address="a" * 300, city="c" * 60, state="s" * 60, postal_code="1" * 12)

    assert_valid("location", shown(long))


def test_numbers_of_the_descriptive_rest_stay_exact() -> None:
    extra = json.dumps(
        {"energy_mix": {"is_green_energy": False, "energy_sources": [{"source": "GAS", "percentage": 0.1}]}}
    )

    assert b'"percentage":0.1}' in wire.dump_json(render_location(replace(LOCATION, extra=extra)))


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("ConnectorType", locations.CONNECTOR_TYPES),
        ("Capability", locations.CAPABILITIES),
        ("Facility", locations.FACILITIES),
        ("ParkingRestriction", locations.PARKING_RESTRICTIONS),
        ("ParkingType", locations.PARKING_TYPES),
    ],
)
def test_the_words_are_those_of_the_official_schema(name: str, ours: frozenset[str]) -> None:
    assert ours == load_schema_enum("locations", name, version="2.2.1")


def test_who_may_see_an_unpublished_location_is_told_but_for_tokens_of_a_later_type() -> None:
    allowed = [{"uid": "04A2", "type": "RFID"}, {"uid": "DE-EMP-C1", "type": "EMAID"}]
    private = replace(LOCATION, publish=False, extra=json.dumps({"publish_allowed_to": allowed}))

    with wire.noting_gaps() as gaps:
        body = shown(private)

    assert body["publish_allowed_to"] == allowed[:1]
    assert "publish_allowed_to: a token of type EMAID" in gaps
