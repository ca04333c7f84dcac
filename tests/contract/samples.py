"""Objects for the tests of a store: one of each, to be varied with `replace`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gateway.domain.cdrs import Cdr, CdrPeriod, Totals
from gateway.domain.events import MessageQuarantined, NoticeKind, NoticeReported, Receipt
from gateway.domain.ids import ConnectorKey, party_id_of
from gateway.domain.locations import Connector, Evse, EvseStatus, Location, Place
from gateway.domain.meters import Reading
from gateway.domain.money import Price
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerStatus
from gateway.domain.sessions import ChargingState, Fact, FactKind, Ledger, Period, Phase, Session, SessionStatus, Terms
from gateway.domain.stations import Admission, ConnectorState, ConnectorStatus, Deviation, OccupiedBy, Station
from gateway.domain.tariffs import Dimension, PriceComponent, Tariff, TariffElement
from gateway.domain.tokens import AuthMethod, IdToken, LocalStatus, LocalToken, Token, Whitelist

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MS = timedelta(milliseconds=1)
OURS = party_id_of("NL", "ABC")
THEIRS = party_id_of("DE", "XYZ")
PARTNER = "partner-1"


class SetClock:
    """A clock that stands where it is put."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


KEY = ConnectorKey(station_id="CP-1", evse_no=1, connector_no=2)
STATION = Station(id="CP-1", admission=Admission.ACCEPTED, security_profile=1, password_hash="h", created_at=NOON)
STATUS = ConnectorStatus(
    key=KEY,
    state=ConnectorState.OCCUPIED,
    at=NOON,
    received_at=NOON + MS,
    occupied_by=OccupiedBy.CHARGING,
    error_code="NoError",
)
CONNECTOR = Connector(
    id="1",
    standard="IEC_62196_T2",
    format="SOCKET",
    power_type="AC_3_PHASE",
    max_voltage=230,
    max_amperage=32,
    last_updated=NOON,
    key=KEY,
    tariff_ids=("T1",),
)
EVSE = Evse(
    uid="E1", status=EvseStatus.AVAILABLE, connectors=(CONNECTOR,), last_updated=NOON, coordinates=("52.1", "4.9")
)
LOCATION = Location(
    id="L1",
    party=OURS,
    publish=True,
    address="Dam 1",
    city="Amsterdam",
    country="NLD",
    coordinates=("52.37", "4.89"),
    time_zone="Europe/Amsterdam",
    evses=(EVSE, replace(EVSE, uid="E2", connectors=(replace(CONNECTOR, key=None),))),
    last_updated=NOON,
)
TARIFF = Tariff(
    id="T1",
    party=OURS,
    currency="EUR",
    elements=(TariffElement(components=(PriceComponent(type=Dimension.ENERGY, price=Decimal("0.2500")),)),),
    last_updated=NOON,
    min_price=Price(before_taxes=Decimal("1.00")),
)
TOKEN = Token(
    partner_id=PARTNER,
    party=THEIRS,
    uid="04A2B3",
    type="RFID",
    contract_id="DE-XYZ-C1",
    issuer="XYZ",
    valid=True,
    whitelist=Whitelist.ALLOWED,
    last_updated=NOON,
)
LOCAL_TOKEN = LocalToken(uid="CAFE01", last_updated=NOON, status=LocalStatus.ACCEPTED, group_id="staff")
PARTNER_ROW = Partner(
    id=PARTNER,
    name="Roamer",
    role="EMSP",
    status=PartnerStatus.REGISTERED,
    created_at=NOON,
    last_updated=NOON,
    roles=(PartnerRole(party=THEIRS, role="EMSP", name="Roamer"),),
    endpoints=(Endpoint(identifier="tokens", role="SENDER", url="https://roamer.example/tokens"),),
)
TERMS = Terms(
    place=Place(location=LOCATION, evse=EVSE, connector=CONNECTOR),
    tariff=TARIFF,
    token=TOKEN,
    auth_method=AuthMethod.COMMAND,
    authorization_reference="ref",
)
LEDGER = Ledger(
    started_at=NOON,
    periods=(Period(start_at=NOON, phase=Phase.CHARGING, energy_wh=Decimal("10.50")),),
    last_at=NOON,
    energy_wh=Decimal("10.50"),
    register_wh=Decimal("1E+3"),
    register_at=NOON,
    charging_state=ChargingState.CHARGING,
    has_started=True,
    fact_count=1,
)
SESSION = Session(
    id="s-1",
    key=KEY,
    transaction_id="17",
    start_key="start-1",
    status=SessionStatus.ACTIVE,
    ledger=LEDGER,
    terms=TERMS,
    id_token=IdToken(value="04A2B3", type="ISO14443"),
    partner_id=PARTNER,
    last_updated=NOON,
)
FACT = Fact(
    kind=FactKind.METERED,
    key="f-1",
    at=NOON,
    at_raw="2026-03-01T12:00:00Z",
    received_at=NOON + MS,
    message_id="m-1",
    readings=(
        Reading(at=NOON, value=Decimal("1200.0")),
        Reading(at=NOON - MS, value=None, raw="OCMF|{}", format="SignedData", multiplier=3, unit="kWh"),
    ),
)
CDR = Cdr(
    id="c-1",
    session_id="s-1",
    party=OURS,
    partner_id=PARTNER,
    terms=TERMS,
    started_at=NOON,
    ended_at=NOON + timedelta(hours=1),
    currency="EUR",
    periods=(CdrPeriod(start_at=NOON, phase=Phase.CHARGING, duration_s=Decimal(3600), energy_wh=Decimal("7250.125")),),
    totals=Totals(cost=Price(before_taxes=Decimal("2.50"), with_taxes=Decimal("3.03"))),
    energy_wh=Decimal("7250.125"),
    time_s=Decimal(3600),
    parking_time_s=Decimal(0),
    flags=frozenset({"time_replaced", "register_fell"}),
    last_updated=NOON,
)
RECEIPT = Receipt(station_id="CP-1", received_at=NOON, message_id="m-1", action="MeterValues", digest="d")
NOTICE = NoticeReported(receipt=RECEIPT, kind=NoticeKind.FIRMWARE, summary="Installed", at=NOON, body="{}")
QUARANTINED = MessageQuarantined(receipt=RECEIPT, reason="no timestamp", frame='[2,"m-1","MeterValues",{}]')
DEVIATION = Deviation(
    station_id="CP-1",
    action="StatusNotification",
    path="$.errorCode",
    problem="not in the list",
    example="Oops",
    first_at=NOON,
    last_at=NOON,
)


def session_no(number: int, **changes: object) -> Session:
    """A session that shares no key with those of other numbers."""
    return replace(
        SESSION,
        id=f"s-{number}",
        transaction_id=str(number),
        start_key=f"start-{number}",
        **changes,  # type: ignore[arg-type]
    )


def cdr_no(number: int, **changes: object) -> Cdr:
    return replace(CDR, id=f"c-{number}", session_id=f"s-{number}", **changes)  # type: ignore[arg-type]


def with_energy(session: Session, energy_wh: int) -> Session:
    """The session after some more energy: the same span, another fold."""
    return replace(session, ledger=replace(session.ledger, energy_wh=Decimal(energy_wh)))
