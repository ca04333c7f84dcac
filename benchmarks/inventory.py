"""What the operator provisions: tariffs, tokens and locations of realistic size.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

TARIFF_ID = "STANDARD-AC"
_LAST_UPDATED = "2026-01-05T08:00:00Z"
_CITIES = (("Utrecht", "3511"), ("Arnhem", "6811"), ("Zwolle", "8011"), ("Breda", "4811"), ("Leeuwarden", "8911"))


def tariff(country_code: str, party_id: str) -> dict[str, Any]:
    """Render a tariff of a start fee, energy, and parking after charging, with VAT."""
    return {
        "country_code": country_code,
        "party_id": party_id,
        "id": TARIFF_ID,
        "currency": "EUR",
        "type": "REGULAR",
        "elements": [
            {
                "price_components": [
                    {"type": "FLAT", "price": 0.35, "vat": 21.0, "step_size": 1},
                    {"type": "ENERGY", "price": 0.42, "vat": 21.0, "step_size": 1},
                    {"type": "PARKING_TIME", "price": 1.80, "vat": 21.0, "step_size": 60},
                ]
            }
        ],
        "last_updated": _LAST_UPDATED,
    }


def location(country_code: str, party_id: str, number: int, station_ids: Sequence[str]) -> dict[str, Any]:
    """Render one location; each station is one EVSE with one connector."""
    city, area = _CITIES[number % len(_CITIES)]
    return {
        "country_code": country_code,
        "party_id": party_id,
        "id": f"LOC-{number:05}",
        "publish": True,
        "name": f"{city} Stationsplein {number}",
        "address": f"Stationsplein {number}",
        "city": city,
        "postal_code": f"{area} AB",
        "country": "NLD",
        "coordinates": {"latitude": f"52.{90_000 + number:06}", "longitude": f"5.{120_000 + number:06}"},
        "parking_type": "PARKING_LOT",
        "evses": [_evse(country_code, party_id, number, n, name) for n, name in enumerate(station_ids, 1)],
        "directions": [{"language": "en", "text": "Behind the station, second row, follow the green signs."}],
        "operator": {"name": "Voltwerk", "website": "https://voltwerk.example"},
        "facilities": ["TRAIN_STATION", "BUS_STOP", "WIFI"],
        "time_zone": "Europe/Amsterdam",
        "opening_times": {"twentyfourseven": True},
        "charging_when_closed": True,
        "energy_mix": {
            "is_green_energy": True,
            "energy_sources": [
                {"source": "WIND", "percentage": 70},
                {"source": "SOLAR", "percentage": 30},
            ],
            "supplier_name": "Windkracht",
        },
        "last_updated": _LAST_UPDATED,
    }


def _evse(country_code: str, party_id: str, number: int, n: int, station_id: str) -> dict[str, Any]:
    return {
        "uid": f"{number:05}-{n:03}",
        "evse_id": f"{country_code}*{party_id}*E{number:05}{n:03}",
        "status": "AVAILABLE",
        "station_id": station_id,
        "evse_no": 1,
        "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE", "UNLOCK_CAPABLE"],
        "connectors": [
            {
                "id": "1",
                "standard": "IEC_62196_T2",
                "format": "SOCKET",
                "power_type": "AC_3_PHASE",
                "max_voltage": 230,
                "max_amperage": 32,
                "max_electric_power": 22_000,
                "tariff_ids": [TARIFF_ID],
                "station_id": station_id,
                "evse_no": 1,
                "connector_no": 1,
                "last_updated": _LAST_UPDATED,
            }
        ],
        "floor_level": "0",
        "physical_reference": f"{n}",
        "parking_restrictions": ["EV_ONLY", "PLUGGED"],
        "last_updated": _LAST_UPDATED,
    }
