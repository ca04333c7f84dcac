"""OCPP 1.6 payloads become events, decisions become payloads."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from gateway.core.facts import fact_of
from gateway.domain.events import (
    AuthorizeAsked,
    BootReported,
    NoticeKind,
    NoticeReported,
    StatusReported,
    TransactionReported,
)
from gateway.domain.meters import Reading
from gateway.domain.sessions import ChargingState, FactKind
from gateway.domain.stations import Admission, ConnectorState, OccupiedBy
from gateway.domain.tokens import Authorization, AuthStatus, IdToken
from gateway.errors import WireError
from gateway.ocpp.message import Message, Seat
from gateway.ocpp.v16.inbound import HANDLERS, parse_meter_values, render_id_tag_info
from gateway.ocpp.v16.version import VERSION
from tests.unit.ocpp.stage import ACCEPTED, NOW, Witness

NINE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


async def serve(action: str, payload: dict[str, Any], witness: Witness | None = None) -> tuple[Any, Any]:
    """Answer and event; both sides are held against the schemas."""
    witness = witness or Witness()
    assert VERSION.schemas.requests[action].is_valid(payload)
    text = orjson.dumps([2, "m1", action, payload]).decode()
    message = Message(seat=Seat("CP1"), received_at=NOW, message_id="m1", action=action, payload=payload, text=text)
    answer = await HANDLERS[action](message, witness)
    assert VERSION.schemas.replies[action].is_valid(answer or {})
    return answer, witness.told[0] if witness.told else None


@pytest.mark.parametrize(
    ("admission", "status"),
    [(Admission.ACCEPTED, "Accepted"), (Admission.PENDING, "Pending"), (Admission.REJECTED, "Rejected")],
)
async def test_boot(admission: Admission, status: str) -> None:
    payload = {
        "chargePointVendor": "V",
        "chargePointModel": "M",
        "chargeBoxSerialNumber": "BOX",
        "firmwareVersion": "1.2",
    }

    answer, event = await serve("BootNotification", payload, Witness(admission=admission))

    assert answer == {"status": status, "currentTime": "2026-03-01T10:00:00.000Z", "interval": 300}
    assert isinstance(event, BootReported)
    assert (event.vendor, event.model, event.serial_number, event.firmware_version) == ("V", "M", "BOX", "1.2")
    assert event.version == "1.6"


async def test_heartbeat_tells_the_time() -> None:
    assert await serve("Heartbeat", {}) == ({"currentTime": "2026-03-01T10:00:00.000Z"}, None)


@pytest.mark.parametrize(
    ("status", "state", "occupied_by", "charging_state"),
    [
        ("Available", ConnectorState.AVAILABLE, None, None),
        ("Preparing", ConnectorState.OCCUPIED, OccupiedBy.PREPARING, None),
        ("Charging", ConnectorState.OCCUPIED, OccupiedBy.CHARGING, ChargingState.CHARGING),
        ("SuspendedEV", ConnectorState.OCCUPIED, OccupiedBy.SUSPENDED_EV, ChargingState.SUSPENDED_EV),
        ("SuspendedEVSE", ConnectorState.OCCUPIED, OccupiedBy.SUSPENDED_EVSE, ChargingState.SUSPENDED_EVSE),
        ("Finishing", ConnectorState.OCCUPIED, OccupiedBy.FINISHING, None),
        ("Reserved", ConnectorState.RESERVED, None, None),
        ("Unavailable", ConnectorState.UNAVAILABLE, None, None),
        ("Faulted", ConnectorState.FAULTED, None, None),
    ],
)
async def test_a_status_is_a_state_and_perhaps_a_fact_of_the_session(
    status: str, state: ConnectorState, occupied_by: OccupiedBy | None, charging_state: ChargingState | None
) -> None:
    payload = {"connectorId": 2, "errorCode": "NoError", "status": status, "timestamp": "2026-03-01T09:00:00Z"}

    answer, event = await serve("StatusNotification", payload)

    assert answer is None
    assert isinstance(event, StatusReported)
    assert (event.state, event.occupied_by, event.charging_state) == (state, occupied_by, charging_state)
    assert (event.evse_no, event.connector_no, event.at, event.at_raw) == (2, 2, NINE, "2026-03-01T09:00:00Z")


async def test_a_status_without_time_is_of_now() -> None:
    payload = {"connectorId": 0, "errorCode": "GroundFailure", "status": "Faulted", "vendorErrorCode": "E7"}

    _, event = await serve("StatusNotification", payload)

    assert (event.at, event.at_raw, event.flags) == (NOW, "", ())
    assert (event.error_code, event.vendor_error) == ("GroundFailure", "E7")


@pytest.mark.parametrize(("field", "value"), [("status", "Sleeping"), ("connectorId", -1)])
async def test_a_status_of_nothing_known_cannot_be_used(field: str, value: Any) -> None:
    payload = {"connectorId": 1, "errorCode": "NoError", "status": "Available", field: value}
    message = Message(
        seat=Seat("CP1"), received_at=NOW, message_id="m", action="StatusNotification", payload=payload, text=""
    )

    with pytest.raises(WireError, match=field):
        await HANDLERS["StatusNotification"](message, Witness())


@pytest.mark.parametrize(
    ("status", "wire"),
    [
        (AuthStatus.ACCEPTED, "Accepted"),
        (AuthStatus.BLOCKED, "Blocked"),
        (AuthStatus.EXPIRED, "Expired"),
        (AuthStatus.INVALID, "Invalid"),
        (AuthStatus.UNKNOWN, "Invalid"),
        (AuthStatus.NO_CREDIT, "Invalid"),
        (AuthStatus.NOT_ALLOWED, "Invalid"),
        (AuthStatus.AMBIGUOUS, "Invalid"),
    ],
)
async def test_authorize(status: AuthStatus, wire: str) -> None:
    witness = Witness(authorization=Authorization(status=status, reason="test"))

    answer, event = await serve("Authorize", {"idTag": "TAG"}, witness)

    assert answer == {"idTagInfo": {"status": wire}}
    assert isinstance(event, AuthorizeAsked)
    assert event.id_token == IdToken(value="TAG")


def test_the_group_goes_along_if_it_fits() -> None:
    assert render_id_tag_info(replace(ACCEPTED, group_id="GROUP"))["parentIdTag"] == "GROUP"
    assert "parentIdTag" not in render_id_tag_info(replace(ACCEPTED, group_id="G" * 21))


async def test_start() -> None:
    payload = {
        "connectorId": 1,
        "idTag": "TAG",
        "meterStart": 1_500,
        "timestamp": "2026-03-01T09:00:00Z",
        "reservationId": 9,
    }

    answer, event = await serve("StartTransaction", payload)

    assert answer == {"transactionId": 42, "idTagInfo": {"status": "Accepted"}}
    assert isinstance(event, TransactionReported)
    assert (event.kind, event.transaction_id, event.connector_no, event.at) == (FactKind.STARTED, None, 1, NINE)
    assert event.readings == (Reading(at=NINE, value=Decimal(1_500), context="Transaction.Begin"),)
    assert (event.id_token, event.reservation_id) == (IdToken(value="TAG"), "9")


async def test_a_refused_card_gets_a_transaction_all_the_same() -> None:
    witness = Witness(authorization=Authorization(status=AuthStatus.BLOCKED, reason="test"))
    payload = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-03-01T09:00:00Z"}

    answer, _ = await serve("StartTransaction", payload, witness)

    assert answer == {"transactionId": 42, "idTagInfo": {"status": "Blocked"}}


async def test_stop_with_its_samples() -> None:
    payload = {
        "transactionId": 42,
        "meterStop": 9_000,
        "timestamp": "2026-03-01T09:00:00Z",
        "idTag": "TAG",
        "reason": "EVDisconnected",
        "transactionData": [
            {"timestamp": "2026-03-01T08:59:00Z", "sampledValue": [{"value": "8.9", "unit": "kWh"}]},
        ],
    }

    answer, event = await serve("StopTransaction", payload)

    assert answer == {"idTagInfo": {"status": "Accepted"}}
    assert (event.kind, event.transaction_id, event.stop_reason) == (FactKind.ENDED, "42", "EVDisconnected")
    assert [(reading.value, reading.unit, reading.context) for reading in event.readings] == [
        (Decimal("8.9"), "kWh", None),
        (Decimal(9_000), "Wh", "Transaction.End"),
    ]


async def test_stop_without_card_is_answered_empty_and_local() -> None:
    payload = {"transactionId": -1, "meterStop": 9_000, "timestamp": "2026-03-01T09:00:00Z"}

    answer, event = await serve("StopTransaction", payload)

    assert answer is None
    assert (event.transaction_id, event.stop_reason, event.id_token) == ("-1", "Local", None)


@pytest.mark.parametrize(
    ("written", "transaction_id"), [({}, None), ({"transactionId": 0}, None), ({"transactionId": 7}, "7")]
)
async def test_meter_values(written: dict[str, Any], transaction_id: str | None) -> None:
    payload = {
        "connectorId": 1,
        **written,
        "meterValue": [{"timestamp": "2026-03-01T09:00:00Z", "sampledValue": [{"value": "1234"}]}],
    }

    answer, event = await serve("MeterValues", payload)

    assert answer is None
    assert (event.kind, event.transaction_id, event.at) == (FactKind.METERED, transaction_id, NINE)
    assert event.readings == (Reading(at=NINE, value=Decimal(1234)),)


@pytest.mark.parametrize(
    ("action", "payload", "kind", "summary"),
    [
        ("DataTransfer", {"vendorId": "V", "messageId": "m", "data": "x"}, NoticeKind.DATA_TRANSFER, "V m"),
        ("FirmwareStatusNotification", {"status": "Installed"}, NoticeKind.FIRMWARE, "Installed"),
        ("DiagnosticsStatusNotification", {"status": "Uploading"}, NoticeKind.DIAGNOSTICS, "Uploading"),
        ("LogStatusNotification", {"status": "Uploaded"}, NoticeKind.LOG, "Uploaded"),
        (
            "SecurityEventNotification",
            {"type": "TamperDetectionActivated", "timestamp": "2026-03-01T09:00:00Z"},
            NoticeKind.SECURITY,
            "TamperDetectionActivated",
        ),
    ],
)
async def test_news_are_kept(action: str, payload: dict[str, Any], kind: NoticeKind, summary: str) -> None:
    answer, event = await serve(action, payload)

    assert answer in (None, {"status": "UnknownVendorId"})
    assert isinstance(event, NoticeReported)
    assert (event.kind, event.summary, orjson.loads(event.body)) == (kind, summary, payload)


@pytest.mark.parametrize(
    ("message_id", "at", "value", "is_same"),
    [("m2", "09:00:00", "5", True), ("m1", "09:00:00", "6", False), ("m1", "09:00:01", "5", False)],
)
def test_readings_that_are_sent_again_are_known_by_their_time_and_words(
    message_id: str, at: str, value: str, *, is_same: bool
) -> None:
    def key(message_id: str, at: str, value: str) -> str:
        samples = [{"timestamp": f"2026-03-01T{at}Z", "sampledValue": [{"value": value}]}]
        payload = {"connectorId": 1, "meterValue": samples}
        text = orjson.dumps([2, message_id, "MeterValues", payload]).decode()
        message = Message(Seat("CP1"), NOW, message_id, "MeterValues", payload, text)
        return fact_of(parse_meter_values(message)).key

    assert (key("m1", "09:00:00", "5") == key(message_id, at, value)) is is_same


def test_the_digest_ignores_the_message_id() -> None:
    def digest(message_id: str, meter: int) -> str:
        text = f'[2,"{message_id}","StopTransaction",{{"meterStop":{meter}}}]'
        message = Message(
            seat=Seat("CP1"),
            received_at=NOW,
            message_id=message_id,
            action="StopTransaction",
            payload={},
            text=text,
        )
        return message.receipt().digest

    assert digest("1", 5) == digest("StopTransaction", 5)
    assert digest("1", 5) != digest("1", 6)
