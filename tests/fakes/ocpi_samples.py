"""Objects as the domain holds them, for tests to take and vary with `replace`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from decimal import Decimal

from gateway.domain.cdrs import Cdr, CdrPeriod, Totals
from gateway.domain.ids import ConnectorKey, PartyId
from gateway.domain.locations import Connector, Evse, EvseStatus, Location, Place
from gateway.domain.money import Price
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerStatus
from gateway.domain.sessions import Ledger, Period, Phase, Session, SessionStatus, Terms
from gateway.domain.tariffs import Dimension, PriceComponent, Restrictions, Tariff, TariffElement
from gateway.domain.tokens import Token, Whitelist

OURS = PartyId(country_code="NL", party_id="GWY")
OTHER_OF_OURS = PartyId(country_code="BE", party_id="GWB")
EMSP = PartyId(country_code="DE", party_id="EMP")
STRANGER = PartyId(country_code="FR", party_id="XYZ")

NINE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TEN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
ELEVEN = datetime(2026, 3, 1, 11, 0, tzinfo=UTC)

CONNECTOR = Connector(
    id="1",
    standard="IEC_62196_T2",
    format="SOCKET",
    power_type="AC_3_PHASE",
    max_voltage=230,
    max_amperage=32,
    max_electric_power=22_080,
    tariff_ids=("T1",),
    terms_and_conditions="https://cpo.example/terms",
    last_updated=NINE,
    key=ConnectorKey(station_id="CS-1", evse_no=1, connector_no=1),
)
EVSE = Evse(
    uid="GWY-1-1",
    evse_id="NL*GWY*E1*1",
    status=EvseStatus.AVAILABLE,
    connectors=(CONNECTOR,),
    capabilities=("RFID_READER", "REMOTE_START_STOP_CAPABLE"),
    physical_reference="A1",
    floor_level="-1",
    coordinates=("52.3702160", "4.8951680"),
    extra=json.dumps(
        {
            "directions": [{"language": "en", "text": "Behind the barrier"}],
            "parking_restrictions": ["EV_ONLY", "TAXIS"],
            "accepted_service_providers": ["Somebody"],
        }
    ),
    last_updated=TEN,
)
LOCATION = Location(
    id="LOC1",
    party=OURS,
    publish=True,
    name="Dam Square",
    address="Dam 1",
    city="Amsterdam",
    postal_code="1012JS",
    country="NLD",
    coordinates=("52.370216", "4.895168"),
    parking_type="ON_STREET",
    time_zone="Europe/Amsterdam",
    evses=(EVSE,),
    created_no=1,
    extra=json.dumps(
        {
            "operator": {"name": "Gateway Charging", "website": "https://cpo.example"},
            "facilities": ["CAFE", "HELIPORT"],
            "opening_times": {"twentyfourseven": True},
            "charging_when_closed": False,
            "images": [{"url": "https://cpo.example/a.png", "category": "CHARGER", "type": "png", "width": 64}],
            "energy_mix": {
                "is_green_energy": False,
                "energy_sources": [{"source": "WIND", "percentage": 33.3}, {"source": "GAS", "percentage": 66.7}],
            },
            "help_phone": "+31201234567",
        }
    ),
    last_updated=TEN,
)
TARIFF = Tariff(
    id="T1",
    party=OURS,
    currency="EUR",
    type="REGULAR",
    alt_text=json.dumps([{"language": "en", "text": "0.30 per kWh"}]),
    elements=(
        TariffElement(
            components=(
                PriceComponent(type=Dimension.ENERGY, price=Decimal("0.30"), step_size=1, vat=Decimal("21")),
                PriceComponent(type=Dimension.PARKING_TIME, price=Decimal("1.2"), step_size=60, vat=Decimal("21")),
            ),
            restrictions=Restrictions(start_time=time(8), end_time=time(20), max_kwh=Decimal("50.5")),
        ),
        TariffElement(components=(PriceComponent(type=Dimension.FLAT, price=Decimal("0.5")),)),
    ),
    min_price=Price(before_taxes=Decimal("0.5"), with_taxes=Decimal("0.605")),
    start_at=NINE,
    last_updated=NINE,
)
TOKEN = Token(
    partner_id="P1",
    party=EMSP,
    uid="04A2B3C4D5E6F7",
    type="RFID",
    contract_id="DE-EMP-C12345678-X",
    issuer="Emobility Provider",
    valid=True,
    whitelist=Whitelist.ALLOWED,
    last_updated=NINE,
)
TERMS = Terms(place=Place(location=LOCATION, evse=EVSE, connector=CONNECTOR), tariff=TARIFF, token=TOKEN)
SESSION = Session(
    id="5c6f3a04-0000-4000-8000-000000000001",
    key=ConnectorKey(station_id="CS-1", evse_no=1, connector_no=1),
    transaction_id="17",
    start_key="start-17",
    status=SessionStatus.COMPLETED,
    ledger=Ledger(
        started_at=NINE,
        periods=(
            Period(start_at=NINE, phase=Phase.CHARGING, energy_wh=Decimal("7250.4")),
            Period(start_at=TEN, phase=Phase.PARKING),
        ),
        last_at=ELEVEN,
        energy_wh=Decimal("7250.4"),
        ended_at=ELEVEN,
    ),
    terms=TERMS,
    partner_id="P1",
    created_no=1,
    last_updated=ELEVEN,
    revision=3,
)
CDR = Cdr(
    id="5c6f3a04-0000-4000-8000-00000000000c",
    session_id=SESSION.id,
    party=OURS,
    partner_id="P1",
    terms=TERMS,
    started_at=NINE,
    ended_at=ELEVEN,
    currency="EUR",
    periods=(
        CdrPeriod(start_at=NINE, phase=Phase.CHARGING, duration_s=Decimal(3600), energy_wh=Decimal("7250.4")),
        CdrPeriod(start_at=TEN, phase=Phase.PARKING, duration_s=Decimal(3600), energy_wh=Decimal(0)),
    ),
    totals=Totals(
        cost=Price(before_taxes=Decimal("3.88"), with_taxes=Decimal("4.69")),
        fixed=Price(before_taxes=Decimal("0.5"), with_taxes=Decimal("0.5")),
        energy=Price(before_taxes=Decimal("2.18"), with_taxes=Decimal("2.64")),
        parking=Price(before_taxes=Decimal("1.2"), with_taxes=Decimal("1.45")),
    ),
    energy_wh=Decimal("7250.4"),
    time_s=Decimal(7200),
    parking_time_s=Decimal(3600),
    remark="stopped by the driver",
    ordinal=1,
    last_updated=ELEVEN,
)
OWN_ROLE = PartnerRole(
    party=OURS,
    role="CPO",
    name="Gateway Charging",
    business_details=json.dumps({"website": "https://cpo.example"}),
)
EMSP_ROLE = PartnerRole(party=EMSP, role="EMSP", name="Emobility Provider")
PARTNER_TOKEN = "partner-credentials-token"
PARTNER = Partner(
    id="P1",
    name="Emobility Provider",
    role="EMSP",
    status=PartnerStatus.REGISTERED,
    created_at=NINE,
    last_updated=NINE,
    token_hash="hash:" + PARTNER_TOKEN.encode().hex(),
    versions_url="https://emsp.example/ocpi/versions",
    outbound_token="sealed:" + "token-we-use"[::-1],
    version="2.2.1",
    roles=(EMSP_ROLE,),
    endpoints=(
        Endpoint(identifier="credentials", role="SENDER", url="https://emsp.example/ocpi/2.2.1/credentials"),
        Endpoint(identifier="tokens", role="SENDER", url="https://emsp.example/ocpi/2.2.1/tokens"),
    ),
    revision=1,
)
