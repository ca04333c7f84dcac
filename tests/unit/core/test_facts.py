from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gateway.core.facts import fact_of, is_dated, is_same_token, start_key_of, state_fact_of
from gateway.domain.events import Receipt, StatusReported, TransactionReported
from gateway.domain.meters import Reading
from gateway.domain.sessions import ChargingState, FactKind
from gateway.domain.stations import ConnectorState
from gateway.domain.tokens import IdToken

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
CARD = IdToken(value="04AABBCC")
RECEIPT = Receipt(
    station_id="CS1", received_at=NOON, message_id="m1", action="StartTransaction", digest="0123456789abcdef"
)
START = TransactionReported(
    receipt=RECEIPT,
    kind=FactKind.STARTED,
    transaction_id=None,
    at=NOON,
    at_raw="2026-03-01T12:00:00Z",
    evse_no=1,
    connector_no=1,
    id_token=CARD,
    readings=(Reading(at=NOON, value=Decimal(1000)),),
)
UPDATED = replace(
    START,
    kind=FactKind.UPDATED,
    transaction_id="tx",
    seq_no=7,
    charging_state=ChargingState.CHARGING,
    trigger="ChargingStateChanged",
    offline=True,
    flags=("time_replaced",),
)
STATUS = StatusReported(
    receipt=RECEIPT,
    evse_no=1,
    connector_no=1,
    state=ConnectorState.OCCUPIED,
    at=NOON,
    at_raw="2026-03-01T12:00:00Z",
    charging_state=ChargingState.CHARGING,
)
AGAIN = replace(RECEIPT, message_id="m2", received_at=LATER)


def test_a_fact_says_what_the_message_said() -> None:
    fact = fact_of(UPDATED)

    for name in (
        "kind",
        "at",
        "at_raw",
        "seq_no",
        "readings",
        "charging_state",
        "id_token",
        "trigger",
        "offline",
        "flags",
    ):
        assert getattr(fact, name) == getattr(UPDATED, name)
    assert (fact.received_at, fact.message_id, fact.stop_reason) == (NOON, "m1", None)


@pytest.mark.parametrize("event", [START, UPDATED])
def test_a_message_sent_again_has_the_same_key(event: TransactionReported) -> None:
    again = replace(event, receipt=replace(AGAIN, digest=event.receipt.digest))

    assert fact_of(again).key == fact_of(event).key


def test_a_numbered_event_sent_again_may_say_that_it_was_offline() -> None:
    again = replace(UPDATED, receipt=replace(AGAIN, digest="another"), offline=False)

    assert fact_of(again).key == fact_of(UPDATED).key == "7:UPDATED:2026-03-01T12:00:00Z"


def test_other_messages_have_other_keys() -> None:
    others = [replace(UPDATED, seq_no=8), replace(UPDATED, kind=FactKind.ENDED), replace(UPDATED, at_raw="later")]

    assert len({fact_of(event).key for event in [UPDATED, START, *others]}) == 5


def test_a_dated_state_sent_again_has_the_same_key_and_an_undated_one_is_new() -> None:
    again = replace(STATUS, receipt=AGAIN)
    timeless = [replace(event, at_raw="") for event in (STATUS, again)]
    clockless = [replace(event, flags=("time_replaced",)) for event in (STATUS, again)]

    assert state_fact_of(again).key == state_fact_of(STATUS).key
    assert len({state_fact_of(event).key for event in (*timeless, *clockless)}) == 2
    assert is_dated(state_fact_of(STATUS))
    assert not is_dated(state_fact_of(clockless[0]))


def test_a_start_sent_again_has_the_same_start_key() -> None:
    spelled = replace(START, receipt=replace(AGAIN, station_id="cs1"), id_token=IdToken(value="04aabbcc"))

    assert start_key_of(spelled) == start_key_of(START)


@pytest.mark.parametrize(
    "changes",
    [
        {"evse_no": 2, "connector_no": 2},
        {"id_token": IdToken(value="OTHER")},
        {"at_raw": "2026-03-01T12:00:01Z"},
        {"readings": (Reading(at=NOON, value=Decimal(1001)),)},
        {"receipt": replace(RECEIPT, station_id="CS2")},
        {"transaction_id": "tx"},
    ],
)
def test_another_start_has_another_start_key(changes: dict[str, object]) -> None:
    assert start_key_of(replace(START, **changes)) != start_key_of(START)  # type: ignore[arg-type]


def test_tokens_are_the_same_without_regard_to_case() -> None:
    assert is_same_token(CARD, IdToken(value="04aabbcc"))
    assert not is_same_token(CARD, replace(CARD, type="Central"))
    assert not is_same_token(CARD, None)
    assert is_same_token(None, None)
