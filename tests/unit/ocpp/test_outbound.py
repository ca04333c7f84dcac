"""What is wanted of a station, in the words of its version, and what it answers."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.calls import (
    CallOutcomeKind,
    CallReply,
    CancelReservationCall,
    ReserveCall,
    StartCall,
    StationCall,
    StopCall,
    UnlockCall,
)
from gateway.domain.tokens import IdToken
from gateway.ocpp.replies import read_reply
from gateway.ocpp.v16.version import VERSION as V16
from gateway.ocpp.v201.version import VERSION as V201
from gateway.ocpp.version import Version
from gateway.ports import CallOutcome

START = StartCall(
    id_token=IdToken(value="TAG", type="Central"), remote_start_id=7, evse_no=2, connector_no=2, group_id="G"
)
STOP = StopCall(transaction_id="12")
RESERVE = ReserveCall(
    no=7,
    id_token=IdToken(value="TAG", type="Central"),
    expires_at=datetime(2026, 3, 1, 12, tzinfo=UTC),
    evse_no=2,
    connector_no=2,
    group_id="G",
)
CANCEL = CancelReservationCall(no=7)
UNLOCK = UnlockCall(evse_no=2, connector_no=2)


@pytest.mark.parametrize(
    ("version", "call", "action", "payload"),
    [
        (V16, START, "RemoteStartTransaction", {"connectorId": 2, "idTag": "TAG"}),
        (V16, STOP, "RemoteStopTransaction", {"transactionId": 12}),
        (V16, UNLOCK, "UnlockConnector", {"connectorId": 2}),
        (
            V201,
            START,
            "RequestStartTransaction",
            {
                "evseId": 2,
                "remoteStartId": 7,
                "idToken": {"idToken": "TAG", "type": "Central"},
                "groupIdToken": {"idToken": "G", "type": "Central"},
            },
        ),
        (
            V16,
            RESERVE,
            "ReserveNow",
            {
                "connectorId": 2,
                "expiryDate": "2026-03-01T12:00:00.000Z",
                "idTag": "TAG",
                "parentIdTag": "G",
                "reservationId": 7,
            },
        ),
        (V16, CANCEL, "CancelReservation", {"reservationId": 7}),
        (
            V201,
            RESERVE,
            "ReserveNow",
            {
                "id": 7,
                "evseId": 2,
                "expiryDateTime": "2026-03-01T12:00:00.000Z",
                "idToken": {"idToken": "TAG", "type": "Central"},
                "groupIdToken": {"idToken": "G", "type": "Central"},
            },
        ),
        (V201, CANCEL, "CancelReservation", {"reservationId": 7}),
        (V201, STOP, "RequestStopTransaction", {"transactionId": "12"}),
        (V201, UNLOCK, "UnlockConnector", {"evseId": 2, "connectorId": 2}),
    ],
)
def test_a_call_is_said_in_the_words_of_the_version(
    version: Version, call: StationCall, action: str, payload: dict[str, Any]
) -> None:
    assert version.render_call(call) == (action, payload)
    assert version.schemas.requests[action].is_valid(payload)


@pytest.mark.parametrize("version", [V16, V201])
def test_the_boot_message_is_asked_for_in_valid_words(version: Version) -> None:
    action, payload = version.trigger_boot

    assert version.schemas.requests[action].is_valid(payload)


def test_an_answer_is_read_with_its_reason_and_the_transaction_that_runs_already() -> None:
    payload = {
        "status": "Accepted",
        "transactionId": "tx-1",
        "statusInfo": {"reasonCode": "TxStarted", "additionalInfo": "plugged in before"},
    }

    reply = read_reply(CallOutcome(outcome="accepted", payload=payload))

    assert reply == CallReply(
        outcome=CallOutcomeKind.ANSWERED,
        status="Accepted",
        reason="TxStarted plugged in before",
        transaction_id="tx-1",
    )


@pytest.mark.parametrize(
    ("outcome", "kind", "is_unsupported"),
    [
        (CallOutcome(outcome="call_error", error_code="NotImplemented"), CallOutcomeKind.CALL_ERROR, True),
        (CallOutcome(outcome="call_error", error_code="NotSupported"), CallOutcomeKind.CALL_ERROR, True),
        (CallOutcome(outcome="call_error", error_code="InternalError"), CallOutcomeKind.CALL_ERROR, False),
        (CallOutcome(outcome="timeout"), CallOutcomeKind.TIMEOUT, False),
        (CallOutcome(outcome="offline"), CallOutcomeKind.OFFLINE, False),
        (CallOutcome(outcome="invalid"), CallOutcomeKind.UNSAYABLE, True),
    ],
)
def test_what_is_no_answer_is_told_apart(outcome: CallOutcome, kind: CallOutcomeKind, is_unsupported: bool) -> None:
    reply = read_reply(outcome)

    assert (reply.outcome, reply.is_unsupported) == (kind, is_unsupported)


def test_a_group_that_a_tag_cannot_hold_is_left_out() -> None:
    _, payload = V16.render_call(replace(RESERVE, group_id="G" * 21))

    assert "parentIdTag" not in payload
