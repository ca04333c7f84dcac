"""What the gateway asks of OCPP 1.6 stations."""

from typing import Any, Final

from gateway.domain.calls import StartCall, StationCall, StopCall, UnlockCall
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


RENDERERS: Final[dict[type, Renderer]] = {
    StartCall: _render_start,
    StopCall: _render_stop,
    UnlockCall: _render_unlock,
}


def render_trigger_status(connector_no: int) -> Rendered:
    return "TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": connector_no}


def find_solicited(action: str, payload: dict[str, Any]) -> str | None:
    """The message that a call asks the station to send."""
    if action in ("TriggerMessage", "ExtendedTriggerMessage"):
        requested = payload["requestedMessage"]
        return "SignCertificate" if requested == "SignChargePointCertificate" else str(requested)
    return None
