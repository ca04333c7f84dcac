"""Facts: one charging session of 7.25 kWh at 0.30 EUR and 30 minutes of parking at 2 EUR per hour, seen as OCPI 2.2.1.

Charging 10:00 to 10:45, parked until 11:15: 2.175 for the energy, 1.00 for the parking, 21 % VAT.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Json = dict[str, Any]

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TOKEN_A = "token-a-of-the-cpo"

TARIFF: Json = {
    "country_code": "NL",
    "party_id": "GWY",
    "id": "T1",
    "currency": "EUR",
    "elements": [
        {"price_components": [{"type": "ENERGY", "price": Decimal("0.30"), "vat": 21, "step_size": 1}]},
        {"price_components": [{"type": "PARKING_TIME", "price": 2, "vat": 21, "step_size": 60}]},
    ],
    "last_updated": "2026-03-01T08:00:00Z",
}

CONNECTOR: Json = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 16,
    "tariff_ids": ["T1"],
    "last_updated": "2026-03-01T08:00:00Z",
}

EVSE: Json = {
    "uid": "E1",
    "evse_id": "NL*GWY*E0001",
    "status": "AVAILABLE",
    "connectors": [CONNECTOR],
    "last_updated": "2026-03-02T11:20:00Z",
}

LOCATION: Json = {
    "country_code": "NL",
    "party_id": "GWY",
    "id": "L1",
    "publish": True,
    "address": "Stationsplein 1",
    "city": "Utrecht",
    "country": "NLD",
    "coordinates": {"latitude": "52.089444", "longitude": "5.110278"},
    "evses": [EVSE],
    "time_zone": "Europe/Amsterdam",
    "last_updated": "2026-03-02T11:20:00Z",
}

CDR_TOKEN: Json = {
    "country_code": "NL",
    "party_id": "EMS",
    "uid": "04A1B2C3D4",
    "type": "RFID",
    "contract_id": "NLEMSC00000001",
}

PERIODS: list[Json] = [
    {
        "start_date_time": "2026-03-02T10:00:00Z",
        "dimensions": [{"type": "ENERGY", "volume": Decimal("7.25")}, {"type": "TIME", "volume": Decimal("0.75")}],
        "tariff_id": "T1",
    },
    {
        "start_date_time": "2026-03-02T10:45:00Z",
        "dimensions": [{"type": "PARKING_TIME", "volume": Decimal("0.5")}],
        "tariff_id": "T1",
    },
]

SESSION: Json = {
    "country_code": "NL",
    "party_id": "GWY",
    "id": "S1",
    "start_date_time": "2026-03-02T10:00:00Z",
    "end_date_time": "2026-03-02T11:15:00Z",
    "kwh": Decimal("7.25"),
    "cdr_token": CDR_TOKEN,
    "auth_method": "WHITELIST",
    "location_id": "L1",
    "evse_uid": "E1",
    "connector_id": "1",
    "currency": "EUR",
    "charging_periods": PERIODS,
    "status": "COMPLETED",
    "last_updated": "2026-03-02T11:15:00Z",
}

ACTIVE_SESSION: Json = {
    **{name: value for name, value in SESSION.items() if name != "end_date_time"},
    "kwh": Decimal("3.5"),
    "charging_periods": [
        {"start_date_time": "2026-03-02T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": Decimal("3.5")}]}
    ],
    "status": "ACTIVE",
    "last_updated": "2026-03-02T10:20:00Z",
}

CDR: Json = {
    "country_code": "NL",
    "party_id": "GWY",
    "id": "C1",
    "start_date_time": "2026-03-02T10:00:00Z",
    "end_date_time": "2026-03-02T11:15:00Z",
    "session_id": "S1",
    "cdr_token": CDR_TOKEN,
    "auth_method": "WHITELIST",
    "cdr_location": {
        "id": "L1",
        "address": "Stationsplein 1",
        "city": "Utrecht",
        "country": "NLD",
        "coordinates": {"latitude": "52.089444", "longitude": "5.110278"},
        "evse_uid": "E1",
        "evse_id": "NL*GWY*E0001",
        "connector_id": "1",
        "connector_standard": "IEC_62196_T2",
        "connector_format": "SOCKET",
        "connector_power_type": "AC_3_PHASE",
    },
    "currency": "EUR",
    "tariffs": [TARIFF],
    "charging_periods": PERIODS,
    "total_cost": {"excl_vat": Decimal("3.175"), "incl_vat": Decimal("3.8418")},
    "total_energy": Decimal("7.25"),
    "total_energy_cost": {"excl_vat": Decimal("2.175"), "incl_vat": Decimal("2.6318")},
    "total_time": Decimal("1.25"),
    "total_parking_time": Decimal("0.5"),
    "total_parking_cost": {"excl_vat": 1, "incl_vat": Decimal("1.21")},
    "last_updated": "2026-03-02T11:15:05Z",
}


def without(item: Json, *names: str) -> Json:
    return {name: value for name, value in item.items() if name not in names}


def numbered(item: Json, count: int) -> list[Json]:
    """Copies of an object with ids of their own."""
    return [{**item, "id": f"{item['id']}-{number}"} for number in range(count)]
