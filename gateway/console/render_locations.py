"""A location as it was put, with the live status and our times: what comes out may be put back."""

from typing import Any

import orjson

from gateway.domain.locations import Connector, Evse, Location


def render_location(location: Location) -> dict[str, Any]:
    """OCPI 2.3.0 shape, with the plugs' station_id, evse_no and connector_no, and each EVSE's override."""
    return without_nulls(
        {
            "country_code": location.party.country_code,
            "party_id": location.party.party_id,
            "id": location.id,
            "publish": location.publish,
            "name": location.name,
            "address": location.address,
            "city": location.city,
            "postal_code": location.postal_code,
            "state": location.state,
            "country": location.country,
            "coordinates": render_coordinates(location.coordinates),
            "parking_type": location.parking_type,
            "time_zone": location.time_zone,
            **load_extra(location.extra),
            "evses": [_render_evse(evse) for evse in location.evses],
            "last_updated": location.last_updated,
        }
    )


def load_extra(extra: str | None) -> dict[str, Any]:
    """The descriptive fields kept as JSON text."""
    loaded: dict[str, Any] = orjson.loads(extra) if extra else {}
    return loaded


def without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def render_coordinates(coordinates: tuple[str, str] | None) -> dict[str, str] | None:
    return None if coordinates is None else {"latitude": coordinates[0], "longitude": coordinates[1]}


def _render_evse(evse: Evse) -> dict[str, Any]:
    """The station stands at the EVSE where all its connectors agree, so that a swap is one change."""
    units = {
        (connector.key.station_id, connector.key.evse_no) if connector.key else None for connector in evse.connectors
    }
    unit = units.pop() if len(units) == 1 else None
    return without_nulls(
        {
            "uid": evse.uid,
            "evse_id": evse.evse_id,
            "status": evse.status,
            "override": evse.override,
            "station_id": unit[0] if unit else None,
            "evse_no": unit[1] if unit else None,
            "home_charging_compensation": evse.home_charging_compensation or None,
            "physical_evse": evse.physical_evse,
            "capabilities": evse.capabilities or None,
            "floor_level": evse.floor_level,
            "coordinates": render_coordinates(evse.coordinates),
            "physical_reference": evse.physical_reference,
            **load_extra(evse.extra),
            "connectors": [_render_connector(connector, has_unit=unit is not None) for connector in evse.connectors],
            "last_updated": evse.last_updated,
        }
    )


def _render_connector(connector: Connector, *, has_unit: bool) -> dict[str, Any]:
    key = connector.key
    return without_nulls(
        {
            "id": connector.id,
            "station_id": key.station_id if key and not has_unit else None,
            "evse_no": key.evse_no if key and not has_unit else None,
            "connector_no": key.connector_no if key else None,
            "standard": connector.standard,
            "format": connector.format,
            "power_type": connector.power_type,
            "max_voltage": connector.max_voltage,
            "max_amperage": connector.max_amperage,
            "max_electric_power": connector.max_electric_power,
            "tariff_ids": connector.tariff_ids or None,
            "terms_and_conditions": connector.terms_and_conditions,
            **load_extra(connector.extra),
            "last_updated": connector.last_updated,
        }
    )
