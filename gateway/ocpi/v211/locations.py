"""Locations, EVSEs and connectors in OCPI 2.1.1 (mod_locations 3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.domain.locations import Connector, Evse, EvseStatus, Location, Place
from gateway.ocpi.parts import known, load_extra, render_coordinates, status_of
from gateway.ocpi.v211.common import plain_text, render_business, render_energy_mix, render_images, render_texts
from gateway.ocpi.wire import NOT_AVAILABLE, CannotSayError, noting_gaps, render_time, withhold, without_absent

LOCATION_EXTRA = frozenset(
    {
        "related_locations",
        "directions",
        "operator",
        "suboperator",
        "owner",
        "facilities",
        "opening_times",
        "charging_when_closed",
        "images",
        "energy_mix",
    }
)
EVSE_EXTRA = frozenset({"status_schedule", "directions", "parking_restrictions", "images"})
LATER_EXTRA = frozenset({"parking_places", "help_phone", "parking", "accepted_service_providers", "publish_allowed_to"})
# OCPI 2.1.1 mod_locations 4.16: what it has no word for is of another type than those it has.
LOCATION_TYPES = frozenset({"ON_STREET", "PARKING_GARAGE", "UNDERGROUND_GARAGE", "PARKING_LOT", "OTHER", "UNKNOWN"})
PARKING_RESTRICTIONS = frozenset({"EV_ONLY", "PLUGGED", "DISABLED", "CUSTOMERS", "MOTORCYCLES"})
POWER_TYPES = frozenset({"AC_1_PHASE", "AC_3_PHASE", "DC"})
FACILITIES = frozenset(
    [
        "HOTEL",
        "RESTAURANT",
        "CAFE",
        "MALL",
        "SUPERMARKET",
        "SPORT",
        "RECREATION_AREA",
        "NATURE",
        "MUSEUM",
        "BUS_STOP",
        "TAXI_STAND",
        "TRAIN_STATION",
        "AIRPORT",
        "CARPOOL_PARKING",
        "FUEL_STATION",
        "WIFI",
    ]
)
CAPABILITIES = frozenset(
    [
        "CHARGING_PROFILE_CAPABLE",
        "CREDIT_CARD_PAYABLE",
        "REMOTE_START_STOP_CAPABLE",
        "RESERVABLE",
        "RFID_READER",
        "UNLOCK_CAPABLE",
    ]
)
CONNECTOR_TYPES = frozenset(
    [
        "CHADEMO",
        "DOMESTIC_A",
        "DOMESTIC_B",
        "DOMESTIC_C",
        "DOMESTIC_D",
        "DOMESTIC_E",
        "DOMESTIC_F",
        "DOMESTIC_G",
        "DOMESTIC_H",
        "DOMESTIC_I",
        "DOMESTIC_J",
        "DOMESTIC_K",
        "DOMESTIC_L",
        "IEC_60309_2_single_16",
        "IEC_60309_2_three_16",
        "IEC_60309_2_three_32",
        "IEC_60309_2_three_64",
        "IEC_62196_T1",
        "IEC_62196_T1_COMBO",
        "IEC_62196_T2",
        "IEC_62196_T2_COMBO",
        "IEC_62196_T3A",
        "IEC_62196_T3C",
        "TESLA_R",
        "TESLA_S",
    ]
)


def render_location(location: Location) -> dict[str, Any]:
    """Raises CannotSayError for one that is not to be published: this version cannot ask a partner not to show it.

    One of which all is REMOVED shows nothing: so a partner learns that it is withdrawn.
    """
    if not location.publish and any(status_of(evse) is not EvseStatus.REMOVED for evse in location.evses):
        raise CannotSayError(f"location {location.id} is not to be published, which OCPI 2.1.1 cannot say")
    for name in sorted(load_extra(location.extra, LATER_EXTRA)):
        withhold(name)
    return _render(location, _render_evses(location))


def render_place(place: Place, tariff_id: str | None) -> dict[str, Any]:
    """The location of a session or CDR, with the one EVSE and connector.  OCPI 2.1.1 mod_cdrs 3.1 `location`

    `tariff_id` is that of the price that holds (None: partners cannot read it).  What else of the location is left out
    is noted with the location itself.
    """
    connector = replace(place.connector, tariff_ids=() if tariff_id is None else (tariff_id,))
    with noting_gaps():
        return _render(place.location, [render_evse(replace(place.evse, connectors=(connector,)))])


def render_evse(evse: Evse) -> dict[str, Any]:
    """Raises CannotSayError when this version has words for none of its connectors."""
    extra = load_extra(evse.extra, EVSE_EXTRA)
    for name in sorted(load_extra(evse.extra, LATER_EXTRA)):
        withhold(f"EVSE {evse.uid} {name}")
    return without_absent(
        {
            "uid": evse.uid,
            "evse_id": evse.evse_id,
            "status": status_of(evse).value,
            "status_schedule": extra.get("status_schedule"),
            "capabilities": known(evse.capabilities, CAPABILITIES, f"EVSE {evse.uid} capabilities"),
            "connectors": _render_connectors(evse),
            "floor_level": evse.floor_level and plain_text(evse.floor_level, 4, "evse.floor_level"),
            "coordinates": render_coordinates(evse.coordinates) if evse.coordinates else None,
            "physical_reference": evse.physical_reference
            and plain_text(evse.physical_reference, 16, "evse.physical_reference"),
            "directions": render_texts(extra.get("directions"), "evse.directions"),
            "parking_restrictions": known(
                extra.get("parking_restrictions"), PARKING_RESTRICTIONS, f"EVSE {evse.uid} parking_restrictions"
            ),
            "images": render_images(extra.get("images", ())),
            "last_updated": render_time(evse.last_updated),
        }
    )


def render_connector(connector: Connector) -> dict[str, Any]:
    """Raises CannotSayError for a standard or kind of power that this version has no word for.

    There is room for one tariff: of several none is named, for none of them alone is the price.
    """
    if connector.standard not in CONNECTOR_TYPES:
        raise CannotSayError(f"connector {connector.id} is {connector.standard}: not a standard of OCPI 2.1.1")
    if connector.power_type not in POWER_TYPES:
        raise CannotSayError(f"connector {connector.id} has {connector.power_type}: not a power type of OCPI 2.1.1")
    if len(connector.tariff_ids) > 1:
        withhold(f"connector {connector.id}: one of the tariffs {', '.join(connector.tariff_ids)}")
    for name in sorted(load_extra(connector.extra, frozenset({"capabilities"}))):
        withhold(f"connector {connector.id} {name}")
    return without_absent(
        {
            "id": connector.id,
            "standard": connector.standard,
            "format": connector.format,
            "power_type": connector.power_type,
            "voltage": connector.max_voltage,
            "amperage": connector.max_amperage,
            "tariff_id": connector.tariff_ids[0] if len(connector.tariff_ids) == 1 else None,
            "terms_and_conditions": connector.terms_and_conditions,
            "last_updated": render_time(connector.last_updated),
        }
    )


def _render(location: Location, evses: list[dict[str, Any]]) -> dict[str, Any]:
    """A postal code that the operator does not have is said to be not available: the field is required."""
    extra = load_extra(location.extra, LOCATION_EXTRA)
    hours = extra.get("opening_times")
    return without_absent(
        {
            "id": location.id,
            "type": _type_of(location),
            "name": location.name and plain_text(location.name, 255, "location.name"),
            "address": plain_text(location.address, 45, "location.address"),
            "city": plain_text(location.city, 45, "location.city"),
            "postal_code": plain_text(location.postal_code or NOT_AVAILABLE, 10, "location.postal_code"),
            "country": location.country,
            "coordinates": render_coordinates(location.coordinates),
            "related_locations": [_render_related(place) for place in extra.get("related_locations", ())],
            "evses": evses,
            "directions": render_texts(extra.get("directions"), "location.directions"),
            **{name: render_business(extra[name]) for name in ("operator", "suboperator", "owner") if name in extra},
            "facilities": known(extra.get("facilities"), FACILITIES, "facilities"),
            "time_zone": location.time_zone,
            "opening_times": _render_hours(hours) if hours else None,
            "charging_when_closed": extra.get("charging_when_closed"),
            "images": render_images(extra.get("images", ())),
            "energy_mix": render_energy_mix(extra.get("energy_mix")),
            "last_updated": render_time(location.last_updated),
        }
    )


def _render_evses(location: Location) -> list[dict[str, Any]]:
    rendered = []
    for evse in location.evses:
        try:
            rendered.append(render_evse(evse))
        except CannotSayError as error:
            withhold(str(error))
    return rendered


def _render_connectors(evse: Evse) -> list[dict[str, Any]]:
    rendered, reasons = [], []
    for connector in evse.connectors:
        try:
            rendered.append(render_connector(connector))
        except CannotSayError as error:
            reasons.append(str(error))
    if not rendered:
        raise CannotSayError(f"EVSE {evse.uid} has no connector that OCPI 2.1.1 can describe: {'; '.join(reasons)}")
    for reason in reasons:
        withhold(f"EVSE {evse.uid}: {reason}")
    return rendered


def _type_of(location: Location) -> str:
    if location.parking_type is None:
        return "UNKNOWN"
    return location.parking_type if location.parking_type in LOCATION_TYPES else "OTHER"


def _render_related(place: dict[str, Any]) -> dict[str, Any]:
    names = render_texts([place["name"]], "location.related_locations") if place.get("name") else [None]
    return without_absent({**render_coordinates((place["latitude"], place["longitude"])), "name": names[0]})


def _render_hours(hours: dict[str, Any]) -> dict[str, Any]:
    """Either the hours of the week or that it is always open, not both.  OCPI 2.1.1 mod_locations 4.13"""
    return {name: value for name, value in hours.items() if name != "twentyfourseven" or not hours.get("regular_hours")}
