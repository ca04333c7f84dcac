"""Locations, EVSEs and connectors in OCPI 2.2.1 (mod_locations 8.3)."""

from __future__ import annotations

from typing import Any

from gateway.domain.locations import Connector, Evse, Location
from gateway.ocpi.parts import known, load_extra, render_coordinates, status_of
from gateway.ocpi.v221.common import Words, render_business, render_images
from gateway.ocpi.wire import CannotSayError, clip, render_time, withhold, without_absent

LOCATION_EXTRA = frozenset(
    {
        "publish_allowed_to",
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
LATER_LOCATION_EXTRA = frozenset({"parking_places", "help_phone"})
LATER_EVSE_EXTRA = frozenset({"parking", "accepted_service_providers"})
LATER_CONNECTOR_EXTRA = frozenset({"capabilities"})

TOKEN_TYPES = frozenset({"AD_HOC_USER", "APP_USER", "OTHER", "RFID"})

PARKING_TYPES = frozenset(
    {"ALONG_MOTORWAY", "PARKING_GARAGE", "PARKING_LOT", "ON_DRIVEWAY", "ON_STREET", "UNDERGROUND_GARAGE"}
)
PARKING_RESTRICTIONS = frozenset({"EV_ONLY", "PLUGGED", "DISABLED", "CUSTOMERS", "MOTORCYCLES"})
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
        "BIKE_SHARING",
        "BUS_STOP",
        "TAXI_STAND",
        "TRAM_STOP",
        "METRO_STATION",
        "TRAIN_STATION",
        "AIRPORT",
        "PARKING_LOT",
        "CARPOOL_PARKING",
        "FUEL_STATION",
        "WIFI",
    ]
)
CAPABILITIES = frozenset(
    [
        "CHARGING_PROFILE_CAPABLE",
        "CHARGING_PREFERENCES_CAPABLE",
        "CHIP_CARD_SUPPORT",
        "CONTACTLESS_CARD_SUPPORT",
        "CREDIT_CARD_PAYABLE",
        "DEBIT_CARD_PAYABLE",
        "PED_TERMINAL",
        "REMOTE_START_STOP_CAPABLE",
        "RESERVABLE",
        "RFID_READER",
        "START_SESSION_CONNECTOR_REQUIRED",
        "TOKEN_GROUP_CAPABLE",
        "UNLOCK_CAPABLE",
    ]
)
CONNECTOR_TYPES = frozenset(
    [
        "CHADEMO",
        "CHAOJI",
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
        "DOMESTIC_M",
        "DOMESTIC_N",
        "DOMESTIC_O",
        "GBT_AC",
        "GBT_DC",
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
        "NEMA_5_20",
        "NEMA_6_30",
        "NEMA_6_50",
        "NEMA_10_30",
        "NEMA_10_50",
        "NEMA_14_30",
        "NEMA_14_50",
        "PANTOGRAPH_BOTTOM_UP",
        "PANTOGRAPH_TOP_DOWN",
        "TESLA_R",
        "TESLA_S",
    ]
)

WORDS = Words(
    number="2.2.1",
    token_types=TOKEN_TYPES,
    connector_types=CONNECTOR_TYPES,
    parking_restrictions=PARKING_RESTRICTIONS,
)


def render_location(location: Location, words: Words = WORDS) -> dict[str, Any]:
    """An EVSE of which no connector can be said in this version is left out, and noted."""
    extra = load_extra(location.extra, LOCATION_EXTRA)
    return without_absent(
        {
            "country_code": location.party.country_code,
            "party_id": location.party.party_id,
            "id": location.id,
            "publish": location.publish,
            # Only legal beside publish=false.  OCPI 2.2.1 mod_locations 8.3.1
            "publish_allowed_to": None if location.publish else _allowed(extra, words),
            "name": location.name and clip(location.name, 255, "location.name"),
            "address": clip(location.address, 255, "location.address"),
            "city": clip(location.city, 45, "location.city"),
            "postal_code": location.postal_code and clip(location.postal_code, 10, "location.postal_code"),
            "state": location.state and clip(location.state, 45, "location.state"),
            "country": location.country,
            "coordinates": render_coordinates(location.coordinates),
            "related_locations": extra.get("related_locations"),
            "parking_type": location.parking_type if location.parking_type in PARKING_TYPES else None,
            "evses": _render_evses(location, words),
            "directions": extra.get("directions"),
            **{name: render_business(extra[name]) for name in ("operator", "suboperator", "owner") if name in extra},
            "facilities": known(extra.get("facilities"), FACILITIES, "facilities"),
            "time_zone": location.time_zone,
            "opening_times": extra.get("opening_times"),
            "charging_when_closed": extra.get("charging_when_closed"),
            "images": render_images(extra.get("images", ())),
            "energy_mix": extra.get("energy_mix"),
            **_load_later(location.extra, LATER_LOCATION_EXTRA, words.location_extra, ""),
            "last_updated": render_time(location.last_updated),
        }
    )


