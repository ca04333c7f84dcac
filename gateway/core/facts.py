"""From what a station reported to facts: what makes a message the same one sent again."""

from gateway.domain.events import StatusReported, TransactionReported
from gateway.domain.ids import station_key
from gateway.domain.quick import copier
from gateway.domain.sessions import Fact, FactKind
from gateway.domain.tokens import IdToken

TIME_REPLACED = "time_replaced"

_fact_from = copier(TransactionReported, Fact, "key", "received_at", "message_id")


def fact_of(event: TransactionReported) -> Fact:
    """The event as a fact.  The key is by number and time in OCPP 2.x, else by content: a repetition has the same."""
    receipt = event.receipt
    key = receipt.digest if event.seq_no is None else f"{event.seq_no}:{event.kind._value_}:{event.at_raw}"
    return _fact_from(event, key, receipt.received_at, receipt.message_id)


def state_fact_of(event: StatusReported) -> Fact:
    """What a plug's state says of the session there.

    Stations leave out the time or have no clock: then the same words come again with another meaning, and only the
    receipt tells them apart.
    """
    receipt = event.receipt
    is_dated = bool(event.at_raw) and TIME_REPLACED not in event.flags
    return Fact(
        kind=FactKind.STATE_CHANGED,
        key=receipt.digest if is_dated else f"{receipt.digest}:{receipt.received_at.isoformat()}",
        at=event.at,
        at_raw=event.at_raw,
        received_at=receipt.received_at,
        message_id=receipt.message_id,
        charging_state=event.charging_state,
        flags=event.flags,
    )


def is_dated(fact: Fact) -> bool:
    """Has the fact its device's own time, not that of its receipt?"""
    return TIME_REPLACED not in fact.flags


def start_key_of(event: TransactionReported) -> str:
    """By which a start that is sent again is known: all that a station repeats, nothing that it may change."""
    station = station_key(event.receipt.station_id)
    if event.transaction_id is not None:
        return f"{station}|{event.transaction_id}"
    meter_start = next((reading.value for reading in event.readings), None)
    uid = "" if event.id_token is None else event.id_token.value.casefold()
    return f"{station}|{event.evse_no}|{event.connector_no}|{uid}|{event.at_raw}|{meter_start}"


def is_same_token(one: IdToken | None, other: IdToken | None) -> bool:
    """The same card: uids are told apart without regard to case."""
    if one is None or other is None:
        return one is other
    return one.value.casefold() == other.value.casefold() and one.type == other.type
