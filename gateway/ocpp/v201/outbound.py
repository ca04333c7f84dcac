"""What the gateway asks of OCPP 2.0.1 stations."""

from typing import Any, Final

from gateway.domain.calls import CancelReservationCall, ReserveCall, StartCall, StationCall, StopCall, UnlockCall
from gateway.ocpp.times import render_time
from gateway.ocpp.v201 import profiles
from gateway.ocpp.version import Rendered, Renderer

TRIGGER_BOOT: Final[Rendered] = ("TriggerMessage", {"requestedMessage": "BootNotification"})

_REPORTS: Final = {
    "GetBaseReport": "NotifyReport",
    "GetReport": "NotifyReport",
    "GetMonitoringReport": "NotifyMonitoringReport",
}


def render_call(call: StationCall) -> Rendered:
    """What is said to the station.  Raises CannotSayError."""
    return RENDERERS[type(call)](call)


def _render_start(call: StartCall) -> Rendered:
    """The id comes back in the TransactionEvent that follows (OCPP 2.0.1 F01.FR.25, F02.FR.05)."""
    payload: dict[str, Any] = {
        "idToken": {"idToken": call.id_token.value, "type": call.id_token.type},
        "remoteStartId": call.remote_start_id,
        "evseId": call.evse_no,
    }
    if call.group_id is not None:
        payload["groupIdToken"] = {"idToken": call.group_id, "type": "Central"}
    return "RequestStartTransaction", payload


def _render_stop(call: StopCall) -> Rendered:
    return "RequestStopTransaction", {"transactionId": call.transaction_id}


def _render_unlock(call: UnlockCall) -> Rendered:
    return "UnlockConnector", {"evseId": call.evse_no, "connectorId": call.connector_no}


def _render_reserve(call: ReserveCall) -> Rendered:
    """The EVSE is named always: stations that keep any one free are few (OCPP 2.0.1 H01.FR.18, .19)."""
    payload: dict[str, Any] = {
        "id": call.no,
        "expiryDateTime": render_time(call.expires_at),
        "idToken": {"idToken": call.id_token.value, "type": call.id_token.type},
        "evseId": call.evse_no,
    }
    if call.group_id is not None:
        payload["groupIdToken"] = {"idToken": call.group_id, "type": "Central"}
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


def render_trigger_status(evse_no: int, connector_no: int) -> Rendered:
    """Both numbers are required for a status (OCPP 2.0.1 F06.FR.13)."""
    evse = {"id": evse_no, "connectorId": connector_no}
    return "TriggerMessage", {"requestedMessage": "StatusNotification", "evse": evse}


def find_solicited(action: str, payload: dict[str, Any]) -> str | None:
    """The message that a call asks the station to send (OCPP 2.0.1 B02.FR.09)."""
    if action == "TriggerMessage":
        requested = str(payload["requestedMessage"])
        return "SignCertificate" if requested.startswith("Sign") else requested
    return _REPORTS.get(action)
