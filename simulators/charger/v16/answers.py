"""What a 1.6 charge point answers to its central system, and does about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ocpp.v16 import call_result  # type: ignore[import-untyped, unused-ignore]

from ..message import Answer, Payload
from ..polite import render_payload
from ..station import Reservation, StopCause, Token
from . import smart
from .settings import Configuration

if TYPE_CHECKING:
    from ..remote import Remote

Then = Callable[[], Awaitable[Any]]


def answer(remote: Remote, settings: Configuration, action: str, payload: Payload) -> Answer | None:
    """The answer to a valid call; None if this charge point does not support the action."""
    handler = _HANDLERS.get(action)
    return handler(remote, settings, payload) if handler is not None else None


def _on_remote_start(remote: Remote, settings: Configuration, payload: Payload) -> Answer:
    # OCPP 1.6 5.11: without a connectorId the charge point chooses.
    token = Token(payload["idTag"])
    evse_no = remote.choose_evse(payload.get("connectorId"), token)
    if evse_no is None:
        return _reply(call_result.RemoteStartTransaction(status="Rejected"))
    return _reply(
        call_result.RemoteStartTransaction(status="Accepted"),
        partial(remote.start, evse_no, token, asks=settings.asks_before_remote_start),
    )


def _on_remote_stop(remote: Remote, _: Configuration, payload: Payload) -> Answer:
    evse_no = remote.find_transaction(payload["transactionId"])
    if evse_no is None:
        return _reply(call_result.RemoteStopTransaction(status="Rejected"))
    return _reply(
        call_result.RemoteStopTransaction(status="Accepted"),
        partial(remote.stop, evse_no),
    )


def _on_reset(remote: Remote, _: Configuration, payload: Payload) -> Answer:
    cause = StopCause.HARD_RESET if payload["type"] == "Hard" else StopCause.SOFT_RESET
    return _reply(call_result.Reset(status="Accepted"), partial(remote.reset, cause))


def _on_unlock(remote: Remote, _: Configuration, payload: Payload) -> Answer:
    connector = payload["connectorId"]
    if not remote.has_evse(connector):
        return _reply(call_result.UnlockConnector(status="NotSupported"))
    # OCPP 1.6 5.18: a transaction in progress is finished first.
    return _reply(call_result.UnlockConnector(status="Unlocked"), partial(remote.unlock, connector))


def _on_availability(remote: Remote, _: Configuration, payload: Payload) -> Answer:
    connector = payload["connectorId"]
    if connector != 0 and not remote.has_evse(connector):
        return _reply(call_result.ChangeAvailability(status="Rejected"))
    evse_nos = [connector] if connector else remote.evse_nos
    is_operative = payload["type"] == "Operative"
    is_busy = not is_operative and remote.is_any_busy(evse_nos)
    return _reply(
        call_result.ChangeAvailability(status="Scheduled" if is_busy else "Accepted"),
        partial(remote.set_operative, evse_nos, is_operative=is_operative),
    )


def _on_change_configuration(remote: Remote, settings: Configuration, payload: Payload) -> Answer:
    status = settings.change(payload["key"], payload["value"])
    then: Then | None = None
    if status == "Accepted" and payload["key"].lower() == "authorizationkey":
        # OCPP 1.6 security whitepaper, A01: the charge point comes back with the new key.
        then = partial(remote.change_password, bytes.fromhex(payload["value"]))
    return _reply(call_result.ChangeConfiguration(status=status), then)


def _on_get_configuration(_: Remote, settings: Configuration, payload: Payload) -> Answer:
    known, unknown = settings.read(payload.get("key", []))
    return Answer({"configurationKey": known, "unknownKey": unknown})


def _on_trigger(remote: Remote, _: Configuration, payload: Payload) -> Answer:
    requested, connector = payload["requestedMessage"], payload.get("connectorId")
    if connector is not None and not remote.has_evse(connector):
        return _reply(call_result.TriggerMessage(status="Rejected"))
    evse_nos = remote.evse_nos if connector is None else [connector]
    offers: dict[str, Then] = {
        "BootNotification": remote.boot_triggered,
        "Heartbeat": remote.heartbeat,
        "StatusNotification": partial(remote.report_status, evse_nos),
        "MeterValues": partial(remote.report_meters, evse_nos),
        "FirmwareStatusNotification": partial(remote.firmware_status, "Idle"),
        "DiagnosticsStatusNotification": partial(remote.log_status, "Idle"),
    }
    then = offers.get(requested)
    status = "NotImplemented" if then is None else "Accepted"
    return _reply(call_result.TriggerMessage(status=status), then)


def _on_reserve(remote: Remote, _: Configuration, payload: Payload) -> Answer:
    # OCPP 1.6 5.13: connector 0 would be any of them, which ReserveConnectorZeroSupported denies.
    reservation = Reservation(
        no=payload["reservationId"],
        token=Token(payload["idTag"]),
        expires_at=datetime.fromisoformat(payload["expiryDate"]),
        group=payload.get("parentIdTag"),
    )
    status = remote.reserve(payload["connectorId"] or None, reservation)
    return _reply(call_result.ReserveNow(status=status), remote.report_changes)


def _on_cancel_reservation(remote: Remote, _: Configuration, payload: Payload) -> Answer:
    is_known = bool(remote.cancel_reservation(payload["reservationId"]))
    status = "Accepted" if is_known else "Rejected"
    return _reply(call_result.CancelReservation(status=status), remote.report_changes)


def _on_clear_cache(*_: Any) -> Answer:
    return _reply(call_result.ClearCache(status="Accepted"))


def _on_data_transfer(remote: Remote, _: Configuration, payload: Payload) -> Answer:
    # OCPP 1.6 4.3: a vendor that is not known is told so.
    is_ours = payload["vendorId"] == remote.vendor
    return _reply(call_result.DataTransfer(status="Accepted" if is_ours else "UnknownVendorId"))


def _reply(result: Any, then: Then | None = None) -> Answer:
    return Answer(render_payload(result), then)


_HANDLERS: dict[str, Callable[[Remote, Configuration, Payload], Answer]] = {
    "RemoteStartTransaction": _on_remote_start,
    "RemoteStopTransaction": _on_remote_stop,
    "Reset": _on_reset,
    "UnlockConnector": _on_unlock,
    "ChangeAvailability": _on_availability,
    "ChangeConfiguration": _on_change_configuration,
    "GetConfiguration": _on_get_configuration,
    "TriggerMessage": _on_trigger,
    "ReserveNow": _on_reserve,
    "CancelReservation": _on_cancel_reservation,
    "ClearCache": _on_clear_cache,
    "DataTransfer": _on_data_transfer,
    "SetChargingProfile": smart.on_set,
    "ClearChargingProfile": smart.on_clear,
    "GetCompositeSchedule": smart.on_compose,
}
