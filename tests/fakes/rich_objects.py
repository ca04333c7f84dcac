"""Objects with every optional member set, as an operator may put them, for tests of what partners are given."""

from __future__ import annotations

import base64
from dataclasses import replace
from decimal import Decimal
from typing import Any

from gateway.console.parse_locations import parse_location
from gateway.console.parse_tariffs import parse_tariff
from gateway.core.corrections import credit_of
from gateway.domain.bills import Part, Range, TaxShare
from gateway.domain.cdrs import Correction, Totals
from gateway.domain.locations import Place
from gateway.domain.money import Price
from gateway.domain.sessions import SessionStatus, Terms
from gateway.domain.signatures import KeySource, Nature, SignedValue, Verdict
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import AuthMethod
from tests.fakes.ocpi_samples import CDR, ELEVEN, NINE, OURS, SESSION, TEN, TOKEN

MORE = {"country_code": OURS.country_code, "party_id": OURS.party_id}
LOGO = {
    "url": "https://cpo.example/logo.png",
    "thumbnail": "https://cpo.example/logo-small.png",
    "category": "OPERATOR",
    "type": "png",
    "width": 512,
    "height": 512,
}
PHOTO = {**LOGO, "category": "ENTRANCE", "type": "jpeg"}
TEXTS = [{"language": "en", "text": "Behind the café"}, {"language": "de", "text": "Hinter dem Café, Straße 5"}]
EXCEPTION = {"period_begin": "2026-12-25T00:00:00Z", "period_end": "2026-12-26T00:00:00Z"}
MIX = {
    "is_green_energy": False,
    "energy_sources": [{"source": "WIND", "percentage": 60.5}, {"source": "GENERAL_FOSSIL", "percentage": 39.5}],
    "environ_impact": [
        {"category": "NUCLEAR_WASTE", "amount": 0.0006},
        {"category": "CARBON_DIOXIDE", "amount": 372.5},
    ],
    "supplier_name": "Some Energy",
    "energy_product_name": "Grey and proud of it",
}
PARKING = {
    "id": "P1",
    "physical_reference": "Bay 12",
    "vehicle_types": ["PERSONAL_VEHICLE", "VAN"],
    "max_vehicle_weight": 3500,
    "max_vehicle_height": 210,
    "max_vehicle_length": 550,
    "max_vehicle_width": 220,
    "parking_space_length": 600,
    "parking_space_width": 300,
    "dangerous_goods_allowed": False,
    "direction": "PERPENDICULAR",
    "drive_through": False,
    "restricted_to_type": False,
    "reservation_required": False,
    "time_limit": 240,
    "roofed": True,
    "images": [PHOTO],
    "lighting": True,
    "refrigeration_outlet": False,
}
CONNECTOR = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "CABLE",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 32,
    "max_electric_power": 22_000,
    "tariff_ids": ["PLAIN", "FULL"],
    "terms_and_conditions": "https://cpo.example/terms",
    "capabilities": ["ISO_15118_2_PLUG_AND_CHARGE", "ISO_15118_20_PLUG_AND_CHARGE"],
    "connector_no": 1,
}
EVSE = {
    "uid": "GWY-1-1",
    "evse_id": "NL*GWY*E1*1",
    "station_id": "CS-1",
    "evse_no": 1,
    "status_schedule": [
        {"period_begin": "2026-05-01T06:00:00Z", "period_end": "2026-05-01T12:00:00Z", "status": "INOPERATIVE"},
        {"period_begin": "2026-06-01T00:00:00Z", "status": "AVAILABLE"},
    ],
    "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE", "RESERVABLE", "PED_TERMINAL", "UNLOCK_CAPABLE"],
    "connectors": [CONNECTOR, {**CONNECTOR, "id": "2", "standard": "CHADEMO", "power_type": "DC", "connector_no": 2}],
    "floor_level": "-1",
    "coordinates": {"latitude": "52.370216", "longitude": "4.895168"},
    "physical_reference": "Pillar 3",
    "directions": TEXTS,
    "parking_restrictions": ["EV_ONLY", "CUSTOMERS", "TAXIS", "EMPLOYEES"],
    "parking": [{"parking_id": "P1", "evse_position": "LEFT"}],
    "images": [PHOTO],
    "accepted_service_providers": ["Emobility Provider"],
}
SITE = {
    **MORE,
    "publish": True,
    "name": "Dam Square",
    "address": "Dam 1",
    "city": "Amsterdam",
    "postal_code": "1012JS",
    "state": "Noord-Holland",
    "country": "NLD",
    "coordinates": {"latitude": "52.370216", "longitude": "-104.895168"},
    "related_locations": [
        {"latitude": "52.370300", "longitude": "4.895200", "name": {"language": "en", "text": "Gate"}}
    ],
    "parking_type": "PARKING_LOT",
    "evses": [EVSE],
    "directions": TEXTS,
    "operator": {"name": "Gateway Charging", "website": "https://cpo.example", "logo": LOGO},
    "suboperator": {"name": "Sub", "website": "https://sub.example", "logo": LOGO},
    "owner": {"name": "Owner", "website": "https://owner.example", "logo": LOGO},
    "facilities": ["CAFE", "BIKE_SHARING", "WIFI"],
    "time_zone": "Europe/Amsterdam",
    "opening_times": {
        "twentyfourseven": False,
        "regular_hours": [{"weekday": day, "period_begin": "08:00", "period_end": "20:00"} for day in range(1, 6)],
        "exceptional_openings": [EXCEPTION],
        "exceptional_closings": [EXCEPTION],
    },
    "charging_when_closed": True,
    "images": [LOGO, PHOTO],
    "energy_mix": MIX,
    "parking_places": [PARKING],
    "help_phone": "+31201234567",
}
PRIVATE = {
    **SITE,
    "publish": False,
    "publish_allowed_to": [
        {"uid": "04A2B3", "type": "RFID"},
        {"visual_number": "12-34", "issuer": "Emobility Provider"},
        {"group_id": "GUESTS"},
    ],
    "evses": [{**EVSE, "uid": "GWY-2-1", "evse_id": "NL*GWY*E2*1", "station_id": "CS-2"}],
}
NOTHING_OPTIONAL = {
    **MORE,
    "publish": True,
    "address": "Dam 2",
    "city": "Amsterdam",
    "country": "NLD",
    "coordinates": {"latitude": "52.37021", "longitude": "4.89516"},
    "time_zone": "Europe/Amsterdam",
    "evses": [
        {
            "uid": "GWY-3-1",
            "connectors": [
                {
                    "id": "1",
                    "standard": "DOMESTIC_F",
                    "format": "SOCKET",
                    "power_type": "AC_1_PHASE",
                    "max_voltage": 230,
                    "max_amperage": 16,
                }
            ],
        }
    ],
}
RESTRICTED = {
    "start_time": "08:00",
    "end_time": "20:00",
    "start_date": "2026-01-01",
    "end_date": "2027-01-01",
    "min_kwh": 1,
    "max_kwh": 50.5,
    "min_power": 1,
    "max_power": 50,
    "min_duration": 60,
    "max_duration": 7200,
    "day_of_week": ["MONDAY", "SUNDAY"],
}
PRICES = [
    {"type": "ENERGY", "price": 0.3025, "vat": 21, "step_size": 1},
    {"type": "TIME", "price": 1.5, "vat": 21, "step_size": 60},
    {"type": "PARKING_TIME", "price": 6, "vat": 21, "step_size": 300},
    {"type": "FLAT", "price": 0.5, "vat": 9, "step_size": 1},
]
PLAIN_PRICES = {
    **MORE,
    "currency": "EUR",
    "tariff_alt_text": TEXTS,
    "tariff_alt_url": "https://cpo.example/tariff",
    "elements": [{"price_components": PRICES, "restrictions": RESTRICTED}, {"price_components": PRICES}],
    "energy_mix": MIX,
}
FULL_PRICES = {
    **PLAIN_PRICES,
    "type": "REGULAR",
    "min_price": {"before_taxes": 0.5, "after_taxes": 0.605},
    "max_price": {"before_taxes": 100, "after_taxes": 121},
    "tax_included": "NO",
    "start_date_time": "2026-01-01T00:00:00Z",
    "end_date_time": "2027-01-01T00:00:00Z",
    "elements": [
        {
            "price_components": [
                {"type": "TIME", "price": 3, "vat": 21, "step_size": 60},
                {"type": "FLAT", "price": 1, "vat": 21},
            ],
            "restrictions": {"reservation": word},
        }
        for word in ("RESERVATION", "RESERVATION_EXPIRES")
    ]
    + [
        {"price_components": PRICES, "restrictions": {**RESTRICTED, "min_current": 1, "max_current": 400}},
        {"price_components": PRICES},
    ],
}


