"""What the gateway asks of OCPP 2.0.1 stations."""

from typing import Any, Final

TRIGGER_BOOT: Final[tuple[str, dict[str, Any]]] = ("TriggerMessage", {"requestedMessage": "BootNotification"})

_REPORTS: Final = {
    "GetBaseReport": "NotifyReport",
    "GetReport": "NotifyReport",
    "GetMonitoringReport": "NotifyMonitoringReport",
}


def render_remote_start(
    *, evse_no: int | None, token_uid: str, token_type: str, remote_start_id: int
) -> tuple[str, dict[str, Any]]:
    """`remote_start_id` comes back in the TransactionEvent that follows (OCPP 2.0.1 F01, F02)."""
    payload: dict[str, Any] = {
        "idToken": {"idToken": token_uid, "type": token_type},
        "remoteStartId": remote_start_id,
    }
    if evse_no is not None:
        payload["evseId"] = evse_no
    return "RequestStartTransaction", payload


def render_remote_stop(transaction_id: str) -> tuple[str, dict[str, Any]]:
    return "RequestStopTransaction", {"transactionId": transaction_id}


def render_trigger_status(evse_no: int, connector_no: int) -> tuple[str, dict[str, Any]]:
    """Both numbers are required for a status (OCPP 2.0.1 F06.FR.13)."""
    evse = {"id": evse_no, "connectorId": connector_no}
    return "TriggerMessage", {"requestedMessage": "StatusNotification", "evse": evse}


def find_solicited(action: str, payload: dict[str, Any]) -> str | None:
    """The message that a call asks the station to send (OCPP 2.0.1 B02.FR.09)."""
    if action == "TriggerMessage":
        requested = str(payload["requestedMessage"])
        return "SignCertificate" if requested.startswith("Sign") else requested
    return _REPORTS.get(action)
