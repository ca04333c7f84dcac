"""Locations, EVSEs and connectors in OCPI 2.2.1 (mod_locations 8.3)."""

from __future__ import annotations

from typing import Any

import structlog

from gateway.domain.locations import Connector, Evse, EvseStatus, Location
from gateway.ocpi.v221.common import (
    known,
    load_extra,
    render_business,
    render_coordinates,
    render_images,
)
from gateway.ocpi.wire import CannotSayError, clip, render_time, without_absent

log = structlog.get_logger(__name__)

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


def render_location(location: Location) -> dict[str, Any]:
    """An EVSE of which no connector can be said in this version is left out, with a warning."""
    extra = load_extra(location.extra, LOCATION_EXTRA)
    return without_absent(
        {
            "country_code": location.party.country_code,
            "party_id": location.party.party_id,
            "id": location.id,
            "publish": location.publish,
            # Only legal beside publish=false.  OCPI 2.2.1 mod_locations 8.3.1
            "publish_allowed_to": None if location.publish else extra.get("publish_allowed_to"),
            "name": location.name and clip(location.name, 255, "location.name"),
            "address": clip(location.address, 255, "location.address"),
            "city": clip(location.city, 45, "location.city"),
            "postal_code": location.postal_code and clip(location.postal_code, 10, "location.postal_code"),
            "state": location.state and clip(location.state, 45, "location.state"),
            "country": location.country,
            "coordinates": render_coordinates(location.coordinates),
            "related_locations": extra.get("related_locations"),
            "parking_type": location.parking_type if location.parking_type in PARKING_TYPES else None,
            "evses": _render_evses(location),
            "directions": extra.get("directions"),
            **{name: render_business(extra[name]) for name in ("operator", "suboperator", "owner") if name in extra},
            "facilities": known(extra.get("facilities"), FACILITIES),
            "time_zone": location.time_zone,
            "opening_times": extra.get("opening_times"),
            "charging_when_closed": extra.get("charging_when_closed"),
            "images": render_images(extra.get("images", ())),
            "energy_mix": extra.get("energy_mix"),
            "last_updated": render_time(location.last_updated),
        }
    )


def render_evse(evse: Evse) -> dict[str, Any]:
    """Raises CannotSayError when none of its connectors has a standard this version knows."""
    extra = load_extra(evse.extra, EVSE_EXTRA)
    connectors = [render_connector(plug) for plug in evse.connectors if plug.standard in CONNECTOR_TYPES]
    if not connectors:
        standards = ", ".join(sorted({plug.standard for plug in evse.connectors})) or "none"
        raise CannotSayError(f"EVSE {evse.uid} has no connector with a standard of OCPI 2.2.1 ({standards})")
    return without_absent(
        {
            "uid": evse.uid,
            "evse_id": evse.evse_id,
            "status": _status(evse).value,
            "status_schedule": extra.get("status_schedule"),
            "capabilities": known(evse.capabilities, CAPABILITIES),
            "connectors": connectors,
            "floor_level": evse.floor_level and clip(evse.floor_level, 4, "evse.floor_level"),
            "coordinates": render_coordinates(evse.coordinates) if evse.coordinates else None,
            "physical_reference": evse.physical_reference
            and clip(evse.physical_reference, 16, "evse.physical_reference"),
            "directions": extra.get("directions"),
            "parking_restrictions": known(extra.get("parking_restrictions"), PARKING_RESTRICTIONS),
            "images": render_images(extra.get("images", ())),
            "last_updated": render_time(evse.last_updated),
        }
    )


def render_connector(connector: Connector) -> dict[str, Any]:
    """Raises CannotSayError for a standard that this version has no word for."""
    if connector.standard not in CONNECTOR_TYPES:
        raise CannotSayError(f"connector {connector.id} is {connector.standard}: not a standard of OCPI 2.2.1")
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
            "last_updated": render_time(connector.last_updated),
        }
    )


def _render_evses(location: Location) -> list[dict[str, Any]]:
    rendered = []
    for evse in location.evses:
        try:
            rendered.append(render_evse(evse))
        except CannotSayError as error:
            log.warning("EVSE withheld", location_id=location.id, evse_uid=evse.uid, reason=str(error))
    return rendered


def _status(evse: Evse) -> EvseStatus:
    return evse.override or evse.status