def _tariff(tariff_id: str, body: dict[str, Any]) -> Tariff:
    return parse_tariff(body, tariff_id=tariff_id, parties=(OURS,), now=NINE)


LOCATIONS = {
    location_id: replace(parse_location(body, location_id=location_id, parties=(OURS,), now=TEN), created_no=no)
    for no, (location_id, body) in enumerate(
        [("RICH", SITE), ("PRIVATE", PRIVATE), ("BARE", NOTHING_OPTIONAL)], start=1
    )
}
RICH = LOCATIONS["RICH"]
TARIFFS = {"PLAIN": _tariff("PLAIN", PLAIN_PRICES), "FULL": _tariff("FULL", FULL_PRICES)}

DRIVER = replace(
    TOKEN, visual_number="12-34-56", group_id="GROUP", language="nl", default_profile_type="GREEN", extra=None
)
TERMS = Terms(
    place=Place(location=RICH, evse=RICH.evses[0], connector=RICH.evses[0].connectors[0]),
    tariff=TARIFFS["FULL"],
    token=DRIVER,
    auth_method=AuthMethod.AUTH_REQUEST,
    authorization_reference="approval-0815",
)


def _price(before: str, after: str | None = None) -> Price:
    return Price(before_taxes=Decimal(before), with_taxes=None if after is None else Decimal(after))


