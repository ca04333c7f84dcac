"""The calls of OCPP 1.6 stations, one handler per action."""

from datetime import datetime
from typing import Any, Final

from gateway.domain.events import (
    AuthorizeAsked,
    BootReported,
    NoticeKind,
    StatusReported,
    TransactionReported,
)
from gateway.domain.meters import Reading, make_reading, parse_number
from gateway.domain.quick import quick
from gateway.domain.sessions import ChargingState, FactKind
from gateway.domain.stations import Admission, ConnectorState, OccupiedBy
from gateway.domain.tokens import Authorization, AuthStatus, IdToken
from gateway.errors import WireError
from gateway.ocpp.message import Handler, Message, Report, Stories
from gateway.ocpp.samples import parse_samples
from gateway.ocpp.times import parse_optional_time, parse_time, render_time
from gateway.ocpp.typed import fields_of

report_transaction = quick(TransactionReported)
report_status = quick(StatusReported)
_METERED: Final = FactKind.METERED  # see domain.sessions

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
    AuthStatus.UNKNOWN: "Invalid",
    AuthStatus.NO_CREDIT: "Invalid",
    AuthStatus.NOT_ALLOWED: "Invalid",
    AuthStatus.AMBIGUOUS: "Invalid",
}

# One status may be two facts: the plug is occupied, and the EV suspended charging.
STATES: Final[dict[str, tuple[ConnectorState, OccupiedBy | None, ChargingState | None]]] = {
    "Available": (ConnectorState.AVAILABLE, None, None),
    "Preparing": (ConnectorState.OCCUPIED, OccupiedBy.PREPARING, None),
    "Charging": (ConnectorState.OCCUPIED, OccupiedBy.CHARGING, ChargingState.CHARGING),
    "SuspendedEV": (ConnectorState.OCCUPIED, OccupiedBy.SUSPENDED_EV, ChargingState.SUSPENDED_EV),
    "SuspendedEVSE": (ConnectorState.OCCUPIED, OccupiedBy.SUSPENDED_EVSE, ChargingState.SUSPENDED_EVSE),
    "Finishing": (ConnectorState.OCCUPIED, OccupiedBy.FINISHING, None),
    "Reserved": (ConnectorState.RESERVED, None, None),
    "Unavailable": (ConnectorState.UNAVAILABLE, None, None),
    "Faulted": (ConnectorState.FAULTED, None, None),
}

ID_TAG_LENGTH: Final = 20
MAX_CONNECTOR: Final = 2**31 - 1
TRANSACTION_BEGIN: Final = "Transaction.Begin"
TRANSACTION_END: Final = "Transaction.End"


async def on_boot_notification(message: Message, stories: Stories) -> dict[str, Any]:
    payload = message.payload
    answer = await stories.on_boot(
        BootReported(
            receipt=message.receipt(),
            version="1.6",
            vendor=payload["chargePointVendor"],
            model=payload["chargePointModel"],
            serial_number=payload.get("chargePointSerialNumber") or payload.get("chargeBoxSerialNumber"),
            firmware_version=payload.get("firmwareVersion"),
        )
    )
    return {
        "status": REGISTRATION[answer.admission],
        "currentTime": render_time(answer.now),
        "interval": answer.interval_s,
    }


async def on_heartbeat(message: Message, _stories: Stories) -> dict[str, Any]:
    return {"currentTime": render_time(message.received_at)}


async def on_status_notification(message: Message, stories: Stories) -> None:
    payload = message.payload
    connector_no = parse_connector_no(payload["connectorId"])
    state, occupied_by, charging_state = parse_state(payload["status"])
    at, at_raw, flags = parse_optional_time(payload.get("timestamp"), message.received_at)  # OCPP 1.6 6.47
    message.seat.has_status = True
    await stories.on_status(
        report_status(
            receipt=message.receipt(),
            evse_no=connector_no,
            connector_no=connector_no,
            state=state,
            at=at,
            at_raw=at_raw,
            occupied_by=occupied_by,
            charging_state=charging_state,
            error_code=payload["errorCode"],
            info=payload.get("info"),
            vendor_error=payload.get("vendorErrorCode"),
            flags=flags,
        )
    )


async def on_authorize(message: Message, stories: Stories) -> dict[str, Any]:
    asked = AuthorizeAsked(receipt=message.receipt(), id_token=IdToken(value=message.payload["idTag"]))
    return {"idTagInfo": render_id_tag_info(await stories.on_authorize(asked))}


async def on_start_transaction(message: Message, stories: Stories) -> dict[str, Any]:
    payload = message.payload
    connector_no = parse_connector_no(payload["connectorId"])
    at, at_raw, flags = parse_time(payload["timestamp"], message.received_at)
    answer = await stories.on_transaction(
        report_transaction(
            receipt=message.receipt(),
            kind=FactKind.STARTED,
            transaction_id=None,
            at=at,
            at_raw=at_raw,
            evse_no=connector_no,
            connector_no=connector_no,
            id_token=IdToken(value=payload["idTag"]),
            readings=(make_register(at, payload["meterStart"], TRANSACTION_BEGIN),),
            reservation_id=_text(payload.get("reservationId")),
            flags=flags,
        )
    )
    if answer.transaction_id is None:
        raise WireError("$", "the start was given no transaction id")
    return render_start_answer(answer.transaction_id, answer.authorization)