def render_evse(evse: Evse, words: Words = WORDS) -> dict[str, Any]:
    """Raises CannotSayError when none of its connectors has a standard this version knows."""
    extra = load_extra(evse.extra, EVSE_EXTRA)
    connectors = []
    for plug in evse.connectors:
        try:
            connectors.append(render_connector(plug, words))
        except CannotSayError as error:
            withhold(f"EVSE {evse.uid}: {error}")
    if not connectors:
        standards = ", ".join(sorted({plug.standard for plug in evse.connectors})) or "none"
        raise CannotSayError(f"EVSE {evse.uid} has no connector with a standard of OCPI {words.number} ({standards})")
    return without_absent(
        {
            "uid": evse.uid,
            "evse_id": evse.evse_id,
            "status": status_of(evse).value,
            "status_schedule": extra.get("status_schedule"),
            "capabilities": known(evse.capabilities, CAPABILITIES, f"EVSE {evse.uid} capabilities"),
            "connectors": connectors,
            "floor_level": evse.floor_level and clip(evse.floor_level, 4, "evse.floor_level"),
            "coordinates": render_coordinates(evse.coordinates) if evse.coordinates else None,
            "physical_reference": evse.physical_reference
            and clip(evse.physical_reference, 16, "evse.physical_reference"),
            "directions": extra.get("directions"),
            "parking_restrictions": known(
                extra.get("parking_restrictions"), words.parking_restrictions, f"EVSE {evse.uid} parking_restrictions"
            ),
            "images": render_images(extra.get("images", ())),
            **_load_later(evse.extra, LATER_EVSE_EXTRA, words.evse_extra, f"EVSE {evse.uid} "),
            "last_updated": render_time(evse.last_updated),
        }
    )


def render_connector(connector: Connector, words: Words = WORDS) -> dict[str, Any]:
    """Raises CannotSayError for a standard that this version has no word for."""
    if connector.standard not in words.connector_types:
        raise CannotSayError(f"connector {connector.id} is {connector.standard}: not a standard of OCPI {words.number}")
    return without_absent(
        {
            "id": connector.id,
            "standard": connector.standard,
            "format": connector.format,
            "power_type": connector.power_type,
            "max_voltage": connector.max_voltage,
            "max_amperage": connector.max_amperage,
            "max_electric_power": connector.max_electric_power,
            "tariff_ids": list(connector.tariff_ids),
            "terms_and_conditions": connector.terms_and_conditions,
            **_load_later(connector.extra, LATER_CONNECTOR_EXTRA, words.connector_extra, f"connector {connector.id} "),
            "last_updated": render_time(connector.last_updated),
        }
    )


def _render_evses(location: Location, words: Words) -> list[dict[str, Any]]:
    rendered = []
    for evse in location.evses:
        try:
            rendered.append(render_evse(evse, words))
        except CannotSayError as error:
            withhold(str(error))
    return rendered


def _allowed(extra: dict[str, Any], words: Words) -> list[dict[str, Any]]:
    """To whom an unpublished location may be shown; a token of an unknown type is left out, which shows it to fewer."""
    allowed = []
    for token in extra.get("publish_allowed_to", ()):
        if token.get("type") is None or token["type"] in words.token_types:
            allowed.append(token)
        else:
            withhold(f"publish_allowed_to: a token of type {token['type']}")
    return allowed


def _load_later(text: str | None, later: frozenset[str], named: frozenset[str], whose: str) -> dict[str, Any]:
    """Members that came with a later version: those `named` by this one; the others are withheld."""
    found = load_extra(text, later)
    for name in sorted(found.keys() - named):
        withhold(whose + name)
    return {name: value for name, value in found.items() if name in named}
