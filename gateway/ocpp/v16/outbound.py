"""What the gateway asks of OCPP 1.6 stations."""

from typing import Any, Final

from gateway.domain.calls import (
    PLAIN_TOKENS,
    CancelReservationCall,
    ReserveCall,
    StartCall,
    StationCall,
    StopCall,
    UnlockCall,
)
from gateway.ocpp.times import render_time
from gateway.ocpp.v16 import profiles
from gateway.ocpp.version import Rendered, Renderer

TRIGGER_BOOT: Final[Rendered] = ("TriggerMessage", {"requestedMessage": "BootNotification"})


def render_call(call: StationCall) -> Rendered:
    """What is said to the station.  Raises CannotSayError."""
    return RENDERERS[type(call)](call)


def _render_start(call: StartCall) -> Rendered:
    """The connector is named always: stations refuse a start without it although it is optional (OCPP 1.6 6.33)."""
    return "RemoteStartTransaction", {"connectorId": call.connector_no, "idTag": call.id_token.value}


def _render_stop(call: StopCall) -> Rendered:
    return "RemoteStopTransaction", {"transactionId": int(call.transaction_id)}


def _render_unlock(call: UnlockCall) -> Rendered:
    return "UnlockConnector", {"connectorId": call.connector_no}


def _render_reserve(call: ReserveCall) -> Rendered:
    """The group is told only where it fits: without it the station keeps the plug for the one driver."""
    payload: dict[str, Any] = {
        "connectorId": call.connector_no,
        "expiryDate": render_time(call.expires_at),
        "idTag": call.id_token.value,
        "reservationId": call.no,
    }
    if call.group_id is not None and len(call.group_id) <= PLAIN_TOKENS.longest:
        payload["parentIdTag"] = call.group_id
    return "ReserveNow", payload


def _render_cancel_reservation(call: CancelReservationCall) -> Rendered:
    return "CancelReservation", {"reservationId": call.no}


RENDERERS: Final[dict[type, Renderer]] = {
    ReserveCall: _render_reserve,
    CancelReservationCall: _render_cancel_reservation,
    StartCall: _render_start,
    StopCall: _render_stop,
    UnlockCall: _render_unlock,
    **profiles.RENDERERS,
}


def render_trigger_status(connector_no: int) -> Rendered:
    return "TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": connector_no}


def find_solicited(action: str, payload: dict[str, Any]) -> str | None:
    """The message that a call asks the station to send."""
    if action in ("TriggerMessage", "ExtendedTriggerMessage"):
        requested = payload["requestedMessage"]
        return "SignCertificate" if requested == "SignChargePointCertificate" else str(requested)
    return None
