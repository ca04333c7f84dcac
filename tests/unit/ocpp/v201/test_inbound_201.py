"""OCPP 2.0.1 payloads become events, decisions become payloads."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from gateway.domain.events import NoticeKind, NoticeReported, StatusReported
from gateway.domain.meters import Reading
from gateway.domain.sessions import ChargingState, FactKind, ReservationEnd
from gateway.domain.stations import Admission, ConnectorState
from gateway.domain.tokens import Authorization, AuthStatus, IdToken
from gateway.errors import WireError
from gateway.ocpp.message import Message, Seat
from gateway.ocpp.v201.inbound import HANDLERS, render_id_token_info
from gateway.ocpp.v201.version import VERSION
from tests.unit.ocpp.stage import ACCEPTED, NOW, Witness

NINE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
AT = "2026-03-01T09:00:00Z"


async def serve(
    action: str, payload: dict[str, Any], witness: Witness | None = None, seat: Seat | None = None
) -> tuple[Any, list[Any]]:
    """Answer and events; both sides are held against the schemas."""
    witness = witness or Witness()
    assert VERSION.schemas.requests[action].is_valid(payload)
    text = orjson.dumps([2, "m1", action, payload]).decode()
    message = Message(
        seat=seat or Seat("CP1"), received_at=NOW, message_id="m1", action=action, payload=payload, text=text
    )
    answer = await HANDLERS[action](message, witness)
    assert VERSION.schemas.replies[action].is_valid(answer or {})
    return answer, witness.told


@pytest.mark.parametrize(
    ("admission", "status"),
    [(Admission.ACCEPTED, "Accepted"), (Admission.PENDING, "Pending"), (Admission.REJECTED, "Rejected")],
)
async def test_boot(admission: Admission, status: str) -> None:
    station = {"vendorName": "V", "model": "M", "serialNumber": "S", "firmwareVersion": "2"}

    answer, (event,) = await serve(
        "BootNotification", {"reason": "Watchdog", "chargingStation": station}, Witness(admission=admission)
    )

    assert answer == {"currentTime": "2026-03-01T10:00:00.000Z", "interval": 300, "status": status}
    assert (event.vendor, event.model, event.serial_number, event.firmware_version) == ("V", "M", "S", "2")
    assert (event.reason, event.version) == ("Watchdog", "2.0.1")


async def test_heartbeat_tells_the_time() -> None:
    assert await serve("Heartbeat", {}) == ({"currentTime": "2026-03-01T10:00:00.000Z"}, [])


@pytest.mark.parametrize("status", ["Available", "Occupied", "Reserved", "Unavailable", "Faulted"])
async def test_a_status_is_of_a_connector_of_an_evse(status: str) -> None:
    payload = {"timestamp": AT, "connectorStatus": status, "evseId": 2, "connectorId": 1}

    answer, (event,) = await serve("StatusNotification", payload)

    assert answer is None
    assert (event.evse_no, event.connector_no, event.state, event.at) == (2, 1, ConnectorState(status.upper()), NINE)


@pytest.mark.parametrize(
    ("component", "place"),
    [
        ({"name": "Connector", "evse": {"id": 1, "connectorId": 2}}, (1, 2)),
        ({"name": "EVSE", "evse": {"id": 1}}, (1, 0)),
        ({"name": "ChargingStation"}, (0, 0)),
    ],
)
async def test_a_status_may_come_as_an_event(component: dict[str, Any], place: tuple[int, int]) -> None:
    _, (event,) = await serve("NotifyEvent", notify(component, "AvailabilityState", "Faulted"))

    assert isinstance(event, StatusReported)
    assert (event.evse_no, event.connector_no, event.state) == (*place, ConnectorState.FAULTED)


async def test_other_events_are_news() -> None:
    _, (event,) = await serve("NotifyEvent", notify({"name": "Connector"}, "Problem", "true"))

    assert isinstance(event, NoticeReported)
    assert (event.kind, event.summary) == (NoticeKind.EVENT, "Connector.Problem")


async def test_an_unknown_state_in_an_event_cannot_be_used() -> None:
    with pytest.raises(WireError, match="actualValue"):
        await serve("NotifyEvent", notify({"name": "Connector"}, "AvailabilityState", "Asleep"))


def notify(component: dict[str, Any], variable: str, value: str) -> dict[str, Any]:
    event = {
        "eventId": 1,
        "timestamp": AT,
        "trigger": "Delta",
        "actualValue": value,
        "eventNotificationType": "HardWiredNotification",
        "component": component,
        "variable": {"name": variable},
    }
    return {"generatedAt": AT, "seqNo": 0, "eventData": [event]}


@pytest.mark.parametrize(
    ("status", "wire"),
    [
        (AuthStatus.ACCEPTED, "Accepted"),
        (AuthStatus.BLOCKED, "Blocked"),
        (AuthStatus.EXPIRED, "Expired"),
        (AuthStatus.INVALID, "Invalid"),
        (AuthStatus.UNKNOWN, "Unknown"),
        (AuthStatus.NO_CREDIT, "NoCredit"),
        (AuthStatus.NOT_ALLOWED, "NotAtThisLocation"),
        (AuthStatus.AMBIGUOUS, "Invalid"),
    ],
)
async def test_authorize(status: AuthStatus, wire: str) -> None:
    witness = Witness(authorization=Authorization(status=status, reason="test"))

    answer, (event,) = await serve("Authorize", {"idToken": {"idToken": "T", "type": "ISO14443"}}, witness)

    assert answer == {"idTokenInfo": {"status": wire}}
    assert event.id_token == IdToken(value="T", type="ISO14443")


def test_the_group_goes_along_if_it_fits() -> None:
    info = render_id_token_info(replace(ACCEPTED, group_id="G"))

    assert info["groupIdToken"] == {"idToken": "G", "type": "Central"}
    assert "groupIdToken" not in render_id_token_info(replace(ACCEPTED, group_id="G" * 37))


TRANSACTION = {
    "eventType": "Started",
    "timestamp": AT,
    "triggerReason": "Authorized",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "T1", "chargingState": "EVConnected", "remoteStartId": 5},
    "evse": {"id": 1, "connectorId": 2},
    "idToken": {"idToken": "TAG", "type": "ISO14443"},
    "reservationId": 8,
    "meterValue": [
        {
            "timestamp": AT,
            "sampledValue": [
                {"value": 1.5, "context": "Transaction.Begin", "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}
            ],
        }
    ],
}


@pytest.mark.parametrize(("cost", "told"), [("2.845", 2.85), ("0", 0.0), ("12.3449", 12.34)])
async def test_the_cost_is_told_in_whole_cents_and_free_is_zero(cost: str, told: float) -> None:
    payload = TRANSACTION | {"eventType": "Ended"}

    answer, _ = await serve("TransactionEvent", payload, Witness(cost=Decimal(cost)))
    alone, _ = await serve(
        "TransactionEvent",
        {key: value for key, value in payload.items() if key != "idToken"},
        Witness(cost=Decimal(cost)),
    )

    assert answer == {"totalCost": told, "idTokenInfo": {"status": "Accepted"}}
    assert alone == {"totalCost": told}


async def test_a_transaction_starts() -> None:
    answer, (event,) = await serve("TransactionEvent", TRANSACTION)

    assert answer == {"idTokenInfo": {"status": "Accepted"}}
    assert (event.kind, event.transaction_id, event.seq_no, event.at) == (FactKind.STARTED, "T1", 0, NINE)
    assert (event.evse_no, event.connector_no, event.trigger, event.offline) == (1, 2, "Authorized", False)
    assert (event.charging_state, event.id_token) == (ChargingState.EV_CONNECTED, IdToken(value="TAG", type="ISO14443"))
    assert (event.remote_start_id, event.reservation_id) == ("5", "8")
    assert event.readings == (Reading(at=NINE, value=Decimal("1.5"), multiplier=3, context="Transaction.Begin"),)


async def test_a_transaction_ends_offline_with_nothing_but_the_necessary() -> None:
    payload = {
        "eventType": "Ended",
        "timestamp": AT,
        "triggerReason": "EVCommunicationLost",
        "seqNo": 7,
        "offline": True,
        "transactionInfo": {"transactionId": "T1", "stoppedReason": "EVDisconnected"},
    }

    answer, (event,) = await serve("TransactionEvent", payload)

    assert answer is None
    assert (event.kind, event.offline, event.seq_no) == (FactKind.ENDED, True, 7)
    assert (event.stop_reason, event.evse_no, event.id_token, event.readings) == ("EVDisconnected", None, None, ())


async def test_meter_values_outside_a_transaction() -> None:
    sampled = [{"value": 7, "measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "kW"}}]

    answer, (event,) = await serve(
        "MeterValues", {"evseId": 1, "meterValue": [{"timestamp": AT, "sampledValue": sampled}]}
    )

    assert answer is None
    assert (event.kind, event.transaction_id, event.evse_no) == (FactKind.METERED, None, 1)
    assert event.readings == (Reading(at=NINE, value=Decimal(7), measurand="Power.Active.Import", unit="kW"),)


def report(seq_no: int, name: str, *, tbc: bool) -> dict[str, Any]:
    entry = {
        "component": {"name": "Connector"},
        "variable": {"name": name},
        "variableAttribute": [{"value": "x"}],
    }
    return {"requestId": 3, "generatedAt": AT, "seqNo": seq_no, "tbc": tbc, "reportData": [entry]}


async def test_the_parts_of_a_report_become_one_piece_of_news() -> None:
    seat, witness = Seat("CP1"), Witness()
    for part in (report(1, "B", tbc=True), report(0, "A", tbc=True), report(2, "C", tbc=False)):
        await serve("NotifyReport", part, witness, seat)

    (notice,) = witness.told
    body = orjson.loads(notice.body)
    assert [entry["variable"]["name"] for entry in body["reportData"]] == ["A", "B", "C"]
    assert body["is_complete"] is True
    assert seat.reports is None


async def test_a_report_with_a_part_missing_says_so() -> None:
    seat, witness = Seat("CP1"), Witness()
    for part in (report(0, "A", tbc=True), report(2, "C", tbc=False)):
        await serve("NotifyReport", part, witness, seat)

    assert orjson.loads(witness.told[0].body)["is_complete"] is False


async def test_unfinished_reports_do_not_pile_up() -> None:
    seat = Seat("CP1")
    for request_id in range(50):
        await serve("NotifyReport", {**report(0, "A", tbc=True), "requestId": request_id}, seat=seat)

    assert seat.reports is not None
    assert len(seat.reports) <= 4


@pytest.mark.parametrize(
    ("action", "payload", "kind"),
    [
        ("DataTransfer", {"vendorId": "V"}, NoticeKind.DATA_TRANSFER),
        ("FirmwareStatusNotification", {"status": "Installed", "requestId": 1}, NoticeKind.FIRMWARE),
        ("LogStatusNotification", {"status": "Uploaded", "requestId": 1}, NoticeKind.LOG),
        ("SecurityEventNotification", {"type": "Tamper", "timestamp": AT}, NoticeKind.SECURITY),
    ],
)
async def test_news_are_kept(action: str, payload: dict[str, Any], kind: NoticeKind) -> None:
    answer, (event,) = await serve(action, payload)

    assert answer in (None, {"status": "UnknownVendorId"})
    assert (event.kind, orjson.loads(event.body)) == (kind, payload)


@pytest.mark.parametrize(
    ("word", "ended"), [("Expired", ReservationEnd.EXPIRED), ("Removed", ReservationEnd.WITHDRAWN)]
)
async def test_a_station_lets_go_of_a_plug_that_it_kept(word: str, ended: ReservationEnd) -> None:
    payload = {"reservationId": 7, "reservationUpdateStatus": word}

    answer, (event,) = await serve("ReservationStatusUpdate", payload)

    assert answer is None
    assert (event.reservation_no, event.ended) == (7, ended)


@pytest.mark.parametrize(("evse", "evse_no"), [({"evseId": 2}, 2), ({"evseId": 0}, None), ({}, None)])
async def test_a_charging_limit_that_is_set_or_lifted_is_of_an_evse_or_of_all(
    evse: dict[str, Any], evse_no: int | None
) -> None:
    limit = {"chargingLimit": {"chargingLimitSource": "EMS"}, **evse}

    _, ((notice, told_no),) = await serve("NotifyChargingLimit", limit)
    _, ((lifted, lifted_no),) = await serve("ClearedChargingLimit", {"chargingLimitSource": "EMS", **evse})

    assert (told_no, lifted_no) == (evse_no, evse_no)
    assert (notice.kind, notice.summary) == (NoticeKind.SMART_CHARGING, "charging limit of EMS set")
    assert lifted.summary == "charging limit of EMS lifted"


@pytest.mark.parametrize(("is_agreed", "status"), [(True, "Processing"), (False, "Rejected")])
async def test_a_car_says_what_it_needs(is_agreed: bool, status: str) -> None:
    needs = {"evseId": 2, "maxScheduleTuples": 12, "chargingNeeds": {"requestedEnergyTransfer": "DC"}}

    answer, (event,) = await serve("NotifyEVChargingNeeds", needs, Witness(is_agreed=is_agreed))

    assert answer == {"status": status}
    assert (event.evse_no, event.max_periods) == (2, 12)


@pytest.mark.parametrize(("is_agreed", "status"), [(True, "Accepted"), (False, "Rejected")])
async def test_a_car_says_how_it_will_charge(is_agreed: bool, status: str) -> None:
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7000.0}]}
    plan = {"timeBase": AT, "evseId": 2, "chargingSchedule": schedule}

    answer, (event,) = await serve("NotifyEVChargingSchedule", plan, Witness(is_agreed=is_agreed))

    assert answer == {"status": status}
    assert (event.evse_no, event.plan.start_at, event.plan.periods[0].limit) == (2, NINE, 7000)


async def test_profiles_that_are_reported_are_a_notice() -> None:
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]}
    profile = {
        "id": 5,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
    }
    report = {"requestId": 1, "chargingLimitSource": "CSO", "evseId": 1, "chargingProfile": [profile]}

    answer, (notice,) = await serve("ReportChargingProfiles", report)

    assert (answer, notice.summary) == (None, "1 charging profiles at EVSE 1")