def parse_meter_values(message: Message) -> TransactionReported:
    payload = fields_of(message.payload)
    connector_no = parse_connector_no(payload.connectorId)
    readings, at, at_raw, flags = parse_samples(payload.meterValue, message.received_at)
    transaction_id = payload.transactionId
    return report_transaction(
        receipt=message.dated_receipt(at_raw),
        kind=_METERED,
        # 0 and -1 are what stations write outside a transaction.
        transaction_id=str(transaction_id) if transaction_id and transaction_id > 0 else None,
        at=at or message.received_at,
        at_raw=at_raw,
        evse_no=connector_no,
        connector_no=connector_no,
        readings=readings,
        flags=flags,
    )


async def on_stop_transaction(message: Message, stories: Stories) -> dict[str, Any] | None:
    payload = message.payload
    at, at_raw, flags = parse_time(payload["timestamp"], message.received_at)
    readings, _, _, replaced = parse_samples(payload.get("transactionData") or (), message.received_at)
    id_tag = payload.get("idTag")
    answer = await stories.on_transaction(
        report_transaction(
            receipt=message.receipt(),
            kind=FactKind.ENDED,
            transaction_id=str(payload["transactionId"]),
            at=at,
            at_raw=at_raw,
            id_token=IdToken(value=id_tag) if id_tag else None,
            readings=(
                *readings,
                make_register(at, payload["meterStop"], TRANSACTION_END),
            ),
            stop_reason=payload.get("reason") or "Local",  # the default (OCPP 1.6 6.49)
            flags=flags or replaced,
        )
    )
    if answer.authorization is None:
        return None
    return {"idTagInfo": render_id_tag_info(answer.authorization)}


async def on_data_transfer(message: Message, stories: Stories) -> dict[str, Any]:
    payload = message.payload
    summary = f"{payload['vendorId']} {payload.get('messageId', '')}".rstrip()
    await stories.on_notice(message.notice(NoticeKind.DATA_TRANSFER, summary))
    return {"status": "UnknownVendorId"}  # OCPP 1.6 4.3: no vendor is known here


async def on_firmware_status(message: Message, stories: Stories) -> None:
    await stories.on_notice(message.notice(NoticeKind.FIRMWARE, message.payload["status"]))


async def on_diagnostics_status(message: Message, stories: Stories) -> None:
    await stories.on_notice(message.notice(NoticeKind.DIAGNOSTICS, message.payload["status"]))


async def on_log_status(message: Message, stories: Stories) -> None:
    await stories.on_notice(message.notice(NoticeKind.LOG, message.payload["status"]))


async def on_security_event(message: Message, stories: Stories) -> None:
    at, _, _ = parse_time(message.payload["timestamp"], message.received_at)
    await stories.on_notice(message.notice(NoticeKind.SECURITY, message.payload["type"], at))


def make_register(at: datetime, written: int, context: str) -> Reading:
    """The register at the start or the stop; one that no meter can show has no value."""
    value = parse_number(written)
    return make_reading(at=at, value=value, context=context, raw=None if value is not None else str(written))


def parse_connector_no(connector_id: int) -> int:
    """A connector's number; 0 is the station as a whole (OCPP 1.6 6.47)."""
    if not 0 <= connector_id <= MAX_CONNECTOR:
        raise WireError("$.connectorId", f"no connector has the number {connector_id}")
    return int(connector_id)


def parse_state(status: str) -> tuple[ConnectorState, OccupiedBy | None, ChargingState | None]:
    """The neutral states behind a status."""
    try:
        return STATES[status]
    except KeyError:
        raise WireError("$.status", f"not an OCPP 1.6 status: {status!r}") from None


def render_id_tag_info(authorization: Authorization) -> dict[str, Any]:
    """An IdTagInfo; a group that does not fit into an idTag is left out."""
    info: dict[str, Any] = {"status": AUTHORIZATION[authorization.status]}
    if authorization.group_id and len(authorization.group_id) <= ID_TAG_LENGTH:
        info["parentIdTag"] = authorization.group_id
    return info


def render_start_answer(transaction_id: str, authorization: Authorization | None) -> dict[str, Any]:
    """A StartTransaction.conf: always with a real id, also for a refused card (OCPP 1.6 4.8)."""
    info = render_id_tag_info(authorization) if authorization is not None else {"status": "Invalid"}
    return {"transactionId": int(transaction_id), "idTagInfo": info}


def render_quarantined(action: str, transaction_id: str | None) -> dict[str, Any] | None:
    """The valid answer to a transaction message that could not be used, None if there is none."""
    if action != "StartTransaction":
        return {}
    return None if transaction_id is None else render_start_answer(transaction_id, None)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


REPORTS: Final = {"MeterValues": Report(parse=parse_meter_values, render=lambda _: None)}

HANDLERS: Final[dict[str, Handler]] = {
    "BootNotification": on_boot_notification,
    "Heartbeat": on_heartbeat,
    "StatusNotification": on_status_notification,
    "Authorize": on_authorize,
    "StartTransaction": on_start_transaction,
    "MeterValues": REPORTS["MeterValues"].serve,
    "StopTransaction": on_stop_transaction,
    "DataTransfer": on_data_transfer,
    "FirmwareStatusNotification": on_firmware_status,
    "DiagnosticsStatusNotification": on_diagnostics_status,
    # of the security whitepaper
    "LogStatusNotification": on_log_status,
    "SecurityEventNotification": on_security_event,
    "SignedFirmwareStatusNotification": on_firmware_status,
}
