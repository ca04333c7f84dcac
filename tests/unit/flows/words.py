"""What there is, and what stations say of it, as values."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from gateway.domain.events import Receipt, StatusReported, TransactionReported
from gateway.domain.ids import ConnectorKey, PartyId
from gateway.domain.locations import Connector, Evse, EvseStatus, Location
from gateway.domain.meters import Reading
from gateway.domain.sessions import ChargingState, FactKind
from gateway.domain.stations import ConnectorState, OccupiedBy
from gateway.domain.tariffs import Dimension, PriceComponent, Tariff, TariffElement
from gateway.domain.tokens import IdToken, Token, Whitelist

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
THEN = datetime(2026, 1, 1, tzinfo=UTC)
STATION = "CS1"
CARD = "04AABBCC"
OTHER_CARD = "04DDEEFF"
OURS = PartyId(country_code="DE", party_id="ALL")
EMSP = PartyId(country_code="NL", party_id="EMS")


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


# --- what there is ---------------------------------------------------------------------------------------------------


def energy_price(price: str) -> TariffElement:
    return TariffElement(components=(PriceComponent(type=Dimension.ENERGY, price=Decimal(price)),))


TARIFF = Tariff(id="T", party=OURS, currency="EUR", elements=(energy_price("0.50"),), last_updated=THEN)
TOKEN = Token(
    partner_id="P1",
    party=EMSP,
    uid=CARD,
    type="RFID",
    contract_id="NL-EMS-C1",
    issuer="EMS",
    valid=True,
    whitelist=Whitelist.ALLOWED,
    last_updated=THEN,
)
OTHER_TOKEN = replace(TOKEN, uid=OTHER_CARD, contract_id="NL-EMS-C2")


def make_evse(evse_no: int, station_id: str = STATION, *, connector_nos: Sequence[int] = (), uid: str = "") -> Evse:
    """An EVSE; as 1.6 numbers it (its one plug has its number) unless the plugs are named."""
    connectors = tuple(
        Connector(
            id=str(connector_no),
            standard="IEC_62196_T2",
            format="SOCKET",
            power_type="AC_3_PHASE",
            max_voltage=230,
            max_amperage=32,
            last_updated=THEN,
            key=ConnectorKey(station_id=station_id, evse_no=evse_no, connector_no=connector_no),
            tariff_ids=(TARIFF.id,),
        )
        for connector_no in connector_nos or (evse_no,)
    )
    return Evse(
        uid=uid or f"{station_id}-{evse_no}", status=EvseStatus.UNKNOWN, connectors=connectors, last_updated=THEN
    )


def make_location(*evses: Evse, location_id: str = "L1") -> Location:
    return Location(
        id=location_id,
        party=OURS,
        publish=True,
        address="Street 1",
        city="Ulm",
        country="DEU",
        coordinates=("48.4", "9.98"),
        time_zone="Europe/Berlin",
        evses=evses,
        last_updated=THEN,
    )


# EVSE 1 and 2 with a plug each, EVSE 3 with two
LOCATION = make_location(make_evse(1), make_evse(2), make_evse(3, connector_nos=(1, 2)))


# --- what stations say -----------------------------------------------------------------------------------------------


def reading(minutes: float, wh: float | str, **changes: Any) -> Reading:
    return replace(Reading(at=after(minutes), value=Decimal(str(wh))), **changes)


def receipt(action: str, *content: object, station_id: str = STATION) -> Receipt:
    digest = "|".join(map(str, (action, *content)))
    return Receipt(station_id=station_id, received_at=NOON, message_id="m", action=action, digest=digest)


def start(minutes: float = 0, wh: float = 1000, *, card: str = CARD, plug: int = 1, **changes: Any) -> Any:
    """An OCPP 1.6 StartTransaction."""
    event = TransactionReported(
        receipt=receipt("StartTransaction", minutes, wh, card, plug),
        kind=FactKind.STARTED,
        transaction_id=None,
        at=after(minutes),
        at_raw=after(minutes).isoformat(),
        evse_no=plug,
        connector_no=plug,
        id_token=IdToken(value=card),
        readings=(reading(minutes, wh, context="Transaction.Begin"),),
    )
    return replace(event, **changes)


def metered(minutes: float, wh: float, transaction_id: str | None = "1", *, plug: int = 1, **changes: Any) -> Any:
    """OCPP 1.6 MeterValues with one register."""
    event = TransactionReported(
        receipt=receipt("MeterValues", minutes, wh, transaction_id, plug),
        kind=FactKind.METERED,
        transaction_id=transaction_id,
        at=after(minutes),
        at_raw=after(minutes).isoformat(),
        evse_no=plug,
        connector_no=plug,
        readings=(reading(minutes, wh, context="Sample.Periodic"),),
    )
    return replace(event, **changes)


def stop(
    minutes: float, wh: float, transaction_id: str = "1", *, card: str | None = None, older: Sequence[Reading] = ()
) -> TransactionReported:
    """An OCPP 1.6 StopTransaction; `older` is its transactionData."""
    return TransactionReported(
        receipt=receipt("StopTransaction", minutes, wh, transaction_id, card),
        kind=FactKind.ENDED,
        transaction_id=transaction_id,
        at=after(minutes),
        at_raw=after(minutes).isoformat(),
        id_token=None if card is None else IdToken(value=card),
        readings=(*older, reading(minutes, wh, context="Transaction.End")),
        stop_reason="Local",
    )


def told(
    kind: FactKind,
    seq_no: int,
    minutes: float,
    wh: float | None = None,
    *,
    card: str | None = None,
    evse: tuple[int, int | None] | None = None,
    transaction_id: str = "tx-1",
    state: ChargingState | None = None,
    **changes: Any,
) -> Any:
    """An OCPP 2.x TransactionEvent."""
    event = TransactionReported(
        receipt=receipt("TransactionEvent", transaction_id, kind, seq_no, minutes, wh),
        kind=kind,
        transaction_id=transaction_id,
        at=after(minutes),
        at_raw=after(minutes).isoformat(),
        evse_no=evse[0] if evse else None,
        connector_no=evse[1] if evse else None,
        id_token=None if card is None else IdToken(value=card, type="ISO14443"),
        readings=() if wh is None else (reading(minutes, wh),),
        charging_state=state,
        seq_no=seq_no,
        trigger="MeterValuePeriodic",
    )
    return replace(event, **changes)


def started(seq_no: int = 0, minutes: float = 0, wh: float | None = 1000, **changes: Any) -> Any:
    return told(FactKind.STARTED, seq_no, minutes, wh, **{"card": CARD, "evse": (1, 1), **changes})


def updated(seq_no: int, minutes: float, wh: float | None = None, **changes: Any) -> Any:
    return told(FactKind.UPDATED, seq_no, minutes, wh, **changes)


def ended(seq_no: int, minutes: float, wh: float | None = None, **changes: Any) -> Any:
    return told(FactKind.ENDED, seq_no, minutes, wh, **changes)


STATES: dict[str, tuple[ConnectorState, OccupiedBy | None, ChargingState | None]] = {
    "Available": (ConnectorState.AVAILABLE, None, None),
    "Preparing": (ConnectorState.OCCUPIED, OccupiedBy.PREPARING, None),
    "Charging": (ConnectorState.OCCUPIED, OccupiedBy.CHARGING, ChargingState.CHARGING),
    "SuspendedEV": (ConnectorState.OCCUPIED, OccupiedBy.SUSPENDED_EV, ChargingState.SUSPENDED_EV),
    "SuspendedEVSE": (ConnectorState.OCCUPIED, OccupiedBy.SUSPENDED_EVSE, ChargingState.SUSPENDED_EVSE),
    "Finishing": (ConnectorState.OCCUPIED, OccupiedBy.FINISHING, None),
    "Unavailable": (ConnectorState.UNAVAILABLE, None, None),
    "Faulted": (ConnectorState.FAULTED, None, None),
}


def status(minutes: float, word: str, *, plug: int = 1, station_id: str = STATION, **changes: Any) -> Any:
    """An OCPP 1.6 StatusNotification."""
    state, occupied_by, charging_state = STATES[word]
    event = StatusReported(
        receipt=receipt("StatusNotification", minutes, word, plug, station_id=station_id),
        evse_no=plug,
        connector_no=plug,
        state=state,
        at=after(minutes),
        at_raw=after(minutes).isoformat(),
        occupied_by=occupied_by,
        charging_state=charging_state,
        error_code="NoError",
    )
    return replace(event, **changes)


def undated(event: Any) -> Any:
    """The same from a station without a clock: it says 1970, and the receipt's time stands for that."""
    return replace(event, at_raw=f"1970-01-01T00:{event.at_raw[14:]}", flags=("time_replaced",))


def at_station(event: Any, station_id: str) -> Any:
    return replace(event, receipt=replace(event.receipt, station_id=station_id))
