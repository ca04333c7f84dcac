"""What a 2.0.1 charging station answers to its central system, and does about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ocpp.v201 import call_result  # type: ignore[import-untyped, unused-ignore]

from ..message import Answer, Payload
from ..polite import render_payload
from ..station import Reservation, StopCause, Token
from . import smart

if TYPE_CHECKING:
    from ..remote import Remote
    from .messages import Dialect201

Then = Callable[[], Awaitable[Any]]

_REPORT_PART = 8
_REPORT_BASES = ("ConfigurationInventory", "FullInventory", "SummaryInventory")


def answer(remote: Remote, dialect: Dialect201, action: str, payload: Payload) -> Answer | None:
    """The answer to a valid call; None if this station does not support the action."""
    handler = _HANDLERS.get(action)
    return handler(remote, dialect, payload) if handler is not None else None


def _on_request_start(remote: Remote, dialect: Dialect201, payload: Payload) -> Answer:
    token = Token(payload["idToken"]["idToken"], payload["idToken"]["type"])
    evse_no = remote.choose_evse(payload.get("evseId"), token)
    if evse_no is None:
        return _reply(call_result.RequestStartTransaction(status="Rejected"))
    # F01.FR.13: a transaction that already runs (cable plugged in first) is named in the answer.
    running = remote.evse(evse_no).transaction
    return _reply(
        call_result.RequestStartTransaction(
            status="Accepted", transaction_id=running.transaction_id if running is not None else None
        ),
        partial(
            remote.start,
            evse_no,
            token,
            asks=dialect.settings.asks_before_remote_start,
            remote_start_id=payload["remoteStartId"],
        ),
    )


def _on_request_stop(remote: Remote, _: Dialect201, payload: Payload) -> Answer:
    evse_no = remote.find_transaction(payload["transactionId"])
    if evse_no is None:
        return _reply(call_result.RequestStopTransaction(status="Rejected"))
    return _reply(
        call_result.RequestStopTransaction(status="Accepted"),
        partial(remote.stop, evse_no),
    )


def _on_reset(remote: Remote, _: Dialect201, payload: Payload) -> Answer:
    if payload.get("evseId") is not None:
        # B11.FR.09: this station can only reset as a whole.
        return _reply(call_result.Reset(status="Rejected"))
    if payload["type"] == "OnIdle" and remote.is_any_busy(remote.evse_nos):
        return _reply(call_result.Reset(status="Scheduled"), remote.reset_when_idle)
    return _reply(
        call_result.Reset(status="Accepted"),
        partial(remote.reset, StopCause.HARD_RESET),
    )


def _on_unlock(remote: Remote, _: Dialect201, payload: Payload) -> Answer:
    evse_no, connector_no = payload["evseId"], payload["connectorId"]
    if not remote.has_evse(evse_no) or connector_no > remote.evse(evse_no).connectors:
        return _reply(call_result.UnlockConnector(status="UnknownConnector"))
    if remote.is_busy(evse_no):
        # F05.FR.02: never during an authorised transaction.
        return _reply(call_result.UnlockConnector(status="OngoingAuthorizedTransaction"))
    return _reply(call_result.UnlockConnector(status="Unlocked"), partial(remote.unlock, evse_no))


def _on_availability(remote: Remote, _: Dialect201, payload: Payload) -> Answer:
    evse_no = payload.get("evse", {}).get("id")
    if evse_no is not None and not remote.has_evse(evse_no):
        return _reply(call_result.ChangeAvailability(status="Rejected"))
    evse_nos = remote.evse_nos if evse_no is None else [evse_no]
    is_operative = payload["operationalStatus"] == "Operative"
    is_busy = not is_operative and remote.is_any_busy(evse_nos)
    return _reply(
        call_result.ChangeAvailability(status="Scheduled" if is_busy else "Accepted"),
        partial(remote.set_operative, evse_nos, is_operative=is_operative),
    )


def _on_get_variables(_: Remote, dialect: Dialect201, payload: Payload) -> Answer:
    return Answer({"getVariableResult": [_read(dialect, wanted) for wanted in payload["getVariableData"]]})


def _read(dialect: Dialect201, wanted: Payload) -> Payload:
    result, attribute = _echo(wanted)
    found = dialect.settings.find(wanted["component"], wanted["variable"])
    if isinstance(found, str):
        return {"attributeStatus": found, **result}
    if attribute != "Actual":
        return {"attributeStatus": "NotSupportedAttributeType", **result}
    if found.mutability == "WriteOnly":
        return {"attributeStatus": "Rejected", **result}  # B06.FR.09
    return {"attributeStatus": "Accepted", "attributeValue": found.read(), **result}


def _on_set_variables(remote: Remote, dialect: Dialect201, payload: Payload) -> Answer:
    results = [_write(dialect, wanted) for wanted in payload["setVariableData"]]
    then: Then | None = None
    for wanted, result in zip(payload["setVariableData"], results, strict=True):
        is_password = wanted["variable"]["name"].lower() == "basicauthpassword"
        if is_password and result["attributeStatus"] == "Accepted":
            # A01: the station comes back with the new password.
            then = partial(remote.change_password, wanted["attributeValue"])
    return Answer({"setVariableResult": results}, then)


def _write(dialect: Dialect201, wanted: Payload) -> Payload:
    result, attribute = _echo(wanted)
    found = dialect.settings.find(wanted["component"], wanted["variable"])
    if isinstance(found, str):
        status = found
    elif attribute != "Actual":
        status = "NotSupportedAttributeType"
    else:
        status = dialect.settings.change(found, wanted["attributeValue"])
    return {"attributeStatus": status, **result}


def _echo(wanted: Payload) -> tuple[Payload, str]:
    """The part of a result that repeats the question, and the attribute asked for."""
    result: Payload = {key: wanted[key] for key in ("attributeType", "component", "variable") if key in wanted}
    return result, str(wanted.get("attributeType", "Actual"))


def _on_base_report(remote: Remote, dialect: Dialect201, payload: Payload) -> Answer:
    base = payload["reportBase"]
    if base not in _REPORT_BASES:
        return _reply(call_result.GetBaseReport(status="NotSupported"))
    return _reply(
        call_result.GetBaseReport(status="Accepted"),
        partial(_send_report, remote, dialect, payload["requestId"], dialect.settings.report(base)),
    )


async def _send_report(remote: Remote, dialect: Dialect201, request_id: int, entries: list[Payload]) -> None:
    """A report in parts, numbered from 0, all but the last one to be continued (B07.FR.10)."""
    parts = [entries[start : start + _REPORT_PART] for start in range(0, len(entries), _REPORT_PART)]
    for seq_no, part in enumerate(parts):
        is_last = seq_no == len(parts) - 1
        message = dialect.notify_report(request_id, seq_no, part, remote.now, is_last=is_last)
        await remote.say(message)


def _on_trigger(remote: Remote, _: Dialect201, payload: Payload) -> Answer:
    evse_no = payload.get("evse", {}).get("id")
    if evse_no is not None and not remote.has_evse(evse_no):
        return _reply(call_result.TriggerMessage(status="Rejected"))
    evse_nos = remote.evse_nos if evse_no is None else [evse_no]
    requested = payload["requestedMessage"]
    if requested == "TransactionEvent" and not remote.is_any_busy(evse_nos):
        return _reply(call_result.TriggerMessage(status="Rejected"))
    offers: dict[str, Then] = {
        "BootNotification": remote.boot_triggered,
        "Heartbeat": remote.heartbeat,
        "StatusNotification": partial(remote.report_status, evse_nos),
        "MeterValues": partial(remote.report_meters, evse_nos),
        "TransactionEvent": partial(remote.sample_transactions, evse_nos),
        "FirmwareStatusNotification": partial(remote.firmware_status, "Idle"),
        "LogStatusNotification": partial(remote.log_status, "Idle"),
    }
    then = offers.get(requested)
    status = "NotImplemented" if then is None else "Accepted"
    return _reply(call_result.TriggerMessage(status=status), then)


def _on_reserve(remote: Remote, _: Dialect201, payload: Payload) -> Answer:
    # H01.FR.19: without an EVSE it is rejected.
    reservation = Reservation(
        no=payload["id"],
        token=Token(payload["idToken"]["idToken"], payload["idToken"]["type"]),
        expires_at=datetime.fromisoformat(payload["expiryDateTime"]),
        group=payload.get("groupIdToken", {}).get("idToken"),
    )
    status = remote.reserve(payload.get("evseId"), reservation)
    return _reply(call_result.ReserveNow(status=status), remote.report_changes)


def _on_cancel_reservation(remote: Remote, _: Dialect201, payload: Payload) -> Answer:
    # H02.FR.01, .02
    is_known = bool(remote.cancel_reservation(payload["reservationId"]))
    status = "Accepted" if is_known else "Rejected"
    return _reply(call_result.CancelReservation(status=status), remote.report_changes)


def _on_clear_cache(*_: Any) -> Answer:
    return _reply(call_result.ClearCache(status="Accepted"))


def _on_data_transfer(remote: Remote, _: Dialect201, payload: Payload) -> Answer:
    # P01.FR.05: a vendor that is not known is told so.
    is_ours = payload["vendorId"] == remote.vendor
    return _reply(call_result.DataTransfer(status="Accepted" if is_ours else "UnknownVendorId"))


def _on_transaction_status(remote: Remote, _: Dialect201, payload: Payload) -> Answer:
    # E14.FR.01 to .08
    transaction_id = payload.get("transactionId")
    if transaction_id is None:
        return _reply(call_result.GetTransactionStatus(messages_in_queue=remote.has_messages_waiting()))
    return _reply(
        call_result.GetTransactionStatus(
            messages_in_queue=remote.has_messages_waiting(transaction_id),
            ongoing_indicator=remote.find_transaction(transaction_id) is not None,
        )
    )


def _reply(result: Any, then: Then | None = None) -> Answer:
    return Answer(render_payload(result), then)


_HANDLERS: dict[str, Callable[[Remote, Dialect201, Payload], Answer]] = {
    "RequestStartTransaction": _on_request_start,
    "RequestStopTransaction": _on_request_stop,
    "Reset": _on_reset,
    "UnlockConnector": _on_unlock,
    "ChangeAvailability": _on_availability,
    "GetVariables": _on_get_variables,
    "SetVariables": _on_set_variables,
    "GetBaseReport": _on_base_report,
    "TriggerMessage": _on_trigger,
    "ReserveNow": _on_reserve,
    "CancelReservation": _on_cancel_reservation,
    "ClearCache": _on_clear_cache,
    "DataTransfer": _on_data_transfer,
    "SetChargingProfile": smart.on_set,
    "ClearChargingProfile": smart.on_clear,
    "GetCompositeSchedule": smart.on_compose,
    "GetTransactionStatus": _on_transaction_status,
}
