"""The calls of OCPP 2.0.1 stations, one handler per action."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from gateway.domain.events import (
    AuthorizeAsked,
    BootReported,
    ChargingNeedsReported,
    ChargingPlanReported,
    NoticeKind,
    ReservationEnded,
    StatusReported,
    TransactionAnswer,
    TransactionReported,
)
from gateway.domain.quick import quick
from gateway.domain.sessions import ChargingState, FactKind, ReservationEnd
from gateway.domain.stations import Admission, ConnectorState
from gateway.domain.tokens import Authorization, AuthStatus, IdToken
from gateway.errors import WireError
from gateway.ocpp.message import Handler, Message, Report, Stories
from gateway.ocpp.samples import NO_SAMPLES, parse_samples
from gateway.ocpp.schedules import parse_schedule
from gateway.ocpp.times import parse_time, render_time
from gateway.ocpp.typed import fields_of
from gateway.ocpp.v201.reports import fold_report

report_transaction = quick(TransactionReported)
report_status = quick(StatusReported)
CENT: Final = Decimal("0.01")

REGISTRATION: Final = {
    Admission.ACCEPTED: "Accepted",
    Admission.PENDING: "Pending",
    Admission.REJECTED: "Rejected",
}

AUTHORIZATION: Final = {
    AuthStatus.ACCEPTED: "Accepted",
    AuthStatus.BLOCKED: "Blocked",
    AuthStatus.EXPIRED: "Expired",
    AuthStatus.INVALID: "Invalid",
    AuthStatus.UNKNOWN: "Unknown",
    AuthStatus.NO_CREDIT: "NoCredit",
    AuthStatus.NOT_ALLOWED: "NotAtThisLocation",
    AuthStatus.AMBIGUOUS: "Invalid",
}

STATES: Final = {
    "Available": ConnectorState.AVAILABLE,
    "Occupied": ConnectorState.OCCUPIED,
    "Reserved": ConnectorState.RESERVED,
    "Unavailable": ConnectorState.UNAVAILABLE,
    "Faulted": ConnectorState.FAULTED,
}

CHARGING_STATES: Final = {
    "Charging": ChargingState.CHARGING,
    "EVConnected": ChargingState.EV_CONNECTED,
    "SuspendedEV": ChargingState.SUSPENDED_EV,
    "SuspendedEVSE": ChargingState.SUSPENDED_EVSE,
    "Idle": ChargingState.IDLE,
}

RESERVATION_ENDS: Final = {"Expired": ReservationEnd.EXPIRED, "Removed": ReservationEnd.WITHDRAWN}
KINDS: Final = {"Started": FactKind.STARTED, "Updated": FactKind.UPDATED, "Ended": FactKind.ENDED}

ID_TOKEN_LENGTH: Final = 36
MAX_NUMBER: Final = 2**31 - 1  # an integer has 32 bits (OCPP 2.0.1 part 2 2.1.4)
MAX_SEQ_NO: Final = 2**53  # some stations number by the clock


async def on_boot_notification(message: Message, stories: Stories) -> dict[str, Any]:
    station = message.payload["chargingStation"]
    answer = await stories.on_boot(
        BootReported(
            receipt=message.receipt(),
            version="2.0.1",
            vendor=station["vendorName"],
            model=station["model"],
            serial_number=station.get("serialNumber"),
            firmware_version=station.get("firmwareVersion"),
            reason=message.payload["reason"],
        )
    )
    return {
        "currentTime": render_time(answer.now),
        "interval": answer.interval_s,
        "status": REGISTRATION[answer.admission],
    }


async def on_heartbeat(message: Message, _stories: Stories) -> dict[str, Any]:
    return {"currentTime": render_time(message.received_at)}


async def on_status_notification(message: Message, stories: Stories) -> None:
    payload = message.payload
    at, at_raw, flags = parse_time(payload["timestamp"], message.received_at)
    message.seat.has_status = True
    await stories.on_status(
        report_status(
            receipt=message.receipt(),
            evse_no=parse_number_of(payload["evseId"], "$.evseId"),
            connector_no=parse_number_of(payload["connectorId"], "$.connectorId"),
            state=parse_state(payload["connectorStatus"], "$.connectorStatus"),
            at=at,
            at_raw=at_raw,
            flags=flags,
        )
    )


async def on_authorize(message: Message, stories: Stories) -> dict[str, Any]:
    id_token = parse_id_token(fields_of(message.payload["idToken"]))
    answer = await stories.on_authorize(AuthorizeAsked(receipt=message.receipt(), id_token=id_token))
    return {"idTokenInfo": render_id_token_info(answer)}


def parse_transaction_event(message: Message) -> TransactionReported:
    payload = fields_of(message.payload)
    received_at = message.received_at
    at, at_raw, flags = told = parse_time(payload.timestamp, received_at)
    transaction, evse, id_token = payload.transactionInfo, payload.evse, payload.idToken
    meter_values = payload.meterValue
    readings, _, _, replaced = parse_samples(meter_values, received_at, told) if meter_values else NO_SAMPLES
    remote_start_id, reservation_id = transaction.remoteStartId, payload.reservationId
    return report_transaction(
        receipt=message.numbered_receipt(),
        kind=_parse_kind(payload.eventType),
        transaction_id=transaction.transactionId,
        at=at,
        at_raw=at_raw,
        evse_no=parse_number_of(evse.id, "$.evse.id") if evse else None,
        connector_no=_find_connector_no(evse, "$.evse.connectorId"),
        id_token=parse_id_token(id_token) if id_token else None,
        readings=readings,
        charging_state=CHARGING_STATES.get(transaction.chargingState),
        seq_no=_parse_seq_no(payload.seqNo),
        trigger=payload.triggerReason,
        stop_reason=transaction.stoppedReason,
        offline=payload.offline or False,
        remote_start_id=None if remote_start_id is None else str(remote_start_id),
        reservation_id=None if reservation_id is None else str(reservation_id),
        flags=flags or replaced,
    )


def render_transaction_answer(answer: TransactionAnswer) -> dict[str, Any] | None:
    if answer.authorization is None and answer.cost is None:
        return None
    said: dict[str, Any] = {}
    if answer.cost is not None:  # OCPP 2.0.1 I02.FR.01, I03.FR.02; 0.00 is free (I03.FR.04)
        said["totalCost"] = float(answer.cost.quantize(CENT, rounding=ROUND_HALF_UP))
    if answer.authorization is not None:
        # OCPP 2.0.1 E01.FR.11: a refused token is said here; there is no other refusal.
        said["idTokenInfo"] = render_id_token_info(answer.authorization)
    return said


def parse_meter_values(message: Message) -> TransactionReported:
    payload = fields_of(message.payload)
    readings, at, at_raw, flags = parse_samples(payload.meterValue, message.received_at)
    return report_transaction(
        receipt=message.dated_receipt(at_raw),
        kind=FactKind.METERED,
        transaction_id=None,
        at=at or message.received_at,
        at_raw=at_raw,
        evse_no=parse_number_of(payload.evseId, "$.evseId"),
        readings=readings,
        flags=flags,
    )


async def on_notify_event(message: Message, stories: Stories) -> None:
    """The state of plugs, EVSEs and the station may come as events (OCPP 2.0.1 G01); all others are kept as news."""
    others = []
    for number, event in enumerate(message.payload["eventData"]):
        status = _find_status(message, event, number)
        if status is None:
            others.append(event)
        else:
            message.seat.has_status = True
            await stories.on_status(status)
    if others:
        names = ", ".join(f"{event['component']['name']}.{event['variable']['name']}" for event in others[:5])
        await stories.on_notice(message.notice(NoticeKind.EVENT, names, body={**message.payload, "eventData": others}))


async def on_notify_report(message: Message, stories: Stories) -> None:
    """The parts of a report make one piece of news, when the last has come."""
    report = fold_report(message.seat, message.payload)
    if report is not None:
        summary = f"report {message.payload['requestId']}: {len(report['reportData'])} variables"
        await stories.on_notice(message.notice(NoticeKind.REPORT, summary, body=report))


async def on_reservation_status(message: Message, stories: Stories) -> None:
    """OCPP 2.0.1 H04: the station let go of a plug that it kept."""
    payload = message.payload
    ended = RESERVATION_ENDS.get(payload["reservationUpdateStatus"])
    if ended is None:
        raise WireError("$.reservationUpdateStatus", f"not known: {payload['reservationUpdateStatus']!r}")
    await stories.on_reservation_ended(
        ReservationEnded(receipt=message.receipt(), reservation_no=payload["reservationId"], ended=ended)
    )


async def on_data_transfer(message: Message, stories: Stories) -> dict[str, Any]:
    payload = message.payload
    summary = f"{payload['vendorId']} {payload.get('messageId', '')}".rstrip()
    await stories.on_notice(message.notice(NoticeKind.DATA_TRANSFER, summary))
    return {"status": "UnknownVendorId"}  # OCPP 2.0.1 P02.FR.06: no vendor is known here


async def on_firmware_status(message: Message, stories: Stories) -> None:
    await stories.on_notice(message.notice(NoticeKind.FIRMWARE, message.payload["status"]))


async def on_log_status(message: Message, stories: Stories) -> None:
    await stories.on_notice(message.notice(NoticeKind.LOG, message.payload["status"]))


async def on_security_event(message: Message, stories: Stories) -> None:
    at, _, _ = parse_time(message.payload["timestamp"], message.received_at)
    await stories.on_notice(message.notice(NoticeKind.SECURITY, message.payload["type"], at))


async def on_charging_limit(message: Message, stories: Stories) -> None:
    """A limit from elsewhere was set (OCPP 2.0.1 K11, K12)."""
    source = message.payload["chargingLimit"]["chargingLimitSource"]
    await _on_limit(message, stories, f"charging limit of {source} set")


async def on_cleared_limit(message: Message, stories: Stories) -> None:
    """It is not there any more (OCPP 2.0.1 K13)."""
    await _on_limit(message, stories, f"charging limit of {message.payload['chargingLimitSource']} lifted")


async def _on_limit(message: Message, stories: Stories, summary: str) -> None:
    evse_no = message.payload.get("evseId")
    notice = message.notice(NoticeKind.SMART_CHARGING, summary)
    await stories.on_limits_changed(notice, None if not evse_no else parse_number_of(evse_no, "$.evseId"))


async def on_charging_needs(message: Message, stories: Stories) -> dict[str, Any]:
    """OCPP 2.0.1 K15, K17.  Processing: the profile follows, and the car need not wait for it (K15.FR.05)."""
    payload = message.payload
    evse_no = parse_number_of(payload["evseId"], "$.evseId")
    event = ChargingNeedsReported(
        notice=message.notice(NoticeKind.SMART_CHARGING, f"the car at EVSE {evse_no} says what it needs"),
        evse_no=evse_no,
        max_periods=payload.get("maxScheduleTuples"),
    )
    return {"status": "Processing" if await stories.on_charging_needs(event) else "Rejected"}


async def on_charging_schedule(message: Message, stories: Stories) -> dict[str, Any]:
    payload = message.payload
    evse_no, schedule = parse_number_of(payload["evseId"], "$.evseId"), payload["chargingSchedule"]
    event = ChargingPlanReported(
        notice=message.notice(NoticeKind.SMART_CHARGING, f"the car at EVSE {evse_no} says how it will charge"),
        evse_no=evse_no,
        plan=parse_schedule(schedule, schedule.get("startSchedule") or payload["timeBase"]),
    )
    return {"status": "Accepted" if await stories.on_charging_plan(event) else "Rejected"}


async def on_reported_profiles(message: Message, stories: Stories) -> None:
    """What is installed, as somebody asked (OCPP 2.0.1 K09): it changes nothing."""
    payload = message.payload
    summary = f"{len(payload['chargingProfile'])} charging profiles at EVSE {payload['evseId']}"
    await stories.on_notice(message.notice(NoticeKind.SMART_CHARGING, summary))


def parse_number_of(number: int, path: str) -> int:
    """The number of an EVSE or connector; 0 is the whole that it belongs to."""
    if not 0 <= number <= MAX_NUMBER:
        raise WireError(path, f"no EVSE or connector has the number {number}")
    return int(number)


def parse_state(status: str, path: str) -> ConnectorState:
    """The neutral state behind a connectorStatus."""
    try:
        return STATES[status]
    except KeyError:
        raise WireError(path, f"not an OCPP 2.0.1 connector status: {status!r}") from None


def parse_id_token(id_token: Any) -> IdToken:
    return IdToken(value=id_token.idToken, type=id_token.type)


def render_id_token_info(authorization: Authorization) -> dict[str, Any]:
    """An IdTokenInfo with its group (OCPP 2.0.1 C09.FR.02); a group that does not fit is left out."""
    info: dict[str, Any] = {"status": AUTHORIZATION[authorization.status]}
    if authorization.group_id and len(authorization.group_id) <= ID_TOKEN_LENGTH:
        info["groupIdToken"] = {"idToken": authorization.group_id, "type": "Central"}
    return info


def render_quarantined(_action: str, _transaction_id: str | None) -> dict[str, Any]:
    """TransactionEvent and MeterValues are acknowledged by empty answers."""
    return {}


def _find_connector_no(evse: Any, path: str) -> int | None:
    number = evse.connectorId if evse else None
    return None if number is None else parse_number_of(number, path)


def _parse_seq_no(number: int) -> int:
    if not 0 <= number <= MAX_SEQ_NO:
        raise WireError("$.seqNo", f"not a sequence number: {number}")
    return int(number)


def _parse_kind(event_type: str) -> FactKind:
    try:
        return KINDS[event_type]
    except KeyError:
        raise WireError("$.eventType", f"not an OCPP 2.0.1 transaction event: {event_type!r}") from None


def _find_status(message: Message, event: dict[str, Any], number: int) -> StatusReported | None:
    """The state that an event reports, None if it speaks of something else."""
    component = event["component"]
    if event["variable"]["name"] != "AvailabilityState" or component["name"] not in _STATEFUL:
        return None
    evse = component.get("evse") or {}
    at, at_raw, flags = parse_time(event["timestamp"], message.received_at)
    return StatusReported(
        receipt=message.receipt(),
        evse_no=parse_number_of(evse.get("id", 0), f"$.eventData[{number}].component.evse.id"),
        connector_no=parse_number_of(evse.get("connectorId", 0), f"$.eventData[{number}].component.evse.connectorId"),
        state=parse_state(event["actualValue"], f"$.eventData[{number}].actualValue"),
        at=at,
        at_raw=at_raw,
        flags=flags,
    )


_STATEFUL: Final = frozenset({"Connector", "EVSE", "ChargingStation"})

REPORTS: Final = {
    "TransactionEvent": Report(parse=parse_transaction_event, render=render_transaction_answer),
    "MeterValues": Report(parse=parse_meter_values, render=lambda _: None),
}

HANDLERS: Final[dict[str, Handler]] = {
    "BootNotification": on_boot_notification,
    "Heartbeat": on_heartbeat,
    "StatusNotification": on_status_notification,
    "Authorize": on_authorize,
    **{action: report.serve for action, report in REPORTS.items()},
    "NotifyEvent": on_notify_event,
    "NotifyReport": on_notify_report,
    "ReservationStatusUpdate": on_reservation_status,
    "DataTransfer": on_data_transfer,
    "FirmwareStatusNotification": on_firmware_status,
    "LogStatusNotification": on_log_status,
    "SecurityEventNotification": on_security_event,
    "NotifyChargingLimit": on_charging_limit,
    "ClearedChargingLimit": on_cleared_limit,
    "NotifyEVChargingNeeds": on_charging_needs,
    "NotifyEVChargingSchedule": on_charging_schedule,
    "ReportChargingProfiles": on_reported_profiles,
}