TOTALS = Totals(
    cost=_price("5.5", "6.655"),
    fixed=_price("0.5", "0.605"),
    energy=_price("2", "2.42"),
    time=_price("1", "1.21"),
    parking=_price("1", "1.21"),
    reservation=_price("1", "1.21"),
    taxes=tuple(
        TaxShare(part=part, vat=Decimal(21), before_taxes=Decimal(net), tax=Decimal(net) * Decimal("0.21"))
        for part, net in zip(Part, ("0.5", "2", "1", "1", "1"), strict=True)
    ),
)


def _signed(nature: Nature, reading: str) -> SignedValue:
    record = f'OCMF|{{"RD":[{{"RV":{reading}}}]}}|{{"SD":"00"}}'
    return SignedValue(
        nature=nature,
        at=NINE,
        plain_data=record,
        signed_data=base64.b64encode(record.encode()).decode(),
        encoding_method="OCMF",
        encoding_version="1.4",
        public_key=base64.b64encode(b"the key of the meter").decode(),
        key_source=KeySource.VALUE,
        verdict=Verdict.VERIFIED,
    )


RUNNING = replace(
    SESSION,
    id="5c6f3a04-0000-4000-8000-00000000000a",
    status=SessionStatus.ACTIVE,
    terms=TERMS,
    ledger=replace(SESSION.ledger, ended_at=None),
)
ENDED = replace(SESSION, id="5c6f3a04-0000-4000-8000-00000000000e", terms=TERMS)
SESSIONS = (RUNNING, ENDED, replace(ENDED, id="invalid", status=SessionStatus.INVALID))

BILL = replace(
    CDR,
    id="5c6f3a04-0000-4000-8000-0000000000b1",
    session_id=ENDED.id,
    terms=TERMS,
    totals=TOTALS,
    periods=tuple(
        replace(
            period,
            power=Range(least=Decimal(7), most=Decimal("21.5")),
            current=Range(least=Decimal(10), most=Decimal("31.2")),
        )
        for period in CDR.periods
    ),
    signed_values=(_signed(Nature.START, "0"), _signed(Nature.INTERMEDIATE, "3"), _signed(Nature.END, "7.2504")),
    home_charging_compensation=True,
    invoice_reference_id="INV-2026-000000001",
)
CREDIT = credit_of(BILL, cdr_id=f"{BILL.id}-C1"[-39:], now=ELEVEN, correction=Correction(reason="meter was wrong"))
CORRECTED = replace(BILL, id="5c6f3a04-0000-4000-8000-0000000000b2", corrects_id=BILL.id)
BILLS = (BILL, CREDIT, CORRECTED)


def names_in(value: Any) -> set[str]:
    """Every member that occurs anywhere in JSON."""
    if isinstance(value, dict):
        return set(value) | {name for inner in value.values() for name in names_in(inner)}
    if isinstance(value, list):
        return {name for inner in value for name in names_in(inner)}
    return set()
